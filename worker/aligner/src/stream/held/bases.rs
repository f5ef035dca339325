//! Four bases a byte, and beside them where bases are not known.

use crate::varint::Cursor;
use genome::two_bits;
use genome::varint::put;

/// Appends the codes of bases, and the number, distances and lengths of stretches that are not
/// known.
pub(super) fn pack(bases: &[u8], out: &mut Vec<u8>) {
    match two_bits::pack(bases, out) {
        true => put(out, 0),
        false => two_bits::put_unknown(bases, out),
    }
}

/// Replaces `letters` by the bases that were packed; what was not known is an N.
pub(super) fn unpack(count: usize, packed: &mut Cursor<'_>, letters: &mut Vec<u8>) {
    two_bits::unpack(packed.bytes(count.div_ceil(4)), count, letters);
    let mut end = 0;
    for _ in 0..packed.number() {
        let start = end + packed.number() as usize;
        end = start + packed.number() as usize;
        letters[start..end].fill(b'N');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_come_back_as_known_letters() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b"a", b"A"),
            (b"ACGT", b"ACGT"),
            (b"acgtT", b"ACGTT"),
            (b"NNAC.RTTN", b"NNACNNTTN"),
            (b"NNNN", b"NNNN"),
        ];
        for (bases, expected) in cases {
            let mut out = Vec::new();
            pack(bases, &mut out);
            let mut letters = b"before".to_vec();
            let mut cursor = Cursor(&out);
            unpack(bases.len(), &mut cursor, &mut letters);
            assert_eq!(letters, expected);
            assert!(cursor.0.is_empty());
        }
    }
}
