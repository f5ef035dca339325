//! Pairs of ends out of records in any order, joined by read group and name.

use rustc_hash::FxHashMap;

use super::end::End;
use super::key::{EndKey, PairKey};
use genome::record::RecordView;

/// Ends that wait for their mate, and keys of those that met it.
///
/// For input whose mates are not neighbours. Memory grows with the ends that wait, and with the
/// keys until they are taken.
#[derive(Debug, Default)]
pub struct Pairing {
    waiting: FxHashMap<(u16, Vec<u8>), End>,
    pairs: Vec<PairKey>,
    ends: Vec<EndKey>,
}

impl Pairing {
    /// Takes the end of a record; [`End::of`] says which records have one.
    pub fn add(&mut self, end: &End, record: &RecordView<'_>) {
        self.ends.push(end.key());
        if !end.paired {
            return;
        }
        let key = (end.read_group, record.name().to_vec());
        match self.waiting.remove(&key) {
            Some(mate) => self.pairs.push(end.pair(&mate)),
            None => {
                self.waiting.insert(key, *end);
            }
        }
    }

    /// Returns the sorted keys of pairs and of ends.
    pub fn finish(mut self) -> (Vec<PairKey>, Vec<EndKey>) {
        self.pairs.sort_unstable();
        self.ends.sort_unstable();
        (self.pairs, self.ends)
    }
}
