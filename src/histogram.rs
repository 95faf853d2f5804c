//! Delays of messages as HDR histograms: recorded, added up, and told as percentiles.
//!
//! A histogram has slots of equal relative width: its figures are right to 3 digits (2 where hundreds of streams have
//! one each), from a nanosecond to a minute; what takes longer counts as a minute. <https://hdrhistogram.org>

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::record::latency::{DelayKind, Latency, Percentiles};

/// Bytes before the counts of a plain histogram.
const HEAD: usize = 40;
/// Largest plain histogram that is read, bytes: each count of 3 digits up to the longest that 64 bits can tell.
const LARGEST: u64 = 1 << 20;
/// Longest delay that is told from a longer one, nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// Most streams whose histograms have 3 digits; more would take more memory than is worth it.
const MOST_FINE: u32 = 64;
/// Fewest messages above a percentile that is told.
pub const LEAST_ABOVE: u64 = 10;

/// The delays of one kind, nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Delays(Histogram<u32>);

impl Delays {
    /// None yet, of one of so many streams.
    pub fn new(streams: u32) -> Self {
        let digits = if streams <= MOST_FINE { 3 } else { 2 };
        Self(Histogram::new_with_bounds(1, LONGEST, digits).expect("the bounds are in order"))
    }

    /// Bytes that the histograms of one of so many streams take.
    pub fn bytes(streams: u32) -> u64 {
        (if streams <= MOST_FINE { 120 << 10 } else { 18 << 10 }) * DelayKind::ALL.len() as u64
    }

    /// Notes one. No allocation: the bounds are set.
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds those of another stream.
    ///
    /// # Errors
    /// When they have other bounds, as none has that was made here.
    pub fn add(&mut self, other: &Self) -> Result<(), String> {
        self.0.add(&other.0).map_err(|error| format!("histograms of different bounds: {error}"))
    }

    /// As HDR viewers and [`Delays::decode`] read it: V2, deflated, in base64.
    pub fn encode(&self) -> Encoded {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.0, &mut bytes).expect("a Vec takes every byte");
        Encoded { histogram: STANDARD.encode(bytes), longest_ns: self.0.max() }
    }

    /// Reads what [`Delays::encode`] made.
    pub fn decode(text: &str) -> Result<Self, String> {
        let refuse = |what: String| format!("not a V2 histogram: {what}");
        let bytes = STANDARD.decode(text).map_err(|error| refuse(error.to_string()))?;
        let plain = inflated(&bytes).map_err(|error| refuse(error.to_string()))?;
        let read = Deserializer::new().deserialize(&mut plain.as_slice());
        read.map(Self).map_err(|error| refuse(error.to_string()))
    }

    /// Reads several and adds them up; none where there are none.
    pub fn decode_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Option<Self>, String> {
        Self::sum(texts.into_iter().map(Self::decode))
    }

    /// Adds several up; none where there are none.
    ///
    /// # Errors
    /// The first that there is, or as [`Delays::add`].
    pub fn sum(all: impl IntoIterator<Item = Result<Self, String>>) -> Result<Option<Self>, String> {
        let mut all = all.into_iter();
        let Some(mut sum) = all.next().transpose()? else { return Ok(None) };
        all.try_for_each(|one| sum.add(&one?))?;
        Ok(Some(sum))
    }

    /// The delay that this share of the messages had at most, and how many had more.
    fn at(&self, share: f64) -> (f64, u64) {
        let value = self.0.value_at_quantile(share);
        (microseconds(value), self.0.len() - self.0.count_between(0, value))
    }

    /// The row of this kind; what identifies it is filled in by whoever keeps it.
    pub fn row(&self, kind: DelayKind) -> Latency {
        let [p50, p90, p99, p999, p9999] = [0.5, 0.9, 0.99, 0.999, 0.9999].map(|share| self.at(share));
        let told = |(value, above): (f64, u64)| (above >= LEAST_ABOVE).then_some(value);
        let any = |value: f64| (self.count() > 0).then_some(value);
        Latency {
            kind,
            count: self.count(),
            min_us: any(microseconds(self.0.min())),
            percentiles: Percentiles {
                p50_us: told(p50),
                p90_us: told(p90),
                p99_us: told(p99),
                p999_us: told(p999),
                p9999_us: told(p9999),
            },
            max_us: any(microseconds(self.0.max())),
            mean_us: any(self.0.mean() / 1000.0),
            above_p50: p50.1,
            above_p90: p90.1,
            above_p99: p99.1,
            above_p999: p999.1,
            above_p9999: p9999.1,
            ..Latency::default()
        }
    }

    /// The distribution, a point for each slot that has messages: the share that had more, and the delay in
    /// microseconds.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.iter_recorded().map(|slot| (1.0 - slot.quantile(), microseconds(slot.value_iterated_to())))
    }

    /// Messages whose delay was longer than so many microseconds.
    pub fn longer_than(&self, limit_us: f64) -> u64 {
        self.0.len() - self.0.count_between(0, (limit_us * 1000.0) as u64)
    }
}

/// What the deflated form of a histogram holds: the plain one, which must be as long as it says, since a reader makes
/// room for what is announced.
fn inflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let (_, deflated) = bytes.split_at_checked(8).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated).take(LARGEST).read_to_end(&mut plain)?;
    let announced = plain.get(4..8).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
    match announced {
        Some(length) if plain.len() == length as usize + HEAD => Ok(plain),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

/// A histogram on its way to a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoded {
    /// V2, deflated, in base64.
    pub histogram: String,
    /// The longest delay in it, nanoseconds.
    pub longest_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Delays {
        let mut delays = Delays::new(1);
        values.into_iter().for_each(|value| delays.record(value));
        delays
    }

    #[test]
    fn a_percentile_with_fewer_than_ten_messages_above_it_is_absent() {
        let row = of((1..=1000).map(|number| number * 1000)).row(DelayKind::Response);
        assert_eq!((row.count, row.above_p50, row.above_p99), (1000, 500, 10));
        assert!((row.percentiles.p50_us.unwrap() - 500.0).abs() < 0.5);
        assert!((row.percentiles.p99_us.unwrap() - 990.0).abs() < 1.0);
        assert_eq!(row.percentiles.p999_us, None);
        assert!((row.max_us.unwrap() - 1000.0).abs() < 1.0 && (row.min_us.unwrap() - 1.0).abs() < 0.01);
        let none = of([]).row(DelayKind::Call);
        assert_eq!(
            (none.count, none.min_us, none.mean_us, none.percentiles),
            (0, None, None, Percentiles::default())
        );
    }

    #[test]
    fn histograms_of_streams_add_up_and_survive_the_file() {
        let mut all = of(1..=100);
        all.add(&of(101..=300)).unwrap();
        let read = Delays::decode(&all.encode().histogram).unwrap();
        assert_eq!(read.row(DelayKind::Lent), all.row(DelayKind::Lent));
        assert_eq!((read.count(), read.longer_than(0.2)), (300, 100));
        assert!(Delays::decode("AAAA").is_err() && Delays::decode("?").is_err());
    }

    #[test]
    fn what_takes_longer_than_a_minute_counts_as_one() {
        let max = of([u64::MAX]).row(DelayKind::Response).max_us.unwrap();
        assert!((max / 60e6 - 1.0).abs() < 0.2, "{max}");
    }
}
