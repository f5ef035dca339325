//! Bits in and out, lowest first. RFC 1951 §3.1.1.

/// Bits that are ready at least after [`BitReader::refill`].
pub(super) const READY_BITS: u32 = 56;

/// Bytes of a word.
const WORD_BYTES: usize = 8;

/// Makes of bytes what a [`BitReader`] takes: a word of zeros behind them.
pub(super) fn pad(bytes: &[u8], padded: &mut Vec<u8>) {
    padded.clear();
    padded.extend_from_slice(bytes);
    padded.resize(bytes.len() + WORD_BYTES, 0);
}

/// Reads bits; behind the end there are zeros, and [`BitReader::is_exhausted`] tells.
#[derive(Clone)]
pub(super) struct BitReader<'a> {
    /// The bytes, and a word of zeros.
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    /// Reads bytes that [`pad`] made.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            buffer: 0,
            count: 0,
        }
    }

    /// Reads from a bit on.
    pub(super) fn at(bytes: &'a [u8], bit: u32) -> Self {
        let mut reader = Self::new(bytes);
        reader.at = (bit / 8) as usize;
        reader.refill();
        reader.skip(bit % 8);
        reader
    }

    /// Makes at least [`READY_BITS`] ready.
    #[inline]
    pub(super) fn refill(&mut self) {
        let next = self.bytes.get(self.at..self.at + WORD_BYTES);
        let next = next.and_then(|next| next.first_chunk());
        self.buffer |= next.map_or(0, |next| u64::from_le_bytes(*next)) << self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= READY_BITS;
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
        self.at as u32 * 8 - self.count
    }

    /// Goes on at the next whole byte.
    pub(super) const fn align(&mut self) {
        self.skip(self.count % 8);
    }

    /// Says whether more was taken than there was.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.position() as usize > 8 * (self.bytes.len() - WORD_BYTES)
    }
}

/// Writes bits behind the bytes of a vector.
pub(super) struct BitWriter<'a> {
    /// What was written, and room.
    out: &'a mut Vec<u8>,
    /// Where whole bytes were written up to.
    at: usize,
    buffer: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            at: out.len(),
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
        self.make_room(WORD_BYTES);
        if let Some(place) = self.out[self.at..].first_chunk_mut() {
            *place = self.buffer.to_le_bytes();
        }
        let whole = self.count / 8;
        self.at += whole as usize;
        self.buffer = self.buffer.unbounded_shr(8 * whole);
        self.count -= 8 * whole;
    }

    /// Copies bits of bytes that [`pad`] made; false if there are not so many.
    pub(super) fn copy(&mut self, bytes: &[u8], from: u32, to: u32) -> bool {
        const STEP: u32 = 48;
        if to as usize > 8 * (bytes.len() - WORD_BYTES) {
            return false;
        }
        let mut at = from;
        self.flush();
        while at < to {
            let first = (at / 8) as usize;
            let word = bytes[first..].first_chunk();
            let word = word.map_or(0, |word| u64::from_le_bytes(*word)) >> (at % 8);
            let count = STEP.min(to - at);
            self.put(word & ((1 << count) - 1), count);
            self.flush();
            at += count;
        }
        true
    }

    /// Writes all bits, the last byte filled up with zeros.
    pub(super) fn finish(mut self) {
        self.count = self.count.next_multiple_of(8);
        self.flush();
        self.out.truncate(self.at);
    }

    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if self.at + bytes > self.out.len() {
            let room = (2 * self.out.len()).max(self.at + bytes);
            self.out.resize(room, 0);
        }
    }
}
