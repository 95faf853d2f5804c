//! The written answers to the questions that a study of copies is asked, one file per question. Each is made from
//! this run's figures, or says why the run cannot tell. A cause is named only where the kernel's source shows it,
//! and then as such.

mod caches;
mod extra_copy;
mod threads;
mod unexpected;
mod when;
mod why_not_zero_copy;

use crate::prose::block::{Block, Text};
use crate::study::Subject;
use crate::study::published::PublishedComparison;

/// What the answers are made from.
pub(super) struct AnswerInputs<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    /// Published figures beside the run's.
    pub(super) published: &'s [PublishedComparison],
}

type AnswerFn = fn(&AnswerInputs) -> Vec<Block>;

/// The questions, in the order of the report.
const QUESTIONS: [(&str, AnswerFn); 6] = [
    ("1. When does one-copy, and when does sending without a copy, beat two-copy?", when::answer),
    ("2. Why does sending without a copy not always give the best throughput?", why_not_zero_copy::answer),
    ("3. Which cache level shows the largest reduction in misses, and between which paths?", caches::answer),
    ("4. How does the number of threads act on cache misses, context switches and latency?", threads::answer),
    ("5. From which message size is the two-copy path's extra copy visible?", extra_copy::answer),
    ("6. What in this run is unexpected?", unexpected::answer),
];

/// The section of answers.
pub(super) fn blocks(evidence: &AnswerInputs) -> Vec<Block> {
    let mut blocks = vec![Block::section("Answers")];
    for (question, answer) in QUESTIONS {
        blocks.push(Block::part(question));
        blocks.extend(answer(evidence));
    }
    blocks
}

/// `This run cannot tell, because …`.
fn cannot_tell(why: impl Into<String>) -> Block {
    Block::Paragraph(Text::default().strong("This run cannot tell").and(format!(", because {}.", why.into())))
}

/// `Over veth: ` where a run has several conditions, else nothing.
fn over(subject: &Subject, place: usize) -> String {
    if subject.conditions.len() > 1 {
        format!("Over {}: ", subject.conditions[place].words())
    } else {
        String::new()
    }
}
