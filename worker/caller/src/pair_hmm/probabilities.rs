//! Probabilities of the model by Phred quality, in single and in double precision.
//!
//! Rounded step by step as GATK's native kernel (GKL 0.8.11) rounds them, its shortened constant
//! for log10 e among them.

use genome::maths;
use std::sync::LazyLock;

/// Qualities are cut to seven bits.
const QUALITIES: usize = 128;

/// Steps of a table of log10(1 + 10^−x) for x up to 8.
const STEPS_PER_UNIT: f64 = 10_000.0;
const STEP: f64 = 0.0001;
const LARGEST_DIFFERENCE: f64 = 8.0;

/// The tables of one precision.
#[derive(Debug)]
pub(super) struct Probabilities<T> {
    errors: Vec<T>,
    stays: Vec<T>,
}

impl<T: Copy> Probabilities<T> {
    /// Returns the probability of error of a quality.
    pub fn error(&self, quality: u8) -> T {
        self.errors[usize::from(quality & 127)]
    }

    /// Returns the probability that neither gap opens.
    pub fn stay(&self, insertion: u8, deletion: u8) -> T {
        let (a, b) = (usize::from(insertion & 127), usize::from(deletion & 127));
        self.stays[triangle(a.max(b)) + a.min(b)]
    }
}

/// Single precision.
pub(super) static SINGLE: LazyLock<Probabilities<f32>> = LazyLock::new(|| Probabilities {
    errors: (0..QUALITIES).map(error_single).collect(),
    stays: stays(|a, b| f64::from(sum_single(-0.1 * a as f32, -0.1 * b as f32)))
        .map(|value| value as f32)
        .collect(),
});

/// Double precision.
pub(super) static DOUBLE: LazyLock<Probabilities<f64>> = LazyLock::new(|| Probabilities {
    errors: (0..QUALITIES)
        .map(|quality| maths::pow10(-(quality as f64) / 10.0))
        .collect(),
    stays: stays(|a, b| sum_double(-0.1 * a as f64, -0.1 * b as f64)).collect(),
});

fn error_single(quality: usize) -> f32 {
    let exponent = -(quality as f32) / 10.0;
    maths::pow10(f64::from(exponent)) as f32
}

const fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

fn stays(log10_sum: impl Fn(usize, usize) -> f64) -> impl Iterator<Item = f64> {
    #[expect(
        clippy::approx_constant,
        reason = "GKL's own, which decides the last bits"
    )]
    const SHORT_LOG10_E: f64 = 0.434294;
    let pairs = (0..QUALITIES).flat_map(|large| (0..=large).map(move |small| (large, small)));
    pairs.map(move |(large, small)| {
        let opens = maths::pow10(log10_sum(large, small)).min(1.0);
        maths::pow10(maths::ln_1p(-opens) * SHORT_LOG10_E)
    })
}

/// Returns log10(1 + 10^−x) for the x of a step.
fn excess(step: usize) -> f64 {
    maths::log10(1.0 + maths::pow10(-(step as f64) * STEP))
}

fn sum_single(small: f32, large: f32) -> f32 {
    let (small, large) = (small.min(large), small.max(large));
    let difference = large - small;
    if difference >= LARGEST_DIFFERENCE as f32 {
        return large;
    }
    large + excess((difference * STEPS_PER_UNIT as f32 + 0.5) as usize) as f32
}

fn sum_double(small: f64, large: f64) -> f64 {
    let (small, large) = (small.min(large), small.max(large));
    let difference = large - small;
    if difference >= LARGEST_DIFFERENCE {
        return large;
    }
    large + excess((difference * STEPS_PER_UNIT + 0.5) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Bits from the formulas above, compiled by gcc against glibc 2.36.
    #[test]
    fn tables_hold_the_bits_of_gatk() {
        assert_eq!(SINGLE.error(6).to_bits(), 0x3E80_9BCC);
        assert_eq!(SINGLE.error(37).to_bits(), 0x3951_37E9);
        assert_eq!(SINGLE.stay(40, 40).to_bits(), 0x3F7F_F2E5);
        assert_eq!(SINGLE.stay(45, 45).to_bits(), 0x3F7F_FBDB);
        assert_eq!(SINGLE.stay(10, 33).to_bits(), 0x3F66_4590);
        assert_eq!(DOUBLE.stay(40, 40).to_bits(), 0x3FEF_FE5C_91EF_CDBB);
        assert_eq!(DOUBLE.stay(45, 45).to_bits(), 0x3FEF_FF7B_5D57_003F);
    }

    #[test]
    fn larger_qualities_open_gaps_less() {
        for quality in 1..127 {
            assert!(SINGLE.stay(quality, 20) <= SINGLE.stay(quality + 1, 20));
            assert!(DOUBLE.error(quality) > DOUBLE.error(quality + 1));
        }
    }
}
