//! How much a read is trusted not to have gained or lost a base: PCR slips in tandem repeats.
//!
//! Source: GATK 4.6 `PairHMMLikelihoodCalculationEngine` (PCR indel error model).

use crate::options::PcrIndelModel;
use genome::maths;

/// Where nothing is known.
const INDEL_QUALITY: u8 = 45;

/// Longer repeats count as this long, and longer units are not looked for.
const LONGEST_REPEAT: usize = 20;
const LONGEST_UNIT: usize = 8;

/// Qualities by the length of the repeat around a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndelQualities {
    by_repeat: Option<[u8; LONGEST_REPEAT + 1]>,
}

impl IndelQualities {
    /// Makes the table of a model.
    pub fn new(model: PcrIndelModel) -> Self {
        let rate = match model {
            PcrIndelModel::None => return Self { by_repeat: None },
            PcrIndelModel::Hostile => 1.0,
            PcrIndelModel::Aggressive => 2.0,
            PcrIndelModel::Conservative => 3.0,
        };
        let quality = |repeat| quality_of_repeat(repeat, rate);
        Self {
            by_repeat: Some(std::array::from_fn(quality)),
        }
    }

    /// Returns a quality for each base of a read; the last one is before nothing.
    pub fn of(&self, bases: &[u8]) -> Vec<u8> {
        let mut qualities = vec![INDEL_QUALITY; bases.len()];
        if let Some(table) = &self.by_repeat {
            for (index, quality) in qualities.iter_mut().enumerate().take(bases.len() - 1) {
                *quality = table[repeat_around(bases, index)].min(INDEL_QUALITY);
            }
        }
        qualities
    }
}

fn quality_of_repeat(repeat: usize, rate: f64) -> u8 {
    const UNREPEATED: f64 = 40.0;
    const LOWEST: u8 = 10;
    let value = UNREPEATED - maths::exp(repeat as f64 / (rate * std::f64::consts::PI)) + 1.0;
    if value <= f64::from(LOWEST) {
        return LOWEST;
    }
    ((value + 0.5) as u8).max(LOWEST)
}

/// Returns how often a unit is repeated in a row around the gap after base `index`.
fn repeat_around(bases: &[u8], index: usize) -> usize {
    let (before, after) = bases.split_at(index + 1);
    let (mut unit_before, mut count_before) = (&before[index..], 0);
    for length in 1..=LONGEST_UNIT.min(before.len()) {
        let unit = &before[before.len() - length..];
        count_before = copies_at_end(before, unit);
        if count_before > 1 {
            unit_before = unit;
            break;
        }
    }
    let (mut unit_after, mut count_after) = (&after[..1], 0);
    for length in 1..=LONGEST_UNIT.min(after.len()) {
        let unit = &after[..length];
        count_after = copies_at_start(after, unit);
        if count_after > 1 {
            unit_after = unit;
            break;
        }
    }
    if unit_before != unit_after {
        count_before = copies_at_end(before, unit_after);
    }
    (count_before + count_after).min(LONGEST_REPEAT)
}

fn copies_at_start(letters: &[u8], unit: &[u8]) -> usize {
    letters
        .chunks_exact(unit.len())
        .take_while(|&chunk| chunk == unit)
        .count()
}

fn copies_at_end(letters: &[u8], unit: &[u8]) -> usize {
    letters
        .rchunks_exact(unit.len())
        .take_while(|&chunk| chunk == unit)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_on_both_sides() {
        let table: [(&[u8], usize, usize); 6] = [
            (b"GATTTTTC", 3, 5),
            (b"GATTTTTC", 1, 5),
            (b"GCACACAT", 2, 3),
            (b"GCACACAT", 4, 1),
            (b"TTCTTCCCC", 5, 4),
            (b"ACGTAGCT", 3, 1),
        ];
        for (bases, index, expected) in table {
            assert_eq!(repeat_around(bases, index), expected, "{bases:?} {index}");
        }
    }

    #[test]
    fn long_repeats_lower_the_quality() {
        let qualities = IndelQualities::new(PcrIndelModel::Conservative);
        let homopolymer = qualities.of(&[b'A'; 30]);
        assert_eq!(homopolymer[15], 33);
        assert_eq!(homopolymer[29], INDEL_QUALITY);
        assert_eq!(qualities.of(b"ACGT")[0], 40);
        assert_eq!(
            IndelQualities::new(PcrIndelModel::None).of(b"ACGT"),
            [45; 4]
        );
    }
}
