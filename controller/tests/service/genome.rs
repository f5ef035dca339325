//! Genomes: admitted or rejected, led through all stages by a worker that writes empty words, published.

use std::fs;
use std::path::Path;

use common::task::{Manifest, ObjectRef};
use controller::Config;
use object_store::{Local, ObjectStore};
use proto::v1;
use proto::worker::v1 as wire;
use tokio::task::JoinHandle;
use tonic::Code;
use wire::attach_response::Message as Heard;

use crate::support::{Controller, Worker, config, probe, within};

/// A reference, a pair of FASTQ files and a folder for outputs, under the root `data`.
pub fn lab(folder: &Path) -> Config {
    let data = folder.join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("ref.fa"), ">20\nACGTACGTAC\n>21\nACGT\n").unwrap();
    fs::write(data.join("1.fq"), "@a/1\nACGT\n+\nIIII\n").unwrap();
    fs::write(data.join("2.fq"), "@a/2\nACGT\n+\nIIII\n").unwrap();
    let mut config = config(folder);
    config.roots.insert("data".to_owned(), data);
    config
}

pub fn genome() -> v1::Genome {
    let fastq = v1::FastqFiles {
        reads1: "root:data/1.fq".to_owned(),
        reads2: "root:data/2.fq".to_owned(),
        interleaved: false,
    };
    v1::Genome {
        sample: "S".to_owned(),
        lanes: vec![v1::Lane {
            read_group: String::new(),
            reads: Some(v1::lane::Reads::Fastq(fastq)),
        }],
        reference: "root:data/ref.fa".to_owned(),
        outputs: vec![v1::OutputKind::Bam.into()],
        output_prefix: "root:data/out".to_owned(),
        ..v1::Genome::default()
    }
}

pub fn spec(genome: v1::Genome) -> v1::WorkflowSpec {
    v1::WorkflowSpec {
        work: Some(v1::workflow_spec::Work::Genome(genome)),
        ..probe(1)
    }
}

/// Runs every task of every stage: writes words instead of reads.
pub async fn work(controller: &Controller, folder: &Path) -> JoinHandle<()> {
    let mut worker = Worker::attach(controller, "w", 4).await.alive(controller);
    let objects = Local::open(&folder.join("controller/objects")).unwrap();
    let reads = folder.join("data/1.fq");
    tokio::spawn(async move {
        loop {
            let assignment = worker.assignment().await;
            run(&mut worker, (&objects, &reads), assignment).await;
        }
    })
}

async fn run(worker: &mut Worker, (objects, reads): (&Local, &Path), assignment: wire::Assignment) {
    let attempt = assignment.attempt.clone().unwrap();
    let prefix = &assignment.output_prefix;
    let stage = attempt.task.as_ref().unwrap().stage();
    let roles: &[&str] = match stage {
        v1::Stage::Gather => &["S.bam", "S.bam.bai", "metrics.json"],
        v1::Stage::Index => &["index"],
        _ => &["part"],
    };
    // What is written about reads follows from them.
    let mut about = Vec::new();
    if stage == v1::Stage::Split {
        about = fs::read(reads).unwrap();
        split(worker, objects, (&assignment, &about)).await;
    }
    if let Some(wire::assignment::Detail::ReadBatch(batch)) = &assignment.detail {
        let Some(wire::read_batch::Source::Object(object)) = &batch.source else {
            panic!("a batch is an object");
        };
        about.clone_from(&object.sha256);
    }
    let mut manifest = Manifest {
        attempt: attempt.clone().try_into().unwrap(),
        outputs: std::collections::BTreeMap::new(),
        read_batch: None,
    };
    for role in roles {
        let bytes = match about.is_empty() {
            true => role.as_bytes(),
            false => &about[..],
        };
        let object = write(objects, &format!("{prefix}/{role}"), bytes).await;
        manifest.outputs.insert((*role).to_owned(), object);
    }
    let written = write(objects, &format!("{prefix}/manifest"), &manifest.encode()).await;
    let completed = wire::result::Outcome::Completed((&written).into());
    worker.report(&attempt, completed).await;
}

async fn split(
    worker: &mut Worker,
    objects: &Local,
    (assignment, reads): (&wire::Assignment, &[u8]),
) {
    let key = format!("{}/batch-0", assignment.output_prefix);
    let object = write(objects, &key, reads).await;
    let read_batch = wire::ReadBatch {
        reads: 2,
        bases: 8,
        paired: true,
        source: Some(wire::read_batch::Source::Object((&object).into())),
        ..wire::ReadBatch::default()
    };
    let cursor = wire::SplitDetail {
        next_batch: 1,
        next_ordinal: 2,
        ..Default::default()
    };
    let commit = wire::ReadBatchCommit {
        attempt: assignment.attempt.clone(),
        epoch: assignment.epoch,
        read_batch: Some(read_batch),
        cursor: Some(cursor),
    };
    worker
        .say(wire::attach_request::Message::ReadBatch(commit))
        .await;
    loop {
        if let Heard::ReadBatchAck(ack) = worker.next().await {
            assert!(ack.accepted);
            return;
        }
    }
}

async fn write(objects: &Local, key: &str, bytes: &[u8]) -> ObjectRef {
    let mut writer = objects.writer(&key.parse().unwrap()).await.unwrap();
    writer.write(bytes.to_vec().into()).await.unwrap();
    let written = writer.commit().await.unwrap();
    ObjectRef {
        key: key.to_owned(),
        size_bytes: written.size_bytes,
        sha256: written.sha256,
    }
}

#[tokio::test]
async fn a_genome_goes_its_way_and_its_files_appear() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(lab(folder.path())).await;
    let working = work(&controller, folder.path()).await;
    let workflow = controller.submit("t", spec(genome())).await;
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    let names: Vec<_> = seen
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["S.bam", "metrics.json", "S.bam.bai", "S.manifest.json"]
    );
    assert_eq!(seen.outputs[0].uri, "root:data/out/S.bam");
    let out = folder.path().join("data/out");
    assert_eq!(fs::read(out.join("S.bam")).unwrap(), b"S.bam");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 4);
    let index = folder.path().join("data/ref.fa.spindle");
    assert_eq!(fs::read(index).unwrap(), b"index");
    let garbage = folder
        .path()
        .join("controller/objects/work")
        .join(&workflow);
    within("garbage", async {
        while garbage.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    working.abort();
}

#[tokio::test]
async fn outputs_without_a_folder_stay_and_are_downloaded() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(lab(folder.path())).await;
    let working = work(&controller, folder.path()).await;
    let kept = v1::Genome {
        output_prefix: String::new(),
        ..genome()
    };
    let workflow = controller.submit("t", spec(kept)).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    working.abort();
    // After a new start the store alone knows of it.
    controller.kill().await;
    let controller = Controller::with(lab(folder.path())).await;
    let request = |name: &str| v1::DownloadOutputRequest {
        workflow_id: workflow.clone(),
        name: name.to_owned(),
        offset: 2,
    };
    let mut genomics = controller.genomics();
    let mut chunks = genomics
        .download_output(request("S.bam"))
        .await
        .unwrap()
        .into_inner();
    let chunk = chunks.message().await.unwrap().unwrap().chunk;
    assert_eq!(&chunk[..], b"bam");
    assert_eq!(chunks.message().await.unwrap(), None);
    let missing = genomics
        .download_output(request("S.vcf.gz"))
        .await
        .unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn what_is_wrong_is_named_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let config = lab(folder.path());
    let data = folder.path().join("data");
    fs::write(data.join("3.fq"), "@b/2\nACGT\n+\nIIII\n").unwrap();
    fs::create_dir(data.join("full")).unwrap();
    fs::write(data.join("full/S.bam"), b"").unwrap();
    fs::write(data.join("else.fa"), ">x\nACGT\n").unwrap();
    fs::write(data.join("else.fa.spindle"), b"no index").unwrap();
    let controller = Controller::with(config).await;
    let pair = |reads2: &str| {
        let fastq = v1::FastqFiles {
            reads1: "root:data/1.fq".to_owned(),
            reads2: reads2.to_owned(),
            interleaved: false,
        };
        let reads = Some(v1::lane::Reads::Fastq(fastq));
        vec![v1::Lane {
            read_group: String::new(),
            reads,
        }]
    };
    let reference = |place: &str| v1::Genome {
        reference: place.to_owned(),
        ..genome()
    };
    let cases = [
        (
            v1::Genome {
                lanes: pair("root:data/3.fq"),
                ..genome()
            },
            "root:data/3.fq",
            1,
        ),
        (
            v1::Genome {
                lanes: pair("root:data/4.fq"),
                ..genome()
            },
            "root:data/4.fq",
            0,
        ),
        (
            v1::Genome {
                lanes: pair("root:none/4.fq"),
                ..genome()
            },
            "root:none/4.fq",
            0,
        ),
        (reference("root:data/1.fq"), "root:data/1.fq", 0),
        (
            reference("root:data/else.fa"),
            "root:data/else.fa.spindle",
            0,
        ),
        (
            v1::Genome {
                output_prefix: "root:data/full".to_owned(),
                ..genome()
            },
            "root:data/full/S.bam",
            0,
        ),
        (
            v1::Genome {
                intervals: vec!["20:5-11".to_owned()],
                ..genome()
            },
            "",
            0,
        ),
    ];
    for (index, (genome, file, record)) in cases.into_iter().enumerate() {
        let workflow = controller.submit(&index.to_string(), spec(genome)).await;
        let seen = controller
            .until_state(&workflow, v1::WorkflowState::Rejected)
            .await;
        let error = seen.error.unwrap();
        assert_eq!(
            error.error_class(),
            v1::ErrorClass::InputInvalid,
            "{error:?}"
        );
        assert_eq!(
            (error.file.as_str(), error.record),
            (file, record),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn two_workflows_never_write_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(lab(folder.path())).await;
    let first = controller.submit("1", spec(genome())).await;
    controller
        .until_state(&first, v1::WorkflowState::Queued)
        .await;
    let second = controller.submit("2", spec(genome())).await;
    let seen = controller
        .until_state(&second, v1::WorkflowState::Rejected)
        .await;
    assert!(seen.error.unwrap().message.contains(&first));
    controller.kill().await;
    // The names stay reserved when the controller starts again, until the workflow is over.
    let controller = Controller::with(lab(folder.path())).await;
    let third = controller.submit("3", spec(genome())).await;
    controller
        .until_state(&third, v1::WorkflowState::Rejected)
        .await;
    controller.cancel(&first).await.unwrap();
    controller
        .until_state(&first, v1::WorkflowState::Cancelled)
        .await;
    let fourth = controller.submit("4", spec(genome())).await;
    controller
        .until_state(&fourth, v1::WorkflowState::Queued)
        .await;
}

#[tokio::test]
async fn an_upload_counts_when_its_digest_fits() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(lab(folder.path())).await;
    let upload = |sha256: String| {
        use v1::upload_reads_request::Part;
        let header = v1::UploadHeader {
            name: "1.fq".to_owned(),
            sha256,
        };
        let chunk = |bytes: &'static [u8]| Part::Chunk(bytes.into());
        let parts = [
            Part::Header(header),
            chunk(b"@a\nACGT"),
            chunk(b"\n+\nIIII\n"),
        ];
        let messages = parts.map(|part| v1::UploadReadsRequest { part: Some(part) });
        let mut genomics = controller.genomics();
        async move { genomics.upload_reads(tokio_stream::iter(messages)).await }
    };
    let sha256 = common::ids::Sha256::of(b"@a\nACGT\n+\nIIII\n").to_string();
    let wrong = upload(sha256.replace(['0', '1', '2', '3'], "f"))
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Code::DataLoss);
    let sent = upload(sha256.clone()).await.unwrap().into_inner();
    assert_eq!((sent.size_bytes, sent.sha256), (15, sha256));
    let fastq = v1::FastqFiles {
        reads1: sent.uri,
        ..Default::default()
    };
    let lane = v1::Lane {
        read_group: String::new(),
        reads: Some(v1::lane::Reads::Fastq(fastq)),
    };
    let genome = v1::Genome {
        lanes: vec![lane],
        ..genome()
    };
    let workflow = controller.submit("t", spec(genome)).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Queued)
        .await;
}
