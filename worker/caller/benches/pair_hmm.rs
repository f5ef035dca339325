//! The pair hidden Markov model against GKL's kernel with AVX-512, on the same reads and haplotypes:
//! `cargo bench -p caller --bench pair_hmm [-- RECORDED…]`
//!
//! A recorded file is what GATK writes with `--pair-hmm-results-file`; without one, regions are
//! drawn. Prints a line of JSON for each: CPU seconds of one thread, cells a second, and how many
//! values differ.
#![allow(missing_docs, reason = "a program")]

use caller::pair_hmm::{PairHmm, ReadQualities};
use std::time::Duration;

const GAP_CONTINUATION: u8 = 10;

/// Each side computes all regions this often, in turn; the best time of each counts.
const ROUNDS: usize = 5;

/// Larger differences are counted: single precision ends there.
const ALIKE_LOG10: f64 = 1e-4;

/// Drawn regions: reads of `READ_BP` over haplotypes of `HAPLOTYPE_BP`.
const REGIONS: usize = 60;
const READS: usize = 45;
const READ_BP: usize = 120;
const HAPLOTYPES: usize = 4;
const HAPLOTYPE_BP: usize = 260;

/// Bases, then base, insertion and deletion qualities.
type Read = [Vec<u8>; 4];

#[derive(Default)]
struct Region {
    reads: Vec<Read>,
    haplotypes: Vec<Vec<u8>>,
}

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if files.is_empty() {
        compare("drawn", &drawn());
    }
    for file in files {
        let text = std::fs::read_to_string(&file).expect("the recorded file can be read");
        compare(&file, &recorded(&text));
    }
}

fn compare(name: &str, regions: &[Region]) {
    let Some(judge) = judge() else {
        eprintln!("this CPU has no AVX-512");
        return;
    };
    let (mut own, mut theirs) = (Duration::MAX, Duration::MAX);
    let (mut own_values, mut judge_values) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = cpu_time();
        own_values = regions.iter().flat_map(computed).collect();
        let between = cpu_time();
        judge_values = regions
            .iter()
            .flat_map(|region| judged(region, judge))
            .collect();
        own = own.min(between - started);
        theirs = theirs.min(cpu_time() - between);
    }
    let pairs = own_values.iter().zip(&judge_values);
    let differing = pairs
        .filter(|(own, judge): &(&f64, &f64)| (*own - *judge).abs() > ALIKE_LOG10)
        .count();
    let cells = cells(regions) as f64 / 1e9;
    println!(
        r#"{{"set":"{name}","values":{},"differing":{differing},"own_s":{:.4},"gkl_s":{:.4},"own_gcells_s":{:.2},"gkl_gcells_s":{:.2},"ratio":{:.2}}}"#,
        own_values.len(),
        own.as_secs_f64(),
        theirs.as_secs_f64(),
        cells / own.as_secs_f64(),
        cells / theirs.as_secs_f64(),
        theirs.as_secs_f64() / own.as_secs_f64(),
    );
}

fn computed(region: &Region) -> Vec<f64> {
    let reads: Vec<ReadQualities<'_>> = region
        .reads
        .iter()
        .map(|[bases, base, insertion, deletion]| ReadQualities {
            bases,
            base_qualities: base,
            insertion_qualities: insertion,
            deletion_qualities: deletion,
        })
        .collect();
    let haplotypes: Vec<&[u8]> = region.haplotypes.iter().map(Vec::as_slice).collect();
    PairHmm::new(GAP_CONTINUATION).likelihoods(&reads, &haplotypes)
}

/// GKL's function: haplotype, bases, base, insertion, deletion and gap qualities.
type Judge = fn(&[u8], &[u8], &[u8], &[u8], &[u8], &[u8]) -> f64;

#[cfg(target_arch = "x86_64")]
fn judge() -> Option<Judge> {
    gkl::pairhmm::forward_avx512()
}

#[cfg(not(target_arch = "x86_64"))]
fn judge() -> Option<Judge> {
    None
}

fn judged(region: &Region, judge: Judge) -> Vec<f64> {
    let mut values = Vec::with_capacity(region.reads.len() * region.haplotypes.len());
    for [bases, base, insertion, deletion] in &region.reads {
        let gap = vec![GAP_CONTINUATION; bases.len()];
        let row = region
            .haplotypes
            .iter()
            .map(|haplotype| judge(haplotype, bases, base, insertion, deletion, &gap));
        values.extend(row);
    }
    values
}

fn cells(regions: &[Region]) -> usize {
    let bases = |lines: &[Vec<u8>]| lines.iter().map(Vec::len).sum::<usize>();
    let reads = |region: &Region| region.reads.iter().map(|read| read[0].len()).sum::<usize>();
    regions
        .iter()
        .map(|region| reads(region) * bases(&region.haplotypes))
        .sum()
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

/// Joins consecutive lines of one read, then consecutive reads with the same haplotypes.
fn recorded(text: &str) -> Vec<Region> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    let mut regions: Vec<Region> = Vec::new();
    let is_new = |seen: &[&[&str]], line: &[&str]| seen.iter().any(|one| one[0] == line[0]);
    let mut at = 0;
    while at < lines.len() {
        let mut same: Vec<&[&str]> = Vec::new();
        while at < lines.len() {
            let line = &lines[at][..];
            if same.first().is_some_and(|one| one[1..6] != line[1..6]) || is_new(&same, line) {
                break;
            }
            same.push(line);
            at += 1;
        }
        let haplotypes: Vec<Vec<u8>> = same.iter().map(|line| line[0].into()).collect();
        let qualities = |word: &str| word.bytes().map(|byte| byte - b'!').collect::<Vec<u8>>();
        let words = same[0];
        let read = [
            words[1].into(),
            qualities(words[2]),
            qualities(words[3]),
            qualities(words[4]),
        ];
        match regions.last_mut() {
            Some(last) if last.haplotypes == haplotypes => last.reads.push(read),
            _ => regions.push(Region {
                reads: vec![read],
                haplotypes,
            }),
        }
    }
    regions
}

fn drawn() -> Vec<Region> {
    let mut state = 7u64;
    let mut below = move |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let mut regions = Vec::new();
    for _ in 0..REGIONS {
        let mut region = Region::default();
        let first: Vec<u8> = (0..HAPLOTYPE_BP).map(|_| b"ACGT"[below(4)]).collect();
        for _ in 0..HAPLOTYPES {
            let mut haplotype = first.clone();
            haplotype[below(HAPLOTYPE_BP)] = b"ACGT"[below(4)];
            region.haplotypes.push(haplotype);
        }
        for _ in 0..READS {
            let start = below(HAPLOTYPE_BP - READ_BP);
            let mut bases = region.haplotypes[below(HAPLOTYPES)][start..start + READ_BP].to_vec();
            bases[below(READ_BP)] = b"ACGT"[below(4)];
            let qualities = (0..READ_BP).map(|_| 20 + below(20) as u8).collect();
            let gaps = vec![45; READ_BP];
            region.reads.push([bases, qualities, gaps.clone(), gaps]);
        }
        regions.push(region);
    }
    regions
}
