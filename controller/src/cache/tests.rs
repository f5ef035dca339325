//! What is kept, for whom, and for how long.

use std::time::Duration;

use common::ids::{AttemptNumber, Sha256, TenantId, WorkflowId};
use common::location::Location;
use common::task::{AttemptId, Manifest, ObjectRef, ReadSource, Stage, TaskId};
use common::workflow::{Interval, Work};
use object_store::{Local, ObjectStore};

use super::question::Question;
use super::{Cache, Terms};
use crate::core::duty::Duty;
use crate::core::state::{TaskKey, TaskStatus, WorkflowState};
use crate::core::tests::world::{World, genome_spec};
use crate::objects::Objects;

const DAY_MS: u64 = 24 * 3600 * 1000;

struct Fixture {
    _folder: tempfile::TempDir,
    store: Local,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::open(folder.path()).unwrap();
        Self {
            _folder: folder,
            store,
        }
    }

    fn cache(&self, bytes: u64) -> Cache {
        let keep = Duration::from_millis(DAY_MS);
        Cache::new(Objects::Folder(self.store.clone()), Terms { keep, bytes })
    }

    async fn write(&self, key: &str, bytes: Vec<u8>) -> ObjectRef {
        let mut writer = self.store.writer(&key.parse().unwrap()).await.unwrap();
        writer.write(bytes.into()).await.unwrap();
        let written = writer.commit().await.unwrap();
        ObjectRef {
            key: key.to_owned(),
            size_bytes: written.size_bytes,
            sha256: written.sha256,
        }
    }

    /// Returns a workflow of which all is done, with its objects.
    async fn done(&self, name: &str, tenant: &str) -> WorkflowState {
        let mut world = World::accepted(genome_spec());
        world.indexed = true;
        world.keeps = true;
        world.state.workflow = WorkflowId::new(name);
        world.state.tenant = TenantId::new(tenant);
        while !world.duties().contains(&Duty::PlanPublication) {
            world.step();
        }
        let mut state = world.state;
        for batch in &mut state.read_batches {
            // The same reads, whoever cut them.
            let bytes = format!("{}/{}", batch.lane, batch.index).into_bytes();
            batch.source = ReadSource::Object(ObjectRef {
                key: format!("work/{name}/split/batch"),
                size_bytes: bytes.len() as u64,
                sha256: Sha256::of(&bytes),
            });
        }
        for stage in Stage::ALL {
            let mut manifests = Vec::new();
            for index in 0..state.stage(stage).tasks.len() as u32 {
                manifests.push(self.result(&mut state, TaskKey { stage, index }).await);
            }
            if state.has_stage(stage) {
                let key = format!("work/{name}/{stage}/manifest-0");
                let bytes = Manifest::encode_stage(&manifests);
                state.stage_mut(stage).manifest = Some(self.write(&key, bytes).await);
            }
        }
        state
    }

    async fn result(&self, state: &mut WorkflowState, task: TaskKey) -> Manifest {
        let (workflow, stage) = (state.workflow.clone(), task.stage);
        let prefix = format!("work/{workflow}/{stage}/{}/1", task.index);
        let output = self.write(&format!("{prefix}/part"), vec![7; 100]).await;
        let index = task.index;
        let manifest = Manifest {
            attempt: AttemptId {
                task: TaskId {
                    workflow,
                    stage,
                    index,
                },
                number: AttemptNumber(1),
            },
            outputs: [("part".to_owned(), output)].into(),
            read_batch: (stage == Stage::Align).then(|| state.read_batches[index as usize].clone()),
        };
        let written = self
            .write(&format!("{prefix}/manifest"), manifest.encode())
            .await;
        let done = TaskStatus::Done {
            attempt: AttemptNumber(1),
            manifest: Some(Box::new(written)),
        };
        state.set_status(task, done);
        manifest
    }

    /// Lets the clinic's workflow `W1` end, and leave what it leaves.
    async fn leave(&self, cache: &Cache, now_ms: u64) {
        let state = self.done("W1", "clinic").await;
        cache.keep(&state, now_ms).await.unwrap();
        cache.collect(&state.workflow).await.unwrap();
    }

    async fn is_there(&self, key: &str) -> bool {
        self.store.stat(&key.parse().unwrap()).await.is_ok()
    }
}

/// How many results of a stage are found for a workflow like that.
async fn hits(cache: &Cache, state: &WorkflowState, stage: Stage, now_ms: u64) -> usize {
    let tasks = 0..state.stage(stage).tasks.len() as u32;
    let question = Question::of(state, stage, tasks).unwrap();
    cache.find(&question, now_ms).await.unwrap().len()
}

/// The same workflow under another name, whose tasks are to be done.
fn again(state: &WorkflowState, tenant: &str) -> WorkflowState {
    let mut state = state.clone();
    state.tenant = TenantId::new(tenant);
    state
}

#[tokio::test]
async fn results_are_found_by_their_tenant_alone() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1 << 20);
    fixture.leave(&cache, DAY_MS).await;
    // What is asked about the later workflow is the same, in its own objects.
    let later = fixture.done("W2", "clinic").await;
    for stage in [Stage::Align, Stage::Duplicates, Stage::Merge, Stage::Gather] {
        let all = later.stage(stage).tasks.len();
        assert_eq!(hits(&cache, &later, stage, DAY_MS).await, all, "{stage}");
        let strange = again(&later, "lab");
        assert_eq!(hits(&cache, &strange, stage, DAY_MS).await, 0, "{stage}");
    }
    assert!(fixture.is_there("work/W1/align/0/1/part").await);
    assert!(!fixture.is_there("work/W1/split/0/1/part").await);
    assert!(!fixture.is_there("work/W1/align/manifest-0").await);
}

#[tokio::test]
async fn results_go_when_they_are_old_and_stay_while_they_are_used() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1 << 20);
    fixture.leave(&cache, DAY_MS).await;
    let later = fixture.done("W2", "clinic").await;
    assert!(hits(&cache, &later, Stage::Align, DAY_MS * 3 / 2).await > 0);
    cache.sweep(DAY_MS * 2).await.unwrap();
    assert!(hits(&cache, &later, Stage::Align, DAY_MS * 2).await > 0);
    cache.sweep(DAY_MS * 3 + 1).await.unwrap();
    assert_eq!(hits(&cache, &later, Stage::Align, DAY_MS * 3).await, 0);
    assert!(!fixture.is_there("work/W1/align/0/1/part").await);
    assert!(fixture.store.list("cache/").await.unwrap().is_empty());
}

#[tokio::test]
async fn too_much_is_not_kept_and_the_oldest_goes_first() {
    let fixture = Fixture::new();
    let state = fixture.done("W1", "clinic").await;
    let later = fixture.done("W2", "lab").await;
    let all = fixture.cache(1 << 20);
    all.keep(&state, 1000).await.unwrap();
    all.keep(&later, 2000).await.unwrap();
    let kept = all.read_kept("cache/kept/W2").await.unwrap();
    fixture.cache(kept.bytes * 3 / 2).sweep(3000).await.unwrap();
    assert_eq!(hits(&all, &state, Stage::Align, 3000).await, 0);
    assert!(hits(&all, &later, Stage::Align, 3000).await > 0);
}

#[tokio::test]
async fn a_workflow_that_kept_nothing_leaves_nothing() {
    let fixture = Fixture::new();
    let cache = fixture.cache(0);
    fixture.leave(&cache, 1).await;
    assert!(fixture.store.list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_done_of_a_workflow_that_was_stopped_is_found() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1 << 20);
    let mut state = fixture.done("W1", "clinic").await;
    let task = TaskKey {
        stage: Stage::Align,
        index: 1,
    };
    state.set_status(task, TaskStatus::Failed);
    for stage in [Stage::Align, Stage::Duplicates, Stage::Merge] {
        state.stage_mut(stage).manifest = None;
    }
    cache.keep(&state, 1).await.unwrap();
    let later = fixture.done("W2", "clinic").await;
    let all = later.stage(Stage::Align).tasks.len();
    assert_eq!(hits(&cache, &later, Stage::Align, 2).await, all - 1);
    assert_eq!(hits(&cache, &later, Stage::Duplicates, 2).await, 0);
}

/// A change of what was asked for.
type Wish = fn(&mut common::workflow::GenomeSpec);

#[tokio::test]
async fn an_option_changes_the_keys_of_the_stages_that_it_reaches() {
    let fixture = Fixture::new();
    let state = fixture.done("W1", "clinic").await;
    let cases: [(Wish, &[Stage]); 7] = [
        (|genome| genome.overwrite = true, &[]),
        (|genome| genome.sample = "T".to_owned(), &[Stage::Gather]),
        (
            |genome| genome.outputs.gvcf = true,
            &[Stage::Call, Stage::Gather],
        ),
        (
            // The merged BAM is no longer the final one.
            |genome| genome.recalibrated_qualities = true,
            &[Stage::Merge, Stage::Call, Stage::Gather],
        ),
        (
            |genome| genome.intervals = vec![Interval::Text("20".to_owned())],
            &[Stage::Merge, Stage::Call, Stage::Gather],
        ),
        (
            |genome| genome.partition_bp = 500,
            &[
                Stage::Align,
                Stage::Duplicates,
                Stage::Merge,
                Stage::Recalibrate,
                Stage::Call,
                Stage::Gather,
            ],
        ),
        (|genome| genome.output_prefix = None::<Location>, &[]),
    ];
    let cache = fixture.cache(1);
    for (case, (change, reached)) in cases.into_iter().enumerate() {
        let mut changed = state.clone();
        let mut spec = (*changed.spec).clone();
        if let Work::Genome(genome) = &mut spec.work {
            change(genome);
        }
        changed.spec = spec.into();
        for stage in Stage::ALL {
            let Some(before) = Question::of(&state, stage, [0]) else {
                continue;
            };
            let after = Question::of(&changed, stage, [0]).unwrap();
            let contents = cache.contents(&before).await.unwrap();
            let same = before.keys(&contents) == after.keys(&contents);
            assert_eq!(same, !reached.contains(&stage), "case {case}: {stage}");
        }
    }
}
