//! What one machine makes of the bundled reads, judged by the field's own programs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use integration_tests::fixtures;
use integration_tests::process::{judge, run_well};
use serde_json::Value;
use tempfile::TempDir;

/// The whole demo sample, run once for all tests.
static DEMO: LazyLock<Demo> = LazyLock::new(|| Demo::run().expect("the demo sample runs"));

struct Demo {
    folder: TempDir,
    summary: String,
}

impl Demo {
    fn run() -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-demo-")?;
        let data = fixtures::copy_data(folder.path())?;
        let file = |name: &str| data.join(name).display().to_string();
        let text = judge("gzip", &["-dc", &file("reference.fa.gz")])?;
        std::fs::write(data.join("reference.fa"), text)?;
        let out = folder.path().join("out").display().to_string();
        let summary = run_well(&[
            "run",
            "--reference",
            &file("reference.fa"),
            "--sample",
            "NA12878",
            "--reads",
            &file("NA12878.R1.fastq.gz"),
            &file("NA12878.R2.fastq.gz"),
            "--known-sites",
            &file("known_sites.vcf.gz"),
            "--emit",
            "bam,vcf,gvcf",
            "--out",
            &out,
        ])?;
        Ok(Self { folder, summary })
    }

    fn data(&self, name: &str) -> String {
        self.folder
            .path()
            .join("data")
            .join(name)
            .display()
            .to_string()
    }

    fn output(&self, name: &str) -> String {
        self.output_path(name).display().to_string()
    }

    fn output_path(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }
}

#[test]
fn bam_passes_samtools_and_picard() -> Result<()> {
    let bam = DEMO.output("NA12878.bam");
    judge("samtools", &["quickcheck", "-v", &bam])?;
    let placed = judge("samtools", &["view", "-c", &bam, "20:1000000-1100000"])?;
    ensure!(
        placed.trim().parse::<u64>()? > 40_000,
        "{placed} records in the window"
    );
    let total = judge("samtools", &["view", "-c", "-F", "0x900", &bam])?;
    ensure!(
        total.trim() == "51678",
        "{total} primary records for 51678 reads"
    );
    let verdict = judge(
        "PicardCommandLine",
        &[
            "ValidateSamFile",
            &format!("I={bam}"),
            "MODE=SUMMARY",
            "VALIDATE_INDEX=true",
        ],
    )?;
    ensure!(verdict.contains("No errors found"), "{verdict}");
    Ok(())
}

#[test]
fn vcf_and_gvcf_pass_bcftools_and_their_indexes_answer() -> Result<()> {
    for name in ["NA12878.vcf.gz", "NA12878.g.vcf.gz"] {
        let vcf = DEMO.output(name);
        let all = judge("bcftools", &["view", "-H", &vcf])?;
        let region = judge(
            "bcftools",
            &["view", "-H", "-r", "20:1000000-1100000", &vcf],
        )?;
        ensure!(
            region.lines().count() > 100,
            "{name}: {} records",
            region.lines().count()
        );
        ensure!(all.lines().count() >= region.lines().count());
        let reference = DEMO.data("reference.fa");
        judge(
            "bcftools",
            &[
                "norm",
                "--check-ref",
                "e",
                "-f",
                &reference,
                &vcf,
                "-o",
                "/dev/null",
            ],
        )?;
    }
    Ok(())
}

#[test]
fn calls_reach_the_floor_against_genome_in_a_bottle() -> Result<()> {
    let text = run_well(&[
        "evaluate",
        "--json",
        "--calls",
        &DEMO.output("NA12878.vcf.gz"),
        "--truth",
        &DEMO.data("truth.vcf.gz"),
        "--regions",
        &DEMO.data("confident.bed"),
    ])?;
    let snv: Value = serde_json::from_str(text.lines().next().context("no score")?)?;
    ensure!(
        snv["kind"] == "SNV" && snv["matched"].as_u64() > Some(100),
        "{text}"
    );
    ensure!(snv["f1"].as_f64() >= Some(0.85), "{text}");
    Ok(())
}

#[test]
fn reads_lie_where_bwa_places_them() -> Result<()> {
    let expected = bwa_places()?;
    let bam = DEMO.output("NA12878.bam");
    let ours = judge("samtools", &["view", "-F", "0x900", &bam])?;
    let ours: HashMap<(String, bool), Place> = ours.lines().filter_map(place).collect();
    ensure!(
        expected.len() > 40_000,
        "bwa placed {} reads",
        expected.len()
    );
    let near = |(read, theirs): &(&(String, bool), &Place)| {
        ours.get(*read).is_some_and(|place| {
            place.contig == theirs.contig && place.position.abs_diff(theirs.position) <= 5
        })
    };
    let hits = expected.iter().filter(near).count();
    let share = hits as f64 / expected.len() as f64;
    ensure!(
        share >= 0.98,
        "{hits} of {} reads lie within 5 bp",
        expected.len()
    );
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Place {
    contig: String,
    position: u64,
}

/// Where bwa places its reads of mapping quality 30 and more.
fn bwa_places() -> Result<HashMap<(String, bool), Place>> {
    let reference = DEMO.data("reference.fa");
    judge("bwa", &["index", &reference])?;
    let reads = ["NA12878.R1.fastq.gz", "NA12878.R2.fastq.gz"].map(|name| DEMO.data(name));
    let output = Command::new("bwa")
        .args([
            "mem",
            "-K",
            "100000000",
            "-t",
            "2",
            &reference,
            &reads[0],
            &reads[1],
        ])
        .stderr(Stdio::null())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let confident = |line: &&str| {
        let quality = line
            .split('\t')
            .nth(4)
            .and_then(|field| field.parse::<u8>().ok());
        !line.starts_with('@') && quality >= Some(30) && flags(line) & 0x900 == 0
    };
    Ok(text.lines().filter(confident).filter_map(place).collect())
}

fn flags(line: &str) -> u16 {
    line.split('\t')
        .nth(1)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

fn place(line: &str) -> Option<((String, bool), Place)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let place = Place {
        contig: fields.get(2)?.to_string(),
        position: fields.get(3)?.parse().ok()?,
    };
    Some(((fields[0].to_owned(), flags(line) & 0x80 != 0), place))
}

#[test]
fn duplicates_are_those_of_picard() -> Result<()> {
    let ours = DEMO.output("NA12878.bam");
    let marked = DEMO.output("picard.bam");
    judge(
        "PicardCommandLine",
        &[
            "MarkDuplicates",
            &format!("I={ours}"),
            &format!("O={marked}"),
            &format!("M={}", DEMO.output("picard.metrics.txt")),
        ],
    )?;
    let flags_of = |bam: &str| -> Result<Vec<String>> {
        let text = judge("samtools", &["view", bam])?;
        Ok(text
            .lines()
            .map(|line| line.split('\t').take(4).collect::<Vec<_>>().join(" "))
            .collect())
    };
    let (mine, theirs) = (flags_of(&ours)?, flags_of(&marked)?);
    let different = mine
        .iter()
        .zip(&theirs)
        .filter(|(mine, theirs)| mine != theirs)
        .count();
    ensure!(
        mine.len() == theirs.len() && different == 0,
        "{different} records differ"
    );
    Ok(())
}

#[test]
fn the_run_is_documented_and_leaves_nothing_behind() -> Result<()> {
    let json = |name: &str| -> Result<Value> {
        Ok(serde_json::from_slice(&std::fs::read(
            DEMO.output_path(name),
        )?)?)
    };
    let metrics = json("metrics.json")?;
    ensure!(metrics["alignment"]["reads"] == 51678, "{metrics}");
    let provenance = json("provenance.json")?;
    let inputs = provenance["inputs"].as_array().context("inputs")?;
    let fastq = inputs
        .iter()
        .find(|input| input["file"].as_str().is_some_and(|f| f.contains("R1")));
    let digest = judge("sha256sum", &[&DEMO.data("NA12878.R1.fastq.gz")])?;
    let expected = digest.split(' ').next();
    ensure!(
        fastq.context("R1 is listed")?["sha256"].as_str() == expected,
        "{provenance}"
    );
    json("NA12878.manifest.json")?;
    let leftovers = std::fs::read_dir(DEMO.folder.path().join("out"))?
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    ensure!(!leftovers, "hidden files are left in the output folder");
    for word in [
        "reads",
        "mapped",
        "duplicates",
        "insert size",
        "coverage",
        "Ti/Tv",
        "align",
    ] {
        ensure!(
            DEMO.summary.contains(word),
            "{word} is missing in {}",
            DEMO.summary
        );
    }
    ensure!(
        Path::new(&DEMO.data("reference.fa.spindle")).exists(),
        "the index lies beside"
    );
    Ok(())
}
