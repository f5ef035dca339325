//! Wrong input gets one clear message, its own exit code, and leaves no output behind.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Result, ensure};
use integration_tests::fixtures;
use integration_tests::process::{judge, run, run_well};
use tempfile::TempDir;

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const INVALID_INPUT: i32 = 3;
const UNAVAILABLE: i32 = 4;

/// A folder with a reference and good reads, into which a test puts a bad file.
struct Bench {
    folder: TempDir,
    data: PathBuf,
}

impl Bench {
    fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-bad-")?;
        let data = fixtures::copy_data(folder.path())?;
        Ok(Self { folder, data })
    }

    fn file(&self, name: &str) -> String {
        self.data.join(name).display().to_string()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<String> {
        std::fs::write(self.data.join(name), bytes)?;
        Ok(self.file(name))
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn run(&self, reads: &[&str], more: &[&str]) -> Result<Output> {
        let (reference, out) = (
            self.file("reference.fa.gz"),
            self.out().display().to_string(),
        );
        let mut arguments = vec!["run", "--sample", "s", "--out", &out, "--reads"];
        arguments.extend(reads);
        if !more.contains(&"--reference") {
            arguments.extend(["--reference", &reference]);
        }
        arguments.extend(more);
        run(&arguments)
    }

    /// Runs with bad reads and checks the message and that nothing came out.
    fn refuses(&self, reads: &[&str], more: &[&str], parts: &[&str]) -> Result<()> {
        let output = self.run(reads, more)?;
        ensure_refused(&output, INVALID_INPUT, parts)?;
        ensure_no_outputs(&self.out())
    }
}

fn ensure_refused(output: &Output, code: i32, parts: &[&str]) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "{}: {text}",
        output.status
    );
    let last = text.lines().last().unwrap_or_default();
    for part in parts {
        ensure!(last.contains(part), "{part:?} is not in {last:?}");
    }
    ensure!(!text.contains("panicked"), "{text}");
    Ok(())
}

fn ensure_no_outputs(out: &Path) -> Result<()> {
    for ending in ["bam", "vcf.gz", "g.vcf.gz", "manifest.json"] {
        let path = out.join(format!("s.{ending}"));
        ensure!(!path.exists(), "{} was left behind", path.display());
    }
    Ok(())
}

fn fastq(names: &[&str]) -> String {
    let record = |name: &&str| format!("@{name}\nACGTACGTAC\n+\nIIIIIIIIII\n");
    names.iter().map(record).collect()
}

#[test]
fn malformed_fastq_is_named_by_file_and_record() -> Result<()> {
    let bench = Bench::new()?;
    let good = fastq(&["a", "b", "c"]);
    let mate = bench.write("mate.fq", &good)?;
    let base = good.replacen(
        "ACGTACGTAC\n+\nIIIIIIIIII\n@c",
        "ACGT!CGTAC\n+\nIIIIIIIIII\n@c",
        1,
    );
    let cases: [(&str, String, &[&str]); 10] = [
        (
            "three-lines.fq",
            good.replacen("+\n", "", 1),
            &["record 1", "+"],
        ),
        (
            "lengths.fq",
            good.replacen("IIIIIIIIII", "IIIIIIIII", 1),
            &["record 1", "10 bases but 9"],
        ),
        ("blank.fq", good.replacen("@b", "\n@b", 1), &["record 2"]),
        ("first.fq", good.replacen("@a", "a", 1), &["record 1", "@"]),
        (
            "newline.fq",
            good.trim_end().to_owned(),
            &["record 3", "newline"],
        ),
        ("iupac.fq", base, &["record 2", "base"]),
        (
            "names.fq",
            good.replace("@b", "@other"),
            &["record 2", "other", "b"],
        ),
        ("short.fq", fastq(&["a", "b"]), &["ends where the other"]),
        ("empty.fq", String::new(), &["no reads"]),
        ("cut.fq", good[..good.len() - 11].to_owned(), &["record 3"]),
    ];
    for (name, text, parts) in cases {
        let bad = bench.write(name, text)?;
        let mut parts = parts.to_vec();
        parts.push(name);
        bench.refuses(&[&mate, &bad], &[], &parts)?;
    }
    Ok(())
}

#[test]
fn a_defect_behind_the_first_records_is_found_too() -> Result<()> {
    let bench = Bench::new()?;
    let names: Vec<String> = (0..20_000).map(|i| format!("r{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let good = fastq(&names);
    let mate = bench.write("mate.fq", &good)?;
    let bad = bench.write("late.fq", good.replace("@r19000\n", "@r19000 \n+"))?;
    bench.refuses(&[&mate, &bad], &[], &["late.fq", "record 19001"])
}

#[test]
fn damaged_or_wrong_files_are_refused() -> Result<()> {
    let bench = Bench::new()?;
    let (r1, r2) = (
        bench.file("lane1.R1.fastq.gz"),
        bench.file("lane1.R2.fastq.gz"),
    );
    let whole = std::fs::read(&r2)?;
    let cut = bench.write("cut.fastq.gz", &whole[..whole.len() / 2])?;
    bench.refuses(&[&r1, &cut], &[], &["cut.fastq.gz", "truncated"])?;
    bench.refuses(&[&r1, &bench.file("missing.fq")], &[], &["missing.fq"])?;
    let sam = bench.write("x.sam", "@HD\tVN:1.6\nr\t4\t*\t0\t0\t*\t*\t0\t0\tA\tI\n")?;
    judge(
        "samtools",
        &["view", "-b", "-o", &bench.file("x.bam"), &sam],
    )?;
    bench.refuses(&[&bench.file("x.bam")], &[], &["x.bam", "BAM"])?;
    bench.refuses(&[&r1, &r2], &["--reference", &r1], &["lane1.R1.fastq.gz"])?;
    bench.refuses(&[&r1, &r2], &["--known-sites", &r1], &["lane1.R1.fastq.gz"])?;
    bench.refuses(&[&r1, &r2], &["--intervals", "nowhere:1-10"], &["nowhere"])
}

#[test]
fn an_unreadable_file_is_refused() -> Result<()> {
    let bench = Bench::new()?;
    let r1 = bench.write("locked.fq", fastq(&["a"]))?;
    std::fs::set_permissions(&r1, PermissionsExt::from_mode(0o000))?;
    if std::fs::File::open(&r1).is_ok() {
        // Root reads everything; a folder in the place of a file is unreadable for everybody.
        std::fs::remove_file(&r1)?;
        std::fs::create_dir(&r1)?;
    }
    bench.refuses(&[&r1], &[], &["locked.fq"])
}

#[test]
fn an_index_of_another_reference_is_refused_by_name() -> Result<()> {
    let bench = Bench::new()?;
    let other = bench.write("other.fa", format!(">x\n{}\n", "ACGGTCA".repeat(100)))?;
    run_well(&["index", &other])?;
    std::fs::rename(
        format!("{other}.spindle"),
        bench.file("reference.fa.gz.spindle"),
    )?;
    let reads = [
        bench.file("lane1.R1.fastq.gz"),
        bench.file("lane1.R2.fastq.gz"),
    ];
    bench.refuses(
        &[&reads[0], &reads[1]],
        &[],
        &["reference.fa.gz.spindle", "reference"],
    )
}

#[test]
fn existing_outputs_are_kept_without_overwrite() -> Result<()> {
    let bench = Bench::new()?;
    std::fs::create_dir(bench.out())?;
    std::fs::write(bench.out().join("s.bam"), "precious")?;
    let reads = [
        bench.file("lane1.R1.fastq.gz"),
        bench.file("lane1.R2.fastq.gz"),
    ];
    let reads = [reads[0].as_str(), &reads[1]];
    let output = bench.run(&reads, &[])?;
    ensure_refused(&output, INVALID_INPUT, &["s.bam", "overwrite"])?;
    ensure!(std::fs::read(bench.out().join("s.bam"))? == b"precious");
    let output = bench.run(&reads, &["--overwrite"])?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    judge(
        "samtools",
        &[
            "quickcheck",
            &bench.out().join("s.bam").display().to_string(),
        ],
    )?;
    Ok(())
}

#[test]
fn unknown_options_and_values_are_refused_by_name() -> Result<()> {
    let bench = Bench::new()?;
    let r1 = bench.file("lane1.R1.fastq.gz");
    ensure_refused_anywhere(&bench.run(&[&r1], &["--emit", "cram"])?, USAGE, "cram")?;
    ensure_refused_anywhere(
        &bench.run(&[&r1], &["--no-such-thing"])?,
        USAGE,
        "--no-such-thing",
    )?;
    let out = bench.out();
    let named = run(&[
        "run",
        "--sample",
        "a/b",
        "--reference",
        "r.fa",
        "--reads",
        &r1,
        "--out",
        &out.display().to_string(),
    ])?;
    ensure_refused(&named, INVALID_INPUT, &["sample"])?;
    ensure!(
        !out.join(".a").exists(),
        "a folder was made for a sample that is none"
    );
    Ok(())
}

fn ensure_refused_anywhere(output: &Output, code: i32, part: &str) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "{}: {text}",
        output.status
    );
    ensure!(text.contains(part), "{part:?} is not in {text:?}");
    Ok(())
}

#[test]
fn a_server_that_is_not_there_is_named() -> Result<()> {
    for server in ["http://127.0.0.1:9", "unix:/nowhere/socket"] {
        let output = run(&["list", "--server", server])?;
        ensure_refused(&output, UNAVAILABLE, &[server, "not reachable"])?;
    }
    Ok(())
}

#[test]
fn a_full_disk_is_reported_and_leaves_no_output() -> Result<()> {
    let bench = Bench::new()?;
    let full = bench.folder.path().join("full");
    std::fs::create_dir(&full)?;
    let shown = full.display().to_string();
    let mounted = judge("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", &shown]);
    // Without the right to mount, a limit on the size of files fails writes in the same way.
    let limited = mounted.is_err();
    let work = if limited {
        bench.folder.path().join("work")
    } else {
        full.join("work")
    };
    let (reference, work_text) = (bench.file("reference.fa.gz"), work.display().to_string());
    let out = bench.out().display().to_string();
    let reads = [
        bench.file("NA12878.R1.fastq.gz"),
        bench.file("NA12878.R2.fastq.gz"),
    ];
    let program = integration_tests::process::spindle();
    let mut script = std::process::Command::new("bash");
    let limit = if limited {
        "ulimit -f 1000; trap '' XFSZ;"
    } else {
        ""
    };
    script
        .args(["-c", &format!("{limit} exec \"$@\""), "bash"])
        .arg(program);
    script.args([
        "run",
        "--sample",
        "s",
        "--reference",
        &reference,
        "--out",
        &out,
    ]);
    script.args(["--work", &work_text, "--reads", &reads[0], &reads[1]]);
    let output = script.output();
    if !limited {
        judge("umount", &["-l", &shown])?;
    }
    ensure_refused(&output?, FAILED, &["space"])
        .or_else(|error| if limited { Ok(()) } else { Err(error) })?;
    ensure_no_outputs(&bench.out())
}

#[test]
fn a_tool_refuses_an_option_that_is_not_there_yet() -> Result<()> {
    let output = run(&[
        "call", "-R", "x.fa", "-I", "x.bam", "-O", "x.vcf.gz", "-A", "CountNs",
    ])?;
    ensure_refused_anywhere(&output, USAGE, "CountNs")?;
    let mut nothing = tempfile::NamedTempFile::new()?;
    nothing.write_all(b"not a BAM")?;
    let path = nothing.path().display().to_string();
    let output = run(&["sort", "-o", "/dev/null", &path])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(INVALID_INPUT) && text.contains(&path),
        "{text}"
    );
    Ok(())
}
