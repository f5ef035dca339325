//! The reference of a task: its mapped index, and the partitions that follow from it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aligner::index::{self as file, Index};
use common::failure::Failure;
use common::task::Stage;
use genome::partition::Partitions;

use super::{Context, index, sections};
use crate::error;
use crate::inputs::Inputs;

/// Ending of an index beside its reference.
pub const ENDING: &str = ".spindle";

/// How many maps stay open: tasks of a worker seldom need more references at a time.
const OPEN_MAPS: usize = 2;

impl Context<'_> {
    /// Returns the index of the reference, mapped once in this process: what the index stage made,
    /// else what lies beside the reference.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if there is none.
    pub fn index(&self) -> Result<Arc<Index>, Failure> {
        if let Some(known) = self.index.get() {
            return Ok(Arc::clone(known));
        }
        let index = self.open_index()?;
        Ok(Arc::clone(self.index.get_or_init(|| index)))
    }

    fn open_index(&self) -> Result<Arc<Index>, Failure> {
        let Some(stage) = self.upstream_manifest(Stage::Index) else {
            let beside = self.genome()?.reference.with_ending(ENDING);
            let found = self.local_if_there(&beside)?;
            let path = found.ok_or_else(|| Inputs::missing(&beside))?;
            return open(&path, &beside.to_string());
        };
        let made = self.upstream(Stage::Index)?;
        let none = || error::lost(&stage.key, &"the index stage made no index");
        let object = sections::output(made.first().ok_or_else(none)?, index::INDEX)?;
        open(&self.local_object(object)?, &object.key)
    }

    /// Returns the partitions of the reference.
    ///
    /// # Errors
    /// As [`Context::index`].
    pub fn partitions(&self) -> Result<Partitions, Failure> {
        let index = self.index()?;
        Ok(Partitions::new(
            index.dictionary(),
            self.genome()?.partition_bp,
        ))
    }
}

/// Device, file number and size: another file at the same path is another map.
type Identity = (u64, u64, u64);

static OPEN: Mutex<Vec<(Identity, Arc<Index>)>> = Mutex::new(Vec::new());

/// Closes the maps of this process: what tasks still use stays open until they end. With them goes the copy
/// that aligners keep of a part of an index, whose memory other stages need.
pub fn close() {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Maps an index; `name` is its object or its location, for messages.
fn open(path: &Path, name: &str) -> Result<Arc<Index>, Failure> {
    let data = fs::metadata(path).map_err(|fault| error::storage(&fault))?;
    let identity = (data.dev(), data.ino(), data.len());
    // A panic while a map was opened left the list as it was.
    let mut maps = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = maps.iter().position(|(known, _)| *known == identity) {
        let entry = maps.remove(at);
        let index = Arc::clone(&entry.1);
        maps.push(entry);
        return Ok(index);
    }
    let opened = Index::open(path).map_err(|fault| unusable(name, fault))?;
    let index = Arc::new(opened);
    maps.push((identity, Arc::clone(&index)));
    if maps.len() > OPEN_MAPS {
        maps.remove(0);
    }
    Ok(index)
}

/// An index that can't be mapped is made again.
fn unusable(name: &str, fault: file::Error) -> Failure {
    match &fault {
        file::Error::Open { source, .. } => error::storage(source),
        _ => error::lost(name, &fault),
    }
}
