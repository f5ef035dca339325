//! Integers as bytes: little-endian of fixed width, or seven bits a byte.

use genome::varint;
pub use genome::varint::{put as put_varint, put_signed};

use super::Error;

/// Reads fields one after the other; every shortage is an error.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Decoder<'a> {
    /// Reads from the start of `bytes`; `what` names them in errors.
    pub const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    /// Says whether all bytes were read.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns how many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes that are left, without taking them.
    pub const fn left(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns a reader of other bytes that are called the same in errors.
    pub(crate) const fn like<'b>(&self, bytes: &'b [u8]) -> Decoder<'b> {
        Decoder::new(bytes, self.what)
    }

    /// Takes bytes, to be read on their own.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub(crate) fn of(&mut self, length: usize) -> Result<Self, Error> {
        self.bytes(length).map(|bytes| self.like(bytes))
    }

    /// Takes raw bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] if fewer are left.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let truncated = Error::Truncated { what: self.what };
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`Error::Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.bytes(1)?[0])
    }

    /// Reads two bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] at the end.
    pub fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Reads four bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] at the end.
    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Reads an integer of [`put_varint`].
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.range())
    }

    /// Reads an integer of [`put_varint`] that fits a narrower type.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn varint_as<T: TryFrom<u64>>(&mut self) -> Result<T, Error> {
        let value = self.varint()?;
        T::try_from(value).map_err(|_| self.range())
    }

    /// Reads an integer of [`put_varint`] of at most 32 bits.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn varint_u32(&mut self) -> Result<u32, Error> {
        self.varint_as()
    }

    /// Reads a signed integer of [`put_signed`].
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn signed(&mut self) -> Result<i64, Error> {
        self.varint().map(varint::signed)
    }

    /// Reads a signed integer of [`put_signed`] that fits a narrower type.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Range`].
    pub fn signed_as<T: TryFrom<i64>>(&mut self) -> Result<T, Error> {
        let value = self.signed()?;
        T::try_from(value).map_err(|_| self.range())
    }

    /// Reads how many things of at least one byte follow, so that it bounds an allocation.
    ///
    /// # Errors
    /// [`Error::Truncated`] if they cannot all be there.
    pub fn count(&mut self) -> Result<usize, Error> {
        let count = self.varint_as::<usize>()?;
        if count > self.bytes.len() {
            return Err(Error::Truncated { what: self.what });
        }
        Ok(count)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Error::Range`] if bytes are left over.
    pub fn finish(self) -> Result<(), Error> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(self.range())
        }
    }

    /// Returns the error of a value out of range.
    pub const fn range(&self) -> Error {
        Error::Range { what: self.what }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let truncated = Error::Truncated { what: self.what };
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_survive_a_round_trip(values in prop::collection::vec(any::<(u64, i64)>(), 0..50)) {
            let mut bytes = Vec::new();
            for &(unsigned, signed) in &values {
                put_varint(&mut bytes, unsigned);
                put_signed(&mut bytes, signed);
            }
            let mut decoder = Decoder::new(&bytes, "test");
            for &(unsigned, signed) in &values {
                prop_assert_eq!(decoder.varint().unwrap(), unsigned);
                prop_assert_eq!(decoder.signed().unwrap(), signed);
            }
            prop_assert!(decoder.finish().is_ok());
        }
    }

    #[test]
    fn overlong_integers_are_refused() {
        let mut decoder = Decoder::new(&[0xFF; 11], "test");
        assert!(matches!(decoder.varint(), Err(Error::Range { .. })));
        let mut short = Decoder::new(&[0x80], "test");
        assert!(matches!(short.varint(), Err(Error::Truncated { .. })));
    }
}
