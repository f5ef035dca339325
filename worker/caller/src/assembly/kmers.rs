//! The k-mers of a set of sequences, numbered: equal k-mers have equal numbers.

/// Sequences, one after the other, and the number of the k-mer at each place.
#[derive(Debug, Default)]
pub struct Kmers {
    text: Vec<u8>,
    /// Number of the k-mer that begins at each place of the text.
    numbers: Vec<u32>,
    /// Where each k-mer occurs first.
    first: Vec<u32>,
    /// Open addressing: number + 1 of the k-mer in each slot, 0 for none.
    slots: Vec<u32>,
    k: usize,
}

/// What a place without a k-mer says.
pub const NO_KMER: u32 = u32::MAX;

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Kmers {
    /// Starts without sequences, for k-mers of `k` ≥ 1 letters, with room for `letters`.
    pub fn new(k: usize, letters: usize) -> Self {
        Self {
            text: Vec::with_capacity(letters),
            numbers: Vec::with_capacity(letters),
            first: Vec::new(),
            slots: vec![0; (2 * letters).next_power_of_two().max(16)],
            k,
        }
    }

    /// Returns k.
    pub const fn k(&self) -> usize {
        self.k
    }

    /// Returns the number of different k-mers.
    pub const fn len(&self) -> usize {
        self.first.len()
    }

    /// Returns the letters of the k-mer at a place of the text.
    pub fn kmer(&self, place: u32) -> &[u8] {
        &self.text[place as usize..place as usize + self.k]
    }

    /// Returns the number of the k-mer at a place of the text.
    pub fn number(&self, place: u32) -> u32 {
        self.numbers[place as usize]
    }

    /// Appends a sequence and returns its place.
    pub fn push(&mut self, sequence: &[u8]) -> u32 {
        let place = self.text.len();
        self.text.extend_from_slice(sequence);
        self.numbers.resize(self.text.len(), NO_KMER);
        self.make_room();
        let k = self.k;
        let outgoing = (1..k).fold(1u64, |power, _| power.wrapping_mul(FACTOR));
        let mut hash = 0u64;
        for (index, &letter) in sequence.iter().enumerate() {
            if index >= k {
                let left = u64::from(sequence[index - k]).wrapping_mul(outgoing);
                hash = hash.wrapping_sub(left);
            }
            hash = hash.wrapping_mul(FACTOR).wrapping_add(u64::from(letter));
            if index + 1 >= k {
                let at = place + index + 1 - k;
                self.numbers[at] = self.find_or_add(at, hash);
            }
        }
        place as u32
    }

    /// Keeps the table at most half full.
    fn make_room(&mut self) {
        if self.slots.len() >= 2 * self.text.len() {
            return;
        }
        let size = (4 * self.text.len()).next_power_of_two();
        self.slots = vec![0; size];
        for number in 0..self.first.len() {
            let place = self.first[number] as usize;
            let step =
                |hash: u64, &letter: &u8| hash.wrapping_mul(FACTOR).wrapping_add(u64::from(letter));
            let hash = self.text[place..place + self.k].iter().fold(0, step);
            let mut slot = self.slot(hash);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }

    fn slot(&self, hash: u64) -> usize {
        let mixed = (hash ^ hash >> 29).wrapping_mul(FACTOR);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }

    fn find_or_add(&mut self, place: usize, hash: u64) -> u32 {
        let mut slot = self.slot(hash);
        loop {
            let Some(number) = self.slots[slot].checked_sub(1) else {
                let number = self.first.len() as u32;
                self.first.push(place as u32);
                self.slots[slot] = number + 1;
                return number;
            };
            let first = self.first[number as usize] as usize;
            if self.text[first..first + self.k] == self.text[place..place + self.k] {
                return number;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_numbers_are_equal_kmers(
            sequences in prop::collection::vec(
                prop::collection::vec(prop::sample::select(b"ACGN".to_vec()), 0..60), 1..6),
            k in 1usize..8,
        ) {
            let mut kmers = Kmers::new(k, 8);
            let places: Vec<u32> = sequences.iter().map(|sequence| kmers.push(sequence)).collect();
            let mut all = Vec::new();
            for (sequence, place) in sequences.iter().zip(places) {
                for (offset, kmer) in sequence.windows(k).enumerate() {
                    let number = kmers.number(place + offset as u32);
                    all.push((kmer.to_vec(), number));
                }
            }
            for (a, x) in &all {
                for (b, y) in &all {
                    prop_assert_eq!(a == b, x == y);
                }
            }
        }
    }
}
