//! VCF: known sites in, compressed and indexed calls out.

mod index;
mod known_sites;
mod writer;

pub use index::{Index, IndexError};
pub use known_sites::{Defect, Error, known_sites};
pub use writer::{Writer, Written};
