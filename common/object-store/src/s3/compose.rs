//! An object made of pieces of others, which the server copies itself where they are large enough.
//!
//! Parts of an upload have at least 5 MiB, but for the last one: what is smaller is read and sent
//! together with its neighbours. Source: Amazon S3 User Guide, multipart upload limits.

use std::ops::Range;

use aws_sdk_s3::types::MetadataDirective;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use super::bucket::{Bucket, Place, Tags};
use super::fault::judge;
use super::requests::{Wish, put};
use super::upload::Upload;
use crate::Error;

/// The least that a part may hold, unless it is the last.
const PART_MIN_BYTES: u64 = 5 << 20;
/// The most that one request may copy.
const COPY_MAX_BYTES: u64 = 5 << 30;
/// What one request of several copies, so that they run side by side.
const COPY_BYTES: u64 = 512 << 20;

/// A piece of an object that is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// A range of another object on the same server.
    Copy {
        /// The object.
        source: Place,
        /// The range, inside the object.
        range: Range<u64>,
    },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Copy { range, .. } => range.end.saturating_sub(range.start),
        }
    }

    /// Takes the first `count` bytes off.
    fn split_to(&mut self, count: u64) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.split_to(count as usize)),
            Self::Copy { source, range } => {
                let middle = range.start + count;
                let first = range.start..middle;
                range.start = middle;
                Self::Copy {
                    source: source.clone(),
                    range: first,
                }
            }
        }
    }
}

/// One part of the upload.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// The server copies it.
    Copied(Place, Range<u64>),
    /// Read and sent from here.
    Sent(Vec<Piece>),
}

impl Bucket {
    /// Puts an object together; the bytes of large pieces do not pass this machine.
    ///
    /// # Errors
    /// What the server answers; nothing appears then.
    pub async fn compose(&self, key: &str, pieces: Vec<Piece>, tags: Tags) -> Result<u64, Error> {
        let size_bytes = pieces.iter().map(Piece::len).sum();
        let wish = Wish {
            tags,
            absent: false,
        };
        let mut parts = plan(pieces);
        if let [Part::Sent(_)] | [] = parts[..] {
            let bytes = match parts.pop() {
                Some(Part::Sent(pieces)) => self.gather(pieces).await?,
                _ => Bytes::new(),
            };
            put(self, key, bytes, &wish).await?;
            return Ok(size_bytes);
        }
        let mut upload = Upload::of_copies(self.clone(), key.to_owned(), wish);
        for part in parts {
            match part {
                Part::Sent(pieces) => {
                    let bytes = self.gather(pieces).await?;
                    upload.add(bytes).await?;
                }
                Part::Copied(source, range) => {
                    let range = format!("bytes={}-{}", range.start, range.end - 1);
                    upload.add_copy(in_url(&source), range).await?;
                }
            }
        }
        upload.complete(size_bytes).await?;
        Ok(size_bytes)
    }

    /// Copies a whole object of a known size. `absent`: only if the name is free, as far as the
    /// server looks.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the source is gone; [`Error::Changed`] if the name is taken.
    pub async fn copy(
        &self,
        source: &Place,
        size_bytes: u64,
        key: &str,
        tags: Tags,
        absent: bool,
    ) -> Result<(), Error> {
        if size_bytes > COPY_MAX_BYTES {
            let source = source.clone();
            let range = 0..size_bytes;
            let pieces = vec![Piece::Copy { source, range }];
            return self.compose(key, pieces, tags).await.map(drop);
        }
        self.tried(|| async {
            let call = self.client.copy_object().bucket(&self.name).key(key);
            let mut call = call.copy_source(in_url(source));
            for (name, text) in &tags {
                call = call.metadata(name, text);
            }
            let sent = call
                .metadata_directive(MetadataDirective::Replace)
                .set_if_none_match(absent.then(|| "*".to_owned()))
                .send()
                .await;
            sent.map_err(|e| judge(&source.key, e))
        })
        .await?;
        Ok(())
    }

    /// Reads pieces into memory: less than two parts of the least size, and what came as bytes.
    async fn gather(&self, pieces: Vec<Piece>) -> Result<Bytes, Error> {
        let mut gathered = BytesMut::new();
        for piece in pieces {
            let wanted = piece.len();
            let before = gathered.len() as u64;
            match piece {
                Piece::Bytes(bytes) => gathered.extend_from_slice(&bytes),
                Piece::Copy { source, range } => {
                    let of_source = Self {
                        name: source.bucket,
                        ..self.clone()
                    };
                    let mut chunks = of_source.read(&source.key, range).await?;
                    while let Some(chunk) = chunks.try_next().await? {
                        gathered.extend_from_slice(&chunk);
                    }
                    if gathered.len() as u64 - before != wanted {
                        return Err(Error::Corrupt {
                            key: source.key,
                            reason: "it is shorter than its pieces".into(),
                        });
                    }
                }
            }
        }
        Ok(gathered.freeze())
    }
}

/// Cuts pieces into parts: all bytes once, in order, and no part too small but the last.
fn plan(pieces: Vec<Piece>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut small: Vec<Piece> = Vec::new();
    let mut small_bytes = 0;
    for mut piece in pieces {
        if let Piece::Copy { .. } = piece
            && piece.len() >= PART_MIN_BYTES
        {
            if small_bytes > 0 && small_bytes < PART_MIN_BYTES {
                small.push(piece.split_to(PART_MIN_BYTES - small_bytes));
                small_bytes = PART_MIN_BYTES;
            }
            if piece.len() >= PART_MIN_BYTES {
                flush(&mut small, &mut small_bytes, &mut parts);
                copies(piece, &mut parts);
                continue;
            }
        }
        if piece.len() > 0 {
            small_bytes += piece.len();
            small.push(piece);
        }
        if small_bytes >= PART_MIN_BYTES {
            flush(&mut small, &mut small_bytes, &mut parts);
        }
    }
    flush(&mut small, &mut small_bytes, &mut parts);
    parts
}

fn flush(small: &mut Vec<Piece>, small_bytes: &mut u64, parts: &mut Vec<Part>) {
    if *small_bytes > 0 {
        parts.push(Part::Sent(std::mem::take(small)));
        *small_bytes = 0;
    }
}

/// Cuts a large piece into even copies.
fn copies(piece: Piece, parts: &mut Vec<Part>) {
    let Piece::Copy { source, range } = piece else {
        return;
    };
    let length = range.end - range.start;
    let count = length.div_ceil(COPY_BYTES);
    for i in 0..count {
        let at =
            |i: u64| range.start + (u128::from(length) * u128::from(i) / u128::from(count)) as u64;
        parts.push(Part::Copied(source.clone(), at(i)..at(i + 1)));
    }
}

/// Writes a place as the header of a copy wants it.
fn in_url(place: &Place) -> String {
    let mut text = format!("{}/", place.bucket);
    for byte in place.key.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(start: u64, length: u64) -> Piece {
        Piece::Copy {
            source: Place {
                bucket: "b".into(),
                key: "k".into(),
            },
            range: start..start + length,
        }
    }

    /// Writes the pieces of parts as runs of bytes: which source, from where to where.
    fn runs(parts: &[Part]) -> Vec<(bool, u64, u64)> {
        let mut runs: Vec<(bool, u64, u64)> = Vec::new();
        let mut add = |copied: bool, start: u64, end: u64| match runs.last_mut() {
            Some(last) if copied && last.0 && last.2 == start => last.2 = end,
            _ => runs.push((copied, start, end)),
        };
        for part in parts {
            match part {
                Part::Copied(_, range) => add(true, range.start, range.end),
                Part::Sent(pieces) => {
                    for piece in pieces {
                        match piece {
                            Piece::Bytes(bytes) => add(false, 0, bytes.len() as u64),
                            Piece::Copy { range, .. } => add(true, range.start, range.end),
                        }
                    }
                }
            }
        }
        runs
    }

    fn part_bytes(part: &Part) -> u64 {
        match part {
            Part::Copied(_, range) => range.end - range.start,
            Part::Sent(pieces) => pieces.iter().map(Piece::len).sum(),
        }
    }

    #[test]
    fn parts_hold_all_pieces_in_order_and_none_is_too_small() {
        const M: u64 = 1 << 20;
        let header = || Piece::Bytes(Bytes::from_static(b"header"));
        let cases = [
            vec![],
            vec![header()],
            vec![header(), copy(0, 100 * M)],
            vec![header(), copy(0, 5 * M), copy(10 * M, 20 * M), header()],
            vec![
                copy(0, M),
                copy(2 * M, M),
                copy(4 * M, 5 * M + 1),
                copy(20 * M, 7),
            ],
            vec![copy(0, 2000 * M), header(), copy(3000 * M, 4 * M)],
            vec![
                header(),
                copy(0, 6 * M),
                copy(7 * M, 6 * M),
                copy(14 * M, 11 * M),
            ],
        ];
        for pieces in cases {
            let parts = plan(pieces.clone());
            let expected: u64 = pieces.iter().map(Piece::len).sum();
            assert_eq!(parts.iter().map(part_bytes).sum::<u64>(), expected);
            assert_eq!(runs(&parts), runs(&[Part::Sent(pieces)]));
            let all_but_last = &parts[..parts.len().saturating_sub(1)];
            assert!(all_but_last.iter().all(|p| part_bytes(p) >= PART_MIN_BYTES));
            assert!(parts.iter().all(|p| part_bytes(p) <= COPY_MAX_BYTES));
        }
    }

    #[test]
    fn large_pieces_are_copied_by_the_server() {
        let parts = plan(vec![copy(0, 3 << 30)]);
        assert_eq!(parts.len(), 6);
        assert!(parts.iter().all(|part| matches!(part, Part::Copied(..))));
    }

    #[test]
    fn names_are_written_as_in_addresses() {
        let place = Place {
            bucket: "b".into(),
            key: "a b/ü+".into(),
        };
        assert_eq!(in_url(&place), "b/a%20b/%C3%BC%2B");
    }
}
