//! Tags of BAM records as bytes, which CRAM keeps as they are.

/// Returns tag and type of each optional field, and the bytes of its value as BAM has them; stops
/// at the first malformed one.
pub(super) fn raw_tags(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 3], &[u8])> {
    std::iter::from_fn(move || {
        let (key, rest) = bytes.split_first_chunk::<3>()?;
        let (value, rest) = rest.split_at_checked(length(key[2], rest)?)?;
        bytes = rest;
        Some((*key, value))
    })
}

fn length(kind: u8, bytes: &[u8]) -> Option<usize> {
    let length = match kind {
        b'A' | b'c' | b'C' => 1,
        b's' | b'S' => 2,
        b'i' | b'I' | b'f' => 4,
        b'Z' | b'H' => bytes.iter().position(|&byte| byte == 0)? + 1,
        b'B' => {
            let (&[kind, a, b, c, d], _) = bytes.split_first_chunk::<5>()?;
            let count = u32::from_le_bytes([a, b, c, d]) as usize;
            5 + count.checked_mul(length(kind, &[])?)?
        }
        _ => return None,
    };
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_by_their_type() {
        let bytes = b"NMC\x03XZZab\0YBBs\x02\0\0\0\x01\0\x02\0XAAx";
        let found: Vec<([u8; 3], usize)> = raw_tags(bytes)
            .map(|(key, value)| (key, value.len()))
            .collect();
        let expected = [(*b"NMC", 1), (*b"XZZ", 3), (*b"YBB", 9), (*b"XAA", 1)];
        assert_eq!(found, expected);
        assert_eq!(raw_tags(b"NMi\x03").count(), 0);
    }
}
