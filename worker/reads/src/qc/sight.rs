//! A record with its bases and the reference under it, unpacked once for all that counts.

use genome::record::RecordView;

/// What the counters look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    pub record: RecordView<'a>,
    /// The bases as letters.
    pub bases: &'a [u8],
    /// The letters under a mapped record, as far as its contig goes; empty of an unmapped one.
    pub reference: &'a [u8],
}

/// Bases against as many letters of the reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The first base of the read.
    pub read: usize,
    /// The first letter, counted from the record's start.
    pub place: usize,
    /// How many.
    pub length: usize,
}

impl<'a> Sight<'a> {
    /// Returns the stretches where base stands against letter.
    pub fn blocks(self) -> impl Iterator<Item = Block> + use<'a> {
        let (mut read, mut place) = (0, 0);
        let known = self.reference.len();
        let block = move |op: genome::cigar::CigarOp| {
            let (kind, length) = (op.kind(), op.len() as usize);
            let block = Block {
                read,
                place,
                length: length.min(known.saturating_sub(place)),
            };
            read += if kind.consumes_read() { length } else { 0 };
            place += if kind.consumes_reference() { length } else { 0 };
            (kind.is_aligned() && block.length > 0).then_some(block)
        };
        self.record.cigar().filter_map(block)
    }

    /// Returns the bases of a block and the letters against them.
    pub fn letters(self, block: Block) -> (&'a [u8], &'a [u8]) {
        (
            &self.bases[block.read..block.read + block.length],
            &self.reference[block.place..block.place + block.length],
        )
    }

    /// Counts the bases that are not the reference's.
    pub fn mismatches(self) -> u64 {
        let differing = |block| differing(self.letters(block));
        self.blocks().map(differing).sum()
    }
}

/// How many are counted together: their number fits into a byte, and many of those into a vector.
const PIECE: usize = 255;

/// Counts the items that are wanted.
pub(super) fn count<T: Copy>(items: &[T], is_wanted: impl Fn(T) -> bool) -> u64 {
    let wanted = |piece: &[T]| {
        let wanted = piece.iter().map(|&item| u8::from(is_wanted(item)));
        u64::from(wanted.sum::<u8>())
    };
    items.chunks(PIECE).map(wanted).sum()
}

/// Counts the places where two stretches of letters differ.
pub(super) fn differing((one, other): (&[u8], &[u8])) -> u64 {
    let differ = |(one, other): (&[u8], &[u8])| {
        let differ = one.iter().zip(other).map(|(a, b)| u8::from(a != b));
        u64::from(differ.sum::<u8>())
    };
    one.chunks(PIECE).zip(other.chunks(PIECE)).map(differ).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_bytes_than_a_piece_has_are_counted() {
        let bytes: Vec<u8> = (0..1000u32).map(|at| u8::from(at % 10 > 0)).collect();
        assert_eq!(count(&bytes, |byte| byte > 0), 900);
        assert_eq!(count(&[true; PIECE], |is| is), PIECE as u64);
        assert_eq!(differing((&bytes, &[1; 1000])), 100);
        assert_eq!(differing((&[0; PIECE], &[1; PIECE])), PIECE as u64);
        assert_eq!(differing((&bytes[..7], &bytes[10..])), 0);
    }
}
