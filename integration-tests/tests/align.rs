//! `spindle align` beside `bwa mem`: what goes in, what comes out, what is refused.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Result, ensure};
use integration_tests::fixtures;
use integration_tests::process::{judge, run, run_well};
use tempfile::TempDir;

const INVALID_INPUT: i32 = 3;
const PAIRS: usize = 600;

/// A reference with an alternate contig, its indexes, and some pairs; made once for all tests.
static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new().expect("the tools run"));

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-align-")?;
        let data = fixtures::copy_data(folder.path())?;
        let bench = Self { folder };
        let text = |name: &str| judge("gzip", &["-dc", &data.join(name).display().to_string()]);
        let reference = text("reference.fa.gz")?;
        // A copy of a stretch where the reads are, with a change here and there.
        let lines = reference.lines().skip(17_000).take(3000);
        let mut copy: Vec<u8> = lines.flat_map(str::bytes).collect();
        copy.iter_mut().step_by(211).for_each(|base| *base = b'A');
        let alternate = format!(">twin of the first\n{}\n", String::from_utf8(copy)?);
        std::fs::write(bench.path("ref.fa"), reference + &alternate)?;
        std::fs::write(bench.path("ref.fa.alt"), "@CO\tx\ntwin\t0\nabsent\t0\n")?;
        for end in ["1", "2"] {
            let reads = text(&format!("lane1.R{end}.fastq.gz"))?;
            let lines: Vec<&str> = reads.lines().take(4 * PAIRS).collect();
            std::fs::write(bench.path(&format!("{end}.fq")), lines.join("\n") + "\n")?;
            let mut fasta = String::new();
            for read in lines.chunks(4) {
                writeln!(fasta, ">{}\n{}", &read[0][1..], read[1])?;
            }
            std::fs::write(bench.path(&format!("{end}.fa")), fasta)?;
        }
        run_well(&["index", &bench.path("ref.fa")])?;
        judge("bwa", &["index", &bench.path("ref.fa")])?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn paths(&self, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| self.path(name)).collect()
    }

    /// Aligns files of the folder and returns the SAM, but for the programs' own lines.
    fn align(&self, options: &[&str], files: &[&str]) -> Result<String> {
        let paths = self.paths(&[&["ref.fa"], files].concat());
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let text = run_well(&[&["align"], options, &paths].concat())?;
        Ok(without_programs(&text))
    }

    /// The same with `bwa mem`.
    fn judged(&self, options: &[&str], files: &[&str]) -> Result<String> {
        let paths = self.paths(&[&["ref.fa"], files].concat());
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let text = judge("bwa", &[&["mem", "-v", "1"], options, &paths].concat())?;
        Ok(without_programs(&text))
    }

    fn ensure_as_judged(&self, options: &[&str], files: &[&str]) -> Result<String> {
        let expected = self.judged(options, files)?;
        for threads in ["1", "3"] {
            let found = self.align(&[&["-t", threads], options].concat(), files)?;
            for (found, expected) in found.lines().zip(expected.lines()) {
                ensure!(
                    found == expected,
                    "{options:?} {files:?}\n{found}\n{expected}"
                );
            }
            ensure!(found.len() == expected.len(), "{options:?} {files:?}");
        }
        Ok(expected)
    }

    /// Checks that reads are refused with a message of one line that has these parts.
    fn refuses(&self, options: &[&str], files: &[&str], parts: &[&str]) -> Result<()> {
        let paths = self.paths(&[&["ref.fa"], files].concat());
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let output = run(&[&["align"], options, &paths].concat())?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(INVALID_INPUT), "{message}");
        for part in parts {
            ensure!(message.contains(part), "{part:?} is not in: {message}");
        }
        Ok(())
    }
}

/// Writes a read of 2^28 bases, one more than an alignment can have.
fn write_long_read(path: &str) -> Result<()> {
    let mut out = noodles_bgzf::io::Writer::new(File::create(path)?);
    out.write_all(b">long\n")?;
    let bases = b"ACGTTGCA".repeat(1 << 13);
    for _ in 0..1 << 12 {
        out.write_all(&bases)?;
    }
    out.write_all(b"\n")?;
    out.finish()?;
    Ok(())
}

fn without_programs(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("@PG"));
    lines.map(|line| format!("{line}\n")).collect()
}

fn records(bam: &str) -> Result<Vec<String>> {
    let text = judge("samtools", &["view", bam])?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[test]
fn batches_and_threads_align_as_with_bwa() -> Result<()> {
    let files = ["1.fq", "2.fq"];
    let lines = BENCH.ensure_as_judged(&["-K", "3000"], &files)?;
    ensure!(lines.contains("SN:twin\tLN:") && lines.contains("\tAH:*\n"));
    ensure!(
        lines.contains("XA:Z:twin,"),
        "no hit on the alternate contig"
    );
    BENCH.ensure_as_judged(&["-K", "100000000", "-Y", "-C"], &files)?;
    BENCH.ensure_as_judged(&["-K", "100000000", "-j", "-a", "-V"], &files)?;
    Ok(())
}

#[test]
fn fasta_and_single_reads_align_as_with_bwa() -> Result<()> {
    BENCH.ensure_as_judged(&["-K", "20000"], &["1.fa", "2.fa"])?;
    BENCH.ensure_as_judged(&["-K", "20000"], &["1.fq"])?;
    BENCH.ensure_as_judged(&["-K", "20000", "-R", "@RG\\tID:a"], &["2.fa"])?;
    Ok(())
}

#[test]
fn mates_that_stand_side_by_side_align_as_with_bwa() -> Result<()> {
    let [first, second] = ["1.fq", "2.fq"].map(|name| std::fs::read_to_string(BENCH.path(name)));
    let (first, second) = (first?, second?);
    let lines: [Vec<&str>; 2] = [first.lines().collect(), second.lines().collect()];
    let mut mixed = String::new();
    for (number, (one, other)) in lines[0].chunks(4).zip(lines[1].chunks(4)).enumerate() {
        // Some ends are alone; where they stand is odd as well as even.
        if number % 7 != 3 {
            mixed += &(one.join("\n") + "\n");
        }
        if number % 5 != 2 {
            mixed += &(other.join("\n") + "\n");
        }
    }
    std::fs::write(BENCH.path("mixed.fq"), mixed)?;
    BENCH.ensure_as_judged(&["-p", "-K", "30000"], &["mixed.fq"])?;
    Ok(())
}

#[test]
fn a_bam_holds_the_lines_of_the_sam() -> Result<()> {
    let files = BENCH.paths(&["ref.fa", "1.fq", "2.fq"]);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let sam = BENCH.align(&[], &["1.fq", "2.fq"])?;
    let lines: Vec<&str> = sam.lines().filter(|line| !line.starts_with('@')).collect();
    let (plain, sorted) = (BENCH.path("plain.bam"), BENCH.path("sorted.bam"));
    run_well(&[&["align", "-t", "2", "--output", &plain], &files[..]].concat())?;
    ensure!(records(&plain)? == lines, "the unsorted BAM differs");
    run_well(
        &[
            &["align", "-t", "2", "--output", &sorted, "--sort"],
            &files[..],
        ]
        .concat(),
    )?;
    let judged = BENCH.path("judged.bam");
    judge("samtools", &["sort", "-o", &judged, &plain])?;
    ensure!(records(&sorted)? == records(&judged)?, "the order differs");
    judge("samtools", &["quickcheck", &plain, &sorted])?;
    Ok(())
}

#[test]
fn reads_that_make_no_sense_are_refused() -> Result<()> {
    let write = |name: &str, text: &str| std::fs::write(BENCH.path(name), text);
    write("a.fq", "@one\nACGTACGT\n+\nIIIIIIII\n@two\nACGT\n+\nIIII\n")?;
    write(
        "b.fq",
        "@one\nACGTACGT\n+\nIIIIIIII\n@three\nACGT\n+\nIIII\n",
    )?;
    BENCH.refuses(&[], &["a.fq", "b.fq"], &["two", "three"])?;
    write("short.fq", "@one\nACGTACGT\n+\nIIIIIIII\n")?;
    BENCH.refuses(&[], &["a.fq", "short.fq"], &["a.fq", "no mate"])?;
    write("low.fq", "@one\nACGT\n+\nII\u{1f}I\n")?;
    BENCH.refuses(&[], &["low.fq"], &["low.fq", "quality"])?;
    write_long_read(&BENCH.path("long.fa.gz"))?;
    BENCH.refuses(
        &[],
        &["long.fa.gz"],
        &["long.fa.gz", "read long has 268435456", "more than"],
    )?;
    let never = BENCH.path("never.bam");
    BENCH.refuses(&["--output", &never], &["a.fq", "b.fq"], &["two"])?;
    ensure!(!Path::new(&never).exists(), "an output is left");
    Ok(())
}
