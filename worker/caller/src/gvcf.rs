//! Reference confidence as blocks, and blocks across parts.
//!
//! A [`Combiner`] joins positions into [`Block`]s; a [`PartWriter`] keeps the first and last block
//! of a part open; [`Stitch`] joins them with their neighbours, so that the text does not depend
//! on where parts begin.

mod block;
mod combiner;
mod part;
mod region_writer;
mod stitch;

pub use block::{Block, BlockError};
pub use combiner::Combiner;
pub use part::{Ends, PartReport, PartWriter};
pub use region_writer::RegionWriter;
pub use stitch::Stitch;
