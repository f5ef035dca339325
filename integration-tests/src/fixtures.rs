//! The bundled reads and what the tests make of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object_store::testing::{ACCESS_KEY, SECRET_KEY};

/// Sizes that give every stage many tasks: ≥ 12 read batches in 2 lanes, ≥ 16 partitions on 2 contigs.
pub const SMALL_TASKS: [&str; 4] = ["--read-batch-bp", "50000", "--partition-bp", "130000"];

/// Returns the folder of the bundled data.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/na12878")
}

/// Copies the bundled data into a folder, where an index may be written beside the reference.
///
/// # Errors
/// What the file system answers.
pub fn copy_data(folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("data");
    std::fs::create_dir_all(&copy)?;
    for entry in std::fs::read_dir(data())? {
        let entry = entry?;
        let target = copy.join(entry.file_name());
        std::fs::copy(entry.path(), &target).with_context(|| target.display().to_string())?;
    }
    Ok(copy)
}

/// Returns the environment of a process that uses the S3 server of the tests.
pub fn s3_environment(url: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_ENDPOINT_URL", url.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

/// Returns the flags of a genome with two lanes, whose files are under `folder`.
///
/// `folder` is a path, or a location such as `root:data`.
pub fn two_lanes(folder: &str) -> Vec<String> {
    let file = |name: &str| format!("{folder}/{name}");
    let mut flags = vec!["--reference".into(), file("reference.fa.gz")];
    flags.extend(["--sample".into(), "NA12878".into()]);
    for lane in ["lane1", "lane2"] {
        let fastq = |read: u8| file(&format!("{lane}.R{read}.fastq.gz"));
        flags.extend(["--reads".into(), fastq(1), fastq(2)]);
        let group = format!("@RG\\tID:{lane}\\tLB:library-{lane}\\tPL:ILLUMINA\\tPU:{lane}");
        flags.extend(["--read-group".into(), group]);
    }
    flags.extend(["--known-sites".into(), file("known_sites.vcf.gz")]);
    flags.extend(["--emit".into(), "bam,vcf,gvcf".into()]);
    flags.extend(SMALL_TASKS.map(String::from));
    flags
}

/// Returns flags as borrowed text.
pub fn borrowed(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}
