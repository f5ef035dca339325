//! CIGARs in normal form: nothing empty, neighbours of one kind joined, a deletion before the
//! insertion it touches, no deletion at either end.
//!
//! Source: GATK 4.6 `CigarBuilder`.

use genome::cigar::{self, Cigar, CigarKind};

/// A CIGAR in the making.
#[derive(Debug, Clone, Default)]
pub struct CigarBuilder {
    ops: Cigar,
    leading_deletion_bp: u32,
}

/// A CIGAR in normal form, and what was cut off to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalCigar {
    /// The operations.
    pub cigar: Cigar,
    /// Deleted bases left out at the start: the alignment begins so much later.
    pub leading_deletion_bp: u32,
}

impl CigarBuilder {
    /// Appends an operation.
    pub fn push(&mut self, kind: CigarKind, length_bp: u32) {
        if length_bp == 0 {
            return;
        }
        match kind {
            CigarKind::Deletion => self.push_deletion(length_bp),
            _ if kind.is_clip() => {
                self.drop_trailing_deletion();
                cigar::push(&mut self.ops, kind, length_bp);
            }
            _ => cigar::push(&mut self.ops, kind, length_bp),
        }
    }

    /// Returns the CIGAR.
    pub fn finish(mut self) -> NormalCigar {
        self.drop_trailing_deletion();
        NormalCigar {
            cigar: self.ops,
            leading_deletion_bp: self.leading_deletion_bp,
        }
    }

    /// Returns the kind of the operation so many from the last.
    fn kind_from_last(&self, back: usize) -> Option<CigarKind> {
        let index = self.ops.len().checked_sub(back + 1)?;
        Some(self.ops[index].kind())
    }

    fn push_deletion(&mut self, length_bp: u32) {
        let nothing_aligned = |kind: Option<CigarKind>| kind.is_none_or(CigarKind::is_clip);
        let after_insertion = self.kind_from_last(0) == Some(CigarKind::Insertion);
        let before = self.kind_from_last(usize::from(after_insertion));
        if nothing_aligned(before) {
            self.leading_deletion_bp += length_bp;
        } else if after_insertion {
            let insertion = self.ops.pop();
            cigar::push(&mut self.ops, CigarKind::Deletion, length_bp);
            self.ops.extend(insertion);
        } else {
            cigar::push(&mut self.ops, CigarKind::Deletion, length_bp);
        }
    }

    fn drop_trailing_deletion(&mut self) {
        let insertion = match self.kind_from_last(0) {
            Some(CigarKind::Insertion) => self.ops.pop(),
            _ => None,
        };
        if self.kind_from_last(0) == Some(CigarKind::Deletion) {
            self.ops.pop();
        }
        self.ops.extend(insertion);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ops;

    #[test]
    fn ends_lose_their_deletions() {
        let table = [
            ("2D5M", "5M", 2),
            ("3H2D5M1D", "3H5M", 2),
            ("1I2D5M", "1I5M", 2),
            ("5M2D1I", "5M1I", 0),
            ("5M2D3S", "5M3S", 0),
            ("5M1I2D4M", "5M2D1I4M", 0),
            ("5M1D1I2D4M", "5M3D1I4M", 0),
            ("5M2I3I1M1M", "5M5I2M", 0),
        ];
        for (given, normal, removed) in table {
            let mut builder = CigarBuilder::default();
            for op in ops(given) {
                builder.push(op.kind(), op.len());
            }
            let expected = NormalCigar {
                cigar: ops(normal),
                leading_deletion_bp: removed,
            };
            assert_eq!(builder.finish(), expected, "{given}");
        }
    }
}
