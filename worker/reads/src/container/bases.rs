//! Bases of BAM records in two bits each.

/// The codes of two bases of a BAM record's byte; [`UNKNOWN`] where one is none of four.
const CODES: [u8; 256] = {
    let mut codes = [UNKNOWN; 256];
    let mut two = 0;
    while two < 16 {
        codes[16 << (two & 3) | 1 << (two >> 2)] = two as u8;
        two += 1;
    }
    codes
};

/// Two bytes of a BAM record for the codes of four bases.
const BYTES: [[u8; 2]; 256] = {
    let mut bytes = [[0; 2]; 256];
    let mut four = 0;
    while four < 256 {
        bytes[four][0] = 16 << (four & 3) | 1 << (four >> 2 & 3);
        bytes[four][1] = 16 << (four >> 4 & 3) | 1 << (four >> 6);
        four += 1;
    }
    bytes
};

const UNKNOWN: u8 = 0x80;

/// Appends the bases of a BAM record, two a byte; false, and nothing is appended, if they are not
/// all A, C, G or T. SAM v1 §4.2.3 (2024-11-06).
pub(super) fn pack_pairs(pairs: &[u8], count: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let (whole, last) = pairs.split_at(count / 2);
    let (twos, rest) = whole.as_chunks::<2>();
    let mut all = 0;
    let mut code = |pair: u8| {
        let code = CODES[usize::from(pair)];
        all |= code;
        code
    };
    out.extend(
        twos.iter()
            .map(|[one, other]| code(*one) & 15 | code(*other) << 4),
    );
    let mut end = [rest.first().copied(), last.first().copied()];
    if count % 2 == 1 {
        // The half that holds no base is 0, and stands for an A.
        let is_clean = last[0] & 15 == 0;
        end[1] = Some(if is_clean { last[0] | 1 } else { 0 });
    }
    let mut end = end.into_iter().flatten();
    if let Some(first) = end.next() {
        let first = code(first) & 15;
        out.push(first | end.next().map_or(0, &mut code) << 4);
    }
    let is_known = all & UNKNOWN == 0;
    if !is_known {
        out.truncate(start);
    }
    is_known
}

/// Appends the bytes of a BAM record for bases that were packed.
pub(super) fn unpack_pairs(packed: &[u8], count: usize, out: &mut Vec<u8>) {
    let end = out.len() + count.div_ceil(2);
    for &four in packed {
        out.extend_from_slice(&BYTES[usize::from(four)]);
    }
    out.truncate(end);
    if count % 2 == 1
        && let Some(last) = out.last_mut()
    {
        *last &= 0xF0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn known_pairs_come_back_and_others_are_refused(
            codes in prop::collection::vec(0..4u8, 0..40),
            other in 0..16u8,
            at in 0..40usize,
        ) {
            let mut nibbles: Vec<u8> = codes.iter().map(|code| 1 << code).collect();
            let count = nibbles.len();
            let known = at >= count || [1, 2, 4, 8].contains(&other);
            if at < count {
                nibbles[at] = other;
            }
            let pair = |pair: &[u8]| pair[0] << 4 | pair.get(1).unwrap_or(&0);
            let pairs: Vec<u8> = nibbles.chunks(2).map(pair).collect();
            let mut packed = vec![77];
            prop_assert_eq!(pack_pairs(&pairs, count, &mut packed), known);
            let mut found = vec![5];
            if known {
                prop_assert_eq!(packed.len(), 1 + count.div_ceil(4));
                unpack_pairs(&packed[1..], count, &mut found);
                prop_assert_eq!(&found[1..], &pairs[..]);
            } else {
                prop_assert_eq!(packed, vec![77]);
            }
        }
    }
}
