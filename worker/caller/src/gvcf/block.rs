//! A run of positions with alike confidence in the reference.

use genome::region::ContigId;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Consecutive positions whose genotype quality lies in one band.
///
/// It stays open to its neighbours: all of its numbers can be joined exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The contig.
    pub contig: ContigId,
    /// First position, 0-based.
    pub start: u64,
    /// One past the last position.
    pub end: u64,
    /// Upper-case letter of the reference at `start`.
    pub first_base: u8,
    /// Lower bound of the band.
    pub band: u8,
    /// The smallest likelihood of each genotype, Phred-scaled: one more than the ploidy.
    pub likelihoods: Vec<u32>,
    /// How many positions have each depth.
    pub depths: BTreeMap<u32, u64>,
}

/// Why text is no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed open block {text:?}")]
pub struct BlockError {
    /// The text.
    pub text: String,
}

impl Block {
    /// Says whether `next` goes on where this block ends, in the same band.
    pub fn joins(&self, next: &Self) -> bool {
        (self.contig, self.end, self.band) == (next.contig, next.start, next.band)
            && self.likelihoods.len() == next.likelihoods.len()
    }

    /// Takes in a block that [`Block::joins`].
    pub fn extend(&mut self, next: &Self) {
        self.end = next.end;
        for (mine, theirs) in self.likelihoods.iter_mut().zip(&next.likelihoods) {
            *mine = *theirs.min(mine);
        }
        for (&depth, &positions) in &next.depths {
            *self.depths.entry(depth).or_default() += positions;
        }
    }

    /// Returns the genotype quality: second smallest less smallest likelihood.
    pub fn genotype_quality(&self) -> u32 {
        let mut sorted = self.likelihoods.clone();
        sorted.sort_unstable();
        match sorted[..] {
            [lowest, next, ..] => next - lowest,
            _ => 0,
        }
    }

    /// Returns the smallest depth.
    pub fn minimum_depth(&self) -> u32 {
        self.depths.keys().next().copied().unwrap_or(0)
    }

    /// Returns the median depth, the mean of the middle two rounded up.
    pub fn median_depth(&self) -> u32 {
        let positions: u64 = self.depths.values().sum();
        let sum = self.nth_depth(positions.saturating_sub(1) / 2) + self.nth_depth(positions / 2);
        sum.div_ceil(2)
    }

    fn nth_depth(&self, index: u64) -> u32 {
        let mut seen = 0;
        for (&depth, &positions) in &self.depths {
            seen += positions;
            if index < seen {
                return depth;
            }
        }
        0
    }

    /// Returns the open block as one line of text, without line end.
    pub fn encode(&self) -> String {
        let words: Vec<String> = self.likelihoods.iter().map(u32::to_string).collect();
        let mut text = format!(
            "{} {} {} {} {} {}",
            self.contig.0,
            self.start,
            self.end,
            self.first_base,
            self.band,
            words.join(",")
        );
        for (depth, positions) in &self.depths {
            write!(text, " {depth}:{positions}").expect("text grows");
        }
        text
    }

    /// Reads what [`Block::encode`] wrote.
    ///
    /// # Errors
    /// [`BlockError`] for anything else.
    pub fn decode(text: &str) -> Result<Self, BlockError> {
        Self::from_words(text).ok_or_else(|| BlockError { text: text.into() })
    }

    fn from_words(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let block = Self {
            contig: ContigId(u32::try_from(number()?).ok()?),
            start: number()?,
            end: number()?,
            first_base: u8::try_from(number()?).ok()?,
            band: u8::try_from(number()?).ok()?,
            likelihoods: words
                .next()?
                .split(',')
                .map(|word| word.parse().ok())
                .collect::<Option<_>>()?,
            depths: words
                .map(|word| {
                    let (depth, positions) = word.split_once(':')?;
                    Some((depth.parse().ok()?, positions.parse().ok()?))
                })
                .collect::<Option<_>>()?,
        };
        (block.start < block.end).then_some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(depths: &[(u32, u64)]) -> Block {
        let depths: BTreeMap<_, _> = depths.iter().copied().collect();
        Block {
            contig: ContigId(1),
            start: 10,
            end: 10 + depths.values().sum::<u64>(),
            first_base: b'A',
            band: 3,
            likelihoods: vec![0, 3, 30],
            depths,
        }
    }

    #[test]
    fn median_is_rounded_half_up() {
        assert_eq!(block(&[(2, 1), (3, 1)]).median_depth(), 3);
        assert_eq!(block(&[(2, 2), (9, 1)]).median_depth(), 2);
        assert_eq!(block(&[(0, 5)]).median_depth(), 0);
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["", "1 2", "0 5 5 65 0 0,0,0 0:1", "0 5 6 65 0 0,0,0 x"] {
            assert!(Block::decode(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(depths in prop::collection::btree_map(0u32..99, 1u64..9, 1..5)) {
            let depths: Vec<_> = depths.into_iter().collect();
            let block = block(&depths);
            prop_assert_eq!(Block::decode(&block.encode()), Ok(block));
        }
    }
}
