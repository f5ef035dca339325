//! Four bases a byte, and beside them where bases are not known.

use crate::varint::Cursor;
use genome::base;
use genome::reference::UNPACKED;
use genome::varint::put;

/// Appends the codes of bases, and the number, distances and lengths of stretches that are not
/// known.
pub(super) fn pack(bases: &[u8], out: &mut Vec<u8>) {
    let mut all = 0;
    let mut code = |letter: u8| {
        let code = base::code(letter);
        all |= code;
        code & 3
    };
    let (fours, rest) = bases.as_chunks::<4>();
    for four in fours {
        let [a, b, c, d] = four.map(&mut code);
        out.push(a << 6 | b << 4 | c << 2 | d);
    }
    if !rest.is_empty() {
        let shifted = [6, 4, 2].into_iter().zip(rest);
        out.push(shifted.fold(0, |byte, (shift, &letter)| byte | code(letter) << shift));
    }
    if all & base::AMBIGUOUS == 0 {
        put(out, 0);
        return;
    }
    let mut end = 0;
    let stretches = unknown(bases);
    put(out, stretches.len() as u64);
    for (start, length) in stretches {
        put(out, (start - end) as u64);
        put(out, length as u64);
        end = start + length;
    }
}

/// Replaces `letters` by the bases that were packed; what was not known is an N.
pub(super) fn unpack(count: usize, packed: &mut Cursor<'_>, letters: &mut Vec<u8>) {
    letters.clear();
    for &four in packed.bytes(count.div_ceil(4)) {
        letters.extend_from_slice(&UNPACKED[usize::from(four)]);
    }
    letters.truncate(count);
    let mut end = 0;
    for _ in 0..packed.number() {
        let start = end + packed.number() as usize;
        end = start + packed.number() as usize;
        letters[start..end].fill(b'N');
    }
}

/// Returns starts and lengths of the stretches that are not known.
fn unknown(bases: &[u8]) -> Vec<(usize, usize)> {
    let is_unknown = |&letter: &u8| base::code(letter) == base::AMBIGUOUS;
    let mut at = 0;
    let mut stretches = Vec::new();
    for stretch in bases.chunk_by(|one, other| is_unknown(one) == is_unknown(other)) {
        if is_unknown(&stretch[0]) {
            stretches.push((at, stretch.len()));
        }
        at += stretch.len();
    }
    stretches
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
