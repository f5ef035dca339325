//! CIGAR operations, packed as in BAM.

/// One kind of CIGAR operation; the value is its BAM code. SAM v1 §4.2.2 (2024-11-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CigarKind {
    /// `M`: aligned, equal or not.
    Match = 0,
    /// `I`: read bases that the reference lacks.
    Insertion = 1,
    /// `D`: reference bases that the read lacks.
    Deletion = 2,
    /// `N`: a skipped stretch of the reference.
    Skip = 3,
    /// `S`: clipped bases that the record still holds.
    SoftClip = 4,
    /// `H`: clipped bases that the record no longer holds.
    HardClip = 5,
    /// `P`: padding.
    Padding = 6,
    /// `=`: aligned and equal.
    Equal = 7,
    /// `X`: aligned and different.
    Different = 8,
}

/// An operation covers no more bases: BAM has 28 bits for them. SAM v1 §4.2 (2024-11-06).
pub const MOST_BASES: u32 = (1 << 28) - 1;

const KINDS: [CigarKind; 9] = [
    CigarKind::Match,
    CigarKind::Insertion,
    CigarKind::Deletion,
    CigarKind::Skip,
    CigarKind::SoftClip,
    CigarKind::HardClip,
    CigarKind::Padding,
    CigarKind::Equal,
    CigarKind::Different,
];

impl CigarKind {
    /// Says whether the operation moves along the read.
    pub const fn consumes_read(self) -> bool {
        matches!(
            self,
            Self::Match | Self::Insertion | Self::SoftClip | Self::Equal | Self::Different
        )
    }

    /// Says whether the operation moves along the reference.
    pub const fn consumes_reference(self) -> bool {
        matches!(
            self,
            Self::Match | Self::Deletion | Self::Skip | Self::Equal | Self::Different
        )
    }

    /// Says whether the operation aligns read bases to reference bases.
    pub const fn is_aligned(self) -> bool {
        matches!(self, Self::Match | Self::Equal | Self::Different)
    }

    /// Says whether the operation is a soft or hard clip.
    pub const fn is_clip(self) -> bool {
        matches!(self, Self::SoftClip | Self::HardClip)
    }

    /// Returns the SAM letter.
    pub const fn letter(self) -> u8 {
        b"MIDNSHP=X"[self as usize]
    }
}

/// A CIGAR operation and its length: `length << 4 | kind`, as BAM stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CigarOp(u32);

impl CigarOp {
    /// Packs an operation; `length_bp` must be below 2^28.
    pub const fn new(kind: CigarKind, length_bp: u32) -> Self {
        Self(length_bp << 4 | kind as u32)
    }

    /// Reads the packed form; `None` for a code that SAM does not define.
    pub fn from_packed(packed: u32) -> Option<Self> {
        ((packed & 15) < 9).then_some(Self(packed))
    }

    /// Returns the packed form.
    pub const fn packed(self) -> u32 {
        self.0
    }

    /// Returns the kind of operation.
    pub fn kind(self) -> CigarKind {
        KINDS[(self.0 & 15) as usize]
    }

    /// Returns the length in bp.
    pub const fn len(self) -> u32 {
        self.0 >> 4
    }

    /// Says whether the operation has length 0.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The operations of one alignment.
pub type Cigar = Vec<CigarOp>;

/// Appends an operation; one of the same kind as the last lengthens it, an empty one is left out.
pub fn push(cigar: &mut Cigar, kind: CigarKind, length_bp: u32) {
    if length_bp == 0 {
        return;
    }
    match cigar.last_mut() {
        Some(last) if last.kind() == kind => *last = CigarOp::new(kind, last.len() + length_bp),
        _ => cigar.push(CigarOp::new(kind, length_bp)),
    }
}

/// Returns how many reference bases the operations cover.
pub fn reference_span(ops: impl IntoIterator<Item = CigarOp>) -> u64 {
    let covering = ops.into_iter().filter(|op| op.kind().consumes_reference());
    covering.map(|op| u64::from(op.len())).sum()
}

/// Returns how many read bases the operations cover, soft clips included.
pub fn read_span(ops: impl IntoIterator<Item = CigarOp>) -> u64 {
    let covering = ops.into_iter().filter(|op| op.kind().consumes_read());
    covering.map(|op| u64::from(op.len())).sum()
}

/// Appends the SAM text of the operations, `*` for none.
pub fn write_text(ops: impl IntoIterator<Item = CigarOp>, text: &mut Vec<u8>) {
    let start = text.len();
    for op in ops {
        text.extend_from_slice(op.len().to_string().as_bytes());
        text.push(op.kind().letter());
    }
    if text.len() == start {
        text.push(b'*');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushing_joins_equal_kinds() {
        let mut cigar = Cigar::new();
        push(&mut cigar, CigarKind::Match, 3);
        push(&mut cigar, CigarKind::Insertion, 0);
        push(&mut cigar, CigarKind::Match, 2);
        push(&mut cigar, CigarKind::Deletion, 1);
        let mut text = Vec::new();
        write_text(cigar, &mut text);
        assert_eq!(text, b"5M1D");
    }

    #[test]
    fn spans_follow_the_kinds() {
        let ops = [
            CigarOp::new(CigarKind::SoftClip, 5),
            CigarOp::new(CigarKind::Match, 10),
            CigarOp::new(CigarKind::Insertion, 2),
            CigarOp::new(CigarKind::Deletion, 3),
            CigarOp::new(CigarKind::HardClip, 7),
        ];
        assert_eq!(read_span(ops), 17);
        assert_eq!(reference_span(ops), 13);
        let mut text = Vec::new();
        write_text(ops, &mut text);
        assert_eq!(text, b"5S10M2I3D7H");
    }
}
