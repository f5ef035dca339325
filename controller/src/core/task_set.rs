//! A dense set of task indices: one bit a task, the first found fast.

/// A set of task indices.
#[derive(Debug, Clone, Default)]
pub struct TaskSet {
    words: Vec<u64>,
    len: u32,
    /// No word before this one has a bit.
    first_word: usize,
}

impl TaskSet {
    /// Adds an index.
    pub fn insert(&mut self, index: u32) {
        let (word, bit) = place(index);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if self.words[word] & bit == 0 {
            self.words[word] |= bit;
            self.len += 1;
            self.first_word = self.first_word.min(word);
        }
    }

    /// Takes an index out; says whether it was in.
    pub fn remove(&mut self, index: u32) -> bool {
        let (word, bit) = place(index);
        let held = self.contains(index);
        if held {
            self.words[word] &= !bit;
            self.len -= 1;
            self.skip_empty();
        }
        held
    }

    /// Says whether an index is in.
    pub fn contains(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.words.get(word).is_some_and(|held| held & bit != 0)
    }

    /// Returns how many are in.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Says whether none is in.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns all, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let start = self.first_word;
        let words = self.words[start.min(self.words.len())..].iter();
        words.enumerate().flat_map(move |(offset, &word)| {
            let base = (start + offset) as u32 * u64::BITS;
            let mut rest = word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Some(base + bit)
            })
        })
    }

    fn skip_empty(&mut self) {
        if self.len == 0 {
            *self = Self::default();
            return;
        }
        while self.words[self.first_word] == 0 {
            self.first_word += 1;
        }
    }
}

impl PartialEq for TaskSet {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl FromIterator<u32> for TaskSet {
    fn from_iter<I: IntoIterator<Item = u32>>(indices: I) -> Self {
        let mut set = Self::default();
        for index in indices {
            set.insert(index);
        }
        set
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index / u64::BITS) as usize, 1 << (index % u64::BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(changes in prop::collection::vec((0_u32..300, any::<bool>()), 0..200)) {
            let mut set = TaskSet::default();
            let mut model = BTreeSet::new();
            for (index, add) in changes {
                if add {
                    set.insert(index);
                    model.insert(index);
                } else {
                    prop_assert_eq!(set.remove(index), model.remove(&index));
                }
                prop_assert_eq!(set.len() as usize, model.len());
                prop_assert_eq!(set.contains(index), model.contains(&index));
            }
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert_eq!(model.into_iter().collect::<TaskSet>(), set);
        }
    }
}
