//! What the user may choose, with the defaults of `bwa mem`.

use crate::Error;
use crate::extend::level::Level;
use crate::insert_size::InsertSize;

/// The options of `bwa mem`; the letter of each is bwa's.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// `-A`: score of a match.
    pub match_score: i32,
    /// `-B`: penalty of a mismatch.
    pub mismatch_penalty: i32,
    /// `-O`, first value: penalty of opening a deletion.
    pub gap_open_deletion: i32,
    /// `-O`, second value: penalty of opening an insertion.
    pub gap_open_insertion: i32,
    /// `-E`, first value: penalty of each deleted base.
    pub gap_extend_deletion: i32,
    /// `-E`, second value: penalty of each inserted base.
    pub gap_extend_insertion: i32,
    /// `-L`, first value: penalty of clipping the 5′ end.
    pub clip_penalty_5: i32,
    /// `-L`, second value: penalty of clipping the 3′ end.
    pub clip_penalty_3: i32,
    /// `-w`: band width of the extension.
    pub band_width: i32,
    /// `-d`: drop below the best score at which an extension ends.
    pub z_drop: i32,
    /// `-T`: least score of a reported alignment.
    pub min_score: i32,
    /// `-U`: penalty of an unpaired pair.
    pub unpaired_penalty: i32,
    /// `-k`: least length of a seed.
    pub min_seed_length: i32,
    /// `-r`: seeds this many times longer than `min_seed_length` are searched for inner ones.
    pub reseed_factor: f32,
    /// `-s`: seeds with more occurrences are not searched for inner ones.
    pub reseed_max_occurrences: u64,
    /// `-y`: seeds of the third round have fewer occurrences; 0 leaves that round out.
    pub third_round_occurrences: u64,
    /// `-c`: of a seed with more occurrences only so many are used.
    pub max_occurrences: u64,
    /// `-G`: longest gap within a chain.
    pub max_chain_gap: i32,
    /// Longest insert that counts for the insert-size statistics; bwa has no letter for it.
    pub max_insert_size: i64,
    /// `-X`: overlap from which one hit masks another, as a fraction of the shorter.
    pub mask_level: f32,
    /// `-D`: chains and hits with less than this fraction of a better one are dropped.
    pub drop_ratio: f32,
    /// Least fraction of the primary score for the XA tag; bwa has no letter for it.
    pub alternative_ratio: f32,
    /// Overlap from which two hits are one; bwa has no letter for it.
    pub redundancy_level: f32,
    /// `-W`: least weight of a chain.
    pub min_chain_weight: i32,
    /// `-N`: most chains that are extended.
    pub max_chain_extensions: usize,
    /// `-h`, first value: with more hits there is no XA tag.
    pub max_alternatives: usize,
    /// `-h`, second value: the same where one hit is on an alternate contig.
    pub max_alternatives_with_alternate: usize,
    /// `-m`: most rescues tried for a mate.
    pub max_mate_rescues: usize,
    /// `-Q`: length from which mapping quality falls; 0 switches to bwa's older formula.
    pub mapping_quality_length: i32,
    /// `-I`: the insert-size distribution of forward–reverse pairs, instead of an estimate.
    pub insert_size: Option<InsertSize>,
    /// `-a`: report all hits.
    pub report_all: bool,
    /// `-M`: flag shorter split hits as secondary.
    pub split_as_secondary: bool,
    /// `-Y`: soft clips in supplementary records.
    pub soft_clip_supplementary: bool,
    /// `-5`: the split hit nearest the 5′ end is the primary one; implies `-q`.
    pub five_prime_primary: bool,
    /// `-q`: supplementary records keep their own mapping quality.
    pub keep_supplementary_quality: bool,
    /// `-S`: no mate rescue.
    pub skip_mate_rescue: bool,
    /// `-P`: no pairing; mate rescue stays on.
    pub skip_pairing: bool,
    /// `-j`: alternate contigs are as others.
    pub ignore_alternate: bool,
    /// Vector instructions to use, if the CPU knows them; the result is the same.
    pub level: Level,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            match_score: 1,
            mismatch_penalty: 4,
            gap_open_deletion: 6,
            gap_open_insertion: 6,
            gap_extend_deletion: 1,
            gap_extend_insertion: 1,
            clip_penalty_5: 5,
            clip_penalty_3: 5,
            band_width: 100,
            z_drop: 100,
            min_score: 30,
            unpaired_penalty: 17,
            min_seed_length: 19,
            reseed_factor: 1.5,
            reseed_max_occurrences: 10,
            third_round_occurrences: 20,
            max_occurrences: 500,
            max_chain_gap: 10_000,
            max_insert_size: 10_000,
            mask_level: 0.5,
            drop_ratio: 0.5,
            alternative_ratio: 0.8,
            redundancy_level: 0.95,
            min_chain_weight: 0,
            max_chain_extensions: 1 << 30,
            max_alternatives: 5,
            max_alternatives_with_alternate: 200,
            max_mate_rescues: 50,
            mapping_quality_length: 50,
            insert_size: None,
            report_all: false,
            split_as_secondary: false,
            soft_clip_supplementary: false,
            five_prime_primary: false,
            keep_supplementary_quality: false,
            skip_mate_rescue: false,
            skip_pairing: false,
            ignore_alternate: false,
            level: Level::detected(),
        }
    }
}

/// Scores and penalties stay in a byte, as in bwa's matrix.
const MOST_SCORE: i32 = 127;
const MOST_PENALTY: i32 = 10_000;

impl Options {
    /// Returns the most that a base adds to a score, or takes from it on the cheapest way.
    pub(crate) fn most_per_base(&self) -> usize {
        let most = [
            self.match_score,
            self.gap_extend_deletion,
            self.gap_extend_insertion,
        ];
        most.into_iter().fold(1, i32::max) as usize
    }

    /// Checks that every number makes sense.
    ///
    /// # Errors
    /// [`Error::Option`] names the first that does not.
    pub fn validate(&self) -> Result<(), Error> {
        let ranges = [
            ("match score", self.match_score, 1, MOST_SCORE),
            ("mismatch penalty", self.mismatch_penalty, 0, MOST_SCORE),
            ("deletion open", self.gap_open_deletion, 0, MOST_PENALTY),
            ("insertion open", self.gap_open_insertion, 0, MOST_PENALTY),
            ("deletion extend", self.gap_extend_deletion, 1, MOST_PENALTY),
            (
                "insertion extend",
                self.gap_extend_insertion,
                1,
                MOST_PENALTY,
            ),
            ("5' clip penalty", self.clip_penalty_5, 0, MOST_PENALTY),
            ("3' clip penalty", self.clip_penalty_3, 0, MOST_PENALTY),
            ("band width", self.band_width, 1, 1 << 20),
            ("z-drop", self.z_drop, 0, 1 << 20),
            ("minimum score", self.min_score, 0, 1 << 24),
            ("unpaired penalty", self.unpaired_penalty, 0, 1 << 24),
            ("minimum seed length", self.min_seed_length, 1, 1 << 15),
            ("chain gap", self.max_chain_gap, 0, 1 << 28),
            ("chain weight", self.min_chain_weight, 0, 1 << 29),
            (
                "mapping quality length",
                self.mapping_quality_length,
                0,
                1 << 24,
            ),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                let [value, least, most] = [value, least, most].map(i64::from);
                return Err(Error::Option {
                    name,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }

    /// Returns the score of a base against a base; codes from 4 on are unknown bases.
    #[inline]
    pub(crate) const fn score(&self, one: u8, other: u8) -> i32 {
        if one > 3 || other > 3 {
            -1
        } else if one == other {
            self.match_score
        } else {
            -self.mismatch_penalty
        }
    }

    /// Returns the cost of a first deleted base.
    pub(crate) const fn first_deletion(&self) -> i32 {
        self.gap_open_deletion + self.gap_extend_deletion
    }

    /// Returns the cost of a first inserted base.
    pub(crate) const fn first_insertion(&self) -> i32 {
        self.gap_open_insertion + self.gap_extend_insertion
    }

    /// Returns the length of the longest gap that `query_bp` matches can pay for.
    pub(crate) fn longest_gap(&self, query_bp: i32) -> i32 {
        let best = f64::from(query_bp * self.match_score);
        let gap =
            |open: i32, extend: i32| ((best - f64::from(open)) / f64::from(extend) + 1.0) as i32;
        let deletion = gap(self.gap_open_deletion, self.gap_extend_deletion);
        let insertion = gap(self.gap_open_insertion, self.gap_extend_insertion);
        deletion.max(insertion).max(1)
    }

    /// Returns the score difference up to which a second hit competes with a first.
    pub(crate) fn close_score(&self) -> i32 {
        (self.match_score + self.mismatch_penalty)
            .max(self.first_deletion())
            .max(self.first_insertion())
    }
}

#[cfg(test)]
impl Options {
    /// Options with these costs: of a mismatch, of opening a deletion and an insertion, of extending them.
    pub(crate) fn of_costs(costs: (i32, i32, i32, i32, i32)) -> Self {
        Self {
            mismatch_penalty: costs.0,
            gap_open_deletion: costs.1,
            gap_open_insertion: costs.2,
            gap_extend_deletion: costs.3,
            gap_extend_insertion: costs.4,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_zero_extension_is_not() {
        assert_eq!(Options::default().validate(), Ok(()));
        let free_gaps = Options {
            gap_extend_deletion: 0,
            ..Options::default()
        };
        assert!(matches!(free_gaps.validate(), Err(Error::Option { .. })));
    }

    #[test]
    fn gaps_grow_with_the_matches_that_pay_for_them() {
        let options = Options::default();
        assert_eq!(options.longest_gap(0), 1);
        assert_eq!(options.longest_gap(50), 45);
        assert_eq!(options.close_score(), 7);
    }
}
