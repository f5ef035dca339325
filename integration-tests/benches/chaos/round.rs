//! Three genomes at once, each with a fault of its own in each of its stages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use integration_tests::compare::Outputs;
use integration_tests::fixtures;
use integration_tests::process::run_well;
use serde_json::Value;

use crate::fault::{Fault, Role};
use crate::site::Site;

/// The stages of a genome.
pub const STAGES: [&str; 8] = [
    "index",
    "split",
    "align",
    "duplicates",
    "merge",
    "recalibrate",
    "call",
    "gather",
];

/// How often the fault happened in each stage.
pub type Counts = BTreeMap<&'static str, u32>;

/// Genomes that run at once.
pub const GENOMES: usize = 3;
/// Each has at least so many tasks.
const TASKS: u64 = 200;
/// The silent are replaced within this.
const SILENCE: Duration = Duration::from_secs(7);
/// Everything else ends within this.
const DEADLINE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(100);

/// What a round gave.
pub struct Round {
    /// By genome, faults by stage.
    pub counts: Vec<Counts>,
    /// Of the smallest genome.
    pub tasks: u64,
    /// From the first submission to the last end.
    pub seconds: u64,
}

/// A genome that runs.
struct Genome {
    workflow: String,
    name: String,
}

/// Returns the flags of a genome of many tasks.
pub fn flags(folder: &str) -> Vec<String> {
    let mut flags = fixtures::two_lanes(folder);
    for (flag, value) in [("--read-batch-bp", "40000"), ("--partition-bp", "30000")] {
        if let Some(at) = flags.iter().position(|text| text == flag) {
            value.clone_into(&mut flags[at + 1]);
        }
    }
    flags
}

/// Runs a genome for each fault, which happens in each of its stages, and compares what they give.
pub fn run(site: &mut Site, faults: &[(Fault, Role)], expected: &Outputs) -> Result<Round> {
    let began = Instant::now();
    let genomes = start(site, faults)?;
    let mut counts = vec![Counts::new(); faults.len()];
    let all = (0..faults.len()).flat_map(|genome| STAGES.map(|stage| (genome, stage)));
    let mut to_come: BTreeSet<(usize, &str)> = all.collect();
    while !to_come.is_empty() {
        let (genome, stage) = until("a task at a gate", || {
            for (genome, stage) in &to_come {
                if site.is_held(&genomes[*genome].workflow, stage)? {
                    return Ok(Some((*genome, *stage)));
                }
            }
            Ok(None)
        })?;
        disturb(site, faults[genome], (&genomes[genome].workflow, stage))?;
        *counts[genome].entry(stage).or_default() += 1;
        to_come.remove(&(genome, stage));
    }
    let mut tasks = u64::MAX;
    for Genome { workflow, name } in &genomes {
        let ended = end(site, workflow)?;
        tasks = tasks.min(check(&ended)?);
        let published = site.stored(&format!("out/{name}"));
        Outputs::read(&published)?.ensure_same(expected)?;
        ensure_once(&published)?;
    }
    Ok(Round {
        counts,
        tasks,
        seconds: began.elapsed().as_secs(),
    })
}

/// Submits the genomes; none passes a gate before each has its own.
fn start(site: &Site, faults: &[(Fault, Role)]) -> Result<Vec<Genome>> {
    for stage in STAGES {
        std::fs::write(site.gate(stage), "")?;
    }
    // The index is made again.
    std::fs::remove_file(site.stored("data/reference.fa.gz.spindle")).ok();
    let mut genomes = Vec::new();
    for (number, (fault, role)) in faults.iter().enumerate() {
        let name = format!("{}-{}-{number}", fault.name(), role.name());
        let workflow = submit(site, &name)?;
        for stage in STAGES {
            std::fs::write(site.gate(&own_gate(&workflow, stage)), "")?;
        }
        genomes.push(Genome { workflow, name });
    }
    for stage in STAGES {
        std::fs::remove_file(site.gate(stage))?;
    }
    Ok(genomes)
}

fn own_gate(workflow: &str, stage: &str) -> String {
    format!("{workflow}.{stage}")
}

fn submit(site: &Site, name: &str) -> Result<String> {
    let (flags, servers) = (flags("s3://spindle/data"), site.servers());
    let out = format!("s3://spindle/out/{name}");
    let mut arguments = vec!["submit", "--server", &servers, "--out", &out];
    arguments.extend(fixtures::borrowed(&flags));
    Ok(run_well(&arguments)?.trim().to_owned())
}

/// Lets the fault happen while tasks of a stage wait, and end when the silent have been replaced.
fn disturb(site: &mut Site, (fault, role): (Fault, Role), held: (&str, &str)) -> Result<()> {
    let gate = site.gate(&own_gate(held.0, held.1));
    let victim = site.victim(role, held)?;
    victim.strike(fault)?;
    std::fs::remove_file(gate)?;
    if fault != Fault::Kill {
        std::thread::sleep(SILENCE);
    }
    victim.recover(fault)
}

/// Waits until a workflow has ended well.
fn end(site: &Site, workflow: &str) -> Result<Value> {
    let servers = site.servers();
    until("the end", || {
        // A controller may be silent for a moment.
        let seen = run_well(&["status", "--json", "--server", &servers, workflow]);
        let Ok(status) = seen.and_then(|text| Ok(serde_json::from_str::<Value>(&text)?)) else {
            return Ok(None);
        };
        match status["state"].as_str() {
            Some("succeeded") => Ok(Some(status)),
            Some("failed" | "cancelled" | "rejected") => bail!("{status}"),
            _ => Ok(None),
        }
    })
}

/// Checks that each task was done once; returns how many there were.
fn check(status: &Value) -> Result<u64> {
    let stages = status["stages"].as_array().context("a status has stages")?;
    let mut all = 0;
    for stage in stages {
        let (tasks, done) = (stage["tasks"].as_u64(), stage["done"].as_u64());
        ensure!(tasks == done, "{stage}");
        all += tasks.unwrap_or_default();
    }
    ensure!(all >= TASKS, "{all} tasks: {status}");
    Ok(all)
}

/// Checks that nothing but one set of outputs was published.
fn ensure_once(folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let manifests = names.iter().filter(|name| name.ends_with(".manifest.json"));
    ensure!(manifests.count() == 1, "{names:?}");
    Ok(())
}

fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(Instant::now() < end, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(LOOK);
    }
}
