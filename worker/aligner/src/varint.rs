//! Numbers of varying length that this process packed itself, read back without checks.

use genome::varint;

/// Reads what was appended; behind the end there are zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let Some((&byte, rest)) = self.0.split_first() else {
                break;
            };
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    /// Returns the next number of either sign.
    pub fn signed(&mut self) -> i32 {
        varint::signed(self.number()) as i32
    }

    /// Returns the next bytes.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::varint::{put, put_signed};

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, 1 << 40, u64::MAX];
        let signed = [0, 1, -1, 63, 64, -64, -65, i32::MAX, i32::MIN];
        let mut out = Vec::new();
        numbers.iter().for_each(|&number| put(&mut out, number));
        signed
            .iter()
            .for_each(|&number| put_signed(&mut out, number.into()));
        out.extend(b"end");
        let mut cursor = Cursor(&out);
        assert_eq!(numbers.map(|_| cursor.number()), numbers);
        assert_eq!(signed.map(|_| cursor.signed()), signed);
        assert_eq!(cursor.bytes(3), b"end");
        assert_eq!((cursor.number(), cursor.bytes(2)), (0, &[][..]));
    }
}
