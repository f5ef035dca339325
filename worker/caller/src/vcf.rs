//! VCF text: header lines, records of calls and of blocks, numbers as GATK prints them.

mod fields;
mod header;
mod number;
mod record;

pub use header::{cohort_header, header};
pub use number::{fixed, plain};
pub use record::{write_block, write_call, write_position};
