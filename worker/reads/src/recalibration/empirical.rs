//! The quality that observations speak for: the largest posterior over whole qualities.

use std::f64::consts::PI;
use std::sync::LazyLock;

use genome::maths;

/// Qualities that are considered: 0 to here.
const MAX_REASONABLE: u8 = 60;

/// Differences from the prior mean are cut here.
const MAX_DIFFERENCE: usize = 40;

/// Standard deviation of the prior, in units of quality.
const PRIOR_DEVIATION: f64 = 0.5;

/// Larger counts are scaled down to here.
const MAX_OBSERVATIONS: u64 = i32::MAX as u64 - 1;

static LOG_PRIOR: LazyLock<[f64; MAX_DIFFERENCE + 1]> = LazyLock::new(|| {
    std::array::from_fn(|difference| {
        let z = difference as f64 / PRIOR_DEVIATION;
        let density = maths::exp(-0.5 * z * z) / (PRIOR_DEVIATION * maths::sqrt(2.0 * PI));
        finite(maths::ln(density))
    })
});

static ERROR_RATES: LazyLock<[f64; MAX_REASONABLE as usize + 1]> =
    LazyLock::new(|| std::array::from_fn(|quality| error_rate(quality as f64)));

/// Errors of Stirling's formula for whole numbers below 16, where its series is too coarse.
static STIRLING_ERRORS: LazyLock<[f64; 16]> = LazyLock::new(|| {
    let mut factorial = 1.0;
    std::array::from_fn(|n| {
        if n == 0 {
            return 0.0;
        }
        let n = n as f64;
        factorial *= n;
        maths::ln(factorial) - (n + 0.5) * maths::ln(n) + n - 0.5 * maths::ln(2.0 * PI)
    })
});

/// Returns the probability of error of a quality.
pub(super) fn error_rate(quality: f64) -> f64 {
    maths::powf(10.0, quality / -10.0)
}

/// Returns the whole quality with the largest posterior, the first of equals.
///
/// One error among two observations is added; `prior_mean` is the quality expected beforehand.
pub fn empirical_quality(observations: u64, errors: f64, prior_mean: f64) -> f64 {
    let (mut n, mut k) = (observations + 2, (errors + 0.5) as u64 + 1);
    if n > MAX_OBSERVATIONS {
        let fraction = MAX_OBSERVATIONS as f64 / n as f64;
        k = (k as f64 * fraction + 0.5).floor() as u64;
        n = MAX_OBSERVATIONS;
    }
    let mut best = (0, f64::NEG_INFINITY);
    for quality in 0..=MAX_REASONABLE {
        let difference = (f64::from(quality) - prior_mean).abs() as usize;
        let prior = LOG_PRIOR[difference.min(MAX_DIFFERENCE)];
        // Where the prior is nil already, no likelihood changes the sum.
        let likelihood = if prior == -f64::MAX {
            0.0
        } else {
            finite(log_binomial(k, n, ERROR_RATES[usize::from(quality)]))
        };
        let posterior = prior + likelihood;
        if posterior > best.1 {
            best = (quality, posterior);
        }
    }
    f64::from(best.0)
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { -f64::MAX }
}

/// Returns ln P(k successes of n), each of probability p. Source: Loader 2000, "Fast and accurate
/// computation of binomial probabilities".
fn log_binomial(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    let (x, total, q) = (k as f64, n as f64, 1.0 - p);
    if k == 0 {
        return if p < 0.1 {
            -deviance(total, total * q) - total * p
        } else {
            total * maths::ln(q)
        };
    }
    if k == n {
        return if q < 0.1 {
            -deviance(total, total * p) - total * q
        } else {
            total * maths::ln(p)
        };
    }
    let rest = total - x;
    let stirling = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    let exponent = stirling - deviance(x, total * p) - deviance(rest, total * q);
    exponent - 0.5 * maths::ln(2.0 * PI * x * rest / total)
}

/// Returns ln n! minus Stirling's approximation of it.
fn stirling_error(n: u64) -> f64 {
    if let Some(&error) = usize::try_from(n).ok().and_then(|n| STIRLING_ERRORS.get(n)) {
        return error;
    }
    let n = n as f64;
    let square = n * n;
    let tail = 1.0 / 1680.0 - 1.0 / 1188.0 / square;
    let tail = 1.0 / 1260.0 - tail / square;
    let tail = 1.0 / 360.0 - tail / square;
    (1.0 / 12.0 - tail / square) / n
}

/// Returns x·ln(x/m) + m − x, without cancellation where x is near m.
fn deviance(x: f64, mean: f64) -> f64 {
    if (x - mean).abs() >= 0.1 * (x + mean) {
        return x * maths::ln(x / mean) + mean - x;
    }
    let difference = x - mean;
    let v = difference / (x + mean);
    let mut sum = v * difference;
    let mut term = 2.0 * x * v;
    let square = v * v;
    let mut odd = 3.0;
    loop {
        term *= square;
        let next = sum + term / odd;
        if next == sum {
            return next;
        }
        sum = next;
        odd += 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_is_that_of_the_definition() {
        for n in 1u64..40 {
            for k in 0..=n {
                for p in [0.001, 0.05, 0.3, 0.95] {
                    let choose: f64 = (1..=k).map(|i| (n - k + i) as f64 / i as f64).product();
                    let direct =
                        choose * f64::powi(p, k as i32) * f64::powi(1.0 - p, (n - k) as i32);
                    let found = maths::exp(log_binomial(k, n, p));
                    assert!((found - direct).abs() <= 1e-11 * direct, "{k} {n} {p}");
                }
            }
        }
    }

    #[test]
    fn empirical_qualities_are_gatks() {
        // Rows of a real table: observations, errors, reported quality, empirical quality.
        let rows = [
            (1094, 253.0, 6.0, 6.0),
            (29_011, 158.0, 20.0, 22.0),
            (1_277_263, 741.0, 39.0, 33.0),
            (3, 1.0, 6.0, 6.0),
        ];
        for (observations, errors, reported, expected) in rows {
            assert_eq!(empirical_quality(observations, errors, reported), expected);
        }
    }

    #[test]
    fn huge_counts_are_scaled() {
        let observations = 40_000_000_000;
        assert_eq!(empirical_quality(observations, 40_000_000.0, 30.0), 30.0);
    }
}
