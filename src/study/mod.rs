//! The study of a run: the run indexed, what others published beside it, and the written answers. It knows no page; a
//! report takes its sections as they are.

mod answers;
mod condition;
pub(crate) mod interfaces;
mod published;
mod subject;
mod user_time;
pub(crate) mod wires;

pub(crate) use condition::Condition;
pub(crate) use subject::{BASELINE, Subject};

use crate::prose::block::Block;

/// The sections on published figures and of answers.
pub(crate) fn sections(subject: &Subject) -> Vec<Block> {
    let published = published::beside(subject);
    let mut blocks = published::blocks(&published);
    blocks.extend(answers::blocks(&answers::AnswerInputs { subject, published: &published }));
    blocks
}
