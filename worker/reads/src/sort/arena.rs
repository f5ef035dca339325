//! Records behind each other in one stretch of memory, addressed by 32 bits.

use genome::record::RecordView;

/// Records begin at multiples of this, so that an address of 32 bits reaches 16 GiB.
const UNIT_BYTES: usize = 4;

/// Bytes of the length before each record.
const LENGTH_BYTES: usize = 4;

/// The most that addresses reach.
const MAX_BYTES: usize = (u32::MAX as usize) * UNIT_BYTES;

/// Where a record lies; later records have larger addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address(u32);

/// The records.
#[derive(Debug)]
pub(super) struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    /// Sets room aside; memory is used when records come.
    pub(super) fn new(room_bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(room_bytes.min(MAX_BYTES)),
        }
    }

    /// Returns how many bytes a record takes.
    pub(super) const fn bytes_of(record: &RecordView<'_>) -> usize {
        (LENGTH_BYTES + record.bytes().len()).next_multiple_of(UNIT_BYTES)
    }

    /// Says whether a record fits without more room.
    pub(super) fn has_room(&self, record: &RecordView<'_>) -> bool {
        self.bytes.is_empty() || self.bytes.len() + Self::bytes_of(record) <= self.bytes.capacity()
    }

    /// Appends a record.
    pub(super) fn push(&mut self, record: &RecordView<'_>) -> Address {
        let address = Address((self.bytes.len() / UNIT_BYTES) as u32);
        let block = record.bytes();
        self.bytes
            .extend_from_slice(&(block.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(block);
        let padded = self.bytes.len().next_multiple_of(UNIT_BYTES);
        self.bytes.resize(padded, 0);
        address
    }

    /// Returns a record.
    pub(super) fn get(&self, address: Address) -> RecordView<'_> {
        let start = address.0 as usize * UNIT_BYTES;
        let length = self.bytes[start..].first_chunk();
        let length = u32::from_le_bytes(*length.expect("a length stands before each record"));
        let start = start + LENGTH_BYTES;
        RecordView::trusted(&self.bytes[start..start + length as usize])
    }

    /// Forgets all records and keeps the room.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Says how many bytes are used.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }
}
