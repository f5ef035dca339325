//! Mean, median and spread of histograms, as htsjdk computes them.

use genome::maths;

use crate::duplicates::Histogram;

/// Returns the mean; 0 of nothing.
pub(super) fn mean(histogram: &Histogram) -> f64 {
    let sum: f64 = histogram
        .iter()
        .map(|(value, count)| (value * count) as f64)
        .sum();
    sum / (histogram.total().max(1)) as f64
}

/// Returns the standard deviation of a sample.
pub(super) fn deviation(histogram: &Histogram) -> f64 {
    let total = histogram.total();
    if total < 2 {
        return 0.0;
    }
    let mean = mean(histogram);
    let square = |(value, count): (u64, u64)| {
        let distance = value as f64 - mean;
        count as f64 * distance * distance
    };
    let sum: f64 = histogram.iter().map(square).sum();
    maths::sqrt(sum / (total - 1) as f64)
}

/// Returns the median, between two values if need be; 0 of nothing.
pub(super) fn median(histogram: &Histogram) -> f64 {
    median_of(histogram.iter().map(|(value, count)| (value as f64, count)))
}

/// Returns the median of the distances from the median.
pub(super) fn absolute_deviation(histogram: &Histogram) -> f64 {
    let median = median(histogram);
    let distance = |(value, count): (u64, u64)| ((value as f64 - median).abs(), count);
    let mut distances: Vec<(f64, u64)> = histogram.iter().map(distance).collect();
    distances.sort_by(|a, b| a.0.total_cmp(&b.0));
    median_of(distances.into_iter())
}

fn median_of(bins: impl Iterator<Item = (f64, u64)> + Clone) -> f64 {
    let total: u64 = bins.clone().map(|(_, count)| count).sum();
    if total == 0 {
        return 0.0;
    }
    let (low, high) = (total.div_ceil(2), total / 2 + 1);
    let mut below = 0;
    let (mut low_value, mut high_value) = (None, None);
    for (value, count) in bins {
        below += count;
        if below >= low && low_value.is_none() {
            low_value = Some(value);
        }
        if below >= high {
            high_value = Some(value);
            break;
        }
    }
    (low_value.unwrap_or(0.0) + high_value.unwrap_or(0.0)) / 2.0
}

/// Returns the value that occurs most, the smallest of equals; 0 of nothing.
pub(super) fn mode(histogram: &Histogram) -> u64 {
    let mut best = (0, 0);
    for (value, count) in histogram.iter() {
        if count > best.1 {
            best = (value, count);
        }
    }
    best.0
}

/// Divides; 0 by nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.add(value));
        histogram
    }

    #[test]
    fn statistics_are_those_of_the_values() {
        let values = histogram(&[1, 2, 4, 9]);
        assert_eq!(
            (mean(&values), median(&values), mode(&values)),
            (4.0, 3.0, 1)
        );
        assert_eq!(absolute_deviation(&values), 1.5);
        assert!((deviation(&values) - 3.559_026).abs() < 1e-6);
        let odd = histogram(&[5, 5, 7]);
        assert_eq!(
            (median(&odd), mode(&odd), absolute_deviation(&odd)),
            (5.0, 5, 0.0)
        );
        let none = histogram(&[]);
        assert_eq!(
            (mean(&none), median(&none), deviation(&none)),
            (0.0, 0.0, 0.0)
        );
    }
}
