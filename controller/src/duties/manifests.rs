//! Stage manifests: all manifests of a stage's tasks in one object, once every object is there.

use std::fs;
use std::io;

use bytes::Bytes;
use common::ids::Sha256;
use common::task::{Manifest, ObjectRef, Stage};
use common::workflow::Work;
use object_store::{Key, ObjectStore};

use super::{Job, Obstacle, Services};
use crate::admission::reference::INDEX_ENDING;
use crate::publication::install;

impl Services {
    /// Reads the manifests of all tasks, checks their objects, and writes the stage manifest.
    pub(super) fn write_stage_manifest(
        &self,
        stage: Stage,
        job: &Job,
    ) -> Result<ObjectRef, Obstacle> {
        let manifests = self.manifests(&job.results)?;
        for object in manifests
            .iter()
            .flat_map(|manifest| manifest.outputs.values())
        {
            self.check_size(object)?;
        }
        if stage == Stage::Index {
            self.install_index(job, &manifests);
        }
        let bytes = Manifest::encode_stage(&manifests);
        self.write(&job.stage_manifest, bytes)
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
        let bytes = fs::read(self.path(&object.key)?).map_err(|error| judge(object, &error))?;
        if Sha256::of(&bytes) != object.sha256 {
            return Err(Obstacle::Lost {
                key: object.key.clone(),
                reason: "its digest is not that of its manifest".to_owned(),
            });
        }
        Ok(bytes)
    }

    fn check_size(&self, object: &ObjectRef) -> Result<(), Obstacle> {
        let metadata = fs::metadata(self.path(&object.key)?);
        let found = metadata.map_err(|error| judge(object, &error))?.len();
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
            let mut writer = self.objects.writer(&parsed).await?;
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
        let (Some(index), Ok(reference)) = (made, self.roots.file(&genome.reference)) else {
            return;
        };
        let Ok(object) = self.path(&index.key) else {
            return;
        };
        let mut beside = reference.into_os_string();
        beside.push(INDEX_ENDING);
        if let Err(error) = install(&object, beside.as_ref()) {
            let reference = &genome.reference;
            tracing::info!(%reference, %error, "the index stays with its workflow");
        }
    }
}

fn judge(object: &ObjectRef, error: &io::Error) -> Obstacle {
    match error.kind() {
        io::ErrorKind::NotFound => Obstacle::Lost {
            key: object.key.clone(),
            reason: "it is gone".to_owned(),
        },
        _ => Obstacle::Passing(format!("{}: {error}", object.key)),
    }
}
