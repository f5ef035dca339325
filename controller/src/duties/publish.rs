//! Publication of a workflow: which files, from which objects, into which folder.

use common::failure::Failure;
use common::task::{Manifest, ObjectRef};
use common::workflow::{GenomeSpec, Work};

use super::{Job, Obstacle, Services};
use crate::admission::outputs::file_name;
use crate::core::event::Event;
use crate::core::state::OutputFile;
use crate::destination::Destination;
use crate::publication::{self, Target, bucket};

impl Services {
    /// Finds out which files are to appear.
    pub(super) fn plan_publication(&self, job: &Job) -> Result<Event, Obstacle> {
        let targets = self.targets(job)?;
        Ok(Event::PublicationStarted {
            targets: targets.into_iter().map(|target| target.file).collect(),
        })
    }

    /// Makes the journaled files appear.
    pub(super) fn publish(&self, job: &Job) -> Result<Event, Obstacle> {
        let Work::Genome(genome) = &job.spec.work else {
            return Ok(Event::PublicationDone);
        };
        let targets: Vec<Target> = self
            .targets(job)?
            .into_iter()
            .filter(|target| job.targets.contains(&target.file))
            .collect();
        let failed = |failure: Failure| Ok(Event::PublicationFailed(failure));
        let folder = match self.inputs.output_folder(&job.workflow, &job.spec) {
            Ok(folder) => folder,
            Err(error) => {
                let prefix = genome.output_prefix.as_ref().map(ToString::to_string);
                return failed(Failure::input(
                    prefix.unwrap_or_default(),
                    error.to_string(),
                ));
            }
        };
        let published = match &folder {
            Destination::Folder(folder) => publication::publish(folder, &targets, genome.overwrite),
            Destination::Bucket(below) => bucket::publish(below, &targets, genome.overwrite),
        };
        match published {
            Ok(()) => Ok(Event::PublicationDone),
            Err(error) => failed(error.into()),
        }
    }

    fn targets(&self, job: &Job) -> Result<Vec<Target>, Obstacle> {
        let (Work::Genome(genome), Some(gathered)) = (&job.spec.work, &job.gathered) else {
            return Ok(Vec::new());
        };
        let bytes = self.read(gathered)?;
        let manifests = Manifest::decode_stage(&bytes).map_err(|error| Obstacle::Lost {
            key: gathered.key.clone(),
            reason: error.to_string(),
        })?;
        let outputs = manifests.iter().flat_map(|manifest| &manifest.outputs);
        let targets = outputs
            .map(|(role, object)| self.target(genome, role, object))
            .collect::<Result<Vec<_>, _>>()?;
        let name = file_name(&genome.sample, "manifest.json");
        let uri = uri(genome, &name);
        Ok(publication::in_order(targets, name, uri))
    }

    fn target(
        &self,
        genome: &GenomeSpec,
        role: &str,
        object: &ObjectRef,
    ) -> Result<Target, Obstacle> {
        let name = file_name(&genome.sample, role);
        Ok(Target {
            file: OutputFile {
                uri: uri(genome, &name),
                name,
                size_bytes: object.size_bytes,
                sha256: object.sha256.to_string(),
            },
            source: self.source(&object.key)?,
        })
    }
}

fn uri(genome: &GenomeSpec, name: &str) -> String {
    let prefix = genome.output_prefix.as_ref();
    prefix.map_or_else(String::new, |prefix| prefix.join(name).to_string())
}
