//! How the values of a slice are encoded. CRAM v3.1 (2024-09-04), §8.4 and §13.

use std::io;

use super::container::{put_itf8, size};

/// Data series, each in the block of its number, and whether each value ends with a zero byte.
pub(super) const SERIES: [(&[u8; 2], Ends); 25] = [
    (b"BF", Ends::Number),
    (b"CF", Ends::Number),
    (b"RI", Ends::Number),
    (b"RL", Ends::Number),
    (b"AP", Ends::Number),
    (b"RG", Ends::Number),
    (b"MF", Ends::Number),
    (b"NS", Ends::Number),
    (b"NP", Ends::Number),
    (b"TS", Ends::Number),
    (b"TL", Ends::Number),
    (b"FN", Ends::Number),
    (b"FC", Ends::Number),
    (b"FP", Ends::Number),
    (b"DL", Ends::Number),
    (b"BA", Ends::Number),
    (b"BS", Ends::Number),
    (b"RS", Ends::Number),
    (b"PD", Ends::Number),
    (b"HC", Ends::Number),
    (b"MQ", Ends::Number),
    (b"QS", Ends::Number),
    (b"RN", Ends::Zero),
    (b"IN", Ends::Zero),
    (b"SC", Ends::Zero),
];

/// How values of a series end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Number,
    Zero,
}

/// Returns the header that says how a slice's values are encoded: `lists` of tags by number, and
/// the tags that occur.
pub(super) fn compression_header<'a>(
    lists: &[Vec<u8>],
    keys: impl ExactSizeIterator<Item = &'a [u8; 3]> + Clone,
) -> io::Result<Vec<u8>> {
    const SUBSTITUTIONS: [u8; 5] = [0b0001_1011; 5];
    let mut preserved = Vec::new();
    put_itf8(&mut preserved, 5);
    preserved.extend_from_slice(b"RN\x01AP\x00RR\x01SM");
    preserved.extend_from_slice(&SUBSTITUTIONS);
    preserved.extend_from_slice(b"TD");
    let mut joined = Vec::new();
    for list in lists {
        joined.extend_from_slice(list);
        joined.push(0);
    }
    put_itf8(&mut preserved, size(joined.len())?);
    preserved.extend_from_slice(&joined);
    let mut encodings = Vec::new();
    put_itf8(&mut encodings, SERIES.len() as i32);
    for (id, (name, ends)) in (1..).zip(SERIES) {
        encodings.extend_from_slice(name);
        match ends {
            Ends::Number => put_external(id, &mut encodings),
            Ends::Zero => put_stopped(id, &mut encodings),
        }
    }
    let mut values = Vec::new();
    put_itf8(&mut values, keys.len() as i32);
    for key in keys {
        put_itf8(&mut values, tag_id(key));
        put_with_length(tag_id(key), &mut values);
    }
    let mut header = Vec::new();
    for map in [preserved, encodings, values] {
        put_itf8(&mut header, size(map.len())?);
        header.extend_from_slice(&map);
    }
    Ok(header)
}

/// Returns the number of the block of a tag and type.
pub(super) fn tag_id(key: &[u8; 3]) -> i32 {
    i32::from_be_bytes([0, key[0], key[1], key[2]])
}

/// The encoding `EXTERNAL`.
fn put_external(id: i32, out: &mut Vec<u8>) {
    put_encoding(1, |parameters| put_itf8(parameters, id), out);
}

/// The encoding `BYTE_ARRAY_STOP`, with a zero byte.
fn put_stopped(id: i32, out: &mut Vec<u8>) {
    let parameters = |parameters: &mut Vec<u8>| {
        parameters.push(0);
        put_itf8(parameters, id);
    };
    put_encoding(5, parameters, out);
}

/// The encoding `BYTE_ARRAY_LEN`, lengths and values in one block.
fn put_with_length(id: i32, out: &mut Vec<u8>) {
    let parameters = |parameters: &mut Vec<u8>| {
        put_external(id, parameters);
        put_external(id, parameters);
    };
    put_encoding(4, parameters, out);
}

fn put_encoding(number: i32, parameters: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    parameters(&mut bytes);
    put_itf8(out, number);
    put_itf8(out, bytes.len() as i32);
    out.extend_from_slice(&bytes);
}
