//! Duplicates over many partitions: what one run marks is what Picard marks on the alignments of
//! `bwa mem` in the order of `samtools sort`.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use integration_tests::process::{judge, run_well};
use integration_tests::random_sam::Random;
use serde_json::Value;
use tempfile::TempDir;

const LENGTH: usize = 24_000;
const READ_BP: usize = 75;

/// Not much more than two fragments, so that many have their ends in two partitions.
const PARTITION_BP: i64 = 1000;

/// Two lanes of two libraries, as FASTQ.
#[derive(Default)]
struct Lanes {
    files: [[String; 2]; 2],
    count: usize,
}

impl Lanes {
    /// Writes a pair whose cluster lies at x; without a second mate that maps if `lone`.
    fn pair(
        &mut self,
        (lane, x): (usize, usize),
        mates: [&str; 2],
        quality: char,
        lone: Option<usize>,
    ) {
        self.count += 1;
        let (number, y) = (self.count, 1000 + self.count % 3);
        let name = format!("u{number}:{lane}:FC:1:1101:{x}:{y}");
        for (read, bases) in mates.into_iter().enumerate() {
            let nothing = "AC"
                .repeat(READ_BP)
                .chars()
                .take(READ_BP)
                .collect::<String>();
            let bases = if lone == Some(read) { &nothing } else { bases };
            let qualities: String = std::iter::repeat_n(quality, READ_BP).collect();
            let _ = write!(self.files[lane][read], "@{name}\n{bases}\n+\n{qualities}\n");
        }
    }
}

fn reverse_complement(bases: &str) -> String {
    let complement = |base| match base {
        'A' => 'T',
        'C' => 'G',
        'G' => 'C',
        _ => 'A',
    };
    bases.chars().rev().map(complement).collect()
}

/// Makes fragments, half of them copied: in their lane, in the other one, beside their cluster, or
/// as a lone read on the right end.
fn make(genome: &str, random: &mut Random) -> Lanes {
    let mut lanes = Lanes::default();
    for _ in 0..900 {
        let length = 300 + random.below(300);
        let start = random.below(LENGTH - length);
        let fragment = &genome[start..start + length];
        let (left, right) = (&fragment[..READ_BP], reverse_complement(fragment));
        let right = &right[..READ_BP];
        let mates = if random.once_in(2) {
            [left, right]
        } else {
            [right, left]
        };
        let (lane, x) = (random.below(2), 1000 + random.below(20_000));
        lanes.pair((lane, x), mates, 'I', None);
        for _ in 0..random.below(3) {
            match random.below(4) {
                0 => lanes.pair((lane, x + random.below(90)), mates, 'H', None),
                1 => lanes.pair((1 - lane, x), mates, 'I', None),
                2 => lanes.pair((lane, random.below(30_000)), mates, '5', None),
                _ => {
                    // The left read of the copy is another's; the right one stays alone.
                    let left_read = usize::from(mates[0] != left);
                    lanes.pair((lane, 9), mates, 'I', Some(left_read));
                }
            }
        }
    }
    lanes
}

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        std::fs::write(self.path(name), text)?;
        Ok(self.path(name))
    }

    /// Aligns, sorts and marks with the field's programs.
    fn judged(&self, fastq: &[[String; 2]; 2]) -> Result<()> {
        let reference = self.path("r.fa");
        judge("bwa", &["index", &reference])?;
        let mut parts = Vec::new();
        for (lane, [first, second]) in fastq.iter().enumerate() {
            let (group, sam) = (group(lane), self.path(&format!("{lane}.sam")));
            let fixed = ["mem", "-K", "100000000", "-Y", "-R", &group, "-o", &sam];
            judge("bwa", &[&fixed[..], &[&reference, first, second]].concat())?;
            parts.push(sam);
        }
        let all = self.path("all.bam");
        judge(
            "samtools",
            &[
                "cat",
                "-o",
                &all,
                &self.bam(&parts[0])?,
                &self.bam(&parts[1])?,
            ],
        )?;
        // samtools cat keeps the first header only.
        let header = judge("samtools", &["view", "-H", &parts[0]])?;
        let second = judge("samtools", &["view", "-H", &parts[1]])?;
        let group = second.lines().find(|line| line.starts_with("@RG"));
        let header = format!("{header}{}\n", group.context("a read group")?);
        let body = judge("samtools", &["view", &all])?;
        let joined = self.write("joined.sam", &format!("{header}{body}"))?;
        let sorted = self.path("sorted.bam");
        judge("samtools", &["sort", "-o", &sorted, &joined])?;
        let marked = [
            "MarkDuplicates".to_owned(),
            format!("I={sorted}"),
            format!("O={}", self.path("picard.bam")),
            format!("M={}", self.path("picard.txt")),
            "QUIET=true".into(),
        ];
        let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
        judge("PicardCommandLine", &marked)?;
        Ok(())
    }

    fn bam(&self, sam: &str) -> Result<String> {
        let bam = format!("{sam}.bam");
        judge("samtools", &["view", "--no-PG", "-b", "-o", &bam, sam])?;
        Ok(bam)
    }

    /// Returns name, flags, position and mate position of each record.
    fn records(&self, name: &str) -> Result<Vec<Record>> {
        let text = judge("samtools", &["view", &self.path(name)])?;
        text.lines().map(Record::parse).collect()
    }
}

fn group(lane: usize) -> String {
    format!("@RG\\tID:lane{lane}\\tSM:s\\tLB:library{lane}\\tPL:ILLUMINA\\tPU:unit{lane}")
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    name: String,
    flags: u16,
    position: i64,
    mate: i64,
}

impl Record {
    fn parse(line: &str) -> Result<Self> {
        let columns: Vec<&str> = line.split('\t').take(8).collect();
        Ok(Self {
            name: columns[0].into(),
            flags: columns[1].parse()?,
            position: columns[3].parse()?,
            mate: columns[7].parse()?,
        })
    }

    const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

#[test]
fn flags_over_partitions_are_those_of_picard() -> Result<()> {
    let mut random = Random::new(6);
    let genome: String = (0..LENGTH)
        .map(|_| ['A', 'C', 'G', 'T'][random.below(4)])
        .collect();
    let lanes = make(&genome, &mut random);
    let bench = Bench {
        folder: TempDir::with_prefix("spindle-marks-")?,
    };
    let reference = bench.write("r.fa", &format!(">one\n{genome}\n"))?;
    let mut fastq: [[String; 2]; 2] = Default::default();
    let mut arguments = Vec::new();
    for (lane, texts) in lanes.files.iter().enumerate() {
        for (read, text) in texts.iter().enumerate() {
            fastq[lane][read] = bench.write(&format!("{lane}.R{read}.fq"), text)?;
        }
        arguments.extend([
            "--reads".to_owned(),
            fastq[lane][0].clone(),
            fastq[lane][1].clone(),
        ]);
        arguments.extend(["--read-group".to_owned(), group(lane)]);
    }
    bench.judged(&fastq)?;
    let (out, partition_bp) = (bench.path("out"), PARTITION_BP.to_string());
    let fixed = [
        "run",
        "--reference",
        &reference,
        "--sample",
        "s",
        "--out",
        &out,
    ];
    let more = [
        "--emit",
        "bam",
        "--partition-bp",
        &partition_bp,
        "--read-batch-bp",
        "20000",
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_well(&[&fixed[..], &more, &arguments].concat())?;
    let (ours, theirs) = (bench.records("out/s.bam")?, bench.records("picard.bam")?);
    ensure!(
        ours.len() == theirs.len(),
        "{} and {} records",
        ours.len(),
        theirs.len()
    );
    for (ours, theirs) in ours.iter().zip(&theirs) {
        ensure!(ours == theirs, "{ours:?}\n{theirs:?}");
    }
    ensure_hard(&theirs)?;
    ensure_same_counts(&bench)
}

/// Checks that the set tells: sets over partitions, and lone reads on right ends.
fn ensure_hard(records: &[Record]) -> Result<()> {
    let pairs = |record: &&Record| record.has(0x400) && !record.has(0x908) && record.has(0x40);
    let duplicates: Vec<&Record> = records.iter().filter(pairs).collect();
    let partition = |position: i64| (position - 1) / PARTITION_BP;
    let is_across = |record: &&&Record| partition(record.position) != partition(record.mate);
    let across = duplicates.iter().filter(is_across).count();
    ensure!(
        across * 10 >= duplicates.len() * 3 && across > 100,
        "{across} of {} duplicate pairs lie across partitions",
        duplicates.len()
    );
    let lone = |record: &&Record| record.has(0x400) && record.has(0x8) && record.has(0x10);
    let lone = records.iter().filter(lone).count();
    ensure!(lone > 30, "{lone} lone reads on right ends are duplicates");
    Ok(())
}

/// Compares the counts of both libraries, optical duplicates among them, and those of the JSON.
fn ensure_same_counts(bench: &Bench) -> Result<()> {
    let rows = |path: &str| -> Result<Vec<String>> {
        let text = std::fs::read_to_string(bench.path(path))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    };
    let (ours, theirs) = (rows("out/s.markdup.metrics.txt")?, rows("picard.txt")?);
    ensure!(ours == theirs, "{ours:?}\n{theirs:?}");
    let names = theirs.iter().find(|line| line.starts_with("LIBRARY"));
    let names: Vec<&str> = names.context("names of columns")?.split('\t').collect();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for row in theirs.iter().filter(|line| line.starts_with("library")) {
        for (name, value) in names.iter().zip(row.split('\t')) {
            *sums.entry(name).or_default() += value.parse::<u64>().unwrap_or(0);
        }
    }
    let optical = sums["READ_PAIR_OPTICAL_DUPLICATES"];
    ensure!(optical > 30, "{optical} optical duplicates");
    let json: Value = serde_json::from_slice(&std::fs::read(bench.path("out/metrics.json"))?)?;
    let own = &json["duplicates"];
    ensure!(own["optical_pairs"] == optical, "{own}");
    ensure!(
        own["pairs_examined"] == sums["READ_PAIRS_EXAMINED"],
        "{own}"
    );
    let marked = sums["UNPAIRED_READ_DUPLICATES"] + 2 * sums["READ_PAIR_DUPLICATES"];
    ensure!(
        json["alignment"]["duplicates"] == marked,
        "{}",
        json["alignment"]
    );
    Ok(())
}
