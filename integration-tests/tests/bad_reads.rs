//! Wrong files of reads: each tool says what is wrong, with file and record, and leaves nothing
//! under a final name.

use std::path::PathBuf;
use std::sync::LazyLock;

use anyhow::{Result, ensure};
use integration_tests::process::{judge, run, run_well};
use integration_tests::random_sam::World;
use tempfile::TempDir;

const INVALID_INPUT: i32 = 3;

static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new().expect("the reads are made"));

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Result<Self> {
        let bench = Self {
            folder: TempDir::with_prefix("spindle-bad-reads-")?,
        };
        let mut world = World::new(3);
        world.add(1500);
        std::fs::write(bench.path("r.fa"), world.fasta())?;
        std::fs::write(bench.path("r.sam"), world.sam())?;
        std::fs::write(bench.path("known.vcf"), KNOWN)?;
        run_well(&["index", &bench.path("r.fa")])?;
        let sorted = bench.path("sorted.bam");
        run_well(&["sort", "-o", &sorted, &bench.path("r.sam")])?;
        let tables = bench.path("good.table");
        let fixed = ["recalibrate", "-R", &bench.path("r.fa"), "-I", &sorted];
        run_well(
            &[
                &fixed[..],
                &["--known-sites", &bench.path("known.vcf"), "-O", &tables],
            ]
            .concat(),
        )?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Returns a path in a folder that only this test uses.
    fn never(&self, name: &str) -> String {
        let folder = self.outputs();
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        folder.join(name).display().to_string()
    }

    fn outputs(&self) -> PathBuf {
        let test = format!("{:?}", std::thread::current().id());
        self.folder.path().join(test)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<String> {
        std::fs::write(self.path(name), bytes)?;
        Ok(self.path(name))
    }

    /// Returns the lines of the sorted reads, header included.
    fn sam(&self) -> Result<String> {
        judge(
            "samtools",
            &["view", "-h", "--no-PG", &self.path("sorted.bam")],
        )
    }

    /// Runs every tool on a file; each has to refuse it with these words.
    fn all_refuse(&self, file: &str, parts: &[&str]) -> Result<()> {
        let (reference, known) = (self.path("r.fa"), self.path("known.vcf"));
        let (never, table) = (self.never("never.bam"), self.path("good.table"));
        self.refuses(&["sort", "-o", &never, file], file, parts)?;
        let metrics = self.never("never.txt");
        self.refuses(
            &["markdup", "-I", file, "-O", &never, "-M", &metrics],
            file,
            parts,
        )?;
        let fixed = ["recalibrate", "-R", &reference, "--known-sites", &known];
        self.refuses(
            &[&fixed[..], &["-I", file, "-O", &never]].concat(),
            file,
            parts,
        )?;
        let fixed = ["apply-recal", "-R", &reference, "--bqsr-recal-file", &table];
        self.refuses(
            &[&fixed[..], &["-I", file, "-O", &never]].concat(),
            file,
            parts,
        )?;
        let fixed = ["metrics", "-R", &reference, "-I", file];
        self.refuses(
            &[&fixed[..], &["-O", &self.never("never")]].concat(),
            file,
            parts,
        )
    }

    fn refuses(&self, arguments: &[&str], file: &str, parts: &[&str]) -> Result<()> {
        let output = run(arguments)?;
        let message = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        ensure!(
            code == Some(INVALID_INPUT),
            "{arguments:?}: {code:?} {message}"
        );
        ensure!(message.lines().count() == 1, "{message}");
        ensure!(!message.contains("scratch"), "blames others: {message}");
        for part in [file].iter().chain(parts) {
            ensure!(
                message.contains(part),
                "{arguments:?}: {part:?} is not in: {message}"
            );
        }
        let left = std::fs::read_dir(self.outputs())?.count();
        ensure!(left == 0, "{arguments:?} left {left} files");
        Ok(())
    }
}

const KNOWN: &str = "##fileformat=VCFv4.2\n##contig=<ID=one,length=4000>\n\
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\none\t100\t.\tA\tC\t.\t.\t.\n";

#[test]
fn cut_and_damaged_files_are_refused() -> Result<()> {
    let whole = std::fs::read(BENCH.path("sorted.bam"))?;
    let cut = BENCH.write("cut.bam", &whole[..whole.len() / 2])?;
    BENCH.all_refuse(&cut, &["record ", "file is truncated"])?;
    let endless = BENCH.write("endless.bam", &whole[..whole.len() - 28])?;
    BENCH.all_refuse(&endless, &["file is truncated"])?;
    // The checksum of the second block: behind its deflated bytes.
    let length = |at: usize| usize::from(u16::from_le_bytes([whole[at + 16], whole[at + 17]])) + 1;
    let second = length(0);
    let mut damaged = whole.clone();
    damaged[second + length(second) - 8] ^= 1;
    let damaged = BENCH.write("damaged.bam", damaged)?;
    BENCH.all_refuse(&damaged, &["record ", "a compressed block is corrupt"])
}

#[test]
fn reads_that_were_not_aligned_are_called_so() -> Result<()> {
    let parts = ["FASTQ, but SAM, BAM or CRAM is needed"];
    let reads = BENCH.write("reads.fq", "@read/1\nACGT\n+\nIIII\n")?;
    BENCH.all_refuse(&reads, &parts)
}

#[test]
fn records_out_of_order_are_refused_where_order_is_needed() -> Result<()> {
    let sam = BENCH.sam()?;
    let (header, records): (Vec<&str>, Vec<&str>) = sam.lines().partition(|l| l.starts_with('@'));
    let mut swapped = records.clone();
    swapped.swap(100, 900);
    let text = [header, swapped].concat().join("\n") + "\n";
    let file = BENCH.write("disorder.sam", text)?;
    let never = BENCH.never("never.bam");
    let parts = ["record 102", "record is not in coordinate order"];
    let metrics = BENCH.never("never.txt");
    BENCH.refuses(
        &["markdup", "-I", &file, "-O", &never, "-M", &metrics],
        &file,
        &parts,
    )?;
    let reference = BENCH.path("r.fa");
    let prefix = BENCH.never("never");
    let fixed = ["metrics", "-R", &reference, "-I", &file, "-O", &prefix];
    BENCH.refuses(&fixed, &file, &parts)
}

#[test]
fn other_worlds_are_refused() -> Result<()> {
    let longer = BENCH.sam()?.replacen("LN:4000", "LN:4001", 1);
    let longer = BENCH.write("longer.sam", longer)?;
    let (reference, known) = (BENCH.path("r.fa"), BENCH.path("known.vcf"));
    let never = BENCH.never("never.bam");
    let fixed = ["recalibrate", "-R", &reference, "--known-sites", &known];
    let parts = ["contig one has 4001 bp, but 4000 in the reference"];
    BENCH.refuses(
        &[&fixed[..], &["-I", &longer, "-O", &never]].concat(),
        &longer,
        &parts,
    )?;
    let prefix = BENCH.never("never");
    BENCH.refuses(
        &["metrics", "-R", &reference, "-I", &longer, "-O", &prefix],
        &longer,
        &parts,
    )?;
    let (sorted, metrics) = (BENCH.path("sorted.bam"), BENCH.never("never.txt"));
    let fixed = ["markdup", "-O", &never, "-M", &metrics, "-I", &sorted];
    let parts = ["has other contigs than the first input"];
    BENCH.refuses(&[&fixed[..], &["-I", &longer]].concat(), &longer, &parts)?;
    for (name, text, part) in [
        (
            "other.vcf",
            KNOWN.replace("one", "chr1"),
            "no record lies on a contig of the reference",
        ),
        (
            "build.vcf",
            KNOWN.replace("4000", "4321"),
            "contig one has 4321 bp, but it has 4000",
        ),
        (
            "beyond.vcf",
            KNOWN.replace("\t100\t", "\t4100\t"),
            "lies beyond the end of the contig",
        ),
    ] {
        let known = BENCH.write(name, text)?;
        let fixed = ["recalibrate", "-R", &reference, "--known-sites", &known];
        BENCH.refuses(
            &[&fixed[..], &["-I", &sorted, "-O", &never]].concat(),
            &known,
            &[part],
        )?;
    }
    Ok(())
}

#[test]
fn missing_read_groups_are_named() -> Result<()> {
    let sam = BENCH.sam()?;
    let (reference, known) = (BENCH.path("r.fa"), BENCH.path("known.vcf"));
    let never = BENCH.never("never.bam");
    let lines = sam.lines().filter(|line| !line.starts_with("@RG\tID:b"));
    let unnamed = BENCH.write("unnamed.sam", lines.collect::<Vec<_>>().join("\n") + "\n")?;
    let lines = sam.lines().filter(|line| !line.starts_with("@RG"));
    let without = BENCH.write("without.sam", lines.collect::<Vec<_>>().join("\n") + "\n")?;
    let fixed = ["recalibrate", "-R", &reference, "--known-sites", &known];
    let parts = ["record ", "read group b is not in the header"];
    BENCH.refuses(
        &[&fixed[..], &["-I", &unnamed, "-O", &never]].concat(),
        &unnamed,
        &parts,
    )?;
    let parts = ["the header has no read group"];
    BENCH.refuses(
        &[&fixed[..], &["-I", &without, "-O", &never]].concat(),
        &without,
        &parts,
    )?;
    let table = BENCH.path("good.table");
    let text = std::fs::read_to_string(&table)?.replace("unit.2", "unit.9");
    let table = BENCH.write("other.table", text)?;
    let fixed = ["apply-recal", "-R", &reference, "--bqsr-recal-file", &table];
    let sorted = BENCH.path("sorted.bam");
    let parts = [
        "record ",
        "the recalibration table has no read group unit.2",
    ];
    BENCH.refuses(
        &[&fixed[..], &["-I", &sorted, "-O", &never]].concat(),
        &sorted,
        &parts,
    )
}

#[test]
fn records_that_do_not_fit_are_refused() -> Result<()> {
    let sam = BENCH.sam()?;
    let record = |columns: &str| -> Result<String> {
        let header: Vec<&str> = sam
            .lines()
            .take_while(|line| line.starts_with('@'))
            .collect();
        let lines = format!("{}\n{columns}\tRG:Z:a\n", header.join("\n"));
        BENCH.write("one.sam", lines)
    };
    let bases = "ACGTACGTACGTACGTACGT\tIIIIIIIIIIIIIIIIIIII";
    let beyond = record(&format!("x\t0\tthree\t590\t60\t20M\t*\t0\t0\t{bases}"))?;
    let parts = [
        "record 1",
        "record leaves its contig: it ends at 609, three at 600",
    ];
    BENCH.all_refuse(&beyond, &parts)?;
    let longer = record(&format!("x\t0\tone\t590\t60\t21M\t*\t0\t0\t{bases}"))?;
    BENCH.all_refuse(&longer, &["record 1", "20 bases but a CIGAR for 21"])?;
    let nowhere = record(&format!("x\t0\tfour\t590\t60\t20M\t*\t0\t0\t{bases}"))?;
    BENCH.all_refuse(&nowhere, &["record 1", "four"])
}
