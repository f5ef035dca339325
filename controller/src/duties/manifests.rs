//! Stage manifests: all manifests of a stage's tasks in one object, once every object is there.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use common::failure::{Failure, FailureClass};
use common::ids::Sha256;
use common::location::Location;
use common::s3_login::S3Access;
use common::task::{Manifest, ObjectRef, Stage};
use common::workflow::Work;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::s3::{Bucket, Tags};
use object_store::{Error, Key, Stat};
use tokio::runtime;

use super::{Job, Obstacle, Services};
use crate::admission::reference::INDEX_ENDING;
use crate::core::audit::Pair;
use crate::core::event::Event;
use crate::publication::bucket::{DIGEST, send};
use crate::publication::{Source, install};

/// Objects that are looked at side by side: in S3 each look is a request.
const CHECKS_AT_ONCE: usize = 32;

impl Services {
    /// Reads the manifests of all tasks, checks their objects, and writes the stage manifest.
    pub(super) fn write_stage_manifest(
        &self,
        stage: Stage,
        job: &Job,
    ) -> Result<ObjectRef, Obstacle> {
        let manifests = self.manifests(&job.results)?;
        let outputs = manifests.iter().flat_map(|made| made.outputs.values());
        let checks = stream::iter(outputs.map(|object| self.check_size(object)));
        let checked = checks.buffer_unordered(CHECKS_AT_ONCE).try_collect::<()>();
        self.bulk.block_on(checked)?;
        if stage == Stage::Index {
            self.install_index(job, &manifests);
        }
        let bytes = Manifest::encode_stage(&manifests);
        self.write(&job.stage_manifest, bytes)
    }

    /// Compares the outputs of tasks that ran twice; returns what follows if they differ.
    pub(super) fn audit(&self, pairs: &[Pair]) -> Result<Option<Event>, Obstacle> {
        for Pair { task, manifests } in pairs {
            let [first, second] = manifests;
            let made = match self.manifests(std::slice::from_ref(first)) {
                // It counts no longer: nothing but this comparison needs it.
                Err(Obstacle::Lost { key, reason }) => {
                    tracing::warn!(%task, key, reason, "not audited");
                    continue;
                }
                made => made?,
            };
            let again = self.manifests(std::slice::from_ref(second))?;
            if !made.iter().map(digests).eq(again.iter().map(digests)) {
                let (first, second) = (&first.key, &second.key);
                tracing::error!(%task, first, second, "two attempts of a task gave different outputs");
                let message = format!("two attempts gave different outputs: {first}, {second}");
                let failure = Failure::new(FailureClass::Nondeterminism, message);
                let task = *task;
                return Ok(Some(Event::OutputsDiffer { task, failure }));
            }
        }
        Ok(None)
    }

    fn manifests(&self, results: &[ObjectRef]) -> Result<Vec<Manifest>, Obstacle> {
        let decode = |object: &ObjectRef| {
            let bytes = self.read(object)?;
            Manifest::decode(&bytes).map_err(|error| Obstacle::Lost {
                key: object.key.clone(),
                reason: error.to_string(),
            })
        };
        results.iter().map(decode).collect()
    }

    /// Reads a small object whole and checks its digest.
    pub(super) fn read(&self, object: &ObjectRef) -> Result<Vec<u8>, Obstacle> {
        let bytes = self.bulk.block_on(self.objects.read(&object.key));
        let bytes = bytes.map_err(|error| judge(object, &error))?;
        if Sha256::of(&bytes) != object.sha256 {
            return Err(Obstacle::Lost {
                key: object.key.clone(),
                reason: "its digest is not that of its manifest".to_owned(),
            });
        }
        Ok(bytes)
    }

    async fn check_size(&self, object: &ObjectRef) -> Result<(), Obstacle> {
        let stat = match object.key.parse::<Key>() {
            Ok(key) => self.objects.store().stat(&key).await,
            Err(invalid) => Err(invalid.into()),
        };
        let Stat {
            size_bytes: found, ..
        } = stat.map_err(|error| judge(object, &error))?;
        if found == object.size_bytes {
            return Ok(());
        }
        Err(Obstacle::Lost {
            key: object.key.clone(),
            reason: format!("it has {found} bytes, not {}", object.size_bytes),
        })
    }

    /// Writes a small object.
    pub(super) fn write(&self, key: &str, bytes: Vec<u8>) -> Result<ObjectRef, Obstacle> {
        let passing = |error: object_store::Error| Obstacle::Passing(error.to_string());
        let parsed: Key = key
            .parse()
            .map_err(|error: object_store::InvalidKey| Obstacle::Passing(error.to_string()))?;
        let written = self.bulk.block_on(async {
            let mut writer = self.objects.store().writer(&parsed).await?;
            let mut rest = Bytes::from(bytes);
            while !rest.is_empty() {
                let chunk = rest.split_to(rest.len().min(object_store::CHUNK_BYTES));
                writer.write(chunk).await?;
            }
            writer.commit().await
        });
        let written = written.map_err(passing)?;
        Ok(ObjectRef {
            key: key.to_owned(),
            size_bytes: written.size_bytes,
            sha256: written.sha256,
        })
    }

    /// Puts a new index beside its reference, for later genomes. Where that is impossible, this
    /// genome uses the object.
    fn install_index(&self, job: &Job, manifests: &[Manifest]) {
        let Work::Genome(genome) = &job.spec.work else {
            return;
        };
        let made = manifests.first().and_then(|made| made.outputs.get("index"));
        let Some(index) = made else { return };
        let Ok(source) = self.source(&index.key) else {
            return;
        };
        let place = genome.reference.with_ending(INDEX_ENDING);
        if let Err(error) = self.install((&place, &genome.s3), index, &source) {
            tracing::info!(workflow = %job.workflow, "the index stays with its workflow");
            tracing::debug!(reference = %genome.reference, %error, "it cannot be installed");
        }
    }

    fn install(
        &self,
        (place, access): (&Location, &S3Access),
        index: &ObjectRef,
        source: &Source,
    ) -> io::Result<()> {
        if let Location::S3 { bucket, key } = place {
            let theirs = self.inputs.of(access).map_err(io::Error::other)?;
            let inputs = theirs.as_ref().unwrap_or(&self.inputs);
            let found = inputs.in_bucket(bucket, key);
            let (bucket, key) = found.map_err(io::Error::other)?;
            return put(&self.bulk, &bucket, &key, index, source);
        }
        // The reference was found when the genome was validated; the index goes beside it.
        let folder = self.inputs.roots.folder(place).map_err(io::Error::other)?;
        install(&mut *source.reader()?, &folder)
    }
}

/// Copies an index into a bucket.
fn put(
    bulk: &runtime::Handle,
    bucket: &Bucket,
    key: &str,
    index: &ObjectRef,
    source: &Source,
) -> io::Result<()> {
    let tags = Tags::from([(DIGEST.to_owned(), index.sha256.to_string())]);
    match source {
        Source::Stored(stored) => {
            let place = stored.store.place(&stored.key);
            let copied = bucket.copy(&place, index.size_bytes, key, tags, false);
            Ok(bulk.block_on(copied)?)
        }
        Source::Object(_) | Source::Bytes(_) => {
            let writer = bucket.writer(key).with_tags(tags);
            Ok(send(bulk, writer, &mut *source.reader()?)?)
        }
    }
}

/// What has to be the same whoever wrote it.
fn digests(manifest: &Manifest) -> BTreeMap<&str, (u64, Sha256)> {
    let outputs = manifest.outputs.iter();
    let digest = |object: &ObjectRef| (object.size_bytes, object.sha256);
    outputs
        .map(|(role, object)| (role.as_str(), digest(object)))
        .collect()
}

fn judge(object: &ObjectRef, error: &Error) -> Obstacle {
    match error {
        Error::NotFound { .. } => Obstacle::Lost {
            key: object.key.clone(),
            reason: "it is gone".to_owned(),
        },
        Error::Corrupt { .. } | Error::Changed { .. } => Obstacle::Lost {
            key: object.key.clone(),
            reason: error.to_string(),
        },
        _ => Obstacle::Passing(error.to_string()),
    }
}
