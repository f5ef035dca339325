//! Arbitrary domain values for round-trip properties.

use std::sync::Arc;

use genome::read_group::ReadGroup;
use proptest::option;
use proptest::prelude::*;

use crate::failure::{Failure, FailureClass};
use crate::ids::{AttemptNumber, Epoch, Sha256, WorkflowId};
use crate::location::Location;
use crate::s3_login::S3Access;
use crate::task::{
    Assignment, AttemptId, Counters, Detail, InputStamp, Manifest, ObjectRef, Outcome, ReadBatch,
    ReadBatchCommit, ReadSource, Report, Resources, SplitCursor, Stage, TaskId,
};
use crate::trace::TraceContext;
use crate::workflow::{
    GenomeSpec, Interval, Lane, LaneReads, Outputs, Priority, Work, WorkflowSpec,
};

pub fn workflow_spec() -> impl Strategy<Value = WorkflowSpec> {
    let work = prop_oneof![
        genome_spec().prop_map(|genome| Work::Genome(Box::new(genome))),
        (1u32..=1_000_000).prop_map(|tasks| Work::Probe { tasks }),
    ];
    let words = (1u8..=5, "\\PC{0,20}", any::<bool>(), work);
    words.prop_map(|(priority, description, no_cache, work)| WorkflowSpec {
        priority: Priority(priority),
        description,
        work,
        no_cache,
    })
}

fn genome_spec() -> impl Strategy<Value = GenomeSpec> {
    let outputs = prop_oneof![
        Just((true, false, false)),
        Just((false, true, false)),
        Just((true, true, true))
    ];
    let files = (
        location(),
        prop::collection::vec(location(), 0..3),
        prop::collection::vec(interval(), 0..3),
        option::of("[a-z]{1,5}".prop_map(|path| Location::Root {
            root: "out".into(),
            path,
        })),
    );
    let sizes = (
        any::<u32>(),
        1_000u64..1_000_000_000,
        1_000u64..4_000_000_000,
    );
    let lanes = prop::collection::vec(lane_reads(), 1..4);
    let flags = (any::<bool>(), any::<bool>());
    ("[A-Za-z0-9._-]{1,12}", lanes, outputs, files, sizes, flags).prop_map(
        |(sample, lanes, (bam, vcf, gvcf), files, sizes, flags)| GenomeSpec {
            lanes: lanes
                .into_iter()
                .enumerate()
                .map(|(i, reads)| lane(&sample, i, reads))
                .collect(),
            sample,
            reference: files.0,
            known_sites: files.1,
            outputs: Outputs { bam, vcf, gvcf },
            intervals: files.2,
            interval_padding_bp: sizes.0,
            output_prefix: files.3,
            overwrite: flags.0,
            recalibrated_qualities: flags.1,
            read_batch_bp: sizes.1,
            partition_bp: sizes.2,
            s3: S3Access::Own,
        },
    )
}

fn lane(sample: &str, index: usize, reads: LaneReads) -> Lane {
    let read_group = ReadGroup::new(&format!("id{index}"), sample, "library", "unit");
    Lane { read_group, reads }
}

fn lane_reads() -> impl Strategy<Value = LaneReads> {
    let two = |(first, second): (Location, Location)| {
        if first == second {
            LaneReads::SingleEnd(first)
        } else {
            LaneReads::Paired(first, second)
        }
    };
    prop_oneof![
        location().prop_map(LaneReads::SingleEnd),
        (location(), location()).prop_map(two),
        location().prop_map(LaneReads::Interleaved),
        location().prop_map(LaneReads::Bam),
    ]
}

fn location() -> impl Strategy<Value = Location> {
    prop_oneof![
        ("[a-z]{1,4}", "[a-z]{1,4}(/[a-z0-9]{1,4}){0,2}")
            .prop_map(|(root, path)| Location::Root { root, path }),
        ("[A-Z0-9]{1,4}", "[a-z.]{3,6}x").prop_map(|(id, name)| Location::Upload { id, name }),
        ("[A-Z]{1,4}", "[0-9]{1,4}", "[a-z.]{3,6}x").prop_map(|(name, version, file)| {
            Location::Reference {
                name,
                version,
                file,
            }
        }),
        ("[a-z]{3,5}", "[a-z]{1,4}(/[a-z0-9]{1,4}){0,2}")
            .prop_map(|(bucket, key)| Location::S3 { bucket, key }),
    ]
}

fn interval() -> impl Strategy<Value = Interval> {
    prop_oneof![
        "chr[0-9]{1,2}(:1-[1-9])?".prop_map(Interval::Text),
        location().prop_map(Interval::Bed),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(&Stage::ALL[..])
}

fn attempt() -> impl Strategy<Value = AttemptId> {
    ("[0-9A-Z]{1,26}", stage(), any::<u32>(), 1u32..).prop_map(
        |(workflow, stage, index, number)| {
            let task = TaskId {
                workflow: WorkflowId::new(workflow),
                stage,
                index,
            };
            AttemptId {
                task,
                number: AttemptNumber(number),
            }
        },
    )
}

fn object() -> impl Strategy<Value = ObjectRef> {
    ("[a-z/]{1,20}", any::<u64>(), any::<[u8; 32]>()).prop_map(|(key, size_bytes, sha256)| {
        ObjectRef {
            key,
            size_bytes,
            sha256: Sha256(sha256),
        }
    })
}

fn read_batch() -> impl Strategy<Value = ReadBatch> {
    (any::<(u32, u32, u64, u64, u64, bool)>(), object()).prop_map(|(numbers, object)| {
        let (lane, index, first_ordinal, reads, bases, paired) = numbers;
        let source = ReadSource::Object(object);
        ReadBatch {
            lane,
            index,
            first_ordinal,
            reads,
            bases,
            paired,
            source,
        }
    })
}

fn cursor() -> impl Strategy<Value = SplitCursor> {
    any::<(u32, u64, u64, u64)>().prop_map(|(next_batch, next_ordinal, offset1, offset2)| {
        SplitCursor {
            next_batch,
            next_ordinal,
            offsets: [offset1, offset2],
        }
    })
}

pub fn manifest() -> impl Strategy<Value = Manifest> {
    let outputs = prop::collection::btree_map("[a-z.]{1,8}", object(), 0..4);
    (attempt(), outputs, option::of(read_batch())).prop_map(|(attempt, outputs, read_batch)| {
        Manifest {
            attempt,
            outputs,
            read_batch,
        }
    })
}

fn trace() -> impl Strategy<Value = Option<TraceContext>> {
    any::<([u8; 16], [u8; 8], bool)>()
        .prop_map(|(trace, span, sampled)| TraceContext::new(trace, span, sampled))
}

pub fn assignment() -> impl Strategy<Value = Assignment> {
    let stamp =
        (location(), any::<u64>(), any::<i64>()).prop_map(|(location, size_bytes, modified_ns)| {
            InputStamp {
                location,
                size_bytes,
                modified_ns,
            }
        });
    let detail = prop_oneof![
        Just(Detail::None),
        cursor().prop_map(Detail::Split),
        read_batch().prop_map(Detail::Align),
    ];
    let resources = any::<(u32, u64)>().prop_map(|(cores, memory_bytes)| Resources {
        cores,
        memory_bytes,
    });
    (
        (attempt(), any::<u64>(), resources, "[a-z/]{1,9}"),
        option::of(genome_spec()),
        prop::collection::vec(stamp, 0..3),
        prop::collection::vec((stage(), object()), 0..3),
        detail,
        trace(),
    )
        .prop_map(
            |(
                (attempt, epoch, resources, output_prefix),
                genome,
                inputs,
                upstream,
                detail,
                trace,
            )| {
                Assignment {
                    attempt,
                    epoch: Epoch(epoch),
                    resources,
                    output_prefix,
                    genome: genome.map(Arc::new),
                    inputs: inputs.into(),
                    upstream,
                    detail,
                    trace,
                }
            },
        )
}

pub fn failure() -> impl Strategy<Value = Failure> {
    let classes = [
        FailureClass::InputInvalid,
        FailureClass::CredentialsExpired,
        FailureClass::StorageTransient,
        FailureClass::WorkerLost,
        FailureClass::Preempted,
        FailureClass::OutOfResources,
        FailureClass::IntermediateLost,
        FailureClass::Internal,
        FailureClass::Nondeterminism,
        FailureClass::Cancelled,
    ];
    let place = (option::of("[a-z:/]{1,20}"), option::of(1u64..));
    (prop::sample::select(classes.to_vec()), "\\PC{0,40}", place).prop_map(
        |(class, message, (file, record))| Failure {
            class,
            message,
            file,
            record,
        },
    )
}

pub fn report() -> impl Strategy<Value = Report> {
    let counters =
        any::<(u64, u64, u64, u64)>().prop_map(|(reads, bases, cpu_ms, peak)| Counters {
            reads,
            bases,
            cpu_ms,
            peak_memory_bytes: peak,
        });
    let outcome = prop_oneof![
        option::of(object()).prop_map(Outcome::Completed),
        failure().prop_map(Outcome::Failed),
        Just(Outcome::HandedBack),
    ];
    (attempt(), any::<u64>(), counters, outcome).prop_map(|(attempt, epoch, counters, outcome)| {
        Report {
            attempt,
            epoch: Epoch(epoch),
            counters,
            outcome,
        }
    })
}

pub fn read_batch_commit() -> impl Strategy<Value = ReadBatchCommit> {
    (attempt(), any::<u64>(), read_batch(), cursor()).prop_map(
        |(attempt, epoch, read_batch, cursor)| ReadBatchCommit {
            attempt,
            epoch: Epoch(epoch),
            read_batch,
            cursor,
        },
    )
}
