//! VCF: known sites in, compressed and indexed calls out.

mod index;
mod known_sites;
mod writer;

pub use index::{Index, IndexError};
pub use known_sites::{Defect, Error, INDEX_ENDINGS, known_sites, known_sites_within};
pub use writer::{Writer, Written};
