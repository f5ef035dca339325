//! Elementary functions whose results depend on their arguments alone, never on the CPU.
//!
//! `exp ln powf erfc lgamma` are the `libm` crate's: plain arithmetic after FreeBSD's msun, with without
//! dispatch on CPU features: its `fma` alone looks at the CPU, is exact on every path, and is used
//! by none of these. The lock file pins the version and a test its bits. `log10` is our own and
//! correctly rounded.

mod double_double;
mod log10;
mod log10_single;

pub use log10::log10;
pub use log10_single::log10_single;

/// Returns e to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Returns e to the power of `x`, less 1.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Returns the natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Returns the natural logarithm of 1 + `x`.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Returns `base` to the power of `exponent`.
#[inline]
pub fn powf(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Returns 10 to the power of `exponent`.
#[inline]
pub fn pow10(exponent: f64) -> f64 {
    libm::pow(10.0, exponent)
}

/// Returns the square root, exact to the last bit.
#[inline]
pub fn sqrt(x: f64) -> f64 {
    libm::sqrt(x)
}

/// Returns the complementary error function.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// Returns the logarithm of the absolute value of the gamma function.
#[inline]
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_within_an_ulp_of_the_truth() {
        let close = |value: f64, truth: f64| {
            let distance = value.to_bits().abs_diff(truth.to_bits());
            assert!(distance <= 1, "{value:e} is not {truth:e}");
        };
        close(exp(1.0), std::f64::consts::E);
        close(exp(-700.5), 5.980_196_118_639_791e-305);
        close(ln(10.0), std::f64::consts::LN_10);
        close(ln(1e-300), -690.775_527_898_213_7);
        close(powf(10.0, -0.3), 0.501_187_233_627_272_2);
        close(pow10(-4.5), 3.162_277_660_168_379_4e-5);
        close(sqrt(2.0), std::f64::consts::SQRT_2);
        close(erfc(0.5), 0.479_500_122_186_953_5);
        close(lgamma(0.01), 4.599_479_878_042_022);
        close(lgamma(10.5), 13.940_625_219_403_763);
    }

    // The bits of these sums change when any value that goes into them does.
    #[test]
    fn bits_are_those_of_every_other_machine() {
        let points = (1..=4000).map(|i| f64::from(i) * 0.0173);
        let fold = |f: fn(f64) -> f64| {
            points.clone().fold(0u64, |sum, x| {
                sum.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ f(x).to_bits()
            })
        };
        let digests = [
            fold(exp),
            fold(ln),
            fold(|x| powf(x, -1.37)),
            fold(pow10),
            fold(erfc),
            fold(lgamma),
            fold(log10),
        ];
        let expected = [
            5_609_224_438_301_781_722,
            14_113_556_412_966_490_519,
            13_226_304_549_126_657_323,
            5_353_234_478_985_119_864,
            3_078_847_172_091_543_949,
            5_472_217_524_284_655_599,
            5_051_841_775_555_829_003,
        ];
        assert_eq!(digests, expected);
    }
}
