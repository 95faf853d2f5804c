//! From what the passes of a cell saw to the rows of `copies.csv`: how often each byte was copied, how that
//! is known, and what it says of the path's label.
//!
//! The label that is judged is the promise in the path's name: what it copies where nothing stands in its
//! way. That MSG_ZEROCOPY on veth copies after all is known, and is a refutation of the name all the same.

use super::records::Counted;
use super::watch::Seen;
use crate::cell::{Cell, Side};
use crate::record::category::{Category, Owner, Scope};
use crate::record::copies::{Copies, Evidence, Place, Verdict};
use crate::record::stream::ZeroCopy;
use crate::{path, receive};

/// How far a count may be from the promise and still confirm it: other small copies, a message cut in two.
const TOLERANCE: f64 = 0.05;
/// Fewest samples that show a copy, and fewest that an absent one must be expected to have shown.
const LEAST_PRESENT: f64 = 10.0;
const LEAST_EXPECTED: f64 = 30.0;

/// Everything that the two passes of one cell brought.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// What the sender's and the receiver's agent sampled.
    pub samples: [&'a Seen; 2],
    /// What they recorded.
    pub records: [&'a Seen; 2],
    /// What the completions of the sampled pass said.
    pub zero_copy: ZeroCopy,
    /// Payload bytes of the sampled window, each end's own.
    pub bytes: [Option<u64>; 2],
    /// Nanoseconds that a copy of a KiB takes at the very least on the sender's host.
    pub copy_ns_per_kib: Option<f64>,
}

/// The rows of `copies.csv` of one cell.
#[must_use]
pub fn copies(findings: &Findings<'_>) -> Vec<Copies> {
    let sends = path::find(&findings.cell.send_path).map(|entry| entry.copies);
    let receives = receive::find(&findings.cell.receive_path).map(|entry| entry.copies);
    let promised = |place| match place {
        Place::User => sends.as_ref().ok()?.user.parse().ok(),
        Place::Kernel => sends.as_ref().ok()?.nic.parse().ok(),
        Place::Deferred => Some(0.0),
        Place::Receive => receives.as_ref().ok()?.parse().ok(),
    };
    [Place::User, Place::Kernel, Place::Deferred, Place::Receive]
        .into_iter()
        .map(|place| findings.judge(place, promised(place)))
        .collect()
}

/// Rows for a cell whose passes could not be run.
#[must_use]
pub fn not_examined(cell: &Cell, why: &str) -> Vec<Copies> {
    let row = |place| Copies {
        cell: cell.key(),
        side: side_of(place),
        place,
        note: why.to_owned(),
        ..Copies::default()
    };
    [Place::User, Place::Kernel, Place::Deferred, Place::Receive].map(row).into()
}

fn side_of(place: Place) -> Side {
    if place == Place::Receive { Side::Receiver } else { Side::Sender }
}

fn category_of(place: Place) -> Category {
    match place {
        Place::User => Category::GatherCopy,
        Place::Kernel => Category::KernelCopy,
        Place::Deferred => Category::DeferredCopy,
        Place::Receive => Category::ReceiveCopy,
    }
}

/// What samples say of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
    Unclear,
}

/// Whether this many samples show a copy that would take `expected` of them, at the machine's fastest, if it
/// were made of every byte. In between some bytes may be copied, or a stranger's on the same CPU.
fn presence(found: u64, expected: f64) -> Presence {
    let found = found as f64;
    if found >= LEAST_PRESENT.max(expected / 2.0) {
        Presence::Present
    } else if expected >= LEAST_EXPECTED && found <= expected / 10.0 {
        Presence::Absent
    } else {
        Presence::Unclear
    }
}

impl Findings<'_> {
    fn judge(&self, place: Place, promised: Option<f64>) -> Copies {
        let end = side_of(place) as usize;
        let row = Copies {
            cell: self.cell.key(),
            side: side_of(place),
            place,
            promised,
            share: self.share(end, place),
            ..Copies::default()
        };
        if place == Place::Deferred && self.zero_copy.sends.is_none() && self.copies_at_once() {
            let note = "no call asked for MSG_ZEROCOPY, so no page is left to be copied later".to_owned();
            return row.found(Some(0.0), Evidence::Construction, note);
        }
        let why = match self.counted(end, place) {
            Ok((counted, bytes)) => return exact(row, counted, bytes),
            Err(why) => why,
        };
        if place == Place::Deferred
            && let Some(row) = self.flagged(&row)
        {
            return row;
        }
        let (presence, note) = match self.sampled(end, place) {
            Ok((presence, note)) => (presence, format!("{note}; not counted: {why}")),
            Err(unsampled) if unsampled == why => return Copies { note: why, ..row },
            Err(unsampled) => return Copies { note: format!("{why}; {unsampled}"), ..row },
        };
        match presence {
            // One gather, because the path is so written; the samples say that it is really made.
            Presence::Present if place == Place::User && promised == Some(1.0) => {
                row.found(promised, Evidence::Construction, note)
            }
            Presence::Present => {
                let verdict = match promised {
                    Some(0.0) => Verdict::Refuted,
                    Some(_) => Verdict::Confirmed,
                    None => Verdict::NotMeasurable,
                };
                Copies { evidence: Evidence::Sampled, verdict, note, ..row }
            }
            Presence::Absent => row.found(Some(0.0), Evidence::Sampled, note),
            Presence::Unclear => Copies { note, ..row },
        }
    }

    /// Whether the path lets the kernel copy inside the send call.
    fn copies_at_once(&self) -> bool {
        path::find(&self.cell.send_path).is_ok_and(|entry| entry.copies.nic == "1")
    }

    /// Share of an end's samples, without idle ones, that fell into a copy.
    fn share(&self, end: usize, place: Place) -> Option<f64> {
        let Seen::Samples(sampled) = self.samples[end] else { return None };
        (sampled.scope != Scope::UserSpace || place == Place::User)
            .then(|| sampled.samples_in(category_of(place)) as f64 / sampled.busy().max(1) as f64)
    }

    /// The bytes that were counted, or why not.
    fn counted(&self, end: usize, place: Place) -> Result<(&Counted, u64), String> {
        match self.records[end] {
            Seen::Records(counted) => {
                let copied = counted.copies.iter().find(|copied| copied.place == place);
                let bytes = match copied {
                    Some(copied) => copied.bytes.clone()?,
                    None => return Err("its length passes no probe".to_owned()),
                };
                if counted.bytes == 0 {
                    return Err(format!(
                        "no whole call was recorded, and {} records were lost",
                        counted.lost
                    ));
                }
                Ok((counted, bytes))
            }
            Seen::Nothing(why) => Err(why.clone()),
            Seen::Samples(_) => Err("no records were made".to_owned()),
        }
    }

    /// What the completions say; none without any, or when they say nothing.
    fn flagged(&self, row: &Copies) -> Option<Copies> {
        let share = self.zero_copy.copied_share().filter(|&share| share > 0.0)?;
        let (copied, completions) = (self.zero_copy.copied?, self.zero_copy.completions?);
        let note = format!("{copied} of {completions} completed calls flagged COPIED");
        Some(row.clone().found(Some(share), Evidence::Flagged, note))
    }

    fn sampled(&self, end: usize, place: Place) -> Result<(Presence, String), String> {
        let sampled = match self.samples[end] {
            Seen::Samples(sampled) if sampled.scope == Scope::UserSpace && place != Place::User => {
                return Err(sampled.limits.join("; "));
            }
            Seen::Samples(sampled) => sampled,
            Seen::Nothing(why) => return Err(why.clone()),
            Seen::Records(_) => return Err("no samples were taken".to_owned()),
        };
        if let Some(why) = sampled.limits.iter().find(|why| why.contains("kallsyms")) {
            return Err(why.clone());
        }
        let (found, busy) = (sampled.samples_in(category_of(place)), sampled.busy());
        let ns: Option<f64> =
            sampled.costs.iter().filter(|cost| cost.owner != Owner::Idle).map(|cost| cost.ns).sum();
        let ns_per_kib = ns.zip(self.bytes[end]).map(|(ns, bytes)| ns * 1024.0 / bytes.max(1) as f64);
        let expected = match self.copy_ns_per_kib.zip(ns_per_kib) {
            Some((copy, all)) if all > 0.0 => busy as f64 * (copy / all).min(1.0),
            _ => 0.0,
        };
        let share = 100.0 * found as f64 / busy.max(1) as f64;
        let presence = presence(found, expected);
        let note = match presence {
            Presence::Present => format!("{share:.1} % of {busy} samples"),
            Presence::Absent => {
                format!("{found} of {busy} samples, where one copy of each byte takes at least {expected:.0}")
            }
            Presence::Unclear => format!(
                "{found} of {busy} samples are no clear sign, where one copy of each byte takes {expected:.0} or \
                 more, and {} samples on these CPUs were of other work",
                sampled.strangers
            ),
        };
        Ok((presence, note))
    }
}

fn exact(row: Copies, counted: &Counted, bytes: u64) -> Copies {
    let per_byte = bytes as f64 / counted.bytes as f64;
    let mut note = format!("{bytes} of {} bytes in {} calls", counted.bytes, counted.calls);
    if counted.lost > 0 {
        note += &format!("; {} records lost, and the calls around them left out", counted.lost);
    }
    let row = Copies {
        copied_bytes: Some(bytes),
        call_bytes: Some(counted.bytes),
        calls: Some(counted.calls),
        lost: Some(counted.lost),
        ..row
    };
    row.found(Some(per_byte), Evidence::Exact, note)
}

impl Copies {
    /// The row with a figure, judged against the promise.
    fn found(self, copied_per_byte: Option<f64>, evidence: Evidence, note: String) -> Self {
        let verdict = match copied_per_byte.zip(self.promised) {
            Some((found, promised)) if (found - promised).abs() <= TOLERANCE => Verdict::Confirmed,
            Some(_) => Verdict::Refuted,
            None => Verdict::NotMeasurable,
        };
        Self { copied_per_byte, evidence, verdict, note, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Copied;
    use super::super::verdict::headline;
    use super::super::watch::Sampled;
    use super::*;
    use crate::cell::{Payload, Wire};

    fn cell(path: &str) -> Cell {
        Cell {
            wire: Wire::Veth,
            send_path: path.into(),
            receive_path: "recv".into(),
            payload: Payload::Static,
            message_bytes: 65_536,
            threads: 1,
            working_set: None,
        }
    }

    fn samples(of: &[(Category, u64)]) -> Seen {
        Seen::Samples(Sampled::of(of))
    }

    fn records(copies: &[(Place, Result<u64, &str>)]) -> Seen {
        let copied = |(place, bytes): &(Place, Result<u64, &str>)| Copied {
            place: *place,
            bytes: bytes.map_err(str::to_owned),
        };
        Seen::Records(Counted {
            bytes: 1000,
            calls: 10,
            lost: 0,
            copies: copies.iter().map(copied).collect(),
        })
    }

    /// One second of a saturated CPU at 16 Gb/s and a machine that copies a KiB in 100 ns: 4000 samples, of
    /// which one copy takes about 800.
    fn judge(cell: &Cell, sampled: &Seen, recorded: &Seen, zero_copy: ZeroCopy) -> Vec<Copies> {
        copies(&Findings {
            cell,
            samples: [sampled, sampled],
            records: [recorded, recorded],
            zero_copy,
            bytes: [Some(2_000_000_000); 2],
            copy_ns_per_kib: Some(100.0),
        })
    }

    fn row(rows: &[Copies], place: Place) -> &Copies {
        rows.iter().find(|row| row.place == place).unwrap()
    }

    const NO_KPROBE: (Place, Result<u64, &str>) =
        (Place::Kernel, Err("the kernel was built without CONFIG_KPROBES"));

    #[test]
    fn two_copy_is_confirmed_by_counts_and_samples() {
        let sampled =
            samples(&[(Category::GatherCopy, 800), (Category::KernelCopy, 1600), (Category::TcpIp, 1600)]);
        let recorded = records(&[(Place::User, Ok(1000)), NO_KPROBE, (Place::Receive, Ok(1000))]);
        let rows = judge(&cell("two-copy"), &sampled, &recorded, ZeroCopy::default());
        let user = row(&rows, Place::User);
        assert_eq!(
            (user.copied_per_byte, user.evidence, user.verdict),
            (Some(1.0), Evidence::Exact, Verdict::Confirmed)
        );
        let kernel = row(&rows, Place::Kernel);
        assert_eq!(
            (kernel.copied_per_byte, kernel.evidence, kernel.verdict),
            (None, Evidence::Sampled, Verdict::Confirmed)
        );
        assert_eq!(row(&rows, Place::Receive).copied_per_byte, Some(1.0));
        assert_eq!(row(&rows, Place::Deferred).evidence, Evidence::Construction);
        let (verdict, sentence) = headline(&rows);
        assert_eq!(verdict, Verdict::Confirmed);
        assert_eq!(
            sentence,
            "two-copy on veth: 1 copy in user space and a copy into the kernel for each byte"
        );
    }

    #[test]
    fn zero_copy_on_veth_is_refuted_by_its_completions() {
        let sampled =
            samples(&[(Category::DeferredCopy, 800), (Category::PagePinning, 800), (Category::TcpIp, 2400)]);
        let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
        let flags = ZeroCopy { sends: Some(9), completions: Some(9), copied: Some(9), ..ZeroCopy::default() };
        let rows = judge(&cell("zero-copy"), &sampled, &recorded, flags);
        let deferred = row(&rows, Place::Deferred);
        assert_eq!((deferred.evidence, deferred.verdict), (Evidence::Flagged, Verdict::Refuted));
        assert_eq!(deferred.note, "9 of 9 completed calls flagged COPIED");
        assert_eq!(
            headline(&rows),
            (Verdict::Refuted, "zero-copy on veth: 1 deferred copy for each byte".into())
        );
    }

    #[test]
    fn a_path_without_copies_is_confirmed_by_their_absence() {
        let sampled = samples(&[(Category::KernelCopy, 3), (Category::Splice, 900), (Category::TcpIp, 3100)]);
        let recorded = records(&[(Place::User, Ok(0)), NO_KPROBE, (Place::Receive, Ok(1000))]);
        let rows = judge(&cell("splice"), &sampled, &recorded, ZeroCopy::default());
        let kernel = row(&rows, Place::Kernel);
        assert_eq!(
            (kernel.copied_per_byte, kernel.evidence, kernel.verdict),
            (Some(0.0), Evidence::Sampled, Verdict::Confirmed)
        );
        let (verdict, sentence) = headline(&rows);
        assert_eq!(
            (verdict, sentence.as_str()),
            (Verdict::Confirmed, "splice on veth: no copy on the sender's side")
        );
    }

    #[test]
    fn a_copy_that_no_label_promises_is_found() {
        let sampled = samples(&[(Category::KernelCopy, 1200), (Category::Splice, 2800)]);
        let recorded = records(&[(Place::User, Ok(2000)), NO_KPROBE, (Place::Receive, Ok(500))]);
        let rows = judge(&cell("splice"), &sampled, &recorded, ZeroCopy::default());
        for place in [Place::User, Place::Kernel, Place::Receive] {
            assert_eq!(row(&rows, place).verdict, Verdict::Refuted, "{place}");
        }
    }

    #[test]
    fn without_rights_nothing_is_claimed_and_the_right_is_named() {
        let nothing = Seen::Nothing("EACCES: CAP_PERFMON is missing".into());
        let rows = judge(&cell("two-copy"), &nothing, &nothing, ZeroCopy::default());
        for row in rows.iter().filter(|row| row.place != Place::Deferred) {
            assert_eq!((row.copied_per_byte, row.evidence), (None, Evidence::NotMeasurable), "{row:?}");
            assert!(row.note.contains("CAP_PERFMON"), "{row:?}");
        }
        assert_eq!(headline(&rows).0, Verdict::NotMeasurable);
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(presence(0, 5.0), Presence::Unclear);
        assert_eq!(presence(2, 100.0), Presence::Absent);
        assert_eq!(presence(60, 100.0), Presence::Present);
        assert_eq!(presence(30, 100.0), Presence::Unclear);
        let sampled = samples(&[(Category::KernelCopy, 4), (Category::Syscall, 3996)]);
        let none = Seen::Nothing("none".into());
        let rows = copies(&Findings {
            cell: &cell("one-copy"),
            samples: [&sampled, &sampled],
            records: [&none, &none],
            zero_copy: ZeroCopy::default(),
            bytes: [Some(50_000_000); 2],
            copy_ns_per_kib: Some(100.0),
        });
        assert_eq!(row(&rows, Place::Kernel).evidence, Evidence::NotMeasurable);
    }
}
