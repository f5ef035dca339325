//! Letters in two bits each, four a byte, and beside them where they are not known.

use crate::base;
use crate::reference::UNPACKED;
use crate::varint;

/// Appends the codes of letters; false if one is not known, which is kept as an A.
pub fn pack(letters: &[u8], out: &mut Vec<u8>) -> bool {
    let mut all = 0;
    let mut code = |letter: u8| {
        let code = base::code(letter);
        all |= code;
        code & 3
    };
    let (fours, rest) = letters.as_chunks::<4>();
    for four in fours {
        let [a, b, c, d] = four.map(&mut code);
        out.push(a << 6 | b << 4 | c << 2 | d);
    }
    if !rest.is_empty() {
        let shifted = [6, 4, 2].into_iter().zip(rest);
        out.push(shifted.fold(0, |byte, (shift, &letter)| byte | code(letter) << shift));
    }
    all & base::AMBIGUOUS == 0
}

/// Replaces `letters` by the first `count` that were packed.
pub fn unpack(packed: &[u8], count: usize, letters: &mut Vec<u8>) {
    letters.clear();
    for &four in packed {
        letters.extend_from_slice(&UNPACKED[usize::from(four)]);
    }
    letters.truncate(count);
}

/// Appends the number of stretches of letters that are not known, and of each its distance from the end
/// of the one before and its length, as [`varint`]s.
pub fn put_unknown(letters: &[u8], out: &mut Vec<u8>) {
    let is_unknown = |letter: &u8| base::code(*letter) == base::AMBIGUOUS;
    let stretches = letters.chunk_by(|one, other| is_unknown(one) == is_unknown(other));
    let unknown = |stretch: &&[u8]| is_unknown(&stretch[0]);
    varint::put(out, stretches.clone().filter(unknown).count() as u64);
    let mut since = 0;
    for stretch in stretches {
        if unknown(&stretch) {
            varint::put(out, since);
            varint::put(out, stretch.len() as u64);
            since = 0;
        } else {
            since = stretch.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_in_upper_case() {
        for (letters, known) in [("", true), ("acgTT", true), ("ACNGT", false)] {
            let mut packed = Vec::new();
            assert_eq!(pack(letters.as_bytes(), &mut packed), known);
            let mut found = b"before".to_vec();
            unpack(&packed, letters.len(), &mut found);
            assert!(!known || found == letters.to_ascii_uppercase().as_bytes());
        }
    }

    #[test]
    fn stretches_are_told_by_distance_and_length() {
        for (letters, told) in [
            ("", vec![0]),
            ("ACGT", vec![0]),
            ("NNAC.RTTN", vec![3, 0, 2, 2, 2, 2, 1]),
        ] {
            let mut out = Vec::new();
            put_unknown(letters.as_bytes(), &mut out);
            assert_eq!(out, told, "{letters}");
        }
    }
}
