//! An index file mapped into memory.
#![allow(
    unsafe_code,
    reason = "mapping a file and viewing its sections as words"
)]

use super::Error;
use super::header::{Header, MAGIC, PREFIX_BYTES, Sections, VERSION};
use super::occ::Block;
use memmap2::{Mmap, MmapMut};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[cfg(target_endian = "big")]
compile_error!("index files are mapped as little-endian words");

/// The mapped sections of an index file.
#[derive(Debug)]
pub(super) struct MappedFile {
    file: File,
    map: Mmap,
    sections: Sections,
    /// Most or all of the file once more, in large pages.
    resident: OnceLock<Option<Resident>>,
    /// Most bytes that may be copied so.
    most_copied: AtomicU64,
    /// How often the pages of the map are yet to be let go.
    forgets: AtomicU32,
}

/// Size of a large page.
const LARGE_PAGE: usize = 2 << 20;
/// Of a larger index only the blocks of the FM-index are copied.
const MOST_COPIED: u64 = 1 << 30;
/// How often the pages of the map are let go: threads that search while the copy is made read
/// them again.
const FORGETS: u32 = 64;

/// Bytes that are read at a time.
const PIECE: usize = 8 << 20;

/// A stretch of the file in large pages.
#[derive(Debug)]
struct Resident {
    pages: MmapMut,
    /// Where in `pages` it begins.
    start: usize,
    range: Range<u64>,
}

impl Resident {
    /// Reads a stretch on several threads: the system must clear each page first. `forget` is
    /// called after each piece.
    fn read(
        file: &File,
        range: Range<u64>,
        threads: usize,
        forget: &(impl Fn() + Sync),
    ) -> Option<Self> {
        let bytes = (range.end - range.start) as usize;
        let mut pages = MmapMut::map_anon(bytes + LARGE_PAGE).ok()?;
        #[cfg(target_os = "linux")]
        pages.advise(memmap2::Advice::HugePage).ok()?;
        let start = pages.as_ptr().align_offset(LARGE_PAGE);
        let target = pages.get_mut(start..start + bytes)?;
        let part_bytes = bytes.div_ceil(threads.max(1)).next_multiple_of(LARGE_PAGE);
        let read = std::thread::scope(|scope| {
            let parts = (range.start..)
                .step_by(part_bytes)
                .zip(target.chunks_mut(part_bytes));
            let reading: Vec<_> = parts
                .map(|(from, part)| scope.spawn(move || read_pieces(file, (part, from), forget)))
                .collect();
            let mut ends = reading.into_iter().map(|part| part.join());
            ends.all(|end| matches!(end, Ok(Ok(()))))
        });
        if !read {
            return None;
        }
        Some(Self {
            pages,
            start,
            range,
        })
    }

    /// Returns a stretch of the file if it lies within this one.
    fn get(&self, range: &Range<u64>) -> Option<&[u8]> {
        let first = range.start.checked_sub(self.range.start)? as usize;
        let length = (range.end - range.start) as usize;
        let is_within = range.end <= self.range.end;
        is_within.then(|| &self.pages[self.start + first..][..length])
    }
}

impl MappedFile {
    /// Maps a file and checks its head and its length.
    pub fn open(path: &Path) -> Result<(Self, Header), Error> {
        let failed = |source| Error::Open {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes < PREFIX_BYTES as u64 {
            return Err(Error::NotAnIndex { path: path.into() });
        }
        // SAFETY: the file is an immutable object in a cache of the worker; who changes it while
        // it is mapped breaks the reads of this process only, and no reference is handed out that
        // relies on the values, only on the length checked below.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let header = read_header(&map, path)?;
        let sections = header.sections();
        if map.len() as u64 != sections.samples_high.end {
            return Err(Error::Length {
                path: path.into(),
                found: map.len() as u64,
                expected: sections.samples_high.end,
            });
        }
        let file = Self {
            file,
            map,
            sections,
            resident: OnceLock::new(),
            most_copied: AtomicU64::new(u64::MAX),
            forgets: AtomicU32::new(FORGETS),
        };
        Ok((file, header))
    }

    /// Returns the packed forward strand.
    pub fn packed(&self) -> &[u8] {
        self.section(&self.sections.packed)
    }

    /// Returns the rows of short words.
    pub fn words(&self) -> &[u64] {
        let bytes = self.section(&self.sections.words);
        // SAFETY: any eight bytes are a valid u64, and `align_to` keeps to alignment and length.
        unsafe { bytes.align_to().1 }
    }

    /// Keeps copies of the file below so many bytes from now on.
    pub fn limit_copy(&self, bytes: u64) {
        self.most_copied.store(bytes, Ordering::Relaxed);
    }

    /// Reads the index, or the blocks of the FM-index, into large pages: they are read everywhere,
    /// and finding a small page takes longer than reading from it. Without memory for them nothing
    /// changes.
    pub fn make_resident(&self, threads: usize) {
        let resident = self.resident.get_or_init(|| {
            let Sections { packed, blocks, .. } = &self.sections;
            let most = self.most_copied.load(Ordering::Relaxed);
            let all = packed.start..self.map.len() as u64;
            let is_small = self.map.len() as u64 <= MOST_COPIED.min(most);
            let range = if is_small { all } else { blocks.clone() };
            if range.end - range.start > most {
                return None;
            }
            self.forget_mapped();
            Resident::read(&self.file, range, threads, &|| self.forget_mapped())
        });
        let count_down = |left: u32| left.checked_sub(1);
        let order = Ordering::Relaxed;
        let left = self.forgets.fetch_update(order, order, count_down);
        if resident.is_some() && left.is_ok() {
            self.forget_mapped();
        }
    }

    /// Lets go of the pages of the map that were read so far; they come back when they are read.
    fn forget_mapped(&self) {
        // SAFETY: the map is a shared one of a file and is never written, so that the pages hold
        // nothing that the file does not.
        #[cfg(target_os = "linux")]
        let _ = unsafe {
            self.map
                .unchecked_advise(memmap2::UncheckedAdvice::DontNeed)
        };
    }

    /// Returns the blocks of the FM-index.
    pub fn blocks(&self) -> &[Block] {
        let bytes = self.section(&self.sections.blocks);
        // SAFETY: `Block` is eight u64 without padding, any bytes are a valid one, and `align_to`
        // itself keeps to alignment and length; sections begin at multiples of 64 of a page.
        unsafe { bytes.align_to().1 }
    }

    /// Returns the low halves and the high bytes of the suffix array's samples.
    pub fn samples(&self) -> (&[u32], &[u8]) {
        let low = self.section(&self.sections.samples_low);
        // SAFETY: any four bytes are a valid u32, and `align_to` keeps to alignment and length.
        let low = unsafe { low.align_to().1 };
        (low, self.section(&self.sections.samples_high))
    }

    fn section(&self, range: &Range<u64>) -> &[u8] {
        let resident = self.resident.get().and_then(Option::as_ref);
        if let Some(bytes) = resident.and_then(|resident| resident.get(range)) {
            return bytes;
        }
        &self.map[range.start as usize..range.end as usize]
    }
}

fn read_pieces(
    file: &File,
    (part, from): (&mut [u8], u64),
    forget: &impl Fn(),
) -> std::io::Result<()> {
    for (at, piece) in (from..).step_by(PIECE).zip(part.chunks_mut(PIECE)) {
        file.read_exact_at(piece, at)?;
        forget();
    }
    Ok(())
}

fn read_header(bytes: &[u8], path: &Path) -> Result<Header, Error> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Error::NotAnIndex { path: path.into() });
    }
    let found = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if found != VERSION {
        return Err(Error::Version {
            path: path.into(),
            found,
            expected: VERSION,
        });
    }
    Header::decode(bytes).ok_or_else(|| Error::Corrupt { path: path.into() })
}

#[cfg(test)]
mod tests {
    use crate::index::testing::index_of;

    #[test]
    fn a_copy_is_made_where_it_may_be_and_holds_the_same() {
        let codes: Vec<u8> = (0..999u32).map(|at| (at * at % 7) as u8 & 3).collect();
        let bytes = index_of(&[&codes]).file.map.len() as u64;
        for (most, is_copied) in [(0, false), (bytes, true), (u64::MAX, true)] {
            let index = index_of(&[&codes]);
            let file = &index.file;
            let before = (file.packed().to_vec(), file.words().to_vec());
            file.limit_copy(most);
            file.make_resident(2);
            assert_eq!(file.resident.get().map(Option::is_some), Some(is_copied));
            assert_eq!((file.packed(), file.words()), (&*before.0, &*before.1));
        }
    }
}
