//! The references that this server keeps, as objects: `references/NAME/VERSION/FILE`.
//!
//! Blocking, on threads that are no runtime's own.

use std::collections::BTreeMap;
use std::io::{self, Read};

use bytes::Bytes;
use common::ids::Sha256;
use common::location::Location;
use common::reference::{Bundle, BundleFile, MANIFEST, REFERENCES, Role, is_name};
use genome::dictionary::Dictionary;
use object_store::{CHUNK_BYTES, Error as StoreError, Key, ObjectWriter, Written};

use crate::admission::reference::{self, IndexError, Scanned};
use crate::admission::sites::{self, SitesError};
use crate::admission::{Admission, fasta::FastaError};
use crate::inputs::{Inputs, Source};
use crate::roots::RootError;

/// Why a reference could not be added, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The name cannot stand in a location.
    #[error("{0:?} is no name for a reference")]
    Name(String),
    /// There is none.
    #[error("there is no reference {0}")]
    Missing(String),
    /// A file may not be named, or is not there.
    #[error("{location}: {source}")]
    Input {
        /// The file.
        location: Location,
        /// Why.
        source: RootError,
    },
    /// The FASTA file is none.
    #[error("{location} {source}")]
    Fasta {
        /// The file.
        location: Location,
        /// Why.
        source: FastaError,
    },
    /// The index is not that of the FASTA file.
    #[error("{location} {source}")]
    Index {
        /// The file.
        location: Location,
        /// Why.
        source: IndexError,
    },
    /// Known sites of another reference.
    #[error("{location} {source}")]
    Sites {
        /// The file.
        location: Location,
        /// Why.
        source: SitesError,
    },
    /// The bytes of a file could not be read.
    #[error("{location}: {source}")]
    Read {
        /// The file.
        location: Location,
        /// Why.
        source: io::Error,
    },
    /// A manifest is damaged.
    #[error("the manifest of reference {name} is damaged")]
    Damaged {
        /// Of the reference.
        name: String,
        /// Where.
        source: serde_json::Error,
    },
    /// The store's answer.
    #[error("references cannot be stored or read: {0}")]
    Store(#[from] StoreError),
}

/// What a new reference is made of.
#[derive(Debug, Clone)]
pub struct NewReference {
    /// Its name.
    pub name: String,
    /// The sequences.
    pub fasta: Location,
    /// The index over them.
    pub index: Location,
    /// Files of known sites.
    pub known_sites: Vec<Location>,
}

/// The references among the objects.
#[derive(Debug, Clone, Copy)]
pub struct References<'a> {
    inputs: &'a Inputs,
    admission: &'a Admission,
}

impl<'a> References<'a> {
    /// Works on the objects of these inputs.
    pub const fn new(inputs: &'a Inputs, admission: &'a Admission) -> Self {
        Self { inputs, admission }
    }

    /// Checks the files and copies them into a new version, the manifest last.
    ///
    /// # Errors
    /// [`ReferenceError`] names the file and what is wrong with it.
    pub fn add(&self, new: &NewReference) -> Result<Bundle, ReferenceError> {
        if !is_name(&new.name) {
            return Err(ReferenceError::Name(new.name.clone()));
        }
        let fasta = self.find(&new.fasta)?;
        let scanned = self.admission.scan(&fasta).map_err(|source| {
            let location = new.fasta.clone();
            ReferenceError::Fasta { location, source }
        })?;
        let (index, sites) = self.checked(new, &scanned)?;
        let mut files = Files {
            inputs: self.inputs,
            prefix: format!("{REFERENCES}/{}/{}", new.name, ulid::Ulid::new()),
            written: Vec::new(),
        };
        let name = plain_name(&new.fasta, "reference.fa");
        files.copy(Role::Fasta, &name, &new.fasta, &fasta)?;
        let index_name = format!("{name}{}", reference::INDEX_ENDING);
        files.copy(Role::Index, &index_name, &new.index, &index)?;
        let dictionary = dictionary_text(&scanned.dictionary);
        let place = &new.fasta;
        files.write(
            Role::Dictionary,
            "reference.dict",
            place,
            &mut dictionary.as_bytes(),
        )?;
        for (number, (location, source)) in new.known_sites.iter().zip(&sites).enumerate() {
            // Two files may have one name.
            let name = format!("sites-{number}-{}", plain_name(location, "sites.vcf"));
            files.copy(Role::KnownSites, &name, location, source)?;
        }
        files.finish(&new.name, &scanned)
    }

    /// Opens index and known sites, and compares them with the sequences.
    fn checked(
        &self,
        new: &NewReference,
        scanned: &Scanned,
    ) -> Result<(Source, Vec<Source>), ReferenceError> {
        let index = self.find(&new.index)?;
        reference::check_index(&index, scanned).map_err(|source| {
            let location = new.index.clone();
            ReferenceError::Index { location, source }
        })?;
        let mut sites = Vec::new();
        for location in &new.known_sites {
            let source = self.find(location)?;
            sites::check(&source, &scanned.dictionary).map_err(|source| {
                let location = location.clone();
                ReferenceError::Sites { location, source }
            })?;
            sites.push(source);
        }
        Ok((index, sites))
    }

    /// Returns the latest version of each name, by name.
    ///
    /// # Errors
    /// What the store answers.
    pub fn list(&self) -> Result<Vec<Bundle>, ReferenceError> {
        let latest = self.versions("")?;
        let read = |(name, versions): (&String, &Vec<String>)| {
            let version = versions.last().map_or("", String::as_str);
            self.read(name, version)
        };
        latest.iter().map(read).collect()
    }

    /// Returns a version of a reference; an empty one is the latest.
    ///
    /// # Errors
    /// [`ReferenceError::Missing`] if there is none.
    pub fn get(&self, name: &str, version: &str) -> Result<Bundle, ReferenceError> {
        if !is_name(name) || !(version.is_empty() || is_name(version)) {
            return Err(ReferenceError::Name(format!("{name}/{version}")));
        }
        if !version.is_empty() {
            return self.read(name, version);
        }
        let versions = self.versions(&format!("{name}/"))?;
        let latest = versions.get(name).and_then(|versions| versions.last());
        let latest = latest.ok_or_else(|| ReferenceError::Missing(name.to_owned()))?;
        self.read(name, latest)
    }

    /// Takes all versions of a name away: their manifests first, so that none is half there.
    ///
    /// # Errors
    /// What the store answers.
    pub fn remove(&self, name: &str) -> Result<u32, ReferenceError> {
        if !is_name(name) {
            return Err(ReferenceError::Name(name.to_owned()));
        }
        let versions = self.versions(&format!("{name}/"))?;
        let versions = versions.get(name).cloned().unwrap_or_default();
        let store = self.inputs.objects().store();
        let removed = self.inputs.runtime().block_on(async {
            for version in &versions {
                let manifest = format!("{REFERENCES}/{name}/{version}/{MANIFEST}");
                store.delete(&manifest.parse()?).await?;
            }
            store.delete_all(&format!("{REFERENCES}/{name}/")).await
        });
        removed?;
        Ok(u32::try_from(versions.len()).unwrap_or(u32::MAX))
    }

    fn read(&self, name: &str, version: &str) -> Result<Bundle, ReferenceError> {
        let key = format!("{REFERENCES}/{name}/{version}/{MANIFEST}");
        let read = self.inputs.objects().read(&key);
        let bytes = match self.inputs.runtime().block_on(read) {
            Err(StoreError::NotFound { .. }) => {
                return Err(ReferenceError::Missing(format!("{name}/{version}")));
            }
            read => read?,
        };
        serde_json::from_slice(&bytes).map_err(|source| {
            let name = name.to_owned();
            ReferenceError::Damaged { name, source }
        })
    }

    /// Returns the whole versions of the names below a prefix, in order.
    fn versions(&self, prefix: &str) -> Result<BTreeMap<String, Vec<String>>, ReferenceError> {
        let store = self.inputs.objects().store();
        let prefix = format!("{REFERENCES}/{prefix}");
        let listed = self.inputs.runtime().block_on(store.list(&prefix))?;
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for object in &listed {
            let words: Vec<&str> = object.key.as_str().split('/').collect();
            if let [_, name, version, file] = words[..]
                && file == MANIFEST
            {
                let known = versions.entry(name.to_owned()).or_default();
                known.push(version.to_owned());
            }
        }
        Ok(versions)
    }

    fn find(&self, location: &Location) -> Result<Source, ReferenceError> {
        self.inputs.find(location).map_err(|source| {
            let location = location.clone();
            ReferenceError::Input { location, source }
        })
    }
}

/// The files of a version that is being written.
struct Files<'a> {
    inputs: &'a Inputs,
    prefix: String,
    written: Vec<BundleFile>,
}

impl Files<'_> {
    fn copy(
        &mut self,
        role: Role,
        name: &str,
        location: &Location,
        source: &Source,
    ) -> Result<(), ReferenceError> {
        let reader = source.reader();
        let mut reader = reader.map_err(|source| reading(location, source))?;
        self.write(role, name, location, &mut *reader)
    }

    fn write(
        &mut self,
        role: Role,
        name: &str,
        location: &Location,
        reader: &mut dyn Read,
    ) -> Result<(), ReferenceError> {
        let written = self.put(name, reader);
        let Written { size_bytes, sha256 } = written.map_err(|fault| match fault {
            Fault::Read(source) => reading(location, source),
            Fault::Store(error) => error.into(),
        })?;
        self.written.push(BundleFile {
            role,
            name: name.to_owned(),
            size_bytes,
            sha256: sha256.to_string(),
        });
        Ok(())
    }

    fn put(&self, name: &str, reader: &mut dyn Read) -> Result<Written, Fault> {
        let runtime = self.inputs.runtime();
        let key: Key = format!("{}/{name}", self.prefix)
            .parse()
            .map_err(|invalid: object_store::InvalidKey| Fault::Store(invalid.into()))?;
        let store = self.inputs.objects().store();
        let mut writer: Box<dyn ObjectWriter> =
            runtime.block_on(store.writer(&key)).map_err(Fault::Store)?;
        loop {
            let mut chunk = Vec::new();
            let mut bounded = Read::take(&mut *reader, CHUNK_BYTES as u64);
            if bounded.read_to_end(&mut chunk).map_err(Fault::Read)? == 0 {
                return runtime.block_on(writer.commit()).map_err(Fault::Store);
            }
            let sent = runtime.block_on(writer.write(Bytes::from(chunk)));
            sent.map_err(Fault::Store)?;
        }
    }

    fn finish(self, name: &str, scanned: &Scanned) -> Result<Bundle, ReferenceError> {
        let contigs = scanned.dictionary.contigs();
        let bundle = Bundle {
            name: name.to_owned(),
            version: self
                .prefix
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            sequences_sha256: scanned.digest.to_string(),
            contigs: u32::try_from(contigs.len()).unwrap_or(u32::MAX),
            length_bp: contigs.iter().map(|contig| contig.length).sum(),
            files: self.written.clone(),
        };
        let text = serde_json::to_vec_pretty(&bundle).map_err(|source| {
            let name = name.to_owned();
            ReferenceError::Damaged { name, source }
        })?;
        match self.put(MANIFEST, &mut &text[..]) {
            Ok(written) => {
                debug_assert_eq!(written.sha256, Sha256::of(&text));
                Ok(bundle)
            }
            Err(Fault::Store(error)) => Err(error.into()),
            Err(Fault::Read(source)) => Err(reading(&bundle.location(MANIFEST), source)),
        }
    }
}

/// Which side of a copy failed.
enum Fault {
    Read(io::Error),
    Store(StoreError),
}

fn reading(location: &Location, source: io::Error) -> ReferenceError {
    let location = location.clone();
    ReferenceError::Read { location, source }
}

/// Returns the name of a file if an object can have it.
fn plain_name(location: &Location, other: &str) -> String {
    let name = location.file_name();
    let is_plain = name.parse::<Key>().is_ok() && name.len() <= 128;
    if is_plain { name } else { other }.to_owned()
}

/// Writes contigs as a SAM header does. Source: SAM v1 §1.3 (2024-11-06).
fn dictionary_text(dictionary: &Dictionary) -> String {
    let mut text = String::from("@HD\tVN:1.6\n");
    for contig in dictionary.contigs() {
        text.push_str(&format!("@SQ\tSN:{}\tLN:{}\n", contig.name, contig.length));
    }
    text
}
