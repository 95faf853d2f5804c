//! A straight line through points whose noise is a share of their value.
//!
//! Message sizes span four powers of ten and so do the times of a message, and the noise of a time is a share of
//! it. A fit of absolute times would be decided by the largest size alone, and its intercept would be that
//! size's noise. So the slope is the weighted median of the slopes of all pairs of points (Theil, 1950; Sen,
//! 1968; weighted as by Jaeckel, 1972), each weighing as much as its own error allows, and the intercept is the
//! median of what the slope leaves over, weighted in the same way. Up to 29 % of the points may be far off.

/// A point, and how far it may err: its standard deviation up to a common factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataPoint {
    /// The size, or whatever the line runs over.
    pub x: f64,
    /// What was measured there.
    pub y: f64,
    /// Its error, up to a factor common to all points; positive.
    pub error: f64,
}

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Its value at zero.
    pub intercept: f64,
    /// What each unit adds.
    pub slope: f64,
}

impl Line {
    /// Its value at a place.
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

/// The line through the points; absent with fewer than two places.
pub fn theil_sen(points: &[DataPoint]) -> Option<Line> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (index, one) in points.iter().enumerate() {
        for other in &points[index + 1..] {
            let apart = other.x - one.x;
            if apart != 0.0 {
                slopes.push(((other.y - one.y) / apart, apart.abs() / one.error.hypot(other.error)));
            }
        }
    }
    let slope = weighted_median(&mut slopes)?;
    let mut left: Vec<_> =
        points.iter().map(|point| (point.y - slope * point.x, 1.0 / point.error)).collect();
    Some(Line { intercept: weighted_median(&mut left)?, slope })
}

/// The value at which half of the weight lies on either side; between two where it splits evenly.
fn weighted_median(values: &mut [(f64, f64)]) -> Option<f64> {
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (index, &(value, weight)) in values.iter().enumerate() {
        below += weight;
        // An even split to the last bit but a few: sums of equal weights must count as even.
        if (below - half).abs() <= half * 1e-12 {
            return Some(values.get(index + 1).map_or(value, |&(next, _)| f64::midpoint(value, next)));
        }
        if below > half {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn relative(points: &[(f64, f64)]) -> Vec<DataPoint> {
        points.iter().map(|&(x, y)| DataPoint { x, y, error: y }).collect()
    }

    /// Two places and equal errors make all pairs weigh alike, which is the plain estimate.
    /// scipy 1.17: `stats.theilslopes(y, x, method="joint")`.
    #[test]
    fn equal_weights_agree_with_scipy() {
        let points =
            [(0.0, 10.2), (0.0, 9.9), (0.0, 11.4), (1.0, 14.1), (1.0, 15.0), (1.0, 13.2), (1.0, 19.0)];
        let line = theil_sen(&points.map(|(x, y)| DataPoint { x, y, error: 1.0 })).unwrap();
        assert!((line.slope - 4.05).abs() < 1e-12 && (line.intercept - 10.2).abs() < 1e-12, "{line:?}");
    }

    /// numpy 2.4: of all pairs' slopes the one with the smallest weighted sum of distances to the others.
    #[test]
    fn relative_weights_agree_with_numpy() {
        let points = [
            (64.0, 930.0),
            (1024.0, 1080.0),
            (16384.0, 4100.0),
            (65536.0, 13600.0),
            (65536.0, 12900.0),
            (262_144.0, 50800.0),
        ];
        let line = theil_sen(&relative(&points)).unwrap();
        assert!(
            (line.slope - 0.190_410_539_215_686).abs() < 1e-12
                && (line.intercept - 917.813_725_490_196).abs() < 1e-9,
            "{line:?}"
        );
    }

    #[test]
    fn a_trial_that_is_far_off_does_not_move_it() {
        let cost = |x: f64| 900.0 + 0.19 * x;
        let sizes = [64.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0];
        let mut points = relative(&sizes.map(|x| (x, cost(x))));
        let clean = theil_sen(&points).unwrap();
        assert!((clean.intercept - 900.0).abs() < 1e-6 && (clean.slope - 0.19).abs() < 1e-9, "{clean:?}");
        points[5].y *= 1.5;
        let line = theil_sen(&points).unwrap();
        assert!(
            (line.intercept / 900.0 - 1.0).abs() < 0.02 && (line.slope / 0.19 - 1.0).abs() < 0.02,
            "{line:?}"
        );
    }

    #[test]
    fn one_place_is_no_line() {
        assert_eq!(theil_sen(&relative(&[(1.0, 1.0)])), None);
        assert_eq!(theil_sen(&relative(&[(1.0, 1.0), (1.0, 2.0)])), None);
        assert_eq!(theil_sen(&[]), None);
    }

    proptest! {
        #[test]
        fn a_straight_line_is_found_from_any_points_on_it(
            intercept in 10.0_f64..1e4, slope in 0.001_f64..10.0,
            places in prop::collection::btree_set(1_u32..1_000_000, 2..12),
        ) {
            let points: Vec<_> =
                places.iter().map(|&x| (f64::from(x), intercept + slope * f64::from(x))).collect();
            let line = theil_sen(&relative(&points)).unwrap();
            prop_assert!((line.slope / slope - 1.0).abs() < 1e-6, "{:?}", line);
            prop_assert!((line.at(1.0) / (intercept + slope) - 1.0).abs() < 1e-3, "{:?}", line);
        }
    }
}
