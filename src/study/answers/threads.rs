//! How does the number of threads act on cache misses, context switches and latency?

use super::{AnswerInputs, cannot_tell, over};
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::study::Subject;
use crate::tables::{Estimate, Paired, metric};

/// What may change with threads: column of `derived.csv`, name.
const FIGURES: [(&str, &str); 6] = [
    ("l1d_misses_per_gib", "L1 misses per GiB"),
    ("llc_misses_per_gib", "last-level misses per GiB"),
    ("context_switches_per_s", "sender's context switches per second"),
    ("context_switches_per_gib", "sender's context switches per GiB"),
    ("receiver_context_switches_per_s", "receiver's context switches per second"),
    ("mean_recv_us", "mean receive time"),
];

/// The same where messages are answered: delays take the place of the mean receive time.
const DELAYS: [(&str, &str); 4] = [
    ("response_p50_us", "median response time"),
    ("response_p99_us", "99th percentile of the response time"),
    ("one_way_p50_us", "median one-way delay"),
    ("one_way_p99_us", "99th percentile of the one-way delay"),
];

/// One path's figure with the most threads over that with the fewest.
struct Growth<'a> {
    figure: &'static str,
    path: &'a str,
    from: Estimate,
    to: Estimate,
    ratio: Paired,
}

pub(super) fn answer(evidence: &AnswerInputs) -> Vec<Block> {
    let subject = evidence.subject;
    let mut blocks = Vec::new();
    for (place, _) in subject.streams() {
        blocks.extend(of_condition(subject, place, &FIGURES));
    }
    let paced = subject.paced();
    let delays: Vec<Block> = paced.iter().flat_map(|&place| of_condition(subject, place, &DELAYS)).collect();
    if blocks.is_empty() && delays.is_empty() {
        return vec![cannot_tell("no path went well with two numbers of threads at the same message size")];
    }
    let missing: Vec<&str> =
        [("l1d_misses_per_gib", "l1d_load_misses"), ("llc_misses_per_gib", "llc_load_misses")]
            .into_iter()
            .filter(|(column, _)| {
                let metric = metric(column).expect("a column of derived.csv");
                subject.tables.derived.iter().all(|row| (metric.at)(row).value.is_none())
            })
            .map(|(_, counter)| counter)
            .collect();
    if !missing.is_empty() {
        blocks.push(Block::Paragraph(
            Text::from("Of ")
                .strong("cache misses")
                .and(format!(" this run cannot tell, because {}.", subject.why_no_counter(&missing))),
        ));
    }
    blocks.extend(latency(subject, &paced, delays));
    blocks
}

/// What the run says of latency: by delays where it has them with several numbers of threads.
fn latency(subject: &Subject, paced: &[usize], delays: Vec<Block>) -> Vec<Block> {
    let no_delay = "The mean receive time is the window over the messages a stream received, which is the inverse of its \
                    message rate and no delay.";
    let why = match paced.first() {
        Some(_) if !delays.is_empty() => {
            let text = Text::from("Of ").strong("latency").and(format!(", by measured delays. {no_delay}"));
            return std::iter::once(Block::Paragraph(text)).chain(delays).collect();
        }
        Some(&place) => {
            let threads = subject.conditions[place].threads.iter().map(|&count| words::threads(count));
            format!("its delays were measured with {} alone", words::list(&threads.collect::<Vec<_>>()))
        }
        None => "no delay was measured".to_owned(),
    };
    let text =
        Text::from("Of ").strong("latency").and(format!(" this run cannot tell, because {why}. {no_delay}"));
    vec![Block::Paragraph(text)]
}

fn of_condition(subject: &Subject, place: usize, figures: &[(&str, &'static str)]) -> Vec<Block> {
    let condition = &subject.conditions[place];
    let [fewest, .., most] = condition.threads[..] else { return Vec::new() };
    let size = condition.largest();
    let growths: Vec<Growth> = figures
        .iter()
        .flat_map(|figure| {
            condition.paths.iter().filter_map(|path| growth(subject, place, path, figure, (fewest, most)))
        })
        .collect();
    if growths.is_empty() {
        return Vec::new();
    }
    let mut points = Vec::new();
    for (_, figure) in figures {
        let of: Vec<&Growth> = growths.iter().filter(|growth| growth.figure == *figure).collect();
        points.extend(summary(subject, place, figure, &of));
    }
    let opening = format!(
        "{}From {} to {}, at {}:",
        over(subject, place),
        words::threads(fewest),
        words::threads(most),
        words::bytes(size)
    );
    let mut table = Table::new(
        format!(
            "Figures with {} over those with {}, at {}.",
            words::threads(most),
            words::threads(fewest),
            words::bytes(size)
        ),
        &["figure", "path", &format!("#with {fewest}"), &format!("#with {most}"), "#ratio within blocks"],
    );
    for growth in growths {
        table.push(vec![
            growth.figure.into(),
            subject.name(place, growth.path).into(),
            TableField::number(words::estimate(&growth.from), growth.from.value),
            TableField::number(words::estimate(&growth.to), growth.to.value),
            TableField::number(words::paired(&growth.ratio), growth.ratio.ratio.value),
        ]);
    }
    vec![Block::says(opening), Block::List(points), Block::Table(table)]
}

fn growth<'a>(
    subject: &Subject,
    place: usize,
    path: &'a str,
    (column, figure): &(&str, &'static str),
    (fewest, most): (u32, u32),
) -> Option<Growth<'a>> {
    let size = subject.conditions[place].largest();
    let metric = metric(column)?;
    let (below, above) =
        (subject.measured(place, path, size, fewest)?, subject.measured(place, path, size, most)?);
    let (from, to) = ((metric.at)(below), (metric.at)(above));
    from.value?;
    to.value?;
    let ratio = subject.paired_metric(&above.cell, &below.cell, metric);
    Some(Growth { figure, path, from, to, ratio })
}

/// One figure over all paths: how many rise, fall, or show no change, and by how much.
fn summary(subject: &Subject, place: usize, figure: &str, of: &[&Growth]) -> Option<Text> {
    if of.is_empty() {
        return None;
    }
    let text = Text::default().strong(figure);
    let ratios: Vec<f64> = of.iter().filter_map(|growth| growth.ratio.ratio.value).collect();
    let (Some(least), Some(most)) =
        (ratios.iter().copied().reduce(f64::min), ratios.iter().copied().reduce(f64::max))
    else {
        return Some(text.and(": zero in too many blocks, so no ratio can be given."));
    };
    let names = |holds: fn(f64, f64) -> bool| -> Vec<String> {
        of.iter()
            .filter(|growth| growth.ratio.ratio.interval().is_some_and(|ends| holds(ends.low, ends.high)))
            .map(|growth| subject.name(place, growth.path))
            .collect()
    };
    let (rising, falling) = (names(|low, _| low > 1.0), names(|_, high| high < 1.0));
    let all =
        |names: &[String]| if names.len() == of.len() { "every path".to_owned() } else { words::list(names) };
    let mut parts = Vec::new();
    if !rising.is_empty() {
        parts.push(format!("higher for {}", all(&rising)));
    }
    if !falling.is_empty() {
        parts.push(format!("lower for {}", all(&falling)));
    }
    if parts.is_empty() {
        parts.push("no change detected for any path".to_owned());
    }
    let span = if of.len() == 1 {
        words::paired(&of[0].ratio)
    } else {
        format!("{} to {} times", words::number(least), words::number(most))
    };
    Some(text.and(format!(": {} ({span}).", parts.join(", "))))
}
