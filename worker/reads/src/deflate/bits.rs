//! Bits in and out, lowest first. RFC 1951 §3.1.1.

/// Reads bits; behind the end there are zeros, and [`BitReader::is_exhausted`] tells.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    count: u32,
    /// Bits taken from behind the end.
    missing: u32,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            buffer: 0,
            count: 0,
            missing: 0,
        }
    }

    /// Makes at least 56 bits ready.
    #[inline]
    pub(super) fn refill(&mut self) {
        if let Some(next) = self.bytes.get(self.at..self.at + 8) {
            let next = u64::from_le_bytes(next.try_into().expect("eight bytes were taken"));
            self.buffer |= next << self.count;
            self.at += ((63 - self.count) >> 3) as usize;
            self.count |= 56;
            return;
        }
        while self.count < 56 {
            match self.bytes.get(self.at) {
                Some(&byte) => {
                    self.buffer |= u64::from(byte) << self.count;
                    self.at += 1;
                }
                None => self.missing += 8,
            }
            self.count += 8;
        }
    }

    /// Returns the bits that are ready.
    #[inline]
    pub(super) const fn peek(&self) -> u64 {
        self.buffer
    }

    /// Drops bits that were ready.
    #[inline]
    pub(super) const fn skip(&mut self, count: u32) {
        self.buffer >>= count;
        self.count -= count;
    }

    /// Takes up to 16 bits that are ready.
    #[inline]
    pub(super) const fn take(&mut self, count: u32) -> u32 {
        let bits = self.buffer as u32 & ((1 << count) - 1);
        self.skip(count);
        bits
    }

    /// Returns how many bits were taken.
    #[inline]
    pub(super) const fn position(&self) -> u32 {
        self.at as u32 * 8 + self.missing - self.count
    }

    /// Goes on at the next whole byte.
    pub(super) const fn align(&mut self) {
        self.skip(self.count % 8);
    }

    /// Says whether more was taken than there was.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.missing > self.count
    }
}

/// Writes bits behind the bytes of a vector.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    buffer: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            buffer: 0,
            count: 0,
        }
    }

    /// Appends bits; at most 57 may wait between two calls of [`BitWriter::flush`].
    #[inline]
    pub(super) const fn put(&mut self, bits: u64, count: u32) {
        self.buffer |= bits << self.count;
        self.count += count;
    }

    /// Writes whole bytes out; less than eight bits wait then.
    #[inline]
    pub(super) fn flush(&mut self) {
        let whole = self.count / 8;
        let length = self.out.len() + whole as usize;
        self.out.extend_from_slice(&self.buffer.to_le_bytes());
        self.out.truncate(length);
        self.buffer = if whole == 8 {
            0
        } else {
            self.buffer >> (8 * whole)
        };
        self.count -= 8 * whole;
    }

    /// Copies bits of other bytes.
    pub(super) fn copy(&mut self, bytes: &[u8], from: u32, to: u32) {
        const STEP: u32 = 32;
        let mut at = from;
        while at < to {
            let first = (at / 8) as usize;
            let chunk = match bytes.get(first..first + 8) {
                Some(chunk) => u64::from_le_bytes(chunk.try_into().expect("eight bytes")),
                None => {
                    let rest = bytes.iter().skip(first).rev();
                    rest.fold(0, |chunk, &byte| chunk << 8 | u64::from(byte))
                }
            };
            let count = STEP.min(to - at);
            self.flush();
            self.put(chunk >> (at % 8) & ((1 << count) - 1), count);
            at += count;
        }
        self.flush();
    }

    /// Writes all bits, the last byte filled up with zeros.
    pub(super) fn finish(mut self) {
        self.count = self.count.next_multiple_of(8);
        self.flush();
    }
}
