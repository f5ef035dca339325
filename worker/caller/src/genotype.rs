//! Phred-scaled likelihoods of genotypes.

use crate::log_sum::{first_maximum, round_half_up};

/// Returns Phred-scaled likelihoods, the best at 0.
pub fn phred(likelihoods: &[f64]) -> Vec<u32> {
    let best = likelihoods[first_maximum(likelihoods)];
    let scaled = |value: &f64| round_half_up(-10.0 * (value - best));
    let limited = |value: i64| value.clamp(0, i64::from(i32::MAX)) as u32;
    likelihoods.iter().map(scaled).map(limited).collect()
}

/// Returns the first best genotype's index and the distance to the second best.
pub fn best(phred: &[u32]) -> (usize, u32) {
    let best = (0..phred.len())
        .min_by_key(|&index| phred[index])
        .unwrap_or(0);
    let others = (0..phred.len()).filter(|&index| index != best);
    let second = others.map(|index| phred[index]).min().unwrap_or(0);
    (best, second - phred[best])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn best_genotype_stands_at_zero(values in prop::collection::vec(-50.0f64..0.0, 6)) {
            let phred = phred(&values);
            let (index, _) = best(&phred);
            prop_assert_eq!(phred[index], 0);
        }
    }

    #[test]
    fn first_of_equal_genotypes_is_best() {
        assert_eq!(best(&[10, 0, 0]), (1, 0));
    }
}
