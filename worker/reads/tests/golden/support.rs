//! What the comparisons with other tools share: BAM, FASTA and VCF read in the plainest way, and
//! records sent through runs, marking and merging.

use std::collections::HashMap;
use std::error::Error;
use std::io::Cursor;
use std::path::Path;

use genome::base;
use genome::dictionary::{Contig, Dictionary};
use genome::monitor::Monitor;
use genome::partition::Partitions;
use genome::read_group::ReadGroup;
use genome::record::{RecordView, Records};
use genome::reference::AmbiguousRun;
use genome::region::Region;
use reads::covariates::{KnownSites, ReadGroupKeys};
use reads::duplicates::{
    DuplicateMetrics, EndKey, MarkOptions, PairKey, PlaceReader, mark, write_buckets,
};
use reads::merge::{Merged, merge_records};
use reads::run::{Footer, Header, KeyReader, Kind, RecordReader, RunSource};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A BAM file in memory.
pub struct Bam {
    pub groups: Vec<ReadGroup>,
    pub records: Records,
}

impl Bam {
    /// Reads a whole file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = inflate(&std::fs::read(path)?)?;
        let number = |at: usize| {
            let bytes: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes) as usize
        };
        let text_end = 8 + number(4);
        let text = String::from_utf8(bytes[8..text_end].to_vec())?;
        let lines = text.lines().filter(|line| line.starts_with("@RG"));
        let groups = lines
            .map(ReadGroup::parse)
            .collect::<std::result::Result<_, _>>()?;
        let mut at = text_end + 4;
        for _ in 0..number(text_end) {
            at += number(at) + 8;
        }
        let mut records = Records::default();
        while at < bytes.len() {
            let end = at + 4 + number(at);
            records.push_view(0, RecordView::parse(&bytes[at + 4..end])?);
            at = end;
        }
        Ok(Self { groups, records })
    }

    pub fn libraries(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for group in &self.groups {
            if !names.iter().any(|name| name == group.library()) {
                names.push(group.library().to_owned());
            }
        }
        names
    }

    /// Returns the index of a read group's library.
    fn library(&self, read_group: usize) -> u16 {
        let name = self.groups[read_group].library();
        let index = self.libraries().iter().position(|known| known == name);
        index.expect("libraries are those of the read groups") as u16
    }

    /// Makes runs of about this many reads: a lane for each read group, mates as neighbours, in
    /// order of the first record of the pair in the file.
    pub fn runs(&self, reads: u64, partitions: &Partitions) -> Result<Vec<Vec<u8>>> {
        let keys = ReadGroupKeys::new(&self.groups);
        let mut first: HashMap<&[u8], usize> = HashMap::new();
        for (at, record) in self.records.iter().enumerate() {
            first.entry(self.records.get(at).name()).or_insert(at);
            assert!(keys.index_of(&record).is_some());
        }
        let mut runs = Vec::new();
        for lane in 0..self.groups.len() {
            let of_lane = |at: &usize| keys.index_of(&self.records.get(*at)) == Some(lane);
            let mut order: Vec<usize> = (0..self.records.len()).filter(of_lane).collect();
            let second = |at: usize| self.records.get(at).flags().is_second();
            let primary = |at: usize| self.records.get(at).flags().is_primary();
            order.sort_by_key(|&at| {
                let name = self.records.get(at).name();
                (first[name], second(at), !primary(at), at)
            });
            self.runs_of_lane(lane, &order, reads, partitions, &mut runs)?;
        }
        Ok(runs)
    }

    fn runs_of_lane(
        &self,
        lane: usize,
        order: &[usize],
        reads: u64,
        partitions: &Partitions,
        runs: &mut Vec<Vec<u8>>,
    ) -> Result<()> {
        let read_of = |at: usize| {
            let record = self.records.get(at);
            (record.name(), record.flags().is_second())
        };
        let mut source = RunSource {
            lane: lane as u32,
            first_ordinal: 0,
            read_group: lane as u16,
            library: self.library(lane),
        };
        let mut batch = Records::default();
        let mut read = 0u32;
        for group in order.chunk_by(|&a, &b| read_of(a) == read_of(b)) {
            let (_, second) = read_of(group[0]);
            if u64::from(read) >= reads && !second {
                runs.push(run(&batch, &source, partitions)?);
                batch.clear();
                source.first_ordinal += u64::from(read);
                read = 0;
            }
            for &at in group {
                batch.push_view(read, self.records.get(at));
            }
            read += 1;
        }
        runs.push(run(&batch, &source, partitions)?);
        Ok(())
    }
}

fn run(batch: &Records, source: &RunSource, partitions: &Partitions) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reads::run::write(std::slice::from_ref(batch), source, partitions, &mut bytes)?;
    Ok(bytes)
}

/// An object in memory with its footer.
struct Object<'a> {
    bytes: &'a [u8],
    footer: Footer,
}

impl<'a> Object<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        Ok(Self {
            bytes,
            footer: Footer::parse(bytes)?,
        })
    }

    fn section(&self, partition: u32, kind: Kind) -> Option<Cursor<&'a [u8]>> {
        let range = &self.footer.section(partition, kind)?.bytes;
        Some(Cursor::new(
            &self.bytes[range.start as usize..range.end as usize],
        ))
    }
}

/// Marks and merges the records of runs partition by partition.
pub fn marked(
    bam: &Bam,
    reads: u64,
    partitions: &Partitions,
) -> Result<(Records, DuplicateMetrics)> {
    let runs = bam.runs(reads, partitions)?;
    let mut objects = Vec::new();
    for bytes in &runs {
        let object = Object::open(bytes)?;
        objects.push((Header::parse(&object.footer)?.source, object));
    }
    let mut metrics = DuplicateMetrics::default();
    let mut buckets = Vec::new();
    for partition in 0..partitions.count() {
        let of = |kind| {
            let section = move |(source, object): &(RunSource, Object<'_>)| {
                Some((
                    *source,
                    object.section(partition, kind)?.into_inner().to_vec(),
                ))
            };
            objects.iter().filter_map(section)
        };
        let pairs = of(Kind::PairKeys);
        let pairs =
            pairs.map(|(source, bytes)| KeyReader::<_, PairKey>::new(Cursor::new(bytes), source));
        let ends = of(Kind::EndKeys);
        let ends =
            ends.map(|(source, bytes)| KeyReader::<_, EndKey>::new(Cursor::new(bytes), source));
        let (pairs, ends) = (Merged::new(pairs.collect())?, Merged::new(ends.collect())?);
        let marked = mark(pairs, ends, &MarkOptions::default(), &Monitor::default())?;
        metrics.merge(&marked.metrics);
        let mut bytes = Vec::new();
        write_buckets(&marked.duplicates, partitions, &mut bytes)?;
        buckets.push(bytes);
    }
    let mut records = Records::default();
    for partition in 0..partitions.count() {
        let mut sources = Vec::new();
        for (source, object) in &objects {
            let section = object.section(partition, Kind::Records);
            sources.extend(section.map(|section| RecordReader::new(section, *source)));
        }
        let mut places = Vec::new();
        for bytes in &buckets {
            places.extend(
                Object::open(bytes)?
                    .section(partition, Kind::Places)
                    .map(PlaceReader::new),
            );
        }
        let places = Merged::new(places)?;
        merge_records(sources, places, &Monitor::default(), |place, record| {
            metrics.add_record(record.flags(), bam.library(place.lane as usize));
            records.push_view(0, record);
            Ok::<(), reads::Error>(())
        })?;
    }
    Ok((records, metrics))
}

/// Inflates a BGZF file in memory.
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut decompressor = libdeflater::Decompressor::new();
    let mut at = 0;
    while at < bytes.len() {
        let size = usize::from(u16::from_le_bytes([bytes[at + 16], bytes[at + 17]])) + 1;
        let block = &bytes[at + 18..at + size - 8];
        let start = out.len();
        out.resize(start + 65_536, 0);
        let length = decompressor.deflate_decompress(block, &mut out[start..])?;
        out.truncate(start + length);
        at += size;
    }
    Ok(out)
}

/// Reads a FASTA file, deflated by BGZF or plain.
pub fn reference(path: &Path) -> Result<(Dictionary, Vec<u8>, Vec<AmbiguousRun>)> {
    let bytes = std::fs::read(path)?;
    let plain = bytes.first() == Some(&b'>');
    let text = String::from_utf8(if plain { bytes } else { inflate(&bytes)? })?;
    let (mut contigs, mut letters) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('>') {
            let name = name.split_whitespace().next().unwrap_or("").to_owned();
            contigs.push(Contig { name, length: 0 });
        } else {
            letters.extend(line.bytes().map(|letter| letter.to_ascii_uppercase()));
            contigs.last_mut().ok_or("no name")?.length += line.len() as u64;
        }
    }
    let mut packed = vec![0u8; letters.len().div_ceil(4)];
    let mut runs: Vec<AmbiguousRun> = Vec::new();
    for (at, &letter) in letters.iter().enumerate() {
        let code = base::code(letter);
        if code != base::AMBIGUOUS {
            packed[at / 4] |= code << (6 - 2 * (at % 4));
            continue;
        }
        let start = at as u64;
        match runs.last_mut() {
            Some(run) if run.start + run.length == start && run.letter == letter => run.length += 1,
            _ => runs.push(AmbiguousRun {
                start,
                length: 1,
                letter,
            }),
        }
    }
    Ok((Dictionary::new(contigs), packed, runs))
}

/// Reads the sites of a deflated VCF file.
pub fn known_sites(path: &Path, dictionary: &Dictionary) -> Result<KnownSites> {
    let text = String::from_utf8(inflate(&std::fs::read(path)?)?)?;
    let mut sites = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let Some(contig) = dictionary.find(fields[0]) else {
            continue;
        };
        let start = fields[1].parse::<u64>()? - 1;
        sites.push(Region::new(contig, start, start + fields[3].len() as u64));
    }
    Ok(KnownSites::new(sites))
}
