//! Compares this crate with the field's own answers on one real set of reads.
//!
//! Arguments: BAM without duplicate flags and with original qualities; folder with `recal.bam`,
//! `recal.table` and `markdup.metrics.txt`; reference FASTA; known sites (`.vcf.gz`); interval.

use std::error::Error;
use std::path::Path;

use genome::base;
use genome::dictionary::{Contig, Dictionary};
use genome::monitor::Monitor;
use genome::partition::Partitions;
use genome::read_group::ReadGroup;
use genome::record::{RecordView, Records};
use genome::reference::{AmbiguousRun, Reference};
use genome::region::Region;
use reads::covariates::{Counter, KnownSites, ReadGroupKeys, Scope};
use reads::duplicates::{DuplicateMetrics, EndKey, MarkOptions, PairKey, PlaceReader, mark};
use reads::merge::{Merged, merge_records};
use reads::recalibration::{ApplyOptions, RecalibrationTable, Recalibrator};
use reads::run::{Footer, Header, KeyReader, Kind, RecordReader, RunSource};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, answers, fasta, known, interval] = arguments.as_slice() else {
        return Err("five arguments are needed".into());
    };
    let answers = Path::new(answers);
    let bam = Bam::read(Path::new(input))?;
    let expected = Bam::read(&answers.join("recal.bam"))?;
    let (dictionary, packed, runs) = reference(fasta)?;
    let reference = Reference::new(&dictionary, &packed, &runs);

    for partition_bp in [100_000_000, 10_007] {
        let partitions = Partitions::new(&dictionary, partition_bp);
        let (marked, metrics) = through_runs(&bam, &partitions)?;
        let flags = |records: &Records| records.iter().map(|r| key(&r)).collect::<Vec<_>>();
        let (mut ours, mut theirs) = (flags(&marked), flags(&expected.records));
        ours.sort_unstable();
        theirs.sort_unstable();
        let wrong = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
        let text = metrics.text(&bam.libraries());
        let same = text == std::fs::read_to_string(answers.join("markdup.metrics.txt"))?;
        println!(
            "partitions of {partition_bp} bp: {} records, {wrong} wrong; metrics equal: {same}",
            ours.len()
        );
        if partition_bp != 10_007 {
            continue;
        }
        recalibrate(
            &bam,
            &marked,
            &expected.records,
            &reference,
            known,
            interval,
            answers,
        )?;
    }
    Ok(())
}

fn key(record: &RecordView<'_>) -> (Vec<u8>, u16, Option<u32>) {
    (record.name().to_vec(), record.flags().0, record.position())
}

/// Sends the records through runs of small batches in two lanes, marks and merges them.
fn through_runs(bam: &Bam, partitions: &Partitions) -> Result<(Records, DuplicateMetrics)> {
    let runs = bam.runs(partitions)?;
    let mut objects = Vec::new();
    for bytes in &runs {
        let footer = Footer::parse(bytes)?;
        objects.push((bytes.as_slice(), Header::parse(&footer)?.source, footer));
    }
    let mut metrics = DuplicateMetrics::default();
    let mut buckets = Vec::new();
    for partition in 0..partitions.count() {
        let mut pairs = Vec::new();
        let mut ends = Vec::new();
        for (bytes, source, footer) in &objects {
            if let Some(section) = footer.section(partition, Kind::PairKeys) {
                let range = section.bytes.start as usize..section.bytes.end as usize;
                pairs.push(KeyReader::<_, PairKey>::new(&bytes[range], *source));
            }
            if let Some(section) = footer.section(partition, Kind::EndKeys) {
                let range = section.bytes.start as usize..section.bytes.end as usize;
                ends.push(KeyReader::<_, EndKey>::new(&bytes[range], *source));
            }
        }
        let (pairs, ends) = (Merged::new(pairs)?, Merged::new(ends)?);
        let marked = mark(pairs, ends, &MarkOptions::default(), &Monitor::default())?;
        metrics.merge(&marked.metrics);
        let mut bytes = Vec::new();
        let footer = reads::duplicates::write_buckets(&marked.duplicates, partitions, &mut bytes)?;
        buckets.push((bytes, footer));
    }
    let mut records = Records::default();
    for partition in 0..partitions.count() {
        let slice = |bytes: &'_ [u8], footer: &Footer, kind| -> Option<Vec<u8>> {
            let section = footer.section(partition, kind)?;
            Some(bytes[section.bytes.start as usize..section.bytes.end as usize].to_vec())
        };
        let mut sources = Vec::new();
        for (bytes, source, footer) in &objects {
            if let Some(section) = slice(bytes, footer, Kind::Records) {
                sources.push(RecordReader::new(std::io::Cursor::new(section), *source));
            }
        }
        let sections = buckets.iter();
        let sections = sections.filter_map(|(bytes, footer)| slice(bytes, footer, Kind::Places));
        let places = sections.map(|section| PlaceReader::new(std::io::Cursor::new(section)));
        let places = Merged::new(places.collect())?;
        merge_records(sources, places, &Monitor::default(), |_, record| {
            metrics.add_record(&record, 0);
            records.push_view(0, record);
            Ok::<(), reads::Error>(())
        })?;
    }
    Ok((records, metrics))
}

fn recalibrate(
    bam: &Bam,
    marked: &Records,
    expected: &Records,
    reference: &Reference<'_>,
    known: &str,
    interval: &str,
    answers: &Path,
) -> Result<()> {
    let known_sites = known_sites(known, reference.dictionary())?;
    let intervals = [parse_interval(interval, reference.dictionary())?];
    let keys = ReadGroupKeys::new(&bam.groups);
    let scope = Scope {
        reference: reference.clone(),
        known_sites: &known_sites,
        intervals: Some(&intervals),
    };
    let mut counter = Counter::new(scope);
    for record in marked.iter() {
        counter.count(
            &record,
            keys.key_of(&record).ok_or("record without read group")?,
        )?;
    }
    let table = RecalibrationTable::of(&counter.finish(), keys.names());
    let text = std::fs::read_to_string(answers.join("recal.table"))?;
    let report = table.report();
    let pairs = report.lines().zip(text.lines());
    let wrong: Vec<_> = pairs.filter(|(a, b)| a != b).collect();
    println!(
        "table equal: {}; {} lines differ",
        report == text,
        wrong.len()
    );
    for (ours, theirs) in wrong.iter().take(5) {
        println!("  ours   {ours}\n  theirs {theirs}");
    }
    let parsed = RecalibrationTable::parse(&text)?;
    println!("report survives a round trip: {}", parsed.report() == text);
    let recalibrator = Recalibrator::new(&parsed, keys.names(), &ApplyOptions::default());
    let mut theirs: Vec<_> = expected.iter().map(|r| (key(&r), r.qualities())).collect();
    theirs.sort_unstable();
    let mut ours = Vec::new();
    for record in marked.iter() {
        let mut qualities = Vec::new();
        recalibrator.recalibrate(&record, keys.key_of(&record), &mut qualities)?;
        ours.push((key(&record), qualities));
    }
    ours.sort_unstable();
    let pairs = || ours.iter().zip(&theirs);
    let wrong = pairs().filter(|(a, b)| a.1 != b.1).count();
    println!("recalibrated: {} records, {wrong} differ", pairs().count());
    Ok(())
}

struct Bam {
    groups: Vec<ReadGroup>,
    records: Records,
}

impl Bam {
    fn read(path: &Path) -> Result<Self> {
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

    fn libraries(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for group in &self.groups {
            if !names.iter().any(|name| name == group.library()) {
                names.push(group.library().to_owned());
            }
        }
        names
    }

    /// Makes runs of 1 000 reads, as an aligner would: mates are neighbours, in order of the first
    /// record of the pair in the file.
    fn runs(&self, partitions: &Partitions) -> Result<Vec<Vec<u8>>> {
        let mut order: Vec<(&[u8], bool, bool, usize)> = Vec::new();
        for (at, record) in self.records.iter().enumerate() {
            let flags = record.flags();
            order.push((record.name(), flags.is_second(), !flags.is_primary(), at));
        }
        let mut first: std::collections::HashMap<&[u8], usize> = Default::default();
        for &(name, .., at) in &order {
            first.entry(name).or_insert(at);
        }
        order.sort_by_key(|&(name, second, supplementary, at)| {
            (first[name], second, supplementary, at)
        });
        let mut runs = Vec::new();
        let mut batch = Records::default();
        let (mut read, mut first_ordinal) = (0u32, 0u64);
        for (index, &(name, second, _, at)) in order.iter().enumerate() {
            let new = index == 0 || (order[index - 1].0, order[index - 1].1) != (name, second);
            if new && index > 0 {
                read += 1;
                if read >= 1_000 && !second {
                    runs.push(run(&batch, first_ordinal, partitions)?);
                    batch.clear();
                    first_ordinal += u64::from(read);
                    read = 0;
                }
            }
            batch.push_view(read, self.records.get(at));
        }
        runs.push(run(&batch, first_ordinal, partitions)?);
        Ok(runs)
    }
}

fn run(batch: &Records, first_ordinal: u64, partitions: &Partitions) -> Result<Vec<u8>> {
    let source = RunSource {
        lane: 0,
        first_ordinal,
        read_group: 0,
        library: 0,
    };
    let mut bytes = Vec::new();
    reads::run::write(batch, &source, partitions, &mut bytes)?;
    Ok(bytes)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
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

fn reference(path: &str) -> Result<(Dictionary, Vec<u8>, Vec<AmbiguousRun>)> {
    let text = std::fs::read_to_string(path)?;
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

fn known_sites(path: &str, dictionary: &Dictionary) -> Result<KnownSites> {
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

fn parse_interval(text: &str, dictionary: &Dictionary) -> Result<Region> {
    let (name, range) = text.split_once(':').unwrap_or((text, ""));
    let contig = dictionary.find(name).ok_or("unknown contig")?;
    let (start, end) = match range.split_once('-') {
        Some((start, end)) => (start.parse::<u64>()? - 1, end.parse()?),
        None => (0, dictionary.contig(contig).length),
    };
    Ok(Region::new(contig, start, end))
}
