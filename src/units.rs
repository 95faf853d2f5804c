//! Sizes, durations and rates: read from text, printed for people.
//!
//! Sizes in a grid or a flag read `64`, `4KiB`, `1MiB`; durations `500ms`, `10s`. Inside the program a
//! size is a `u64` of bytes and a duration a [`std::time::Duration`].

use std::time::Duration;

/// Reads a size in bytes: `64`, `4KiB`, `1MiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| format!("`{text}` is not a size; write bytes such as 64, or 4KiB, 1MiB"))
}

/// Prints a size the way a grid writes it: `64`, `16KiB`, `1MiB`; exact, never rounded.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (name, unit) in UNITS {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// Reads a duration: `500ms`, `10s`, `2m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("`{text}` is not a duration; write 500ms, 10s or 2m"))
}

/// Prints a duration: `500ms`, `1m 30s`.
pub fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Reads a percentage such as `5%`; the result is a fraction (0.05).
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let refused = || format!("`{text}` is not a percentage; write 2% or 0.5%");
    let number = text.trim().strip_suffix('%').ok_or_else(refused)?;
    let value: f64 = number.trim().parse().map_err(|_| refused())?;
    if value.is_finite() && value >= 0.0 { Ok(value / 100.0) } else { Err(refused()) }
}

/// Reads a rate in bits a second: `10Gbit`, `2.5Gbit`, `100Mbit`; a gigabit is 10^9 bits.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let refused = || format!("`{text}` is not a rate; write 10Gbit, 100Mbit or 500kbit");
    let units = [("Gbit", 1e9), ("Mbit", 1e6), ("kbit", 1e3)];
    let split = |(name, unit)| Some((text.trim().strip_suffix(name)?, unit));
    let (number, unit) = units.into_iter().find_map(split).ok_or_else(refused)?;
    let value: f64 = number.trim().parse().map_err(|_| refused())?;
    if value.is_finite() && value >= 0.0 { Ok((value * unit).round() as u64) } else { Err(refused()) }
}

/// Gigabits a second (10^9 bits) from bytes and seconds.
pub fn gbps(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 * 8.0 / seconds / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_read_as_a_grid_writes_them() {
        assert_eq!(parse_size("64"), Ok(64));
        assert_eq!(parse_size("4KiB"), Ok(4096));
        assert_eq!(parse_size("1MiB"), Ok(1 << 20));
        assert_eq!(parse_size(" 1 KiB "), Ok(1024));
        for bad in ["", "KiB", "-1", "4XB", "1e9q"] {
            assert!(parse_size(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn percentages_are_fractions() {
        assert_eq!(parse_percent("5%"), Ok(0.05));
        for bad in ["5", "%", "-1%", "NaN%", "inf%"] {
            assert!(parse_percent(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn a_gigabit_is_ten_to_the_nine_bits() {
        assert_eq!(parse_rate("2.5Gbit"), Ok(2_500_000_000));
        assert_eq!((parse_rate("100Mbit"), parse_rate("8 kbit")), (Ok(100_000_000), Ok(8000)));
        for bad in ["", "10", "Gbit", "-1Gbit", "NaNGbit", "10Gb", "10GiB"] {
            assert!(parse_rate(bad).is_err(), "{bad} was accepted");
        }
        assert!((gbps(125_000_000, 1.0) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_printed_size_reads_back(bytes in 0_u64..(1 << 50)) {
            prop_assert_eq!(parse_size(&size(bytes)), Ok(bytes));
        }
    }
}
