//! A genome that is submitted again repeats nothing that it need not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use controller::{CacheTerms, Config};
use proto::v1;

use crate::genome::{genome, lab, spec, work};
use crate::support::{Controller, within};

/// A laboratory whose server keeps results.
fn keeping(folder: &Path) -> Config {
    let mut config = lab(folder);
    config.cache = CacheTerms {
        keep: Duration::from_secs(3600),
        bytes: 1 << 30,
    };
    config
}

/// Runs a genome and returns the stages of which tasks ran, and those that were spared.
async fn run(
    controller: &Controller,
    folder: &Path,
    (name, genome): (&str, v1::Genome),
) -> (Vec<&'static str>, Vec<&'static str>) {
    run_spec(controller, folder, name, spec(into(name, genome))).await
}

/// A genome whose files appear in a folder of this name.
fn into(name: &str, genome: v1::Genome) -> v1::Genome {
    v1::Genome {
        output_prefix: format!("root:data/{name}"),
        ..genome
    }
}

async fn run_spec(
    controller: &Controller,
    folder: &Path,
    name: &str,
    spec: v1::WorkflowSpec,
) -> (Vec<&'static str>, Vec<&'static str>) {
    let workflow = controller.submit(name, spec).await;
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    // The index that the worker made is none.
    let _ = fs::remove_file(folder.join("data/ref.fa.spindle"));
    until_tidied(folder, &workflow).await;
    let named = |stage: &v1::StageStatus| stage.stage().as_str_name();
    let ran = seen.stages.iter().filter(|stage| stage.attempts > 0);
    let spared = seen.stages.iter().filter(|stage| stage.cached > 0);
    (ran.map(named).collect(), spared.map(named).collect())
}

/// Waits until what nobody needs of a workflow is gone: its read batches are the first of that.
async fn until_tidied(folder: &Path, workflow: &str) {
    let garbage = folder.join("controller/objects/work").join(workflow);
    within("garbage", async {
        while garbage.join("split").join("0/1/batch-0").exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

const INPUTS: [&str; 2] = ["STAGE_INDEX", "STAGE_SPLIT"];
const REST: [&str; 4] = [
    "STAGE_ALIGN",
    "STAGE_DUPLICATES",
    "STAGE_MERGE",
    "STAGE_GATHER",
];

#[tokio::test]
async fn a_genome_that_comes_again_runs_nothing_but_the_check_of_its_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(keeping(folder.path())).await;
    let working = work(&controller, folder.path()).await;
    let (ran, spared) = run(&controller, folder.path(), ("a", genome())).await;
    assert_eq!((ran, spared), ([&INPUTS[..], &REST].concat(), vec![]));
    // A new leader finds what the last one kept.
    controller.kill().await;
    working.abort();
    let controller = Controller::with(keeping(folder.path())).await;
    let working = work(&controller, folder.path()).await;
    let (ran, spared) = run(&controller, folder.path(), ("b", genome())).await;
    assert_eq!((ran, spared), (INPUTS.to_vec(), REST.to_vec()));
    for file in fs::read_dir(folder.path().join("data/a")).unwrap() {
        let file = file.unwrap();
        let again = folder.path().join("data/b").join(file.file_name());
        assert_eq!(fs::read(file.path()).unwrap(), fs::read(again).unwrap());
    }
    // Other reads in a file of the same name, size and time.
    let reads = folder.path().join("data/1.fq");
    let time = fs::metadata(&reads).unwrap().modified().unwrap();
    fs::write(&reads, "@a/1\nACGA\n+\nIIII\n").unwrap();
    let file = fs::File::options().write(true).open(&reads).unwrap();
    file.set_modified(time).unwrap();
    let (ran, spared) = run(&controller, folder.path(), ("c", genome())).await;
    assert_eq!((ran, spared), ([&INPUTS[..], &REST].concat(), vec![]));
    working.abort();
}

#[tokio::test]
async fn an_option_reaches_the_stages_that_it_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(keeping(folder.path())).await;
    let working = work(&controller, folder.path()).await;
    run(&controller, folder.path(), ("a", genome())).await;
    let called = v1::Genome {
        outputs: vec![v1::OutputKind::Bam.into(), v1::OutputKind::Vcf.into()],
        ..genome()
    };
    let (ran, spared) = run(&controller, folder.path(), ("b", called.clone())).await;
    assert_eq!(
        ran,
        ["STAGE_INDEX", "STAGE_SPLIT", "STAGE_CALL", "STAGE_GATHER"]
    );
    assert_eq!(spared, REST[..3]);
    let limited = v1::Genome {
        intervals: vec!["20:2-8".to_owned()],
        ..called
    };
    let (ran, spared) = run(&controller, folder.path(), ("c", limited)).await;
    let from_merge = ["STAGE_MERGE", "STAGE_CALL", "STAGE_GATHER"];
    assert_eq!(ran, [&INPUTS[..], &from_merge].concat());
    assert_eq!(spared, REST[..2]);
    let alone = v1::WorkflowSpec {
        no_cache: true,
        ..spec(into("d", genome()))
    };
    let (ran, spared) = run_spec(&controller, folder.path(), "d", alone).await;
    assert_eq!((ran, spared), ([&INPUTS[..], &REST].concat(), vec![]));
    working.abort();
}

#[tokio::test]
async fn what_is_gone_or_was_touched_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(keeping(folder.path())).await;
    let working = work(&controller, folder.path()).await;
    run(&controller, folder.path(), ("a", genome())).await;
    let kept = folder.path().join("controller/objects/work");
    let first = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
    let part = |stage: &str| first.join(stage).join("0/1/part");
    fs::remove_file(part("merge")).unwrap();
    let aligned = fs::read(part("align")).unwrap();
    fs::remove_file(part("align")).unwrap();
    fs::write(part("align"), aligned).unwrap();
    let (ran, spared) = run(&controller, folder.path(), ("b", genome())).await;
    let again = ["STAGE_ALIGN", "STAGE_MERGE"];
    assert_eq!(ran, [&INPUTS[..], &again].concat());
    // The other partition was merged before.
    assert_eq!(spared, ["STAGE_DUPLICATES", "STAGE_MERGE", "STAGE_GATHER"]);
    // Without a cache nothing stays.
    controller.kill().await;
    working.abort();
    let controller = Controller::with(lab(folder.path())).await;
    within("sweep", async {
        while fs::read_dir(&kept).is_ok_and(|mut left| left.next().is_some()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(controller);
}
