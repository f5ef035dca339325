//! The first pass: keys of all records, and which records are duplicates.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result};
use common::failure::Failure;
use genome::monitor::Monitor;
use genome::record::RecordView;
use reads::duplicates::{
    DuplicateKind, DuplicateMetrics, End, EndKey, EndOptions, KeySorter, Packed, PackedEnd,
    PackedPair, PackedSite, PairKey, Pairing, end_at, mark_into, numbered, site_alone,
};

use super::Args;
use super::fields::Fields;
use super::inputs::{Grouping, Inputs};
use super::libraries::Libraries;
use super::notes::{Mark, Noting};
use crate::output::{folder_of, is_device};
use crate::spill::Spill;

/// What the first pass found.
pub struct Found {
    /// The ordinals of duplicates, ascending: of their records, or of their names' first records.
    pub duplicates: Box<dyn Iterator<Item = Result<(u64, DuplicateKind), reads::Error>>>,
    /// Optical duplicates by library, and sizes of sets.
    pub metrics: DuplicateMetrics,
    /// The libraries that occur.
    pub libraries: Libraries,
    /// By what blocks can be copied, if they can.
    pub notes: Option<BufReader<File>>,
}

/// Keys of one kind, some of them on scratch storage.
struct Keys<const WORDS: usize> {
    sorter: KeySorter<WORDS>,
    spill: Spill,
}

impl<const WORDS: usize> Keys<WORDS> {
    fn new(folder: &Path, memory_bytes: usize) -> Self {
        Self {
            sorter: KeySorter::new(memory_bytes),
            spill: Spill::new_in(folder),
        }
    }

    fn push(&mut self, key: [u64; WORDS]) -> Result<(), reads::Error> {
        self.sorter.push(key);
        if self.sorter.is_full() {
            self.spill.add(|out| self.sorter.spill(out))?;
        }
        Ok(())
    }

    fn sorted(
        self,
    ) -> Result<impl Iterator<Item = Result<[u64; WORDS], reads::Error>>, reads::Error> {
        let stretches: Vec<BufReader<File>> = self.spill.into_stretches();
        self.sorter.merge(stretches)
    }
}

/// All keys.
struct Collector {
    options: EndOptions,
    pairs: Keys<{ size_of::<PackedPair>() / 8 }>,
    /// Ends of pairs: these only say that they are there.
    sites: Keys<{ size_of::<PackedSite>() / 8 }>,
    /// Ends that are set against others.
    lone: Keys<{ size_of::<PackedEnd>() / 8 }>,
    pairing: Pairing,
    waiting: Spill,
    /// The key of the last end of a pair: many have the same.
    last: Option<PackedEnd>,
}

impl Collector {
    fn add(&mut self, end: &End, record: &RecordView<'_>) -> Result<(), reads::Error> {
        let key = end.key().pack();
        if self.last != Some(key) {
            match site_alone(&key) {
                Some(site) => self.sites.push(site)?,
                None => self.lone.push(key)?,
            }
            self.last = Some(key);
        }
        if let Some(pair) = self.pairing.add(end, record) {
            self.pairs.push(pair.pack())?;
        }
        if self.pairing.is_full() {
            self.waiting.add(|out| self.pairing.spill(out))?;
        }
        Ok(())
    }
}

/// Finds the duplicates of the inputs.
///
/// # Errors
/// What is wrong with an input; what scratch storage answers.
pub fn find(args: &Args) -> Result<Found> {
    let mut inputs = args.open()?;
    let groups = inputs.header().read_groups();
    let groups = groups.map_err(|error| Failure::input(inputs.first_file(), error.to_string()))?;
    let mut libraries = Libraries::new(&groups);
    let folder = match is_device(&args.output) || args.output.as_os_str() == "-" {
        true => std::env::temp_dir(),
        false => folder_of(&args.output).to_owned(),
    };
    let scratch = || format!("scratch file in {}", folder.display());
    let mut collector = Collector {
        options: args.end_options(),
        pairs: Keys::new(&folder, args.memory / 8 * 3),
        sites: Keys::new(&folder, args.memory / 8),
        lone: Keys::new(&folder, args.memory / 8),
        pairing: Pairing::new(args.memory / 4),
        waiting: Spill::new_in(&folder),
        last: None,
    };
    let mut noting = Noting::start(args, &mut inputs, &folder).with_context(scratch)?;
    let mut pass = Pass {
        collector: &mut collector,
        noting: &mut noting,
        clears_tags: args.clear_tags,
        scratch: &scratch,
    };
    pass.run(&mut inputs, &mut libraries)?;
    drop(inputs);
    let notes = noting.finish().with_context(scratch)?;
    let mut pairs = collector.pairs;
    let waiting = collector.waiting.into_stretches();
    let joined: Result<(), reads::Error> = collector
        .pairing
        .finish(waiting, |pair| pairs.push(pair.pack()));
    joined.with_context(scratch)?;
    let pairs = pairs.sorted().with_context(scratch)?;
    let sites = collector.sites.sorted().with_context(scratch)?;
    let lone = collector.lone.sorted().with_context(scratch)?;
    let ends = both(sites, lone);
    let pairs = pairs.map(|key| key.map(|key| PairKey::unpack(&key)));
    let ends = without_repeats(ends).map(|key| key.map(|key| EndKey::unpack(&key)));
    let mut ordinals = Keys::<1>::new(&folder, args.memory / 8);
    let options = args.mark_options();
    let metrics = mark_into(pairs, ends, &options, &Monitor::default(), |place, kind| {
        let is_library = u64::from(kind == DuplicateKind::Library);
        ordinals.push([place.ordinal << 1 | is_library])
    });
    let metrics = metrics.with_context(scratch)?;
    let duplicates = ordinals.sorted().with_context(scratch)?;
    Ok(Found {
        duplicates: Box::new(duplicates.map(|found| {
            found.map(|[word]| match word & 1 {
                0 => (word >> 1, DuplicateKind::Sequencing),
                _ => (word >> 1, DuplicateKind::Library),
            })
        })),
        metrics,
        libraries,
        notes,
    })
}

/// The first pass on its way.
struct Pass<'a, S> {
    collector: &'a mut Collector,
    noting: &'a mut Noting,
    /// Whether records with a tag of an earlier marking lose it.
    clears_tags: bool,
    /// Names the scratch files.
    scratch: &'a S,
}

impl<S: Fn() -> String> Pass<'_, S> {
    fn run(&mut self, inputs: &mut Inputs, libraries: &mut Libraries) -> Result<()> {
        let by_name = inputs.grouping() == Grouping::Name;
        let mut group = Group::default();
        while let Some((number, record)) = inputs.next_record()? {
            let fields = Fields::of(&record);
            let (library, read_group) = libraries.of_id(fields.read_group());
            libraries.meet(library);
            let mut place = numbered(number);
            if by_name {
                let (first, index) = group.of(number, record.name());
                place = numbered(first);
                place.index = index;
            }
            if fields.has_kind && self.clears_tags {
                self.noting.give_up();
            }
            let is_first = place.ordinal == number;
            let mark = Mark { library, is_first };
            let noted = self.noting.add(&record, mark);
            noted.with_context(self.scratch)?;
            let source = (library, read_group);
            if let Some(end) = End::with(&record, place, source, &self.collector.options) {
                let added = self.collector.add(&end, &record);
                added.with_context(self.scratch)?;
            }
        }
        Ok(())
    }
}

/// Merges the sites of pairs' ends with lone ends; both are sorted.
fn both(
    sites: impl Iterator<Item = Result<PackedSite, reads::Error>>,
    lone: impl Iterator<Item = Result<PackedEnd, reads::Error>>,
) -> impl Iterator<Item = Result<PackedEnd, reads::Error>> {
    let (mut sites, mut lone) = (sites.peekable(), lone.peekable());
    std::iter::from_fn(move || {
        let is_site_first = match (sites.peek(), lone.peek()) {
            (Some(Ok(site)), Some(Ok(end))) => end_at(*site) <= *end,
            (site, end) => site.is_some_and(Result::is_err) || end.is_none(),
        };
        match is_site_first {
            true => sites.next().map(|site| site.map(end_at)),
            false => lone.next(),
        }
    })
}

/// Drops keys that are equal to the one before: ends of pairs at one site say the same.
fn without_repeats(
    keys: impl Iterator<Item = Result<PackedEnd, reads::Error>>,
) -> impl Iterator<Item = Result<PackedEnd, reads::Error>> {
    let mut last = None;
    keys.filter(move |key| match key {
        Ok(key) => last.replace(*key) != Some(*key),
        Err(_) => true,
    })
}

/// The records of one name, which follow each other.
#[derive(Debug, Default)]
pub struct Group {
    name: Vec<u8>,
    first: u64,
    count: u16,
}

impl Group {
    /// Returns the number of the first record with the name of this one, and how many came since.
    pub fn of(&mut self, number: u64, name: &[u8]) -> (u64, u16) {
        if self.first == 0 || self.name != name {
            self.name.clear();
            self.name.extend_from_slice(name);
            self.first = number;
            self.count = 0;
        } else {
            self.count = self.count.saturating_add(1);
        }
        (self.first, self.count)
    }
}
