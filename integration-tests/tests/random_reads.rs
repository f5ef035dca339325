//! Awkward reads of a seeded generator: the tools against samtools and Picard.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use integration_tests::process::{judge, run, run_well};
use integration_tests::random_sam::World;
use tempfile::TempDir;

const SEED: u64 = 20;
const FRAGMENTS: usize = 2500;
const INVALID_INPUT: i32 = 3;

/// Reads in three orders: as they come, sorted by coordinate, and by name as they come.
static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new().expect("the reads are made"));

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Result<Self> {
        let bench = Self {
            folder: TempDir::with_prefix("spindle-random-")?,
        };
        let mut world = World::new(SEED);
        world.add(FRAGMENTS);
        std::fs::write(bench.path("r.fa"), world.fasta())?;
        std::fs::write(bench.path("r.sam"), world.sam())?;
        let grouped = world
            .sam()
            .replacen("SO:unsorted", "SO:unsorted\tGO:query", 1);
        std::fs::write(bench.path("grouped.sam"), grouped)?;
        run_well(&["index", &bench.path("r.fa")])?;
        judge("samtools", &["faidx", &bench.path("r.fa")])?;
        judge(
            "samtools",
            &["dict", "-o", &bench.path("r.dict"), &bench.path("r.fa")],
        )?;
        let sorted = bench.path("sorted.bam");
        judge(
            "samtools",
            &["sort", "--no-PG", "-o", &sorted, &bench.path("r.sam")],
        )?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Returns the SAM lines of a file.
    fn lines(&self, name: &str) -> Result<Vec<String>> {
        let reference = self.path("r.fa");
        let text = judge("samtools", &["view", "-T", &reference, &self.path(name)])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn picard(&self, command: &str, arguments: &[String]) -> Result<()> {
        let fixed = [
            "QUIET=true",
            "VERBOSITY=ERROR",
            "VALIDATION_STRINGENCY=SILENT",
        ];
        let arguments = arguments.iter().map(String::as_str);
        let all: Vec<&str> = [command]
            .into_iter()
            .chain(arguments)
            .chain(fixed)
            .collect();
        judge("PicardCommandLine", &all)?;
        Ok(())
    }

    /// Marks with both programs, and compares flags, DT and metrics.
    fn marks_as_picard(&self, input: &str, picard: &[&str], own: &[&str]) -> Result<()> {
        let (theirs, ours) = (self.path("picard.bam"), self.path("own.bam"));
        let (their_counts, our_counts) = (self.path("picard.txt"), self.path("own.txt"));
        let mut arguments = vec![
            format!("I={}", self.path(input)),
            format!("O={theirs}"),
            format!("M={their_counts}"),
        ];
        arguments.extend(picard.iter().map(ToString::to_string));
        self.picard("MarkDuplicates", &arguments)?;
        let input = self.path(input);
        let fixed = ["markdup", "-I", &input, "-O", &ours, "-M", &our_counts];
        run_well(&[&fixed[..], own].concat())?;
        let marks = |name: &str| -> Result<Vec<String>> {
            Ok(self.lines(name)?.iter().map(|line| mark(line)).collect())
        };
        let (own, expected) = (marks("own.bam")?, marks("picard.bam")?);
        ensure_same(&own, &expected).with_context(|| format!("{picard:?}"))?;
        ensure_same(&counts(&our_counts)?, &counts(&their_counts)?)
    }
}

/// Returns the columns that marking may change, and those that name the record.
fn mark(line: &str) -> String {
    let mut columns = line.split('\t');
    let first: Vec<&str> = columns.by_ref().take(9).collect();
    let kind = columns.find(|column| column.starts_with("DT:"));
    format!("{} {}", first.join("\t"), kind.unwrap_or_default())
}

/// Returns the lines of a metrics file but for its comments.
fn counts(path: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

fn ensure_same(ours: &[String], theirs: &[String]) -> Result<()> {
    ensure!(
        ours.len() == theirs.len(),
        "{} and {} lines",
        ours.len(),
        theirs.len()
    );
    for (ours, theirs) in ours.iter().zip(theirs) {
        ensure!(ours == theirs, "{ours}\n{theirs}");
    }
    Ok(())
}

/// Returns the columns of a line and its tags in an order of their own.
fn with_sorted_tags(line: &str) -> String {
    let mut columns: Vec<&str> = line.split('\t').collect();
    columns[11..].sort_unstable();
    columns.join("\t")
}

#[test]
fn both_orders_are_those_of_samtools() -> Result<()> {
    let (input, ours) = (BENCH.path("r.sam"), BENCH.path("ours.bam"));
    for memory in ["1M", "1G"] {
        run_well(&["sort", "-m", memory, "-o", &ours, &input])?;
        ensure_same(&BENCH.lines("ours.bam")?, &BENCH.lines("sorted.bam")?)?;
        run_well(&["sort", "-n", "-m", memory, "-o", &ours, &input])?;
        judge(
            "samtools",
            &["sort", "-n", "-o", &BENCH.path("named.bam"), &input],
        )?;
        ensure_same(&BENCH.lines("ours.bam")?, &BENCH.lines("named.bam")?)?;
    }
    Ok(())
}

#[test]
fn marks_are_those_of_picard_in_each_mode() -> Result<()> {
    BENCH.marks_as_picard(
        "sorted.bam",
        &["TAGGING_POLICY=All"],
        &["--tagging-policy", "All"],
    )?;
    BENCH.marks_as_picard(
        "grouped.sam",
        &["ASSUME_SORT_ORDER=queryname", "TAGGING_POLICY=All"],
        &[
            "--ASSUME_SORT_ORDER",
            "queryname",
            "--tagging-policy",
            "All",
        ],
    )?;
    BENCH.marks_as_picard(
        "sorted.bam",
        &[
            "BARCODE_TAG=RX",
            "OPTICAL_DUPLICATE_PIXEL_DISTANCE=30",
            "TAGGING_POLICY=OpticalOnly",
        ],
        &[
            "--barcode-tag",
            "RX",
            "--OPTICAL_DUPLICATE_PIXEL_DISTANCE",
            "30",
            "--tagging-policy",
            "OpticalOnly",
        ],
    )?;
    BENCH.marks_as_picard(
        "sorted.bam",
        &[
            "REMOVE_DUPLICATES=true",
            "READ_NAME_REGEX=null",
            "CLEAR_DT=false",
        ],
        &[
            "--remove-duplicates",
            "--READ_NAME_REGEX",
            "null",
            "--CLEAR_DT",
            "false",
        ],
    )
}

#[test]
fn metrics_are_those_of_picard() -> Result<()> {
    let (input, reference) = (BENCH.path("sorted.bam"), BENCH.path("r.fa"));
    let theirs = BENCH.path("metrics");
    let named = |name: &str| format!("PROGRAM={name}");
    let mut arguments = vec![
        format!("I={input}"),
        format!("O={theirs}"),
        format!("R={reference}"),
    ];
    arguments.extend(
        [
            "null",
            "CollectAlignmentSummaryMetrics",
            "CollectInsertSizeMetrics",
            "QualityScoreDistribution",
            "MeanQualityByCycle",
            "CollectGcBiasMetrics",
        ]
        .map(named),
    );
    arguments.extend(["ALL_READS", "READ_GROUP"].map(|l| format!("METRIC_ACCUMULATION_LEVEL={l}")));
    BENCH.picard("CollectMultipleMetrics", &arguments)?;
    let depths = BENCH.path("metrics.wgs_metrics");
    let arguments = [
        format!("I={input}"),
        format!("O={depths}"),
        format!("R={reference}"),
    ];
    BENCH.picard("CollectWgsMetrics", &arguments)?;
    let own = BENCH.path("own");
    run_well(&["metrics", "-R", &reference, "-I", &input, "-O", &own])?;
    for kind in [
        "alignment_summary_metrics",
        "insert_size_metrics",
        "quality_by_cycle_metrics",
        "quality_distribution_metrics",
        "gc_bias.summary_metrics",
        "gc_bias.detail_metrics",
    ] {
        let ours = counts(&format!("{own}.{kind}.txt"))?;
        ensure_same(&ours, &counts(&format!("{theirs}.{kind}"))?).context(kind)?;
    }
    let (ours, theirs) = (
        columns(&format!("{own}.wgs_metrics.txt"))?,
        columns(&depths)?,
    );
    for (column, value) in &theirs {
        // Sensitivity is drawn at random.
        ensure!(
            column.starts_with("HET_SNP") || ours.get(column) == Some(value),
            "{column}: {:?}, {value}",
            ours.get(column)
        );
    }
    Ok(())
}

/// Returns the one row of a metrics file by the names of its columns, and its histogram.
fn columns(path: &str) -> Result<BTreeMap<String, String>> {
    let lines = counts(path)?;
    let mut lines = lines.iter().filter(|line| !line.is_empty());
    let (names, values) = (
        lines.next().context("no names")?,
        lines.next().context("no row")?,
    );
    let pairs = names.split('\t').zip(values.split('\t'));
    let mut found: BTreeMap<String, String> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for line in lines.skip(1) {
        let mut cells = line.split('\t');
        let (depth, count) = (
            cells.next().unwrap_or_default(),
            cells.next().unwrap_or_default(),
        );
        found.insert(format!("depth {depth}"), count.to_owned());
    }
    Ok(found)
}

#[test]
fn cram_is_read_and_written_as_by_samtools() -> Result<()> {
    let (sorted, reference) = (BENCH.path("sorted.bam"), BENCH.path("r.fa"));
    // CRAM has no = and X: such operations come back as M.
    let plain = |line: &String| {
        let mut columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
        columns[5] = merged(&columns[5]);
        columns.retain(|column| !column.starts_with("MD:") && !column.starts_with("NM:"));
        with_sorted_tags(&columns.join("\t"))
    };
    let expected: Vec<String> = BENCH.lines("sorted.bam")?.iter().map(plain).collect();
    for version in ["3.0", "3.1"] {
        let format = format!("cram,version={version}");
        let out = BENCH.path("own.cram");
        let fixed = ["sort", "--write-index", "--reference", &reference];
        run_well(&[&fixed[..], &["--output-fmt", &format, "-o", &out, &sorted]].concat())?;
        let ours: Vec<String> = BENCH.lines("own.cram")?.iter().map(plain).collect();
        ensure_same(&ours, &expected).context(format.clone())?;
        let here = judge(
            "samtools",
            &["view", "-c", "-T", &reference, &out, "two:1000-1500"],
        )?;
        let there = judge("samtools", &["index", &sorted])
            .and_then(|_| judge("samtools", &["view", "-c", &sorted, "two:1000-1500"]))?;
        ensure!(here == there, "{here} and {there} records by the index");
        let theirs = BENCH.path("theirs.cram");
        let fixed = [
            "view", "-T", &reference, "-O", &format, "-o", &theirs, &sorted,
        ];
        judge("samtools", &fixed)?;
        run_well(&[
            "sort",
            "--reference",
            &reference,
            "-o",
            &BENCH.path("back.bam"),
            &theirs,
        ])?;
        let tags_too = |line: &String| {
            let mut columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
            columns[5] = merged(&columns[5]);
            with_sorted_tags(&columns.join("\t"))
        };
        let back: Vec<String> = BENCH.lines("back.bam")?.iter().map(tags_too).collect();
        let seen: Vec<String> = BENCH.lines("theirs.cram")?.iter().map(tags_too).collect();
        ensure_same(&back, &seen).context(format)?;
    }
    Ok(())
}

/// Writes = and X as M, neighbours as one.
fn merged(cigar: &str) -> String {
    let mut ops: Vec<(usize, char)> = Vec::new();
    let mut length = 0;
    for letter in cigar.chars() {
        if let Some(digit) = letter.to_digit(10) {
            length = 10 * length + digit as usize;
            continue;
        }
        let letter = if letter == '=' || letter == 'X' {
            'M'
        } else {
            letter
        };
        match ops.last_mut() {
            Some((known, last)) if *last == letter => *known += length,
            _ => ops.push((length, letter)),
        }
        length = 0;
    }
    let text: String = ops
        .iter()
        .map(|(length, letter)| format!("{length}{letter}"))
        .collect();
    if text.is_empty() {
        cigar.to_owned()
    } else {
        text
    }
}

#[test]
fn cram_with_another_reference_is_refused() -> Result<()> {
    let other = World::new(SEED + 1);
    let wrong = BENCH.path("wrong.fa");
    std::fs::write(&wrong, other.fasta())?;
    let (sorted, right) = (BENCH.path("sorted.bam"), BENCH.path("r.fa"));
    let cram = BENCH.path("right.cram");
    run_well(&["sort", "--reference", &right, "-o", &cram, &sorted])?;
    let never = BENCH.path("never.bam");
    let output = run(&["sort", "--reference", &wrong, "-o", &never, &cram])?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(INVALID_INPUT), "{message}");
    ensure!(
        message.contains("contig one of the reference has the MD5 sum"),
        "{message}"
    );
    ensure!(!std::path::Path::new(&never).exists(), "an output was left");
    Ok(())
}
