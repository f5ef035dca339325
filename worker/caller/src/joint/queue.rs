//! Inputs in the order of their next records.
//!
//! Inputs at one place come in the order in which a binary heap gives them: that of Java's
//! `PriorityQueue`, since it decides in which order alleles are listed.

use genome::region::ContigId;

/// Contig and position.
pub type Place = (ContigId, u64);

/// A heap of input numbers, the one with the earliest place first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    heap: Vec<(Place, usize)>,
}

impl Queue {
    /// Adds an input.
    pub fn push(&mut self, place: Place, input: usize) {
        self.heap.push((place, input));
        let mut at = self.heap.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if place >= self.heap[parent].0 {
                break;
            }
            self.heap.swap(at, parent);
            at = parent;
        }
    }

    /// Returns the earliest place.
    pub fn place(&self) -> Option<Place> {
        self.heap.first().map(|(place, _)| *place)
    }

    /// Removes the first input.
    pub fn pop(&mut self) -> Option<usize> {
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        let (_, input) = self.heap.pop()?;
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let Some(mut least) = self.heap.get(left).map(|_| left) else {
                break;
            };
            if right < last && self.heap[left].0 > self.heap[right].0 {
                least = right;
            }
            if self.heap[at].0 <= self.heap[least].0 {
                break;
            }
            self.heap.swap(at, least);
            at = least;
        }
        Some(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // What `java.util.PriorityQueue` of OpenJDK 17 gives for these equal keys.
    #[test]
    fn equal_places_come_in_the_order_of_the_heap() {
        let mut queue = Queue::default();
        (0..5).for_each(|input| queue.push((ContigId(0), 7), input));
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [0, 4, 3, 2, 1]);
    }

    proptest! {
        #[test]
        fn inputs_come_by_place(places in prop::collection::vec(0u64..20, 0..40)) {
            let mut queue = Queue::default();
            for (input, &place) in places.iter().enumerate() {
                queue.push((ContigId(0), place), input);
            }
            let order: Vec<u64> =
                std::iter::from_fn(|| queue.pop()).map(|input| places[input]).collect();
            prop_assert!(order.is_sorted());
            prop_assert_eq!(order.len(), places.len());
        }
    }
}
