//! What the rows of `copies.csv` say of a send path together, as one sentence. It knows of rows alone, so that
//! an old run's report says it too.

use crate::cell::Side;
use crate::record::Copies;
use crate::record::copies::{Place, Verdict};

/// Copies per byte below which none was made.
const NONE: f64 = 0.05;

/// What all rows of one cell say of its send path together, as a verdict and a sentence.
#[must_use]
pub fn headline(rows: &[Copies]) -> (Verdict, String) {
    let mut key = rows.first().map(|row| row.cell.as_str()).unwrap_or_default().split('/');
    let (wire, path) = (key.next().unwrap_or_default(), key.next().unwrap_or_default());
    let sends: Vec<_> = rows.iter().filter(|row| row.side == Side::Sender).collect();
    let found = |row: &Copies| match row.copied_per_byte {
        Some(count) => format!("{} {}", amount(count), noun(row.place, count > 1.0 + NONE)),
        None => format!("a {}", noun(row.place, false)),
    };
    let refuted: Vec<_> = sends.iter().filter(|row| row.verdict == Verdict::Refuted).collect();
    if !refuted.is_empty() {
        let what: Vec<_> = refuted.iter().map(|row| found(row)).collect();
        return (Verdict::Refuted, format!("{path} on {wire}: {} for each byte", what.join(" and ")));
    }
    if let Some(row) = sends.iter().find(|row| row.verdict == Verdict::NotMeasurable) {
        let what = noun(row.place, true);
        return (
            Verdict::NotMeasurable,
            format!("{path} on {wire}: {what} cannot be told here: {}", row.note),
        );
    }
    let made: Vec<_> = sends
        .iter()
        .filter(|row| row.copied_per_byte.is_none_or(|count| count > NONE))
        .map(|row| found(row))
        .collect();
    let what = match made.is_empty() {
        true => "no copy on the sender's side".to_owned(),
        false => format!("{} for each byte", made.join(" and ")),
    };
    (Verdict::Confirmed, format!("{path} on {wire}: {what}"))
}

fn amount(count: f64) -> String {
    let text = format!("{count:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Copies of a place, one or many, for a reader.
#[must_use]
pub fn noun(place: Place, many: bool) -> &'static str {
    match (place, many) {
        (Place::User, false) => "copy in user space",
        (Place::User, true) => "copies in user space",
        (Place::Kernel, false) => "copy into the kernel",
        (Place::Kernel, true) => "copies into the kernel",
        (Place::Deferred, false) => "deferred copy",
        (Place::Deferred, true) => "deferred copies",
        (Place::Receive, false) => "copy to the receiver",
        (Place::Receive, true) => "copies to the receiver",
    }
}
