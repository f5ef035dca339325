//! How many molecules a library holds, out of its duplicates.

use genome::maths;

/// Bisections of the estimate, as Picard makes them.
const BISECTIONS: u32 = 40;

/// Estimates how many distinct molecules a library holds.
///
/// `pairs` are those examined without optical duplicates, `unique` those that are no duplicates.
/// `None` where there is nothing to estimate from. Source: the Lander–Waterman equation
/// c/x = 1 − exp(−n/x), solved for x as Picard 3.4 does.
pub fn estimated_library_size(pairs: u64, unique: u64) -> Option<u64> {
    if pairs == 0 || unique == 0 || pairs <= unique {
        return None;
    }
    let (n, c) = (pairs as f64, unique as f64);
    let excess = |x: f64| c / x - 1.0 + maths::exp(-n / x);
    let (mut low, mut high) = (1.0, 100.0);
    while excess(high * c) > 0.0 {
        high *= 10.0;
    }
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        let value = excess(middle * c);
        if value == 0.0 {
            break;
        } else if value > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some((c * (low + high) / 2.0) as u64)
}

/// Returns how much more coverage sequencing `times` as much would give.
pub(super) fn coverage_multiple(size: u64, times: u64, pairs: u64, unique: u64) -> f64 {
    let size = size as f64;
    let sampled = -(times as f64 * pairs as f64) / size;
    size * (1.0 - maths::exp(sampled)) / unique as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_picards() {
        // Of 11 941 pairs 99 were optical and 168 duplicates.
        assert_eq!(
            estimated_library_size(11_941 - 99, 11_941 - 168),
            Some(1_012_229)
        );
    }

    #[test]
    fn without_duplicates_there_is_no_estimate() {
        assert_eq!(estimated_library_size(10, 10), None);
        assert_eq!(estimated_library_size(0, 0), None);
        assert_eq!(estimated_library_size(5, 0), None);
    }
}
