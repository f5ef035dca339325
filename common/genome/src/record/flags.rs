//! The FLAG field.

/// The flags of a record. SAM v1 §1.4 (2024-11-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// The template has several reads.
    pub const PAIRED: u16 = 0x1;
    /// Both ends aligned as the aligner expects.
    pub const PROPER_PAIR: u16 = 0x2;
    /// The read is unmapped.
    pub const UNMAPPED: u16 = 0x4;
    /// The mate is unmapped.
    pub const MATE_UNMAPPED: u16 = 0x8;
    /// The read lies on the reverse strand.
    pub const REVERSE: u16 = 0x10;
    /// The mate lies on the reverse strand.
    pub const MATE_REVERSE: u16 = 0x20;
    /// First read of the pair.
    pub const FIRST: u16 = 0x40;
    /// Second read of the pair.
    pub const SECOND: u16 = 0x80;
    /// Secondary alignment.
    pub const SECONDARY: u16 = 0x100;
    /// The sequencer's own filter failed.
    pub const VENDOR_FAILED: u16 = 0x200;
    /// PCR or optical duplicate.
    pub const DUPLICATE: u16 = 0x400;
    /// Supplementary alignment.
    pub const SUPPLEMENTARY: u16 = 0x800;

    /// Says whether all bits of `mask` are set.
    pub const fn has(self, mask: u16) -> bool {
        self.0 & mask == mask
    }

    /// Says whether the template has several reads.
    pub const fn is_paired(self) -> bool {
        self.has(Self::PAIRED)
    }

    /// Says whether the read is unmapped.
    pub const fn is_unmapped(self) -> bool {
        self.has(Self::UNMAPPED)
    }

    /// Says whether the mate is unmapped.
    pub const fn is_mate_unmapped(self) -> bool {
        self.has(Self::MATE_UNMAPPED)
    }

    /// Says whether the read lies on the reverse strand.
    pub const fn is_reverse(self) -> bool {
        self.has(Self::REVERSE)
    }

    /// Says whether the mate lies on the reverse strand.
    pub const fn is_mate_reverse(self) -> bool {
        self.has(Self::MATE_REVERSE)
    }

    /// Says whether this is the second read of its pair.
    pub const fn is_second(self) -> bool {
        self.has(Self::SECOND)
    }

    /// Says whether the record is neither secondary nor supplementary.
    pub const fn is_primary(self) -> bool {
        self.0 & (Self::SECONDARY | Self::SUPPLEMENTARY) == 0
    }

    /// Says whether the record is marked as a duplicate.
    pub const fn is_duplicate(self) -> bool {
        self.has(Self::DUPLICATE)
    }
}
