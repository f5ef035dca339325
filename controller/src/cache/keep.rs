//! Keeps what a workflow that is over leaves, and takes away the rest.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{Sha256, WorkflowId};
use common::task::{Manifest, ObjectRef, Stage};
use futures::{StreamExt, TryStreamExt, stream};

use super::question::{Question, ResultKey};
use super::record::{Kept, KeptObject, KeptResult};
use super::{AT_ONCE, Cache, Error, group, is_missing, kept, written_by};
use crate::core::duty::stage_results;
use crate::core::state::WorkflowState;

impl Cache {
    /// Keeps the results of a workflow that is over, and returns how many there are. Until its record
    /// is written nothing of it is found, and nothing is kept.
    ///
    /// # Errors
    /// [`Error`] if that failed: what is not kept is garbage.
    pub async fn keep(&self, state: &WorkflowState, now_ms: u64) -> Result<usize, Error> {
        if !self.is_on() {
            return Ok(0);
        }
        let mut left = Kept {
            used_at_ms: now_ms,
            ..Kept::default()
        };
        let mut records: BTreeMap<String, Vec<KeptResult>> = BTreeMap::new();
        for stage in Stage::ALL {
            for (key, result) in self.results(state, stage).await? {
                let sizes = result.objects.iter().map(|object| object.size_bytes);
                left.bytes += sizes.sum::<u64>();
                left.prefixes.extend(folder(&result.manifest.key));
                let folder = group(&state.tenant, key.group);
                let record = format!("{folder}{}", state.workflow);
                records.entry(record).or_default().push(result);
            }
        }
        if records.is_empty() {
            return Ok(0);
        }
        left.records = records.keys().cloned().collect();
        self.write_kept(&kept(&state.workflow), &left).await?;
        for (key, results) in &records {
            self.write_results(key, results).await?;
        }
        Ok(records.values().map(Vec::len).sum())
    }

    /// Returns the results of a stage that this workflow's own attempts wrote.
    async fn results(
        &self,
        state: &WorkflowState,
        stage: Stage,
    ) -> Result<Vec<(ResultKey, KeptResult)>, Error> {
        let own = written_by(&state.workflow);
        let mut done = stage_results(state, stage);
        done.retain(|(_, manifest)| manifest.key.starts_with(&own));
        let question = Question::of(state, stage, done.iter().map(|(index, _)| *index));
        let Some(question) = question.filter(|_| !done.is_empty()) else {
            return Ok(Vec::new());
        };
        let keys = question.keys(&self.contents(&question).await?);
        let manifests: Vec<ObjectRef> = done.iter().map(|(_, made)| (*made).clone()).collect();
        let results = keys.into_iter().zip(manifests);
        let results = results.map(|(key, manifest)| async move {
            let objects = self.objects_of(&manifest).await;
            let result = objects.map(|objects| KeptResult {
                key: key.key,
                manifest,
                objects,
            });
            (key, result)
        });
        let results: Vec<_> = results.collect();
        let mut all = Vec::new();
        let mut results = stream::iter(results).buffered(AT_ONCE);
        while let Some((key, result)) = results.next().await {
            match result {
                Ok(result) => all.push((key, result)),
                // Lost on the way: nothing to keep.
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Returns the object of a manifest and all that it names, as they are now.
    async fn objects_of(&self, manifest: &ObjectRef) -> Result<Vec<KeptObject>, Error> {
        let bytes = self.objects.read(&manifest.key).await?;
        let lost = || object_store::Error::NotFound {
            key: manifest.key.clone(),
        };
        if Sha256::of(&bytes) != manifest.sha256 {
            return Err(lost().into());
        }
        let made = Manifest::decode(&bytes).map_err(|source| Error::Damaged {
            key: manifest.key.clone(),
            source,
        })?;
        let mut objects = Vec::new();
        for object in std::iter::once(manifest).chain(made.outputs.values()) {
            let stat = self.stat(&object.key).await?;
            if stat.size_bytes != object.size_bytes {
                return Err(lost().into());
            }
            objects.push(KeptObject {
                key: object.key.clone(),
                size_bytes: object.size_bytes,
                modified_ns: stat.modified_ns,
            });
        }
        Ok(objects)
    }

    /// Takes away what a workflow that is over wrote, but for what is kept of it.
    ///
    /// # Errors
    /// [`Error`] if that failed: garbage stays.
    pub async fn collect(&self, workflow: &WorkflowId) -> Result<(), Error> {
        let prefixes = match self.read_kept(&kept(workflow)).await {
            Ok(left) => left.prefixes,
            Err(error) if is_missing(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        let store = self.objects.store();
        let all = written_by(workflow);
        if prefixes.is_empty() {
            store.delete_all(&all).await?;
            return Ok(());
        }
        let listed = store.list(&all).await?;
        let prefixes: BTreeSet<String> = prefixes.into_iter().collect();
        let is_kept = |key: &str| folder(key).is_some_and(|folder| prefixes.contains(&folder));
        let garbage = listed.into_iter().map(|listed| listed.key);
        let garbage = garbage.filter(|key| !is_kept(key.as_str()));
        let deleted = garbage.map(|key| async move { store.delete(&key).await });
        let deleted: Vec<_> = deleted.collect();
        let deleted = stream::iter(deleted).buffer_unordered(AT_ONCE);
        deleted.try_collect::<()>().await?;
        Ok(())
    }
}

/// Returns the folder of an object, with its closing `/`.
fn folder(key: &str) -> Option<String> {
    key.rsplit_once('/').map(|(folder, _)| format!("{folder}/"))
}
