//! Batches in which some reads have a mate and some have none.

use genome::reads::Reads;

/// A part of a batch: reads without mates, or pairs.
#[derive(Debug, Default)]
pub struct Part {
    /// Its reads.
    pub reads: Reads,
    /// Where each stands in the batch.
    pub places: Vec<u32>,
}

/// Splits a batch into reads without mates and pairs: neighbours with one name.
pub fn split(reads: &Reads) -> [Part; 2] {
    let mut parts: [Part; 2] = Default::default();
    let mut at = 0;
    while at < reads.len() {
        let is_pair = at + 1 < reads.len() && reads.get(at).name == reads.get(at + 1).name;
        let part = &mut parts[usize::from(is_pair)];
        for _ in 0..=usize::from(is_pair) {
            part.reads.push(reads.get(at));
            part.places.push(at as u32);
            at += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::reads::Read;

    #[test]
    fn neighbours_with_one_name_are_pairs() {
        let mut reads = Reads::default();
        for name in ["a", "a", "b", "c", "c", "c"] {
            reads.push(Read {
                name: name.as_bytes(),
                bases: b"A",
                qualities: b"",
            });
        }
        let [single, paired] = split(&reads);
        assert_eq!(single.places, [2, 5]);
        assert_eq!(paired.places, [0, 1, 3, 4]);
        assert_eq!(paired.reads.get(3).name, b"c");
    }
}
