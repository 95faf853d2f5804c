//! How far the trials of a cell lie apart.

use super::median::{median_of_sorted, sorted};

/// The interquartile range over the median: the width of the middle half as a share. Outliers do not move it;
/// for normal noise it is 1.35 standard deviations. Absent with fewer than two values or a median of zero.
pub fn spread(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let sorted = sorted(values);
    let middle = median_of_sorted(&sorted).filter(|&middle| middle != 0.0)?;
    Some((quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) / middle.abs())
}

/// The quantile between neighbours, as numpy and R (type 7) compute it by default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy 2.4: `np.subtract(*np.percentile(x, [75, 25])) / np.median(x)`.
    #[test]
    fn agrees_with_numpy() {
        let found = spread(&[30.23, 31.85, 29.4, 33.44, 30.9, 27.83]).unwrap();
        assert!((found - 0.065_597_906_101_750).abs() < 1e-12, "{found}");
    }

    #[test]
    fn one_value_or_a_median_of_zero_has_none() {
        assert_eq!(spread(&[1.0]), None);
        assert_eq!(spread(&[-1.0, 0.0, 1.0]), None);
        assert_eq!(spread(&[2.0, 2.0]), Some(0.0));
    }
}
