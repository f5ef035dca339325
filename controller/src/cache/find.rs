//! Finds results that answer a question.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{Sha256, WorkflowId};
use common::task::{Manifest, ObjectRef, Stage};
use futures::{StreamExt, TryStreamExt, stream};

use super::question::{Contents, Digest, INDEX_HEAD_BYTES, Question, content, index_digest};
use super::record::KeptResult;
use super::{AT_ONCE, Cache, Error, group, kept, parsed};
use crate::core::fact::FoundResult;

/// Records of one group that are read: of the workflows that came last.
const RECORDS: usize = 8;

/// The use of a result is noted again after this time.
const NOTED_EVERY_MS: u64 = 60_000;

/// Results by their keys.
type Known = BTreeMap<Digest, Vec<KeptResult>>;

impl Cache {
    /// Returns the results that answer a question. Their objects are there, as they were written.
    ///
    /// # Errors
    /// [`Error`] if that cannot be said: nothing is found then.
    pub async fn find(&self, question: &Question, now_ms: u64) -> Result<Vec<FoundResult>, Error> {
        if !self.is_on() {
            return Ok(Vec::new());
        }
        let keys = question.keys(&self.contents(question).await?);
        let groups: BTreeSet<Digest> = keys.iter().map(|key| key.group).collect();
        let _looks = self.looks.read().await;
        let mut known = Known::new();
        for of in groups {
            self.read_group(&group(&question.tenant, of), &mut known)
                .await?;
        }
        let asked = keys.iter().filter_map(|key| {
            let (task, candidates) = (key.task, known.get(&key.key)?.clone());
            Some(async move { (task, self.first_whole(candidates).await) })
        });
        let asked: Vec<_> = asked.collect();
        let looked_at: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut used = BTreeSet::new();
        let mut found = Vec::new();
        for (index, result) in looked_at {
            let Some(KeptResult {
                manifest, objects, ..
            }) = result
            else {
                continue;
            };
            used.extend(writer(&manifest.key));
            found.push(FoundResult {
                index,
                bytes: objects.iter().map(|object| object.size_bytes).sum(),
                manifest,
            });
        }
        for workflow in used {
            self.note_use(&workflow, now_ms).await?;
        }
        Ok(found)
    }

    /// Reads what a question names.
    pub(super) async fn contents(&self, question: &Question) -> Result<Contents, Error> {
        let mut stages = BTreeMap::new();
        let mut index = question.index;
        for (stage, object) in &question.upstream {
            let manifests = self.manifests(object).await?;
            if *stage == Stage::Index {
                let made = manifests.iter().find_map(|made| made.outputs.get("index"));
                let made = made.ok_or_else(|| missing(&object.key))?;
                index = Some(self.index_digest(made).await?);
            } else {
                stages.insert(*stage, content(*stage, &manifests));
            }
        }
        let index = index.ok_or_else(|| missing("index"))?;
        Ok(Contents { index, stages })
    }

    async fn manifests(&self, object: &ObjectRef) -> Result<Vec<Manifest>, Error> {
        let bytes = self.objects.read(&object.key).await?;
        if Sha256::of(&bytes) != object.sha256 {
            return Err(missing(&object.key));
        }
        Manifest::decode_stage(&bytes).map_err(|source| Error::Damaged {
            key: object.key.clone(),
            source,
        })
    }

    async fn index_digest(&self, index: &ObjectRef) -> Result<Sha256, Error> {
        let head = 0..INDEX_HEAD_BYTES.min(index.size_bytes);
        let mut chunks = self
            .objects
            .store()
            .read(&parsed(&index.key)?, head)
            .await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(index_digest(&bytes, index.size_bytes))
    }

    /// Takes in the records of a group; a damaged one is passed over.
    async fn read_group(&self, prefix: &str, known: &mut Known) -> Result<(), Error> {
        let listed = self.objects.store().list(prefix).await?;
        let mut keys: Vec<String> = listed.iter().map(|it| it.key.to_string()).collect();
        keys.sort_unstable();
        for key in keys.iter().rev().take(RECORDS) {
            match self.read_results(key).await {
                Ok(results) => {
                    for result in results {
                        known.entry(result.key).or_default().push(result);
                    }
                }
                Err(error) => tracing::debug!(key, %error, "kept results are passed over"),
            }
        }
        Ok(())
    }

    async fn first_whole(&self, candidates: Vec<KeptResult>) -> Option<KeptResult> {
        'next: for candidate in candidates {
            for object in &candidate.objects {
                if !self.is_whole(object).await {
                    continue 'next;
                }
            }
            return Some(candidate);
        }
        None
    }

    /// Notes that results of a workflow are used, so that they stay.
    async fn note_use(&self, workflow: &WorkflowId, now_ms: u64) -> Result<(), Error> {
        let key = kept(workflow);
        let mut record = self.read_kept(&key).await?;
        if record.used_at_ms.saturating_add(NOTED_EVERY_MS) < now_ms {
            record.used_at_ms = now_ms;
            self.write_kept(&key, &record).await?;
        }
        Ok(())
    }
}

fn missing(key: &str) -> Error {
    Error::Store(object_store::Error::NotFound {
        key: key.to_owned(),
    })
}

/// Returns the workflow that wrote an object.
fn writer(key: &str) -> Option<WorkflowId> {
    let workflow = key.strip_prefix("work/")?.split('/').next()?;
    Some(WorkflowId::new(workflow))
}
