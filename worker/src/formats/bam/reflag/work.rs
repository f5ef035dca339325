//! One block with other FLAGs: its bits copied, or its data deflated anew.

use libdeflater::{Compressor, Decompressor};
use reads::deflate::{Checksums, Decoder, Encoder, Patcher, Spot, Tokens};

use super::super::blocks::{LEVEL, MOST_DATA_BYTES, block, compressor, make_block, sizes};
use super::super::notes::{BlockNote, KeptNote};
use super::super::placed::Placed;

/// A block on its way.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) note: BlockNote,
    /// Its stream, but where the data is noted.
    pub(super) packed: Vec<u8>,
    pub(super) spots: Vec<Spot>,
    /// The block as it is written.
    pub(super) written: Vec<u8>,
}

impl Work {
    /// Makes the block, its bits copied but for what changes; false if that cannot be.
    pub(super) fn patch(&mut self, patcher: &mut Patcher, checksums: &Checksums) -> bool {
        let (bytes, mut checksum) = (self.note.bytes, self.note.print.checksum);
        for spot in self.spots.iter().filter(|spot| spot.is_changed()) {
            let Some(behind) = bytes.checked_sub(usize::from(spot.at) + 1) else {
                return false;
            };
            checksum ^= checksums.difference(spot.old() ^ spot.new, behind);
        }
        let outline = &self.note.outline;
        self.note.kept == KeptNote::Outline
            && make_block((checksum, bytes), &mut self.written, |out| {
                let patched = patcher.patch(&self.packed, outline, &self.spots, out);
                patched.is_ok()
            })
    }

    /// Says where its records and itself lie.
    pub(super) fn place(&self, placed: &mut Placed) {
        let before = placed.data_bytes();
        for (flag, span) in self.note.flags.iter().zip(&self.note.spans) {
            placed.record(*span, flag.record_start(before));
        }
        for (bytes, data_bytes) in sizes(&self.written) {
            placed.block(bytes, data_bytes);
        }
    }

    fn change(&self, data: &mut [u8]) {
        for spot in &self.spots {
            if let Some(byte) = data.get_mut(usize::from(spot.at)) {
                *byte = spot.new;
            }
        }
    }
}

/// Deflates blocks anew where their bits cannot be copied.
pub(super) struct Anew {
    decoder: Decoder,
    tokens: Tokens,
    encoder: Encoder,
    inflater: Decompressor,
    compressor: Compressor,
}

impl Default for Anew {
    fn default() -> Self {
        Self {
            decoder: Decoder::default(),
            tokens: Tokens::default(),
            encoder: Encoder::default(),
            inflater: Decompressor::new(),
            compressor: compressor(LEVEL),
        }
    }
}

impl Anew {
    /// Makes a block of the data with its changes, deflated anew; `None` if it is not what was
    /// noted.
    pub(super) fn deflate(&mut self, work: &mut Work) -> Option<()> {
        let mut data = vec![0; work.note.bytes];
        let mut is_known = false;
        let is_data = work.note.kept == KeptNote::Data;
        if is_data {
            data.clone_from(&work.note.data);
        } else {
            let decoded = self
                .decoder
                .decode(&work.packed, &mut data, &mut self.tokens);
            is_known = decoded.is_ok();
            if !is_known {
                let inflated = self.inflater.deflate_decompress(&work.packed, &mut data);
                inflated.ok().filter(|&length| length == data.len())?;
            }
        }
        if !is_data && libdeflater::crc32(&data) != work.note.print.checksum {
            return None;
        }
        work.change(&mut data);
        let print = (libdeflater::crc32(&data), data.len());
        let is_made = is_known
            && make_block(print, &mut work.written, |out| {
                self.encoder.encode(&data, &self.tokens, out);
                true
            });
        if !is_made {
            let stretches = data.chunks(MOST_DATA_BYTES);
            let blocks = stretches.map(|data| block(&mut self.compressor, data));
            work.written = blocks.collect::<Vec<_>>().concat();
        }
        Some(())
    }
}
