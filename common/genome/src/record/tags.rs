//! Optional fields.

use memchr::memchr;

/// The two letters of a tag.
pub type Tag = [u8; 2];

/// A tag's value. SAM v1 §4.2.4 (2024-11-06).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TagValue<'a> {
    /// `A`: one printable character.
    Character(u8),
    /// `i` and BAM's narrower integers.
    Integer(i64),
    /// `f`.
    Float(f32),
    /// `Z`, without its closing zero.
    Text(&'a [u8]),
    /// `H`, without its closing zero.
    Hex(&'a [u8]),
    /// `B`: the element type and the little-endian elements.
    Array(u8, &'a [u8]),
}

/// Returns the tags of a record in order; stops at the first malformed one.
pub fn tags(mut bytes: &[u8]) -> impl Iterator<Item = (Tag, TagValue<'_>)> {
    std::iter::from_fn(move || {
        let (tag, value, rest) = split_first(bytes)?;
        bytes = rest;
        Some((tag, value))
    })
}

/// Returns the tags of a record in order, each with the bytes that encode it.
pub fn encoded_tags(mut bytes: &[u8]) -> impl Iterator<Item = (Tag, &[u8])> {
    std::iter::from_fn(move || {
        let (one, rest) = bytes.split_at_checked(first_length(bytes)?)?;
        bytes = rest;
        Some(([one[0], one[1]], one))
    })
}

/// Returns the text of a tag, given the bytes that encode it; none if it holds something else.
pub fn text_of(encoded: &[u8]) -> Option<&[u8]> {
    match encoded {
        [_, _, b'Z', text @ .., 0] => Some(text),
        _ => None,
    }
}

/// Returns how many bytes encode the first tag.
fn first_length(bytes: &[u8]) -> Option<usize> {
    let (&[_, _, kind], rest) = bytes.split_first_chunk::<3>()?;
    let length = match kind {
        b'A' | b'c' | b'C' => 1,
        b's' | b'S' => 2,
        b'i' | b'I' | b'f' => 4,
        b'Z' | b'H' => memchr(0, rest)? + 1,
        b'B' => rest.len() - array(rest)?.1.len(),
        _ => return None,
    };
    Some(3 + length)
}

/// Appends the tags in `bytes` but for those named in `dropped`; malformed ones stay as they are.
pub fn without_tags(mut bytes: &[u8], dropped: &[Tag], kept: &mut Vec<u8>) {
    while let Some((tag, _, rest)) = split_first(bytes) {
        if !dropped.contains(&tag) {
            kept.extend_from_slice(&bytes[..bytes.len() - rest.len()]);
        }
        bytes = rest;
    }
    kept.extend_from_slice(bytes);
}

fn split_first(bytes: &[u8]) -> Option<(Tag, TagValue<'_>, &[u8])> {
    let (&[first, second, kind], rest) = bytes.split_first_chunk::<3>()?;
    let integer = |width: usize, signed: bool| {
        let (value, rest) = rest.split_at_checked(width)?;
        Some((TagValue::Integer(little_endian(value, signed)), rest))
    };
    let (value, rest) = match kind {
        b'A' => rest
            .split_first()
            .map(|(&value, rest)| (TagValue::Character(value), rest)),
        b'c' => integer(1, true),
        b'C' => integer(1, false),
        b's' => integer(2, true),
        b'S' => integer(2, false),
        b'i' => integer(4, true),
        b'I' => integer(4, false),
        b'f' => {
            let (value, rest) = rest.split_first_chunk::<4>()?;
            Some((TagValue::Float(f32::from_le_bytes(*value)), rest))
        }
        b'Z' => text(rest).map(|(value, rest)| (TagValue::Text(value), rest)),
        b'H' => text(rest).map(|(value, rest)| (TagValue::Hex(value), rest)),
        b'B' => array(rest),
        _ => None,
    }?;
    Some(([first, second], value, rest))
}

fn little_endian(bytes: &[u8], signed: bool) -> i64 {
    let unsigned = bytes
        .iter()
        .rev()
        .fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    let unused_bits = 64 - 8 * bytes.len() as u32;
    if signed {
        (unsigned << unused_bits).cast_signed() >> unused_bits
    } else {
        unsigned.cast_signed()
    }
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(0, bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn array(bytes: &[u8]) -> Option<(TagValue<'_>, &[u8])> {
    let (&[kind, a, b, c, d], rest) = bytes.split_first_chunk::<5>()?;
    let width = match kind {
        b'c' | b'C' => 1,
        b's' | b'S' => 2,
        b'i' | b'I' | b'f' => 4,
        _ => return None,
    };
    let count = u32::from_le_bytes([a, b, c, d]) as usize;
    let (elements, rest) = rest.split_at_checked(count.checked_mul(width)?)?;
    Some((TagValue::Array(kind, elements), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_width_are_read_with_their_sign() {
        let bytes = [
            b"AAc\xff".as_slice(),
            b"ABC\xff",
            b"ACs\xfe\xff",
            b"ADS\xfe\xff",
            b"AEi\xfd\xff\xff\xff",
            b"AFI\xfd\xff\xff\xff",
            b"AGZtext\0",
        ]
        .concat();
        let values: Vec<_> = tags(&bytes).map(|(_, value)| value).collect();
        let expected = [-1, 255, -2, 65534, -3, 4_294_967_293].map(TagValue::Integer);
        assert_eq!(values[..6], expected);
        assert_eq!(values[6], TagValue::Text(b"text"));
    }

    #[test]
    fn dropped_tags_leave_the_others_as_they_are() {
        let mut kept = Vec::new();
        without_tags(b"AAZx\0BDC\x01ABc\xff", &[*b"BD", *b"BI"], &mut kept);
        assert_eq!(kept, b"AAZx\0ABc\xff");
        kept.clear();
        without_tags(b"BDC\x01ABi\xff", &[*b"BD"], &mut kept);
        assert_eq!(kept, b"ABi\xff");
    }

    #[test]
    fn texts_of_any_length_end_at_the_first_zero() {
        for length in 0..40 {
            let text = vec![b'\x01'; length];
            let bytes = [b"AAZ", text.as_slice(), b"\0ABZ\x80\0\0"].concat();
            let found: Vec<_> = tags(&bytes).map(|(_, value)| value).collect();
            assert_eq!(found, [TagValue::Text(&text), TagValue::Text(b"\x80")]);
            assert_eq!(tags(&bytes[..3 + length]).count(), 0);
        }
    }

    #[test]
    fn tags_as_they_are_encoded_make_up_the_whole() {
        let bytes = b"AAc\xffABS\x01\x02ACf\0\0\0\0ADZtext\0AEHFF\0AFBs\x01\0\0\0\x07\0AGAx";
        let found: Vec<_> = encoded_tags(bytes).collect();
        assert_eq!(
            found
                .iter()
                .map(|(_, one)| *one)
                .collect::<Vec<_>>()
                .concat(),
            bytes
        );
        let names: Vec<_> = tags(bytes).map(|(tag, _)| tag).collect();
        assert_eq!(found.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), names);
        assert_eq!(text_of(found[3].1), Some(b"text".as_slice()));
        assert_eq!(text_of(found[4].1), None);
        for cut in 1..7 {
            assert_eq!(
                encoded_tags(&bytes[bytes.len() - 4..][..cut.min(3)]).count(),
                0
            );
        }
    }

    #[test]
    fn truncated_tags_end_the_iteration() {
        assert_eq!(tags(b"AAi\x01\x00").count(), 0);
        assert_eq!(tags(b"AABi\xff\xff\xff\xff").count(), 0);
    }
}
