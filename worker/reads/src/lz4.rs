//! LZ4 without frames: who packs keeps the lengths.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// Appends packed data and returns its length.
pub(crate) fn pack(data: &[u8], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + get_maximum_output_size(data.len()), 0);
    let length = compress_into(data, &mut out[start..])
        .expect("the output is as long as the compressor's own bound");
    out.truncate(start + length);
    length
}

/// Fills `data` with what was packed; false if it is something else.
pub(crate) fn unpack(packed: &[u8], data: &mut [u8]) -> bool {
    decompress_into(packed, data).is_ok_and(|length| length == data.len())
}
