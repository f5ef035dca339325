//! Strand bias.

use genome::maths;

/// Larger tables are scaled down to half of this.
const LARGEST_TABLE: u32 = 400;
const SCALED_TABLE: f64 = 200.0;

/// Returns the Phred-scaled p of Fisher's exact test, two-sided, on the counts by allele and strand.
pub fn fisher_strand(counts: [u32; 4]) -> f64 {
    const SMALLEST: f64 = 1e-320;
    let sum: u32 = counts.iter().sum();
    let table = match sum {
        0..=2 => [0; 4],
        3..=LARGEST_TABLE => counts,
        _ => counts.map(|cell| (f64::from(cell) * SCALED_TABLE / f64::from(sum)) as u32),
    };
    let phred = -10.0 * maths::log10(two_sided(table).max(SMALLEST));
    phred.max(0.0)
}

fn two_sided([a, b, c, d]: [u32; 4]) -> f64 {
    const TOLERANCE: f64 = 1e-6;
    let (row, column, sum) = (a + b, a + c, a + b + c + d);
    let lowest = (row + column).saturating_sub(sum);
    let highest = row.min(column);
    if lowest == highest {
        return 1.0;
    }
    let factorial = |n: u32| maths::lgamma(f64::from(n) + 1.0);
    let choose = |n: u32, k: u32| factorial(n) - factorial(k) - factorial(n - k);
    let ln_p = |x: u32| choose(row, x) + choose(sum - row, column - x) - choose(sum, column);
    let observed = ln_p(a);
    let limit = observed * (1.0 - TOLERANCE);
    let terms = (lowest..=highest).map(ln_p).filter(|&value| value <= limit);
    terms.map(maths::exp).sum::<f64>().min(1.0)
}

/// Returns the symmetric odds ratio of strands.
pub fn strand_odds_ratio(counts: [u32; 4]) -> f64 {
    let [a, b, c, d] = counts.map(|count| f64::from(count) + 1.0);
    let ratio = a * d / (b * c);
    let evenness = |x: f64, y: f64| maths::ln(x.min(y) / x.max(y));
    maths::ln(ratio + 1.0 / ratio) + evenness(a, b) - evenness(c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vcf::fixed;

    // Values of GATK 4.6.2 for the tables of its own gVCF.
    #[test]
    fn values_are_those_of_gatk() {
        let table = [
            ([0, 0, 19, 1], "0.000", "4.615"),
            ([7, 1, 8, 1], "0.000", "0.818"),
        ];
        for (counts, fisher, odds) in table {
            assert_eq!(fixed(fisher_strand(counts), 3), fisher);
            assert_eq!(fixed(strand_odds_ratio(counts), 3), odds);
        }
    }

    #[test]
    fn one_strand_for_each_allele_is_unlikely() {
        // 2 of the C(10,5) = 252 tables of these margins are as extreme.
        let p = two_sided([5, 0, 0, 5]);
        assert!((p - 2.0 / 252.0).abs() < 1e-12);
        assert_eq!(fisher_strand([1, 0, 0, 1]), 0.0);
    }
}
