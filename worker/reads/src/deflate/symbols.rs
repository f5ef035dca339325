//! The symbols of lengths and distances. RFC 1951 §3.2.5.

/// Literals, the end of a block, and lengths.
pub(super) const LITERALS: usize = 286;

/// The symbol that ends a block.
pub(super) const END: usize = 256;

/// The shortest match.
pub(super) const MIN_LENGTH: usize = 3;

/// The longest match.
const MAX_LENGTH: usize = 258;

/// Distances.
pub(super) const DISTANCES: usize = 30;

/// The order in which lengths of the code of code lengths are written. RFC 1951 §3.2.7.
pub(super) const CODE_LENGTH_ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// A symbol and the bits behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// The symbol.
    pub(super) symbol: usize,
    /// The number behind it.
    pub(super) extra: u32,
    /// How many bits the number has.
    pub(super) extra_bits: u32,
}

/// Returns the symbol of a length, 3 to 258.
#[inline]
pub(super) const fn of_length(length: usize) -> Symbol {
    if length == MAX_LENGTH {
        return Symbol {
            symbol: LITERALS - 1,
            extra: 0,
            extra_bits: 0,
        };
    }
    let (rank, extra, extra_bits) = split(length - MIN_LENGTH, 2);
    Symbol {
        symbol: END + 1 + rank,
        extra,
        extra_bits,
    }
}

/// Returns the symbol of a distance, 1 to 32,768.
#[inline]
pub(super) const fn of_distance(distance: usize) -> Symbol {
    let (symbol, extra, extra_bits) = split(distance - 1, 1);
    Symbol {
        symbol,
        extra,
        extra_bits,
    }
}

/// Both scales have 2^`bits` steps for each power of two.
#[inline]
const fn split(value: usize, bits: u32) -> (usize, u32, u32) {
    if value < 2 << bits {
        return (value, 0, 0);
    }
    let extra_bits = value.ilog2() - bits;
    let rank = ((extra_bits as usize) << bits) + (value >> extra_bits);
    let extra = value as u32 & ((1 << extra_bits) - 1);
    (rank, extra, extra_bits)
}

/// Returns the least length of a symbol above [`END`] and its extra bits; `None` if it has none.
pub(super) fn length_of(symbol: usize) -> Option<(u16, u8)> {
    match symbol.checked_sub(END + 1)? {
        28 => Some((MAX_LENGTH as u16, 0)),
        rank @ 0..28 => {
            let (value, bits) = joined(rank, 2);
            Some((value + MIN_LENGTH as u16, bits))
        }
        _ => None,
    }
}

/// Returns the least distance of a symbol and its extra bits; `None` if it has none.
pub(super) fn distance_of(symbol: usize) -> Option<(u16, u8)> {
    let (value, bits) = joined(symbol, 1);
    (symbol < DISTANCES).then_some((value + 1, bits))
}

fn joined(rank: usize, bits: u32) -> (u16, u8) {
    if rank < 2 << bits {
        return (rank as u16, 0);
    }
    let extra_bits = (rank >> bits) as u32 - 1;
    let steps = (1 << bits) + (rank & ((1 << bits) - 1));
    ((steps << extra_bits.min(15)) as u16, extra_bits as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers_fit() {
        for length in 3..=258 {
            let found = of_length(length);
            let (least, bits) = length_of(found.symbol).unwrap();
            assert_eq!(usize::from(least) + found.extra as usize, length);
            assert_eq!(u32::from(bits), found.extra_bits);
        }
        for distance in 1..=32_768 {
            let found = of_distance(distance);
            let (least, bits) = distance_of(found.symbol).unwrap();
            assert_eq!(usize::from(least) + found.extra as usize, distance);
            assert_eq!(u32::from(bits), found.extra_bits);
        }
        assert_eq!((of_length(11).symbol, of_length(257).symbol), (265, 284));
        assert_eq!(of_distance(24_577).symbol, 29);
        assert!(length_of(286).is_none() && distance_of(30).is_none());
    }
}
