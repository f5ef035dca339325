//! Sums of probabilities held as decimal logarithms.

use genome::maths;
use std::f64::consts::{LN_2, LN_10, LOG10_E};
use std::sync::LazyLock;

const STEPS_PER_UNIT: f64 = 10_000.0;
const STEP: f64 = 0.0001;
const LARGEST_DIFFERENCE: f64 = 8.0;

static JACOBIAN: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let steps = (STEPS_PER_UNIT * LARGEST_DIFFERENCE) as u32;
    let term = |step| maths::log10(1.0 + maths::pow10(-f64::from(step) * STEP));
    (0..=steps).map(term).collect()
});

/// Returns log10(10^a + 10^b) from a table with steps of 10⁻⁴, as GATK's `Log10Utils` does.
pub fn approximate(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    let difference = large - small;
    if small == f64::NEG_INFINITY || difference >= LARGEST_DIFFERENCE {
        return large;
    }
    large + JACOBIAN[(difference * STEPS_PER_UNIT + 0.5) as usize]
}

/// Returns log10(10^a + 10^b).
pub fn of_two(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY {
        return large;
    }
    large + maths::log10(1.0 + maths::pow10(small - large))
}

/// Returns log10 of the sum of 10^x over the values; −∞ for none.
pub fn exact(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let best = first_maximum(values);
    let others: f64 = values
        .iter()
        .enumerate()
        .filter(|&(index, _)| index != best)
        .map(|(_, value)| maths::pow10(value - largest))
        .sum();
    largest + maths::log10(1.0 + others)
}

/// Returns log10(1 − 10^x) for x ≤ 0.
///
/// Source: Mächler 2012, "Accurately computing log(1 − exp(−|a|))": which of two ways keeps the
/// digits turns at 10^x = ½.
pub fn one_minus(x: f64) -> f64 {
    if x >= 0.0 {
        return f64::NEG_INFINITY;
    }
    let natural = x * LN_10;
    let logarithm = if natural < -LN_2 {
        maths::ln_1p(-maths::exp(natural))
    } else {
        maths::ln(-maths::exp_m1(natural))
    };
    logarithm * LOG10_E
}

/// Returns the index of the first largest value; 0 for none.
pub fn first_maximum(values: &[f64]) -> usize {
    let larger = |best: usize, index: usize| {
        if values[index] > values[best] {
            index
        } else {
            best
        }
    };
    (0..values.len()).fold(0, larger)
}

/// Rounds half up, as `Math.round` of Java.
pub fn round_half_up(value: f64) -> i64 {
    (value + 0.5).floor() as i64
}

/// Returns log10 of ploidy × P(element | copies of the other allele), for 0 to `ploidy` copies, from
/// its log10 likelihoods under the reference and under the other allele.
pub fn copies_row(ploidy: usize, reference: f64, other: f64) -> Vec<f64> {
    let log10 = |count: usize| maths::log10(count as f64);
    let of_copies = |copies: usize| match copies {
        0 => reference + log10(ploidy),
        copies if copies == ploidy => other + log10(ploidy),
        copies => approximate(reference + log10(ploidy - copies), other + log10(copies)),
    };
    (0..=ploidy).map(of_copies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_close_to_the_exact_sum() {
        for i in 0..2000 {
            let (a, b) = (-f64::from(i) * 0.01, -5.0);
            assert!((approximate(a, b) - exact(&[a, b])).abs() < 1e-4);
        }
        assert_eq!(approximate(-1.0, f64::NEG_INFINITY), -1.0);
    }

    #[test]
    fn what_is_nearly_sure_keeps_its_digits() {
        assert!((one_minus(-1.93e-16) + 15.352_227).abs() < 1e-6);
        assert!((one_minus(-1.0) - maths::log10(0.9)).abs() < 1e-15);
        assert!((one_minus(-1e-5) + 4.637_789).abs() < 1e-6);
        assert_eq!(one_minus(0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn sum_of_equal_parts_is_exact() {
        assert_eq!(exact(&[-1.0; 10]), 0.0);
        assert_eq!(exact(&[]), f64::NEG_INFINITY);
        assert_eq!(first_maximum(&[1.0, 3.0, 3.0]), 1);
    }
}
