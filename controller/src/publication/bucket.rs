//! Final files appear in a bucket: copied by the server where the objects are in S3 too.
//!
//! Each carries its digest, so that a repeated publication knows what it made before.

use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use object_store::s3::{Tags, Writer};
use object_store::{CHUNK_BYTES, Error, ObjectStore, ObjectWriter};
use tokio::runtime;

use super::{PublicationError, Source, Stored, Target};
use crate::destination::Below;

/// The tag that holds the SHA-256 of an object.
pub const DIGEST: &str = "sha256";

/// Makes all targets appear below a prefix, in order.
///
/// # Errors
/// [`PublicationError`]; what appeared before stays, and is known again by the next try.
pub fn publish(below: &Below, targets: &[Target], overwrite: bool) -> Result<(), PublicationError> {
    for target in targets {
        let failed = |source| PublicationError::Store {
            name: below.location(&target.file.name).to_string(),
            source,
        };
        if is_there(below, target, overwrite)? {
            continue;
        }
        match appear(below, target, overwrite).map_err(failed) {
            Ok(()) => {}
            // Somebody took the name meanwhile: perhaps an earlier try of this publication.
            Err(PublicationError::Store {
                source: Error::Changed { .. },
                ..
            }) => {}
            Err(error) => return Err(error),
        }
        if !is_there(below, target, overwrite)? {
            let key = target.file.name.clone();
            let reason = "it is not there after it was written".to_owned();
            return Err(failed(Error::Transient { key, reason }));
        }
    }
    Ok(())
}

/// Says whether the object is there already; refuses the name of another one.
fn is_there(below: &Below, target: &Target, overwrite: bool) -> Result<bool, PublicationError> {
    let found = below.look(&target.file.name);
    let found = found.map_err(|source| PublicationError::Store {
        name: below.location(&target.file.name).to_string(),
        source,
    })?;
    let Some((stat, tags)) = found else {
        return Ok(false);
    };
    let is_ours =
        stat.size_bytes == target.file.size_bytes && tags.get(DIGEST) == Some(&target.file.sha256);
    if !is_ours && !overwrite {
        let taken = below.location(&target.file.name).to_string();
        return Err(PublicationError::Taken(PathBuf::from(taken)));
    }
    Ok(is_ours)
}

fn appear(below: &Below, target: &Target, overwrite: bool) -> Result<(), Error> {
    let name = below.full(&target.file.name);
    let tags = Tags::from([(DIGEST.to_owned(), target.file.sha256.clone())]);
    if let Source::Stored(Stored { store, key, .. }) = &target.source {
        let size = target.file.size_bytes;
        let found = below.runtime.block_on(store.stat(key))?.size_bytes;
        if found != size {
            return Err(Error::Corrupt {
                key: key.to_string(),
                reason: format!("it has {found} bytes, not {size}"),
            });
        }
        if !below.by_login {
            let source = store.place(key);
            let copied = below.bucket.copy(&source, size, &name, tags, !overwrite);
            return below.runtime.block_on(copied);
        }
    }
    let mut writer = below.bucket.writer(&name).with_tags(tags);
    if !overwrite {
        writer = writer.if_absent();
    }
    let reader = target.source.reader();
    let mut reader = reader.map_err(|source| Error::of_io(&*target.file.name, source))?;
    send(&below.runtime, writer, &mut *reader)
}

/// Sends all bytes of a reader. Blocks.
///
/// # Errors
/// What the reader or the server answers.
pub fn send(runtime: &runtime::Handle, writer: Writer, reader: &mut dyn Read) -> Result<(), Error> {
    let mut writer = Box::new(writer);
    loop {
        let mut chunk = Vec::new();
        let read = Read::take(&mut *reader, CHUNK_BYTES as u64).read_to_end(&mut chunk);
        if read.map_err(|source| Error::of_io("a file", source))? == 0 {
            return runtime.block_on(writer.commit()).map(drop);
        }
        runtime.block_on(writer.write(Bytes::from(chunk)))?;
    }
}
