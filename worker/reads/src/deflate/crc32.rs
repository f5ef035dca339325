//! CRC-32 of data of which some bytes change, without the data.
//!
//! The register is a polynomial over GF(2) modulo P, and linear in the data: of two sequences of one
//! length the checksums differ by what the differences of their bytes leave, each shifted by the
//! bytes behind it. RFC 1952 §8; polynomials are kept lowest power in the highest bit, as there.

use super::MAX_DATA_BYTES;

/// P without its highest power.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Changes checksums.
#[derive(Debug)]
pub struct Checksums {
    /// x to the power of 8·n modulo P, by n.
    powers: Vec<u32>,
}

impl Default for Checksums {
    fn default() -> Self {
        const ONE: u32 = 1 << 31;
        let powers = std::iter::successors(Some(ONE), |&power| Some(times_x8(power)));
        Self {
            powers: powers.take(MAX_DATA_BYTES + 1).collect(),
        }
    }
}

impl Checksums {
    /// Returns by what the checksum changes if the bits of `difference` flip in a byte behind which
    /// `behind` follow, less than [`MAX_DATA_BYTES`].
    pub fn difference(&self, difference: u8, behind: usize) -> u32 {
        times(times_x8(difference.into()), self.powers[behind])
    }
}

/// Multiplies by x to the power of 8.
fn times_x8(polynomial: u32) -> u32 {
    (0..8).fold(polynomial, |polynomial, _| times_x(polynomial))
}

fn times_x(polynomial: u32) -> u32 {
    let carry = (polynomial & 1).wrapping_neg() & POLYNOMIAL;
    polynomial >> 1 ^ carry
}

/// Multiplies modulo P.
fn times(one: u32, other: u32) -> u32 {
    let (mut product, mut shifted) = (0, one);
    for power in (0..u32::BITS).rev() {
        product ^= shifted & (other >> power & 1).wrapping_neg();
        shifted = times_x(shifted);
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changed_bytes_change_the_checksum_as_if_it_were_made_anew(
            mut data in prop::collection::vec(any::<u8>(), 1..5_000),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..50),
        ) {
            let checksums = Checksums::default();
            let mut found = libdeflater::crc32(&data);
            for (at, byte) in changes {
                let at = at.index(data.len());
                found ^= checksums.difference(data[at] ^ byte, data.len() - 1 - at);
                data[at] = byte;
            }
            prop_assert_eq!(found, libdeflater::crc32(&data));
        }
    }

    #[test]
    fn the_first_of_most_bytes_counts() {
        let mut data = vec![7; MAX_DATA_BYTES];
        let before = libdeflater::crc32(&data);
        data[0] = 3;
        let difference = Checksums::default().difference(4, MAX_DATA_BYTES - 1);
        assert_eq!(before ^ difference, libdeflater::crc32(&data));
    }
}
