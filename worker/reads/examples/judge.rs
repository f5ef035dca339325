//! Compares this crate with the field's own answers on one real set of reads.
//!
//! Arguments: BAM without duplicate flags and with original qualities; folder with `recal.bam`,
//! `recal.table` and `markdup.metrics.txt`; reference FASTA; known sites (`.vcf.gz`); interval.

#[path = "../tests/golden/support.rs"]
mod support;

use std::path::Path;

use genome::dictionary::Dictionary;
use genome::partition::Partitions;
use genome::record::{RecordView, Records};
use genome::reference::Reference;
use genome::region::Region;
use reads::covariates::{Counter, ReadGroupKeys, Scope};
use reads::recalibration::{ApplyOptions, RecalibrationTable, Recalibrator};
use support::{Bam, Result};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, answers, fasta, known, interval] = arguments.as_slice() else {
        return Err("five arguments are needed".into());
    };
    let answers = Path::new(answers);
    let bam = Bam::read(Path::new(input))?;
    let expected = Bam::read(&answers.join("recal.bam"))?;
    let (dictionary, packed, runs) = support::reference(Path::new(fasta))?;
    let reference = Reference::new(&dictionary, &packed, &runs);

    for partition_bp in [100_000_000, 10_007] {
        let partitions = Partitions::new(&dictionary, partition_bp);
        let (marked, metrics) = support::marked(&bam, 1_000, &partitions)?;
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

fn recalibrate(
    bam: &Bam,
    marked: &Records,
    expected: &Records,
    reference: &Reference<'_>,
    known: &str,
    interval: &str,
    answers: &Path,
) -> Result<()> {
    let known_sites = support::known_sites(Path::new(known), reference.dictionary())?;
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

/// Reads `contig` or `contig:start-end`.
fn parse_interval(text: &str, dictionary: &Dictionary) -> Result<Region> {
    let (name, range) = text.split_once(':').unwrap_or((text, ""));
    let contig = dictionary.find(name).ok_or("unknown contig")?;
    let (start, end) = match range.split_once('-') {
        Some((start, end)) => (start.parse::<u64>()? - 1, end.parse()?),
        None => (0, dictionary.contig(contig).length),
    };
    Ok(Region::new(contig, start, end))
}
