//! Alignments of a genome whose many small read batches are spread over workers: lane by lane what
//! `bwa mem` writes with batches of the same size.

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, WorkerOptions, stage};
use integration_tests::fixtures;
use integration_tests::process::judge;

/// Gives ≥ 100 batches.
const BATCH_BP: &str = "5000";
const WORKERS: usize = 3;
const DUPLICATE: u16 = 1024;

/// Returns the records of a file in one order for all, without the marks of duplicates.
fn records(path: &str) -> Result<Vec<String>> {
    let text = judge("samtools", &["view", path])?;
    let plain = |line: &str| {
        let (name, rest) = line.split_once('\t').context("a record has flags")?;
        let (flags, rest) = rest.split_once('\t').context("a record has a contig")?;
        let flags = flags.parse::<u16>()? & !DUPLICATE;
        Ok(format!("{name}\t{flags}\t{rest}"))
    };
    let mut lines = text.lines().map(plain).collect::<Result<Vec<_>>>()?;
    lines.sort_unstable();
    Ok(lines)
}

/// Aligns both lanes with `bwa mem`.
fn judged(cluster: &Cluster) -> Result<Vec<String>> {
    let path = |name: &str| cluster.path(name).display().to_string();
    let reference = path("data/reference.fa.gz");
    judge("bwa", &["index", &reference])?;
    let mut all = Vec::new();
    for lane in ["lane1", "lane2"] {
        let (group, sam) = (format!("@RG\\tID:{lane}"), path(&format!("{lane}.sam")));
        let [first, second] = [1, 2].map(|read| path(&format!("data/{lane}.R{read}.fastq.gz")));
        let options = ["mem", "-v", "1", "-K", BATCH_BP, "-R", &group, "-o", &sam];
        judge(
            "bwa",
            &[&options[..], &[&reference, &first, &second]].concat(),
        )?;
        all.extend(records(&sam)?);
    }
    all.sort_unstable();
    Ok(all)
}

#[test]
fn batches_on_several_workers_are_aligned_as_by_bwa() -> Result<()> {
    let mut cluster = Cluster::start()?;
    for _ in 0..WORKERS {
        cluster.start_worker(&WorkerOptions {
            cores: 1,
            ..WorkerOptions::default()
        })?;
    }
    let mut flags = fixtures::two_lanes("root:data");
    let at = flags.iter().position(|flag| flag == "--read-batch-bp");
    BATCH_BP.clone_into(&mut flags[at.context("there is a size of read batches")? + 1]);
    let workflow = cluster.submit_flags(&flags, "out")?;
    let status = cluster.wait(&workflow)?;
    let tasks = stage(&status, "align")["tasks"].as_u64();
    ensure!(tasks >= Some(100), "{status}");
    let found = records(&cluster.path("out/out/NA12878.bam").display().to_string())?;
    let expected = judged(&cluster)?;
    ensure!(found.len() == expected.len(), "{} records", found.len());
    for (own, other) in found.iter().zip(&expected) {
        ensure!(own == other, "{own}\nbwa: {other}");
    }
    Ok(())
}
