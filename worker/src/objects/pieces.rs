//! Small pieces of objects. A store that is far away takes its time for each, so that they are fetched side
//! by side, and what the tasks of a genome have in common is fetched once.

use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use common::failure::Failure;
use common::ids::Sha256;
use common::task::ObjectRef;
use futures::{StreamExt, TryStreamExt, stream};
use lru::LruCache;
use object_store::{Key, ObjectStore};

use super::Objects;
use crate::error;

/// Pieces that are on their way at a time.
const AT_ONCE: usize = 16;

/// Bytes that are kept for later tasks.
const KEPT_BYTES: usize = 32 << 20;

/// A stretch of an object.
pub type Piece<'a> = (&'a ObjectRef, Range<u64>);

/// Pieces by their object and range, and how many bytes they have together.
pub(super) struct Kept {
    pieces: LruCache<(String, Range<u64>), Bytes>,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            pieces: LruCache::unbounded(),
            bytes: 0,
        }
    }
}

impl Kept {
    fn keep(&mut self, piece: (String, Range<u64>), bytes: Bytes) {
        self.bytes += bytes.len();
        if let Some(before) = self.pieces.put(piece, bytes) {
            self.bytes -= before.len();
        }
        while self.bytes > KEPT_BYTES
            && let Some((_, oldest)) = self.pieces.pop_lru()
        {
            self.bytes -= oldest.len();
        }
    }

    fn forget(&mut self, piece: &(String, Range<u64>)) {
        if let Some(bytes) = self.pieces.pop(piece) {
            self.bytes -= bytes.len();
        }
    }
}

impl Objects {
    /// Returns pieces of objects, in their order.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if an object is gone or too short.
    pub fn pieces(&self, pieces: &[Piece<'_>]) -> Result<Vec<Bytes>, Failure> {
        if pieces.iter().all(|(object, _)| self.path(object).is_some()) {
            return pieces.iter().map(|piece| self.piece_here(piece)).collect();
        }
        let fetched = stream::iter(pieces.iter().cloned())
            .map(|(object, range)| fetch(Arc::clone(&self.store), object, range))
            .buffered(AT_ONCE);
        self.runtime.block_on(fetched.try_collect())
    }

    /// As [`Self::pieces`], for what other tasks will want too.
    ///
    /// # Errors
    /// As [`Self::pieces`].
    pub fn kept_pieces(&self, pieces: &[Piece<'_>]) -> Result<Vec<Bytes>, Failure> {
        let name = |(object, range): &Piece<'_>| (object.key.clone(), range.clone());
        let mut kept = self.kept();
        let mut found: Vec<Option<Bytes>> = pieces
            .iter()
            .map(|piece| kept.pieces.get(&name(piece)).cloned())
            .collect();
        drop(kept);
        let is_missing = |(_, found): &(_, &Option<Bytes>)| found.is_none();
        let missing = pieces.iter().zip(&found).filter(is_missing);
        let missing: Vec<Piece<'_>> = missing.map(|(piece, _)| piece.clone()).collect();
        let mut fetched = self.pieces(&missing)?.into_iter();
        let mut kept = self.kept();
        let gaps = pieces.iter().zip(&mut found);
        for (piece, gap) in gaps.filter(|(_, found)| found.is_none()) {
            *gap = fetched.next();
            if let Some(bytes) = gap {
                kept.keep(name(piece), bytes.clone());
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads whole objects and checks them, in their order; only a few are in memory at a time.
    ///
    /// # Errors
    /// Each [`common::failure::FailureClass::IntermediateLost`] if it is gone or changed.
    pub fn read_each<'a>(
        &'a self,
        objects: &'a [&'a ObjectRef],
    ) -> impl Iterator<Item = Result<Bytes, Failure>> + 'a {
        let read = move |few: &[&ObjectRef]| {
            let whole = |object: &ObjectRef| 0..object.size_bytes;
            let pieces: Vec<_> = few.iter().map(|object| (*object, whole(object))).collect();
            let checked: Result<Vec<Bytes>, Failure> = self.pieces(&pieces).and_then(|all| {
                let both = few.iter().zip(all);
                both.map(|(object, bytes)| verified(object, bytes))
                    .collect()
            });
            match checked {
                Ok(all) => all.into_iter().map(Ok).collect(),
                Err(failure) => vec![Err(failure)],
            }
        };
        objects.chunks(AT_ONCE).flat_map(read)
    }

    /// Reads a whole object that other tasks will want too, and checks it.
    ///
    /// # Errors
    /// [`common::failure::FailureClass::IntermediateLost`] if it is gone or changed.
    pub fn read_kept(&self, object: &ObjectRef) -> Result<Bytes, Failure> {
        let whole = 0..object.size_bytes;
        let pieces = self.kept_pieces(&[(object, whole.clone())])?;
        let checked = verified(object, pieces.into_iter().next().unwrap_or_default());
        if checked.is_err() {
            // It may have been damaged on the way.
            self.kept().forget(&(object.key.clone(), whole));
        }
        checked
    }

    fn piece_here(&self, (object, range): &Piece<'_>) -> Result<Bytes, Failure> {
        let mut bytes = Vec::new();
        let read = self
            .open_range(object, range.clone())?
            .read_to_end(&mut bytes);
        read.map_err(|fault| error::storage(&fault))?;
        Ok(bytes.into())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verified(object: &ObjectRef, bytes: Bytes) -> Result<Bytes, Failure> {
    if Sha256::of(&bytes) == object.sha256 {
        return Ok(bytes);
    }
    Err(lost(object, "has another digest than was written"))
}

fn lost(object: &ObjectRef, what: &str) -> Failure {
    error::lost(&object.key, &format!("object {} {what}", object.key))
}

async fn fetch(
    store: Arc<dyn ObjectStore>,
    object: &ObjectRef,
    range: Range<u64>,
) -> Result<Bytes, Failure> {
    let key: Key = object
        .key
        .parse()
        .map_err(|e: object_store::InvalidKey| error::reading(e.into()))?;
    let wanted = range.end.min(object.size_bytes).saturating_sub(range.start);
    let range = range.start..range.start + wanted;
    let mut stream = store.read(&key, range).await.map_err(error::reading)?;
    let mut bytes = BytesMut::with_capacity(wanted as usize);
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(error::reading)?);
    }
    if bytes.len() as u64 != wanted {
        let what = format!("has {} bytes there, not {wanted}", bytes.len());
        return Err(lost(object, &what));
    }
    Ok(bytes.freeze())
}
