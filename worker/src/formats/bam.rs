//! BAM: records in and out, packed as they are, and the index. SAM v1 §4–5 (2024-11-06).
//!
//! A *part* is a stretch of a BAM file: whole BGZF blocks of records, without header and end mark,
//! so that parts behind a header make a file; one that makes none is packed. Main path: [`header`], [`PartWriter`], [`PartReader`],
//! [`Index`]; [`FileReader`] for files that were made elsewhere.

mod blocks;
mod file;
mod file_header;
mod header;
mod index;
mod inflate;
mod notes;
mod packed;
mod part;
mod placed;
mod reader;
mod reflag;
mod trail;

pub use blocks::{END_OF_FILE, FAST_LEVEL, LEVEL, Levels, compressed};
pub(super) use file::judge;
pub use file::{Defect, FileError, FileReader};
pub use file_header::FileHeader;
pub use header::{header, header_text};
pub use index::{Index, IndexError, IndexFormat};
pub use notes::FlagNotes;
pub use packed::{PackedReader, PackedWriter};
pub use part::{PartError, PartWriter};
pub use reader::{PartReader, ReadError};
pub use reflag::{ReflagError, Reflagger};
pub use trail::Trail;
