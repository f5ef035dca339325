//! The fixed code, which needs no head: for single symbols. RFC 1951 §3.2.6.

use super::bits::BitWriter;
use super::symbols::{END, of_distance, of_length};

/// The first literal of nine bits.
const FIRST_WIDE_LITERAL: u8 = 144;

/// The first length's symbol of eight bits.
const FIRST_WIDE_LENGTH: usize = 280;

/// Starts a block that others follow.
pub(super) fn start(bits: &mut BitWriter<'_>) {
    bits.flush();
    bits.put(0b010, 3);
}

/// Ends a block.
pub(super) fn end(bits: &mut BitWriter<'_>) {
    bits.flush();
    bits.put(0, 7);
    bits.flush();
}

/// Ends a stream none of whose blocks was said to be the last: by one that is empty.
pub(super) fn end_stream(bits: &mut BitWriter<'_>) {
    bits.flush();
    bits.put(0b011, 3);
    end(bits);
}

/// Writes a literal.
pub(super) fn put_literal(byte: u8, bits: &mut BitWriter<'_>) {
    match byte < FIRST_WIDE_LITERAL {
        true => put(0b0011_0000 + u16::from(byte), 8, bits),
        false => put(
            0b1_1001_0000 + u16::from(byte - FIRST_WIDE_LITERAL),
            9,
            bits,
        ),
    }
}

/// Writes a match.
pub(super) fn put_match(length: usize, distance: usize, bits: &mut BitWriter<'_>) {
    let length = of_length(length);
    match length.symbol < FIRST_WIDE_LENGTH {
        true => put((length.symbol - END) as u16, 7, bits),
        false => put(
            0b1100_0000 + (length.symbol - FIRST_WIDE_LENGTH) as u16,
            8,
            bits,
        ),
    }
    bits.put(length.extra.into(), length.extra_bits);
    let distance = of_distance(distance);
    put(distance.symbol as u16, 5, bits);
    bits.put(distance.extra.into(), distance.extra_bits);
}

/// Writes a code, its highest bit first.
fn put(code: u16, wide: u32, bits: &mut BitWriter<'_>) {
    bits.flush();
    bits.put((code.reverse_bits() >> (u16::BITS - wide)).into(), wide);
}
