//! Molecular barcodes: reads of different molecules are no duplicates of each other.

use genome::record::{Flags, RecordView, Tag, TagValue, tags};

/// Which tags hold barcodes: Picard's `BARCODE_TAG`, `READ_ONE_BARCODE_TAG`,
/// `READ_TWO_BARCODE_TAG`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BarcodeTags {
    /// Of the molecule.
    pub molecule: Option<Tag>,
    /// Of the first read.
    pub first_read: Option<Tag>,
    /// Of the second read.
    pub second_read: Option<Tag>,
}

/// What one record says of its molecule; 0 where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Barcodes {
    /// The barcode of the molecule.
    pub molecule: u32,
    /// The barcode of the read itself.
    pub own: u32,
}

impl BarcodeTags {
    /// Reads the barcodes of a record.
    pub(super) fn of(&self, record: &RecordView<'_>) -> Barcodes {
        if *self == Self::default() {
            return Barcodes::default();
        }
        let flags = record.flags();
        let is_first = !flags.is_paired() || flags.has(Flags::FIRST);
        let own = if is_first {
            self.first_read
        } else {
            self.second_read
        };
        Barcodes {
            molecule: hash(record, self.molecule),
            own: hash(record, own),
        }
    }
}

impl Barcodes {
    /// Joins the barcode of the molecule with those of its reads.
    pub(super) const fn joined(&self, reads: [u32; 2]) -> u32 {
        let molecule = self.molecule.wrapping_mul(0x9E37_79B1);
        let first = reads[0].wrapping_mul(0x85EB_CA6B).rotate_left(11);
        let second = reads[1].wrapping_mul(0xC2B2_AE35).rotate_left(22);
        molecule ^ first ^ second
    }
}

fn hash(record: &RecordView<'_>, tag: Option<Tag>) -> u32 {
    let Some(tag) = tag else {
        return 0;
    };
    let value = tags(record.tag_bytes()).find_map(|(known, value)| match value {
        TagValue::Text(text) if known == tag => Some(text),
        _ => None,
    });
    value.map_or(0, libdeflater::crc32)
}
