//! The Wilcoxon rank-sum test.

use genome::maths;

/// With fewer values on both sides, all splits are counted.
const SMALL_SERIES: usize = 10;

/// Returns the z-score of the first series against the second; `None` when one is empty.
///
/// Ties share their mean rank. Small series are compared with all splits of the values, larger ones
/// by the normal approximation. Source: GATK 4.6 `MannWhitneyU`.
pub fn rank_sum(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let ranks = Ranks::new(first, second);
    if first.len() >= SMALL_SERIES || second.len() >= SMALL_SERIES {
        return Some(ranks.normal_score());
    }
    Some(quantile(ranks.share_of_splits()))
}

/// Doubled mean ranks, so that ties stay whole numbers.
struct Ranks {
    doubled: Vec<usize>,
    first_count: usize,
    first_sum: usize,
    ties: Vec<usize>,
}

impl Ranks {
    fn new(first: &[f64], second: &[f64]) -> Self {
        let tagged = |values: &[f64], is_first| -> Vec<(f64, bool)> {
            values.iter().map(|&value| (value, is_first)).collect()
        };
        let mut values = tagged(first, true);
        values.extend(tagged(second, false));
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut doubled, mut ties, mut first_sum) = (Vec::new(), Vec::new(), 0);
        for group in values.chunk_by(|a, b| a.0 == b.0) {
            let rank = 2 * doubled.len() + group.len() + 1;
            first_sum += rank * group.iter().filter(|(_, is_first)| *is_first).count();
            doubled.extend(std::iter::repeat_n(rank, group.len()));
            ties.push(group.len());
        }
        Self {
            doubled,
            first_count: first.len(),
            first_sum,
            ties,
        }
    }

    fn normal_score(&self) -> f64 {
        let all = self.doubled.len() as f64;
        let (n1, n2) = (self.first_count as f64, all - self.first_count as f64);
        let u = self.first_sum as f64 / 2.0 - n1 * (n1 + 1.0) / 2.0;
        let cube = |&ties: &usize| (ties as f64).powi(3) - ties as f64;
        let partial = self.ties.iter().filter(|&&ties| ties < self.doubled.len());
        let tied: f64 = partial.map(cube).sum();
        let variance = n1 * n2 / 12.0 * ((all + 1.0) - tied / (all * (all - 1.0)));
        let correction = if tied == 0.0 { 0.0 } else { -0.5 };
        (u - n1 * n2 / 2.0 - correction) / maths::sqrt(variance)
    }

    /// Returns the share of splits with a smaller sum of ranks, equal ones counted half.
    fn share_of_splits(&self) -> f64 {
        let splits = self.splits();
        let smaller: u64 = splits[..self.first_sum].iter().sum();
        let all: u64 = splits.iter().sum();
        (smaller as f64 + splits[self.first_sum] as f64 / 2.0) / all as f64
    }

    /// Counts the ways to choose the first series, by its doubled sum of ranks.
    fn splits(&self) -> Vec<u64> {
        let largest: usize = self.doubled.iter().sum();
        let mut ways = vec![vec![0u64; largest + 1]; self.first_count + 1];
        ways[0][0] = 1;
        for &rank in &self.doubled {
            for chosen in (1..=self.first_count).rev() {
                for sum in (rank..=largest).rev() {
                    ways[chosen][sum] += ways[chosen - 1][sum - rank];
                }
            }
        }
        ways.swap_remove(self.first_count)
    }
}

/// Returns the quantile of the standard normal distribution, by bisection.
fn quantile(p: f64) -> f64 {
    let share_below = |x: f64| 0.5 * maths::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if share_below(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    let middle = 0.5 * (low + high);
    if middle.abs() < 1e-12 { 0.0 } else { middle }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_series_score_zero() {
        assert!(rank_sum(&[60.0; 5], &[60.0; 7]).unwrap().abs() < 1e-9);
        assert_eq!(rank_sum(&[60.0; 12], &[60.0; 7]), Some(0.0));
        assert_eq!(rank_sum(&[], &[1.0]), None);
    }

    #[test]
    fn small_series_are_counted_exactly() {
        // The one split of C(4,2) = 6 with the lowest sum: p = 0.5/6.
        let z = rank_sum(&[1.0, 2.0], &[3.0, 4.0]).unwrap();
        assert!((z - quantile(0.5 / 6.0)).abs() < 1e-12);
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
    }

    #[test]
    fn higher_first_series_scores_above_zero() {
        let low: Vec<f64> = (0..20).map(f64::from).collect();
        let high: Vec<f64> = (15..35).map(f64::from).collect();
        let z = rank_sum(&high, &low).unwrap();
        assert!(z > 4.0);
        assert!((z + rank_sum(&low, &high).unwrap() - 2.0 * 0.5 / 36.9).abs() < 0.01);
    }
}
