//! Sorting by name, eight bytes of the keys at a time: records are looked at again only among those
//! that these do not tell apart.

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;

use super::arena::Arena;
use super::key::{compare_reads, name_key};
use super::radix::Entry;

/// Bytes of a key that are compared at once.
const HEAD_BYTES: usize = 8;

/// So many records tell what all share, as a guess.
const SAMPLES: usize = 64;

/// As many records are compared with each other by all of their names.
const FEW: usize = 12;

/// Sorts records by name and rank, and equal ones by where they lie.
pub(super) fn sort(entries: &mut [Entry], arena: &Arena) {
    sort_from(entries, arena, 0);
}

/// Sorts records the first bytes of whose keys are equal.
fn sort_from(entries: &mut [Entry], arena: &Arena, from: usize) {
    if entries.len() <= FEW {
        entries.sort_unstable_by(|a, b| {
            let by_name = compare_reads(&arena.get(a.1), &arena.get(b.1));
            by_name.then(a.1.cmp(&b.1))
        });
        return;
    }
    let Some(told) = set_heads(entries, arena, from) else {
        entries.sort_unstable_by_key(|&(_, address)| address);
        return;
    };
    entries.par_sort_unstable();
    let alike = entries.par_chunk_by_mut(|a, b| a.0 == b.0);
    let untold = alike.filter(|alike| alike.len() > 1);
    untold.for_each(|alike| sort_from(alike, arena, told));
}

/// Sets heads to what follows in the keys behind the bytes that all have, at least `from`; returns
/// how many bytes are told by that, `None` if the keys are equal.
fn set_heads(entries: &mut [Entry], arena: &Arena, from: usize) -> Option<usize> {
    let (mut first, mut key) = (Vec::new(), Vec::new());
    name_key(&arena.get(entries.first()?.1), &mut first);
    let same_as_first = |address, shared: usize, key: &mut Vec<u8>| {
        name_key(&arena.get(address), key);
        let pairs = first.iter().zip(key.iter());
        let pairs = pairs.take(shared).skip(from);
        from + pairs.take_while(|(a, b)| a == b).count()
    };
    // A few tell nearly always how much all share; where they are wrong, it begins anew.
    let mut shared = usize::MAX;
    for &(_, address) in entries.iter().step_by(entries.len().div_ceil(SAMPLES)) {
        shared = shared.min(same_as_first(address, shared, &mut key));
    }
    let mut at = 0;
    while let Some((head, address)) = entries.get_mut(at) {
        let same = same_as_first(*address, shared, &mut key);
        if same < shared {
            (shared, at) = (same, 0);
            continue;
        }
        let mut bytes = [0; HEAD_BYTES];
        let told = key.get(shared..).unwrap_or_default();
        let length = told.len().min(HEAD_BYTES);
        bytes[..length].copy_from_slice(&told[..length]);
        *head = u64::from_be_bytes(bytes);
        at += 1;
    }
    // No key is the beginning of another.
    (shared < first.len()).then_some(shared + HEAD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::super::arena::Arena;
    use super::*;
    use crate::testing::Sketch;
    use genome::record::Flags;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn heads_sort_as_whole_names_do(
            reads in prop::collection::vec(("m:(1|12):[ab]{0,2}(0|1|2|10):q{0,12}[xy]?", 0u16..4), 0..200),
        ) {
            let mut arena = Arena::new(1 << 20);
            let mut entries = Vec::new();
            for (name, read) in &reads {
                let sketch = Sketch { name, flags: read * Flags::FIRST, ..Sketch::default() };
                entries.push((0, arena.push(&sketch.records().get(0))));
            }
            let mut expected = entries.clone();
            expected.sort_by(|a, b| compare_reads(&arena.get(a.1), &arena.get(b.1)));
            sort(&mut entries, &arena);
            let places = |entries: &[Entry]| entries.iter().map(|entry| entry.1).collect::<Vec<_>>();
            prop_assert_eq!(places(&entries), places(&expected));
        }
    }
}
