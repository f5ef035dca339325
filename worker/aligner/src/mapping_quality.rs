//! Mapping quality from the scores of an alignment and its competitors.

use crate::Options;
use crate::alignment::Alignment;
use genome::maths;

const MOST: i32 = 60;
/// Phred units a unit of log-likelihood, 10 / ln 10 and its rounded kin, as bwa has them.
const PHRED_OF_LN: f64 = 4.343;
const PHRED_OF_SCORE: f64 = 6.02;
const OLD_COEFFICIENT: f64 = 30.0;

/// Returns the mapping quality of an alignment taken alone, 0–60.
pub(crate) fn mapping_quality(options: &Options, alignment: &Alignment) -> u8 {
    let sub = match alignment.sub_score {
        0 => options.min_seed_length * options.match_score,
        sub => sub,
    };
    let sub = sub.max(alignment.tandem_score);
    let score = alignment.score;
    if sub >= score {
        return 0;
    }
    let span = i64::from(alignment.query_span()).max(alignment.reference_span()) as i32;
    let unit = f64::from(options.match_score + options.mismatch_penalty);
    let lost = f64::from(span * options.match_score - score);
    let identity = 1.0 - lost / unit / f64::from(span);
    let mut quality = if options.mapping_quality_length > 0 {
        let ahead = PHRED_OF_SCORE * f64::from(score - sub) / f64::from(options.match_score);
        let weight = length_weight(options, span) * (identity * identity);
        (ahead * weight * weight + 0.499) as i32
    } else {
        let ahead = OLD_COEFFICIENT * (1.0 - f64::from(sub) / f64::from(score));
        let quality = ahead * maths::ln(f64::from(alignment.seed_coverage)) + 0.499;
        let quality = quality as i32;
        if identity < 0.95 {
            (f64::from(quality) * identity * identity + 0.499) as i32
        } else {
            quality
        }
    };
    quality -= crowd_penalty(alignment.sub_count);
    let unique = 1.0 - f64::from(alignment.repeat_fraction);
    (f64::from(quality.clamp(0, MOST)) * unique + 0.499) as u8
}

/// Returns how much the length of an alignment lowers its quality.
fn length_weight(options: &Options, span: i32) -> f64 {
    if span < options.mapping_quality_length {
        return 1.0;
    }
    // bwa keeps this logarithm in an integer.
    let coefficient = maths::ln(f64::from(options.mapping_quality_length)) as i32;
    f64::from(coefficient) / maths::ln(f64::from(span))
}

/// Returns how much `count` competitors of about the same score lower a quality.
pub(crate) fn crowd_penalty(count: i32) -> i32 {
    if count > 0 {
        (PHRED_OF_LN * maths::ln(f64::from(count + 1)) + 0.499) as i32
    } else {
        0
    }
}

/// Returns the quality that a difference of scores stands for.
pub(crate) fn from_difference(options: &Options, difference: i32) -> i32 {
    (PHRED_OF_SCORE * f64::from(difference) / f64::from(options.match_score) + 0.499) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alignment(score: i32, sub_score: i32) -> Alignment {
        Alignment {
            reference_end: 101,
            query_end: 101,
            score,
            sub_score,
            ..Alignment::default()
        }
    }

    #[test]
    fn quality_falls_with_the_competitor_and_its_kin() {
        let options = Options::default();
        let quality = |alignment: &Alignment| mapping_quality(&options, alignment);
        assert_eq!(quality(&alignment(101, 0)), 60);
        assert_eq!(quality(&alignment(101, 101)), 0);
        // 6.02 · 5 · (3 / ln 101)² = 12.7
        assert_eq!(quality(&alignment(101, 96)), 13);
        let crowded = Alignment {
            sub_count: 2,
            ..alignment(101, 96)
        };
        assert_eq!(quality(&crowded), 13 - 5);
        let repeated = Alignment {
            repeat_fraction: 0.5,
            ..alignment(101, 0)
        };
        assert_eq!(quality(&repeated), 30);
        let tandem = Alignment {
            tandem_score: 101,
            ..alignment(101, 0)
        };
        assert_eq!(quality(&tandem), 0);
    }

    #[test]
    fn differences_round_to_the_nearest() {
        assert_eq!(from_difference(&Options::default(), 10), 60);
        assert_eq!(crowd_penalty(0), 0);
        assert_eq!(crowd_penalty(1), 3);
    }
}
