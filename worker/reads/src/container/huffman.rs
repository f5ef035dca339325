//! Bytes of few frequent values, such as qualities, in as many bits as they are rare.
//!
//! A canonical prefix code of at most [`MOST_BITS`] bits for the values of the whole, in four
//! streams that are read side by side.
//!
//! Source: Huffman 1952; the canonical form as RFC 1951 §3.2.2.

mod bits;
mod code;

use bits::{BitReader, BitWriter};
use code::{Code, TABLE_SIZE};

use super::{Decoder, Error, put_varint};

/// No code is longer, so that a table of all prefixes fits the first cache.
const MOST_BITS: u32 = 11;

/// Streams that are read side by side: their dependent steps overlap.
const STREAMS: usize = 4;

/// Values between two refills: as many of the longest codes as a filled reader holds.
const STEP: usize = 5;

/// Names the data in errors.
const WHAT: &str = "packed qualities";

/// Appends packed data; its length is not kept.
pub(crate) fn pack(data: &[u8], out: &mut Vec<u8>) {
    let counts = counts(data);
    let values = counts.iter().filter(|&&count| count > 0).count();
    put_varint(out, values as u64);
    if values < 2 {
        out.extend(data.first());
        return;
    }
    let code = Code::of_counts(&counts);
    code.put(out);
    for part in parts(data) {
        let mut writer = BitWriter::with_room(part.len() * MOST_BITS as usize);
        for step in part.chunks(STEP) {
            for &value in step {
                let (bits, length) = code.of(value);
                writer.put(bits, length);
            }
            writer.flush();
        }
        let stream = writer.finish();
        put_varint(out, stream.len() as u64);
        out.extend_from_slice(&stream);
    }
}

/// Fills `data` with what was packed.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Range`].
pub(crate) fn unpack(fields: &mut Decoder<'_>, data: &mut [u8]) -> Result<(), Error> {
    let range = Error::Range { what: WHAT };
    match fields.varint()? {
        0 if data.is_empty() => return Ok(()),
        0 => return Err(range),
        1 => {
            data.fill(fields.u8()?);
            return Ok(());
        }
        2..=256 => {}
        _ => return Err(range),
    }
    let table = Code::take(fields)?.table();
    let mut streams = [BitReader::default(); STREAMS];
    for stream in &mut streams {
        let length = fields.count()?;
        *stream = BitReader::new(fields.bytes(length)?);
    }
    unpack_streams(&table, streams, data);
    Ok(())
}

fn unpack_streams(table: &[u16; TABLE_SIZE], mut streams: [BitReader<'_>; 4], data: &mut [u8]) {
    let length = part_length(data.len());
    let (first, rest) = data.split_at_mut(length.min(data.len()));
    let (second, rest) = rest.split_at_mut(length.min(rest.len()));
    let (third, fourth) = rest.split_at_mut(length.min(rest.len()));
    let steps = fourth.len() / STEP;
    let whole = first
        .chunks_exact_mut(STEP)
        .zip(second.chunks_exact_mut(STEP));
    let whole = whole.zip(
        third
            .chunks_exact_mut(STEP)
            .zip(fourth.chunks_exact_mut(STEP)),
    );
    for ((one, two), (three, four)) in whole {
        streams.iter_mut().for_each(BitReader::refill);
        let values = one.iter_mut().zip(two).zip(three.iter_mut().zip(four));
        for ((one, two), (three, four)) in values {
            *one = streams[0].take(table);
            *two = streams[1].take(table);
            *three = streams[2].take(table);
            *four = streams[3].take(table);
        }
    }
    for (stream, part) in streams.iter_mut().zip([first, second, third, fourth]) {
        for step in part[steps * STEP..].chunks_mut(STEP) {
            stream.refill();
            step.iter_mut()
                .for_each(|value| *value = stream.take(table));
        }
    }
}

/// Returns the length of all parts but the last, which is no longer.
fn part_length(length: usize) -> usize {
    length.div_ceil(STREAMS)
}

/// Cuts data into the parts of the streams.
fn parts(data: &[u8]) -> [&[u8]; STREAMS] {
    let length = part_length(data.len());
    let at = |part: usize| (part * length).min(data.len());
    std::array::from_fn(|part| &data[at(part)..at(part + 1)])
}

/// Counts values; neighbours that are equal do not wait for each other.
fn counts(data: &[u8]) -> [u32; 256] {
    let mut tables = [[0u32; 256]; STREAMS];
    let (fours, rest) = data.as_chunks::<STREAMS>();
    for four in fours {
        for (table, &value) in tables.iter_mut().zip(four) {
            table[usize::from(value)] += 1;
        }
    }
    for &value in rest {
        tables[0][usize::from(value)] += 1;
    }
    std::array::from_fn(|value| tables.iter().map(|table| table[value]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(data: &[u8]) -> usize {
        let mut packed = Vec::new();
        pack(data, &mut packed);
        let mut found = vec![7; data.len()];
        let mut fields = Decoder::new(&packed, "test");
        unpack(&mut fields, &mut found).unwrap();
        fields.finish().unwrap();
        assert_eq!(found, data);
        packed.len()
    }

    proptest! {
        #[test]
        fn bytes_survive_a_round_trip(
            data in prop::collection::vec(any::<u8>(), 0..300),
            mask in any::<u8>(),
        ) {
            let data: Vec<u8> = data.iter().map(|value| value & mask).collect();
            there_and_back(&data);
        }

        #[test]
        fn damage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), length in 0..99usize) {
            let _ = unpack(&mut Decoder::new(&bytes, "test"), &mut vec![0; length]);
        }

        #[test]
        fn damaged_streams_are_no_panic(at in 0..900usize, value in any::<u8>()) {
            let data: Vec<u8> = (0..2000u32).map(|i| (i * i % 41) as u8).collect();
            let mut packed = Vec::new();
            pack(&data, &mut packed);
            packed[at] = value;
            let _ = unpack(&mut Decoder::new(&packed, "test"), &mut vec![0; data.len()]);
        }
    }

    #[test]
    fn frequent_values_take_few_bits() {
        let data: Vec<u8> = (0..80_000u32)
            .map(|i| if i % 16 == 0 { (i / 16 % 40) as u8 } else { 40 })
            .collect();
        assert!(there_and_back(&data) < 15_500);
        assert!(there_and_back(&[9; 5000]) < 8);
    }

    #[test]
    fn the_rarest_values_get_codes_that_fit() {
        // Counts as Fibonacci's numbers would ask for codes of many bits.
        let (mut data, mut count, mut next) = (Vec::new(), 1usize, 1usize);
        for value in 0..22u8 {
            data.extend(std::iter::repeat_n(value, count));
            (count, next) = (next, count + next);
        }
        there_and_back(&data);
        let all: Vec<u8> = (0..=255).chain(std::iter::repeat_n(3, 100_000)).collect();
        there_and_back(&all);
    }
}
