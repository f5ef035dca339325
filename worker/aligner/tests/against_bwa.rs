//! Random references, reads and options through the installed `bwa` and through the crate: every
//! line is the same, at each level of vector instructions.
//!
//! Each round is repeated in small batches that are aligned in shuffled order, as workers do it.
//!
//! `SPINDLE_FUZZ_ROUNDS` asks for more rounds than the few of a test run. Without `bwa` in the
//! path there is nothing to compare with, and the test says so.

#[path = "support/random.rs"]
mod random;

use aligner::index::Builder;
use aligner::{Batch, Events, Index, Level, Options};
use genome::monitor::Monitor;
use genome::reads::{Read, Reads};
use genome::record::sam::write_sam;
use random::Random;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const ROUNDS: u64 = 4;
const PAIRS: usize = 250;
/// A band that gaps of a few bases do not fit.
const NARROW: i32 = 5;

impl Random {
    fn is_one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// Makes a contig of random stretches, diverged copies of earlier ones and tandem repeats.
fn contig(random: &mut Random, family: &[u8]) -> Vec<u8> {
    let mut bases: Vec<u8> = Vec::new();
    while bases.len() < 9000 {
        let length = 50 + random.below(600);
        match random.below(6) {
            0 => bases.extend(mutated(random, family, 12)),
            1 if bases.len() > length => {
                let start = random.below(bases.len() - length);
                let copy = bases[start..start + length].to_vec();
                bases.extend(mutated(random, &copy, 40));
            }
            2 => {
                let unit: Vec<u8> = (0..1 + random.below(40)).map(|_| letter(random)).collect();
                bases.extend(unit.iter().cycle().take(length));
            }
            _ => bases.extend((0..length).map(|_| letter(random))),
        }
    }
    bases
}

fn letter(random: &mut Random) -> u8 {
    b"ACGT"[random.below(4)]
}

/// Copies bases with a substitution, insertion or deletion at one place in `rarity`.
fn mutated(random: &mut Random, bases: &[u8], rarity: usize) -> Vec<u8> {
    let mut copy = Vec::new();
    for &base in bases {
        match random.below(rarity * 4) {
            0..=2 => copy.push(letter(random)),
            3 if random.is_one_in(2) => {}
            3 => copy.extend((0..1 + random.below(9)).map(|_| letter(random))),
            _ => copy.push(base),
        }
    }
    copy
}

fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |base: &u8| match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        _ => b'A',
    };
    bases.iter().rev().map(complement).collect()
}

/// Makes the two ends of a fragment; some have a poor end, unknown bases or come from elsewhere.
fn pair(random: &mut Random, contigs: &[Vec<u8>], read_bp: usize) -> [Vec<u8>; 2] {
    let contig = &contigs[random.below(contigs.len())];
    let insert = read_bp + random.below(200);
    let start = random.below(contig.len() - insert);
    let fragment = &contig[start..start + insert];
    let mut ends = [
        fragment[..read_bp].to_vec(),
        reverse_complement(&fragment[insert - read_bp..]),
    ];
    for end in &mut ends {
        let rarity = [400, 60, 12][random.below(3)];
        *end = mutated(random, end, rarity);
        match random.below(10) {
            0 => {
                let cut = random.below(end.len());
                end[cut..]
                    .iter_mut()
                    .for_each(|base| *base = b"ACGT"[(*base as usize + cut) % 4]);
            }
            1 => {
                let other = &contigs[random.below(contigs.len())];
                let at = random.below(other.len() - end.len());
                let cut = random.below(end.len());
                let length = end.len();
                end[cut..].copy_from_slice(&other[at..at + length - cut]);
            }
            2 => {
                let at = random.below(end.len());
                end[at] = b'N';
            }
            // A gap that a narrow band does not cross, to be joined behind it.
            3 if end.len() > 240 => {
                let at = 100 + random.below(40);
                end.drain(at..at + 6 + random.below(4));
            }
            _ => {}
        }
    }
    if random.is_one_in(12) {
        ends.reverse();
    }
    ends
}

/// Draws options, as bwa's arguments and as the crate's.
fn options(random: &mut Random) -> (Vec<String>, Options) {
    let mut options = Options::default();
    let mut arguments = Vec::new();
    let mut given = |flag: &str, value: i32| arguments.extend([flag.to_owned(), value.to_string()]);
    for _ in 0..random.below(4) {
        let pick = random.below(12);
        let value = random.below(8) as i32;
        match pick {
            0 => (options.min_seed_length, ()) = (12 + value, given("-k", 12 + value)),
            1 => (options.mismatch_penalty, ()) = (2 + value, given("-B", 2 + value)),
            2 => {
                (options.gap_open_deletion, options.gap_open_insertion) = (3 + value, 3 + value);
                given("-O", 3 + value);
            }
            3 => (options.band_width, ()) = (5 + 9 * value, given("-w", 5 + 9 * value)),
            4 => (options.z_drop, ()) = (10 + 20 * value, given("-d", 10 + 20 * value)),
            5 => (options.min_score, ()) = (15 + 5 * value, given("-T", 15 + 5 * value)),
            6 => (options.unpaired_penalty, ()) = (value * 4, given("-U", value * 4)),
            7 => {
                options.third_round_occurrences = value as u64 * 5;
                given("-y", value * 5);
            }
            8 => {
                options.max_occurrences = 3 + value as u64 * 9;
                given("-c", 3 + value * 9);
            }
            9 => {
                (options.clip_penalty_5, options.clip_penalty_3) = (value, value);
                given("-L", value);
            }
            10 => (options.max_mate_rescues, ()) = (value as usize, given("-m", value)),
            _ => (options.min_chain_weight, ()) = (value * 5, given("-W", value * 5)),
        }
    }
    let mut flag = |name: &str, field: &mut bool| {
        if random.is_one_in(6) && !*field {
            *field = true;
            arguments.push(name.into());
        }
    };
    flag("-a", &mut options.report_all);
    flag("-Y", &mut options.soft_clip_supplementary);
    flag("-M", &mut options.split_as_secondary);
    flag("-S", &mut options.skip_mate_rescue);
    flag("-P", &mut options.skip_pairing);
    flag("-j", &mut options.ignore_alternate);
    (arguments, options)
}

fn write_fastq(path: &Path, ends: &[&Vec<u8>]) {
    let mut text = String::new();
    for (number, bases) in ends.iter().enumerate() {
        let letters = String::from_utf8_lossy(bases);
        let qualities = "I".repeat(bases.len());
        writeln!(text, "@r{number}\n{letters}\n+\n{qualities}").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// Runs bwa and returns the lines that are no header.
fn judge(folder: &Path, arguments: &[String], batch_bases: u64) -> String {
    let output = Command::new("bwa")
        .args(["mem", "-K", &batch_bases.to_string()])
        .args(arguments)
        .args(["ref.fa", "1.fq", "2.fq"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('@'));
    lines.map(|line| format!("{line}\n")).collect()
}

fn index(folder: &Path, contigs: &[Vec<u8>], alternate: bool) -> Index {
    let mut builder = Builder::new();
    let mut fasta = String::new();
    for (number, bases) in contigs.iter().enumerate() {
        builder.add_contig(&format!("c{number}"), bases);
        writeln!(fasta, ">c{number}\n{}", String::from_utf8_lossy(bases)).unwrap();
    }
    std::fs::write(folder.join("ref.fa"), fasta).unwrap();
    if alternate {
        std::fs::write(folder.join("ref.fa.alt"), "c1\t0\n").unwrap();
        builder.mark_alternate("c1");
    }
    let mut bytes = Vec::new();
    builder.finish(&Monitor::default(), &mut bytes).unwrap();
    std::fs::write(folder.join("ref.spindle"), bytes).unwrap();
    let built = Command::new("bwa")
        .args(["index", "ref.fa"])
        .current_dir(folder)
        .output();
    assert!(built.unwrap().status.success());
    Index::open(&folder.join("ref.spindle")).unwrap()
}

/// Aligns the batches that bwa cuts in shuffled order, and returns the lines in that of the reads.
fn own(
    index: &Index,
    options: &Options,
    (pairs, batch_bases): (&[[Vec<u8>; 2]], u64),
    (random, events): (&mut Random, &Events),
) -> String {
    let mut batches: Vec<(u64, Reads)> = vec![(0, Reads::default())];
    for (number, ends) in pairs.iter().enumerate() {
        if batches[batches.len() - 1].1.total_bases() >= batch_bases {
            batches.push((2 * number as u64, Reads::default()));
        }
        let last = batches.len() - 1;
        for bases in ends {
            batches[last].1.push(Read {
                name: format!("r{number}").as_bytes(),
                bases,
                qualities: &vec![40; bases.len()],
            });
        }
    }
    for at in (1..batches.len()).rev() {
        batches.swap(at, random.below(at + 1));
    }
    let mut parts: Vec<(u64, Vec<u8>)> = Vec::new();
    for (first_ordinal, reads) in &batches {
        let batch = Batch {
            reads,
            paired: true,
            first_ordinal: *first_ordinal,
            read_group: None,
        };
        let monitor = Monitor::default();
        let records = aligner::align_counting(index, options, &batch, &monitor, events).unwrap();
        let mut text = Vec::new();
        for record in records.iter() {
            write_sam(record, index.dictionary(), &mut text);
        }
        parts.push((*first_ordinal, text));
    }
    parts.sort_unstable();
    let text = parts.into_iter().flat_map(|(_, text)| text).collect();
    String::from_utf8(text).unwrap()
}

fn ensure_equal(found: &str, expected: &str, what: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn random_reads_with_random_options_align_as_with_bwa() {
    let found = Command::new("bwa").output();
    assert!(found.is_ok(), "bwa is not installed: make test installs it");
    let rounds = std::env::var("SPINDLE_FUZZ_ROUNDS");
    let rounds = rounds
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS);
    let (mut lines, mut met, mut on_alternate) = (0, [0; 5], 0);
    let events = Events::default();
    for round in 0..rounds {
        let mut random = Random(round);
        let folder = tempfile::tempdir().unwrap();
        let family: Vec<u8> = (0..300).map(|_| letter(&mut random)).collect();
        let mut contigs: Vec<Vec<u8>> = (0..2).map(|_| contig(&mut random, &family)).collect();
        if round % 2 == 1 {
            contigs[1] = mutated(&mut random, &contigs[0].clone(), 60);
        }
        let index = index(folder.path(), &contigs, round % 2 == 1);
        let is_narrow = round % 4 == 2;
        let read_bp = [40, 76, 101, 151, 260][if is_narrow { 4 } else { random.below(5) }];
        let pairs: Vec<_> = (0..PAIRS)
            .map(|_| pair(&mut random, &contigs, read_bp))
            .collect();
        for end in 0..2 {
            let ends: Vec<_> = pairs.iter().map(|pair| &pair[end]).collect();
            write_fastq(&folder.path().join(format!("{}.fq", end + 1)), &ends);
        }
        let (mut arguments, mut options) = options(&mut random);
        if is_narrow {
            options.band_width = NARROW;
            arguments.extend(["-w".into(), NARROW.to_string()]);
        }
        for (batch_bases, levels) in [
            (100_000_000, Level::available().collect()),
            (2_000 + random.below(10_000) as u64, vec![Level::detected()]),
        ] {
            let expected = judge(folder.path(), &arguments, batch_bases);
            for level in levels {
                options.level = level;
                let work = (pairs.as_slice(), batch_bases);
                let found = own(&index, &options, work, (&mut random, &events));
                let what =
                    format!("round {round}, {level:?}, bwa mem -K {batch_bases} {arguments:?}");
                ensure_equal(&found, &expected, &what);
            }
            lines += expected.lines().count();
            for (count, what) in met
                .iter_mut()
                .zip(["\tXA:Z:", "\tSA:Z:", "\tpa:f:", "S\t", "\tMC:Z:"])
            {
                *count += expected.lines().filter(|line| line.contains(what)).count();
            }
            if round % 2 == 1 {
                let is_there = |line: &&str| line.contains("\tc1\t") || line.contains("c1,");
                on_alternate += expected.lines().filter(is_there).count();
            }
        }
    }
    let [alternatives, split, masked, clipped, mates] = met;
    let (rescued, joined, reseeded) = (events.rescued(), events.joined(), events.reseeded());
    println!(
        "{lines} lines: {alternatives} with XA, {split} with SA, {masked} with pa, {clipped} clipped, \
         {mates} with MC, {on_alternate} with a hit on an alternate contig; {rescued} alignments \
         rescued, {joined} joined, {reseeded} seeds within longer ones"
    );
    let all = met.iter().map(|&count| count as u64);
    let mut all = all.chain([rescued, joined, reseeded, on_alternate as u64]);
    assert!(rounds < ROUNDS || all.all(|count| count > 0), "one is 0");
}
