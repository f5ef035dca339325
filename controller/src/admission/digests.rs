//! Digests of what a genome names beside its reads: by them its results are known.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use common::ids::Sha256;
use common::location::Location;
use common::workflow::{GenomeSpec, Interval};
use sha2::Digest;

use super::Admission;
use super::reference::INDEX_ENDING;
use crate::cache::question::{INDEX_HEAD_BYTES, index_digest};
use crate::inputs::{Source, Version};
use crate::plan::dag::InputDigests;
use crate::roots::RootError;

/// Endings of the indexes of known sites.
const SITES_INDEXES: [&str; 2] = [".tbi", ".csi"];

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// A file that changed so short a time ago may change again without a trace.
const SETTLED_NS: i64 = 2_000_000_000;

/// The files that were digested, so that a batch of a thousand genomes reads each once.
#[derive(Debug, Default)]
pub struct Digests {
    known: Mutex<HashMap<Version, Sha256>>,
}

impl Digests {
    fn of(&self, source: &Source) -> io::Result<Sha256> {
        let version = source.version()?;
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&version) {
            return Ok(*known);
        }
        let found = digest(&mut *source.reader()?)?;
        if source.version()? == version && source.changed_ns()? < now_ns() - SETTLED_NS {
            lock().insert(version, found);
        }
        Ok(found)
    }
}

impl Admission {
    /// Digests what a genome names beside its reads; `None` if something cannot be read: then its
    /// results are known by nothing.
    pub(super) fn digest(&self, genome: &GenomeSpec, index_missing: bool) -> Option<InputDigests> {
        let digested = self.try_digest(genome, index_missing);
        digested
            .inspect_err(|error| tracing::warn!(%error, "the results of a genome are not kept"))
            .ok()
    }

    fn try_digest(
        &self,
        genome: &GenomeSpec,
        index_missing: bool,
    ) -> Result<InputDigests, RootError> {
        let index = match index_missing {
            true => None,
            false => Some(self.index(&genome.reference.with_ending(INDEX_ENDING))?),
        };
        let sites = genome.known_sites.iter().map(|file| self.sites(file));
        let beds = genome
            .intervals
            .iter()
            .filter_map(|interval| match interval {
                Interval::Bed(file) => Some(self.whole(file)),
                Interval::Text(_) => None,
            });
        Ok(InputDigests {
            index,
            known_sites: sites.collect::<Result<_, _>>()?,
            intervals: beds.collect::<Result<_, _>>()?,
        })
    }

    fn whole(&self, file: &Location) -> Result<Sha256, RootError> {
        Ok(self.digests.of(&self.inputs.find(file)?)?)
    }

    fn index(&self, file: &Location) -> Result<Sha256, RootError> {
        let (source, stamp) = self.inputs.stamped(file)?;
        Ok(index_digest(
            &source.head(INDEX_HEAD_BYTES)?,
            stamp.size_bytes,
        ))
    }

    /// Digests a file of known sites with the indexes through which it may be read.
    fn sites(&self, file: &Location) -> Result<Sha256, RootError> {
        let mut all = self.whole(file)?.0.to_vec();
        for ending in SITES_INDEXES {
            match self.whole(&file.with_ending(ending)) {
                Ok(Sha256(digest)) => all.extend(digest),
                Err(RootError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    all.extend([0; 32]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Sha256::of(&all))
    }
}

fn digest(reader: &mut dyn Read) -> io::Result<Sha256> {
    let mut sha256 = sha2::Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Sha256(sha256.finalize().into())),
            bytes => sha256.update(&buffer[..bytes]),
        }
    }
}

fn now_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn other_bytes_of_the_same_size_and_time_have_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.vcf");
        let digests = Digests::default();
        fs::write(&path, "one").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let first = digests.of(&Source::from(&path)).unwrap();
        assert_eq!(digests.of(&Source::from(&path)).unwrap(), first);
        fs::write(&path, "two").unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
        assert_ne!(digests.of(&Source::from(&path)).unwrap(), first);
    }
}
