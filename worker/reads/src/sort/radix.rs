//! Sorting by 64-bit keys, byte by byte from the lowest; equal keys keep their order.

use super::arena::Address;

/// The key of a record and where it lies.
pub(super) type Entry = (u64, Address);

/// Values of a byte.
const BUCKETS: usize = 256;

/// Sorts by key; `spare` is memory for a copy. Bytes in which no two keys differ cost nothing.
pub(super) fn sort(entries: &mut Vec<Entry>, spare: &mut Vec<Entry>) {
    let Some(&(first, address)) = entries.first() else {
        return;
    };
    let varying = entries
        .iter()
        .fold(0, |bits, (key, _)| bits | (key ^ first));
    let is_sorted = entries.is_sorted_by_key(|(key, _)| *key);
    if is_sorted {
        return;
    }
    spare.clear();
    spare.resize(entries.len(), (0, address));
    for shift in (0..u64::BITS).step_by(8) {
        if varying >> shift & 0xFF == 0 {
            continue;
        }
        let digit = |key: u64| (key >> shift & 0xFF) as usize;
        let mut next = [0usize; BUCKETS];
        for (key, _) in entries.iter() {
            next[digit(*key)] += 1;
        }
        let mut start = 0;
        for slot in &mut next {
            start += std::mem::replace(slot, start);
        }
        for &entry in entries.iter() {
            let slot = &mut next[digit(entry.0)];
            spare[*slot] = entry;
            *slot += 1;
        }
        std::mem::swap(entries, spare);
    }
}
