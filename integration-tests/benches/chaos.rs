//! Genomes go on while every part of a cluster fails in every stage of them: etcd with three members,
//! S3, two controllers and two workers, each a process on a host (network namespace) of its own.
//! `cargo bench -p integration-tests --bench chaos -- [--strip] [FAULT/ROLE ...]` prints a line for
//! each fault and role, and then a table fault × stage × count. `--strip` takes conditions
//! (`If-None-Match`, `If-Match`) out of all requests to S3. It takes the rights of root.
//!
//! Three genomes run at once, each with a fault and role of its own. The tasks of each stage of a genome
//! wait at a gate; when the first is there the fault happens, the gate opens, and after the lease the
//! fault ends. All genomes have to succeed, each once, with the bytes of one that was not disturbed.

#[path = "chaos/fault.rs"]
mod fault;
#[path = "chaos/round.rs"]
#[expect(
    clippy::disallowed_methods,
    reason = "silence is a time, and other processes are looked at now and then"
)]
mod round;
#[path = "chaos/server.rs"]
mod server;
#[path = "chaos/site.rs"]
mod site;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use fault::{Fault, Role};
use integration_tests::compare::Outputs;
use integration_tests::process::run_well;
use round::{Counts, Round, STAGES};
use site::Site;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(served) = site::serve_if_told(&arguments) {
        return served;
    }
    let honours_conditions = !arguments.iter().any(|one| one == "--strip");
    let chosen: Vec<_> = arguments.iter().filter(|one| one.contains('/')).collect();
    let is_chosen = |name: &String| chosen.is_empty() || chosen.contains(&name);
    let faults: Vec<_> = fault::all().filter(|one| is_chosen(&name(*one))).collect();
    let mut site = Site::start(honours_conditions)?;
    let expected = undisturbed()?;
    let (mut rows, mut failed) = (BTreeMap::<String, Counts>::new(), false);
    for some in faults.chunks(round::GENOMES) {
        let some: Vec<_> = some.iter().cycle().take(round::GENOMES).copied().collect();
        let names: Vec<_> = some.iter().copied().map(name).collect();
        match round::run(&mut site, &some, &expected) {
            Ok(round) => {
                let Round { tasks, seconds, .. } = round;
                println!("{names:?}: {seconds} s, {tasks} tasks a genome");
                for (name, counts) in names.into_iter().zip(round.counts) {
                    let row = rows.entry(name).or_default();
                    for (stage, count) in counts {
                        *row.entry(stage).or_default() += count;
                    }
                }
            }
            Err(error) => {
                println!("{names:?}: {error:?}\n{}", site.transcripts());
                site = Site::start(honours_conditions)?;
                failed = true;
            }
        }
    }
    print(&rows);
    let is_full = |counts: &Counts| counts.len() == STAGES.len();
    if failed || rows.len() < faults.len() || !rows.values().all(is_full) {
        bail!("a fault did harm, or is missing in a stage");
    }
    Ok(())
}

fn name((fault, role): (Fault, Role)) -> String {
    format!("{}/{}", fault.name(), role.name())
}

/// Returns what one machine gives.
fn undisturbed() -> Result<Outputs> {
    let folder = tempfile::tempdir()?;
    let data = integration_tests::fixtures::copy_data(folder.path())?;
    let out = folder.path().join("out").display().to_string();
    let flags = round::flags(&data.display().to_string());
    let mut arguments = vec!["run", "--out", &out];
    arguments.extend(integration_tests::fixtures::borrowed(&flags));
    run_well(&arguments)?;
    Outputs::read(out.as_ref())
}

fn print(rows: &BTreeMap<String, Counts>) {
    println!("| fault / role | {} |", STAGES.join(" | "));
    println!("|---|{}", "---|".repeat(STAGES.len()));
    for (name, counts) in rows {
        let cell = |stage: &&str| counts.get(*stage).copied().unwrap_or(0).to_string();
        let cells: Vec<_> = STAGES.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}
