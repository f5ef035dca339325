//! The bases of both strands: the packed forward strand, and its reverse complement in thought.

/// Four bases a byte, unpacked.
const UNPACKED: [[u8; 4]; 256] = unpacked(false);
/// The same as the reverse strand reads them.
const COMPLEMENTED: [[u8; 4]; 256] = unpacked(true);

/// Read access to both strands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    packed: &'a [u8],
    /// Length of the forward strand.
    strand: u64,
}

impl<'a> Text<'a> {
    /// Wraps a packed forward strand of `strand` bases.
    pub fn new(packed: &'a [u8], strand: u64) -> Self {
        assert!(packed.len() as u64 * 4 >= strand);
        Self { packed, strand }
    }

    /// Returns the length of both strands.
    #[inline(always)]
    pub const fn len(&self) -> u64 {
        2 * self.strand
    }

    /// Returns the code at a position below the length of both strands.
    #[inline(always)]
    pub fn code(&self, position: u64) -> u8 {
        let (forward, complement) = if position < self.strand {
            (position, 0)
        } else {
            (2 * self.strand - 1 - position, 3)
        };
        let byte = self.packed[(forward >> 2) as usize];
        (byte >> (6 - 2 * (forward & 3)) & 3) ^ complement
    }

    /// Returns the codes of both strands, one after the other.
    pub fn codes(self) -> impl Iterator<Item = u8> + use<'a> {
        (0..self.len()).map(move |position| self.code(position))
    }

    /// Returns the codes of both strands.
    pub fn to_codes(self) -> Vec<u8> {
        let mut codes = Vec::with_capacity(self.len() as usize);
        self.fetch(0, self.strand, &mut codes);
        self.fetch(self.strand, self.len(), &mut codes);
        codes
    }

    /// Returns how many of `codes` stand in the text from `position` on.
    #[inline]
    pub fn equal_from(&self, position: u64, codes: &[u8]) -> usize {
        let places = position..self.len();
        let is_equal = |&(&code, at): &(&u8, u64)| self.code(at) == code;
        codes.iter().zip(places).take_while(is_equal).count()
    }

    /// Returns how many of `codes`, from the last one on, stand in the text before `position`.
    #[inline]
    pub fn equal_before(&self, position: u64, codes: &[u8]) -> usize {
        let places = (0..position).rev();
        let is_equal = |&(&code, at): &(&u8, u64)| self.code(at) == code;
        codes.iter().rev().zip(places).take_while(is_equal).count()
    }

    /// Appends the codes of `start..end`, which lies on one strand.
    pub fn fetch(&self, start: u64, end: u64, codes: &mut Vec<u8>) {
        if start >= end {
            return;
        }
        let before = codes.len();
        let is_forward = start < self.strand;
        let (from, to) = if is_forward {
            (start, end)
        } else {
            (2 * self.strand - end, 2 * self.strand - start)
        };
        let bytes = &self.packed[(from >> 2) as usize..((to + 3) >> 2) as usize];
        let (head, length) = ((from & 3) as usize, (to - from) as usize);
        codes.reserve(bytes.len() * 4);
        let surplus = if is_forward {
            for &byte in bytes {
                codes.extend_from_slice(&UNPACKED[byte as usize]);
            }
            head
        } else {
            for &byte in bytes.iter().rev() {
                codes.extend_from_slice(&COMPLEMENTED[byte as usize]);
            }
            bytes.len() * 4 - head - length
        };
        let first = before + surplus;
        codes.copy_within(first..first + length, before);
        codes.truncate(before + length);
    }
}

const fn unpacked(reverse: bool) -> [[u8; 4]; 256] {
    let mut table = [[0; 4]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut at = 0;
        while at < 4 {
            let code = (byte >> (6 - 2 * at)) as u8 & 3;
            if reverse {
                table[byte][3 - at] = 3 - code;
            } else {
                table[byte][at] = code;
            }
            at += 1;
        }
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use crate::index::testing::{both_strands, index_of};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stretch_is_that_of_both_strands(
            codes in prop::collection::vec(0u8..4, 1..60),
            cut in any::<(u16, u16)>(),
        ) {
            let index = index_of(&[&codes]);
            let (text, both) = (index.text(), both_strands(&codes));
            let length = codes.len();
            let (mut start, mut end) = (cut.0 as usize % length, cut.1 as usize % (length + 1));
            if start > end {
                std::mem::swap(&mut start, &mut end);
            }
            for shift in [0, length] {
                let (start, end) = (start + shift, end + shift);
                let mut found = vec![9];
                text.fetch(start as u64, end as u64, &mut found);
                prop_assert_eq!(&found[1..], &both[start..end]);
            }
            for (position, &code) in both.iter().enumerate() {
                prop_assert_eq!(text.code(position as u64), code);
            }
        }
    }
}
