//! BWA-MEM: reads and an index in, records out. Pure: no I/O but the mapped index.
//!
//! Main path: [`align`] takes a [`Batch`]; each read goes through seeding (`smem`), chaining
//! (`chain`), extension (`extend`) and removal of duplicates (`dedup`); the batch gives its insert
//! sizes (`insert_size`); each pair then goes through `mate_rescue`, marking (`mark`), pairing
//! (`pair`) and is written by `report` and `record`. [`stream`] does the same for batch after batch.
#![deny(unsafe_code)]

mod alignment;
mod batch;
mod chain;
mod context;
mod dedup;
mod error;
mod events;
mod extend;
mod final_alignment;
mod global;
pub mod index;
mod insert_size;
mod mapping_quality;
mod mark;
mod mate_rescue;
mod options;
mod pair;
mod record;
mod report;
mod smem;
mod sort;
pub mod stream;
mod varint;

pub use batch::{Batch, align, align_blocks, align_counting};
pub use error::Error;
pub use events::Events;
pub use extend::level::Level;
pub use index::Index;
pub use insert_size::InsertSize;
pub use options::Options;
