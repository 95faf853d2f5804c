//! Many comparisons judged at once.
//!
//! A run of three paths, four sizes and three numbers of threads makes 36 comparisons; at 5 % each, two would
//! be called different by chance. Benjamini and Hochberg's correction (1995) keeps the share of false ones
//! among those called different at 5 %. Holm's would keep the chance of a single false one there, and at the
//! five to ten trials that cells usually get it finds little but the largest effects; what a reader of a
//! crossover table needs to know is how many of its wins are false.

/// The probabilities, corrected: calling different all whose corrected one is at most q keeps the expected share
/// of false calls at most q. The order is kept.
pub fn benjamini_hochberg(probabilities: &[f64]) -> Vec<f64> {
    let count = probabilities.len() as f64;
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_unstable_by(|&one, &other| probabilities[other].total_cmp(&probabilities[one]));
    let mut corrected = vec![1.0; probabilities.len()];
    let mut smallest: f64 = 1.0;
    for (from_above, &index) in order.iter().enumerate() {
        smallest = smallest.min(probabilities[index] * count / (count - from_above as f64));
        corrected[index] = smallest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// scipy 1.17: `stats.false_discovery_control(p, method="bh")`.
    #[test]
    fn agrees_with_scipy() {
        let found = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.55, 0.06, 0.33]);
        let expected = [0.035, 0.07, 0.07, 0.035, 0.55, 0.084, 0.385];
        for (ours, theirs) in found.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-12, "{found:?}");
        }
        assert_eq!(benjamini_hochberg(&[]), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn it_never_helps_and_keeps_the_order(probabilities in prop::collection::vec(0.0_f64..=1.0, 1..40)) {
            let corrected = benjamini_hochberg(&probabilities);
            for (i, (before, after)) in probabilities.iter().zip(&corrected).enumerate() {
                prop_assert!(*before <= *after + 1e-15 && *after <= 1.0);
                for (j, other) in corrected.iter().enumerate() {
                    prop_assert!(probabilities[i] > probabilities[j] || after <= other);
                }
            }
        }
    }
}
