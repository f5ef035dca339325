//! Which batches are refused.

use super::Batch;
use crate::Error;

/// Longest read: scores stay within 32 bits.
const LONGEST_READ: usize = 1 << 20;
/// Longest name of a BAM record.
const LONGEST_NAME: usize = 254;

/// Checks that reads can be aligned and that mates belong together.
pub(crate) fn check(batch: &Batch<'_>) -> Result<(), Error> {
    if batch.paired && !batch.reads.len().is_multiple_of(2) {
        return Err(Error::OddBatch {
            reads: batch.reads.len(),
        });
    }
    let mut first_name: &[u8] = &[];
    for (read, at) in batch.reads.iter().zip(0u64..) {
        let number = batch.first_ordinal + at + 1;
        let (bytes, bases) = (read.name.len(), read.bases.len());
        if !(1..=LONGEST_NAME).contains(&bytes) {
            return Err(Error::NameLength { number, bytes });
        }
        if bases > LONGEST_READ {
            return Err(Error::ReadTooLong {
                number,
                bases,
                limit: LONGEST_READ,
            });
        }
        if batch.paired && at % 2 == 1 && first_name != read.name {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
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
