//! Which batches are refused.

use super::Batch;
use crate::{Error, Options};
use genome::cigar::MOST_BASES;

/// Scores stay below this, so that sums of a few fit in 32 bits.
const MOST_SCORE: usize = 1 << 29;
/// Longest name of a BAM record.
const LONGEST_NAME: usize = 254;

/// Checks that reads can be aligned and that mates belong together.
pub(crate) fn check(options: &Options, batch: &Batch<'_>) -> Result<(), Error> {
    let limit = (MOST_BASES as usize).min(MOST_SCORE / options.most_per_base());
    if batch.paired && !batch.reads.len().is_multiple_of(2) {
        return Err(Error::OddBatch {
            reads: batch.reads.len(),
        });
    }
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut first_name: &[u8] = &[];
    for (read, at) in batch.reads.iter().zip(0u64..) {
        let number = batch.first_ordinal + at + 1;
        let (bytes, bases) = (read.name.len(), read.bases.len());
        if !(1..=LONGEST_NAME).contains(&bytes) {
            return Err(Error::NameLength { number, bytes });
        }
        if bases > limit {
            return Err(Error::ReadTooLong {
                number,
                name: text(read.name),
                bases,
                limit,
            });
        }
        if batch.paired && at % 2 == 1 && first_name != read.name {
            return Err(Error::MateNames {
                number,
                first: text(first_name),
                second: text(read.name),
            });
        }
        first_name = read.name;
    }
    Ok(())
}
