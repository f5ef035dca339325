//! The duplicate keys of one read batch, sent to the partitions of their ends.

use genome::order::Place;
use genome::partition::Partitions;
use genome::record::{Flags, RecordView};
use genome::region::ContigId;

use super::end::End;
use super::key::{EndKey, PairKey};
use super::section;
use crate::container::Encoder;
use crate::run::RunSource;

/// The keys of one batch that one partition gets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    pairs: Vec<PairKey>,
    ends: Vec<EndKey>,
}

impl Keys {
    /// Sorts the keys and packs the sections of pairs and of ends.
    ///
    /// Ends of pairs at one site say the same, and are kept once.
    pub(crate) fn pack(&mut self, source: &RunSource) -> (Encoder, Encoder) {
        self.pairs.sort_unstable();
        self.ends.sort_unstable();
        self.ends.dedup();
        let (mut pairs, mut ends) = (Encoder::default(), Encoder::default());
        for key in &self.pairs {
            pairs.item(|out| section::put_pair(out, key, source));
        }
        for key in &self.ends {
            ends.item(|out| section::put_end(out, key, source));
        }
        (pairs, ends)
    }

    fn add(&mut self, end: &End) {
        self.ends.push(end.key());
    }
}

/// Returns the keys of a batch by partition.
///
/// Mates are neighbours: a first read, then the second read of the same name. `records` come with
/// their places, in the order of the aligner.
pub(crate) fn keys_of_batch<'a>(
    records: impl Iterator<Item = (Place, RecordView<'a>)>,
    source: &RunSource,
    partitions: &Partitions,
) -> Vec<Keys> {
    let mut keys = vec![Keys::default(); partitions.count() as usize];
    let partition = |end: &End| {
        let position = u64::try_from(end.site.coordinate).unwrap_or(0);
        partitions.of(ContigId(end.site.contig), position) as usize
    };
    let mut before: Option<(RecordView<'a>, End)> = None;
    for (place, record) in records {
        let Some(end) = End::of(&record, place, source.library, source.read_group) else {
            continue;
        };
        keys[partition(&end)].add(&end);
        let mate = before.filter(|(mate_record, mate)| {
            mate.paired
                && end.paired
                && mate.first_of_pair
                && record.flags().has(Flags::SECOND)
                && mate.place.ordinal + 1 == place.ordinal
                && mate_record.name() == record.name()
        });
        if let Some((_, mate)) = mate {
            let key = end.pair(&mate);
            let left = if key.places[0] == end.place {
                &end
            } else {
                &mate
            };
            keys[partition(left)].pairs.push(key);
        }
        before = Some((record, end));
    }
    keys
}
