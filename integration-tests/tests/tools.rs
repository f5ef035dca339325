//! The tools on reads beside the programs whose flags they have.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use integration_tests::fixtures;
use integration_tests::process::{judge, run, run_well};
use tempfile::TempDir;

const INVALID_INPUT: i32 = 3;

/// The table that GATK 4.6.2.0 BaseRecalibrator makes of the marked reads.
const GATK_TABLE: &str = "47f0a7da3ce97088cf685170ef6f71ba671726a47cc1959f0051a5c8a18ee960";

/// The first eleven columns of what GATK 4.6.2.0 ApplyBQSR makes of the marked reads.
const GATK_RECORDS: &str = "30172536dee790d2fe0142581b43362b7f9725f7fdf10563c4ad1291e1b11f79";

/// The demo sample, aligned, sorted and marked once for all tests.
static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new().expect("the tools run"));

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-tools-")?;
        let data = fixtures::copy_data(folder.path())?;
        let bench = Self { folder };
        let input = |name: &str| data.join(name).display().to_string();
        let (reference, sam) = (bench.reference(), bench.path("aligned.sam"));
        run_well(&["index", &reference])?;
        let (first, second) = (input("NA12878.R1.fastq.gz"), input("NA12878.R2.fastq.gz"));
        let group = "@RG\\tID:a\\tSM:NA12878\\tLB:l\\tPL:ILLUMINA\\tPU:u";
        let fixed = ["align", "-t", "2", "-R", group, "-o", &sam];
        run_well(&[&fixed[..], &[&reference, &first, &second]].concat())?;
        judge(
            "samtools",
            &["view", "-b", "-o", &bench.path("aligned.bam"), &sam],
        )?;
        let (aligned, sorted) = (bench.path("aligned.bam"), bench.path("sorted.bam"));
        run_well(&["sort", "-m", "1M", "--write-index", "-o", &sorted, &aligned])?;
        let (marked, metrics) = (bench.path("marked.bam"), bench.path("metrics.txt"));
        run_well(&["markdup", "-I", &sorted, "-O", &marked, "-M", &metrics])?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn reference(&self) -> String {
        self.path("data/reference.fa.gz")
    }

    fn known_sites(&self) -> String {
        self.path("data/known_sites.vcf.gz")
    }

    /// Returns the SAM lines of a BAM file.
    fn lines(&self, name: &str) -> Result<Vec<String>> {
        let text = judge("samtools", &["view", &self.path(name)])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Checks that a command ends with the code for wrong input, says why, and leaves no output.
    fn refuses(&self, arguments: &[&str], parts: &[&str]) -> Result<()> {
        let output = run(arguments)?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(INVALID_INPUT),
            "{arguments:?}: {message}"
        );
        ensure!(message.lines().count() == 1, "{message}");
        for part in parts {
            ensure!(message.contains(part), "{part:?} is not in: {message}");
        }
        ensure!(
            !Path::new(&self.path("never.bam")).exists(),
            "{arguments:?} left an output"
        );
        Ok(())
    }
}

/// Returns the first columns of a SAM line.
fn columns(line: &str, count: usize) -> String {
    line.split('\t').take(count).collect::<Vec<_>>().join("\t")
}

fn ensure_same(ours: &[String], theirs: &[String]) -> Result<()> {
    ensure!(
        ours.len() == theirs.len(),
        "{} and {} records",
        ours.len(),
        theirs.len()
    );
    for (ours, theirs) in ours.iter().zip(theirs) {
        ensure!(ours == theirs, "{ours}\n{theirs}");
    }
    Ok(())
}

fn digest(folder: &Bench, name: &str, text: &str) -> Result<String> {
    std::fs::write(folder.path(name), text)?;
    let sum = judge("sha256sum", &[&folder.path(name)])?;
    sum.split(' ')
        .next()
        .map(str::to_owned)
        .context("sha256sum prints a digest")
}

#[test]
fn records_are_sorted_as_by_samtools() -> Result<()> {
    let aligned = BENCH.path("aligned.bam");
    let judged = BENCH.path("judged.bam");
    judge("samtools", &["sort", "-o", &judged, &aligned])?;
    ensure_same(&BENCH.lines("sorted.bam")?, &BENCH.lines("judged.bam")?)?;
    let ours = judge("samtools", &["idxstats", &BENCH.path("sorted.bam")])?;
    judge("samtools", &["index", &judged])?;
    ensure!(ours == judge("samtools", &["idxstats", &judged])?, "{ours}");
    judge("samtools", &["sort", "-n", "-o", &judged, &aligned])?;
    for memory in ["1M", "1G"] {
        run_well(&[
            "sort",
            "-n",
            "-m",
            memory,
            "-o",
            &BENCH.path("named.bam"),
            &aligned,
        ])?;
        ensure_same(&BENCH.lines("named.bam")?, &BENCH.lines("judged.bam")?)?;
    }
    Ok(())
}

#[test]
fn duplicates_and_metrics_are_those_of_picard() -> Result<()> {
    let theirs = BENCH.path("picard.txt");
    judge(
        "PicardCommandLine",
        &[
            "MarkDuplicates",
            &format!("I={}", BENCH.path("sorted.bam")),
            &format!("O={}", BENCH.path("picard.bam")),
            &format!("M={theirs}"),
            "QUIET=true",
        ],
    )?;
    let flags = |name: &str| -> Result<Vec<String>> {
        Ok(BENCH
            .lines(name)?
            .iter()
            .map(|line| columns(line, 9))
            .collect())
    };
    let ours = flags("marked.bam")?;
    let duplicates = ours.iter().filter(|line| is_duplicate(line)).count();
    ensure!(duplicates > 100, "only {duplicates} duplicates");
    ensure_same(&ours, &flags("picard.bam")?)?;
    let counts = |path: &str| -> Result<Vec<String>> {
        let text = std::fs::read_to_string(path)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    };
    ensure_same(&counts(&BENCH.path("metrics.txt"))?, &counts(&theirs)?)
}

fn is_duplicate(line: &str) -> bool {
    let flags = line
        .split('\t')
        .nth(1)
        .and_then(|flags| flags.parse::<u16>().ok());
    flags.is_some_and(|flags| flags & 0x400 != 0)
}

#[test]
fn marking_does_not_depend_on_how_the_input_is_deflated() -> Result<()> {
    let bench = &*BENCH;
    let expected = bench.lines("marked.bam")?;
    let counts = std::fs::read_to_string(bench.path("metrics.txt"))?;
    let metrics = bench.path("again.txt");
    let middle: Vec<&str> = expected[expected.len() / 2].split('\t').collect();
    let region = format!("{}:{}-{}", middle[2], middle[3], middle[3]);
    let (sorted, marked) = (bench.path("sorted.bam"), bench.path("again.bam"));
    let fixed = ["markdup", "-O", &marked, "-M", &metrics, "--CREATE_INDEX"];
    for level in ["0", "1", "6", "9"] {
        let (option, input) = (format!("level={level}"), bench.path("deflated.bam"));
        let how = ["view", "-b", "--output-fmt-option", &option, "-o", &input];
        judge("samtools", &[&how[..], &[&sorted]].concat())?;
        let mut files = Vec::new();
        for threads in ["1", "3"] {
            run_well(&[&fixed[..], &["-@", threads, "-I", &input]].concat())?;
            judge("bgzip", &["-t", &marked])?;
            files.push(std::fs::read(&marked)?);
            ensure_same(&bench.lines("again.bam")?, &expected)?;
            ensure!(
                std::fs::read_to_string(&metrics)? == counts,
                "level {level}"
            );
        }
        ensure!(files[0] == files[1], "level {level}");
        let found = |name: &str| judge("samtools", &["view", "-c", &bench.path(name), &region]);
        ensure!(found("again.bam")? == found("sorted.bam")?, "level {level}");
    }
    Ok(())
}

#[test]
fn qualities_are_recalibrated_as_by_gatk() -> Result<()> {
    let (marked, table) = (BENCH.path("marked.bam"), BENCH.path("recal.table"));
    let (reference, known) = (BENCH.reference(), BENCH.known_sites());
    let fixed = ["recalibrate", "-R", &reference, "--known-sites", &known];
    run_well(&[&fixed[..], &["-I", &marked, "-O", &table]].concat())?;
    let text = std::fs::read_to_string(&table)?;
    ensure!(
        digest(&BENCH, "table", &text)? == GATK_TABLE,
        "another table"
    );
    let out = BENCH.path("recal.bam");
    let fixed = ["apply-recal", "-R", &reference, "--bqsr-recal-file", &table];
    run_well(&[&fixed[..], &["-I", &marked, "-O", &out]].concat())?;
    judge("samtools", &["quickcheck", &out])?;
    ensure!(Path::new(&BENCH.path("recal.bai")).exists(), "no index");
    let lines = BENCH.lines("recal.bam")?;
    let records: Vec<String> = lines.iter().map(|line| columns(line, 11) + "\n").collect();
    ensure!(
        digest(&BENCH, "records", &records.concat())? == GATK_RECORDS,
        "other qualities"
    );
    let tags = |lines: &[String]| -> HashMap<(String, String), usize> {
        let tags = |line: &String| line.split('\t').skip(11).collect::<Vec<_>>().join("\t");
        let key = |line: &String| (columns(line, 4), tags(line));
        lines.iter().fold(HashMap::new(), |mut counts, line| {
            *counts.entry(key(line)).or_default() += 1;
            counts
        })
    };
    ensure!(
        tags(&lines) == tags(&BENCH.lines("marked.bam")?),
        "tags changed"
    );
    Ok(())
}

#[test]
fn sequences_of_index_and_fasta_are_alike() -> Result<()> {
    let bare = BENCH.path("bare.fa.gz");
    std::fs::copy(BENCH.reference(), &bare)?;
    let marked = BENCH.path("marked.bam");
    let called = |reference: &str, name: &str| -> Result<String> {
        let (fixed, output) = (["call", "-L", "20:1000000-1020000"], BENCH.path(name));
        let files = ["-R", reference, "-I", &marked, "-O", &output];
        run_well(&[&fixed[..], &files[..]].concat())?;
        Ok(std::fs::read_to_string(output)?)
    };
    let text = called(&BENCH.reference(), "indexed.vcf")?;
    ensure!(text.lines().count() > 50, "{text}");
    ensure!(text == called(&bare, "bare.vcf")?, "the calls differ");
    let never = BENCH.path("never.fa");
    let arguments = ["call", "-R", &never, "-I", &marked, "-O", "never.vcf"];
    BENCH.refuses(&arguments, &[&never, "cannot be opened"])
}

#[test]
fn wrong_input_is_named() -> Result<()> {
    let never = BENCH.path("never.bam");
    let sorted = std::fs::read(BENCH.path("sorted.bam"))?;
    let write = |name: &str, bytes: &[u8]| -> Result<String> {
        std::fs::write(BENCH.path(name), bytes)?;
        Ok(BENCH.path(name))
    };
    let end = sorted.len() - 28;
    let text = write("text.bam", b"no BAM at all\n")?;
    let endless = write("endless.bam", &sorted[..end])?;
    let cut = [&sorted[..end - 20_000], &sorted[end..]].concat();
    let cut = write("cut.bam", &cut)?;
    for (file, reason) in [
        (&text, "not a BAM file"),
        (&endless, "file is truncated"),
        (&cut, ": record "),
    ] {
        BENCH.refuses(&["sort", "-o", &never, file], &[file, reason])?;
        BENCH.refuses(&["sort", "-o", "/dev/null", file], &[file, reason])?;
    }
    let aligned = BENCH.path("aligned.bam");
    let metrics = BENCH.path("never.bam");
    let parts = [
        aligned.as_str(),
        "SO:coordinate is needed: run spindle sort",
    ];
    BENCH.refuses(
        &["markdup", "-I", &aligned, "-O", &never, "-M", &metrics],
        &parts,
    )?;
    let groupless = BENCH.path("groupless.bam");
    let sorted = BENCH.path("sorted.bam");
    judge(
        "samtools",
        &["view", "-b", "-x", "RG", "-o", &groupless, &sorted],
    )?;
    let (reference, known) = (BENCH.reference(), BENCH.known_sites());
    // GATK does not call such records well formed: none of them counts.
    let table = BENCH.path("groupless.table");
    let fixed = ["recalibrate", "-R", &reference, "--known-sites", &known];
    run_well(&[&fixed[..], &["-I", &groupless, "-O", &table]].concat())?;
    let text = std::fs::read_to_string(&table)?;
    ensure!(text.contains("#:GATKTable:6:0:"), "records counted: {text}");
    Ok(())
}
