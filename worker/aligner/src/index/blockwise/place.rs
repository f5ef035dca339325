//! Where a suffix stands, in six bytes.

/// Bits of the symbol.
const SYMBOL_BITS: u32 = 2;

/// How many suffixes of the text behind a block are less than a suffix that begins in the block,
/// and the symbol before that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place([u8; 6]);

impl Place {
    /// Keeps a number below 2^46 and a symbol.
    #[inline(always)]
    pub const fn new(row: u64, before: u8) -> Self {
        let [a, b, c, d, e, f, ..] = (row << SYMBOL_BITS | before as u64).to_le_bytes();
        Self([a, b, c, d, e, f])
    }

    /// Returns the number.
    #[inline(always)]
    pub const fn row(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) >> SYMBOL_BITS
    }

    /// Returns the symbol.
    #[inline(always)]
    pub const fn before(self) -> u8 {
        self.0[0] & 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_symbol_come_back() {
        for row in [0, 1, 77, (1 << 32) + 5, (1 << 46) - 1] {
            for code in 0..4 {
                let place = Place::new(row, code);
                assert_eq!((place.row(), place.before()), (row, code));
            }
        }
    }
}
