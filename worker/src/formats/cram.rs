//! CRAM 3.0 and 3.1, in and out, through `noodles`. CRAM v3.1 (2024-09-04).
//!
//! Records cross as BAM blocks. Bases come from a FASTA file, whose contigs have to have the MD5
//! sums that the header names.

mod container;
mod derived;
mod encoding;
mod raw_tags;
mod reader;
mod reference;
mod slice;
mod writer;

pub use reader::CramReader;
pub use reference::{ReferenceFile, ReferenceFileError};
pub use writer::{CramVersion, CramWriter};
