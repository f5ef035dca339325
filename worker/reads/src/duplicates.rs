//! Duplicate marking by unclipped 5′ ends, as Picard 3.4 `MarkDuplicates`.
//!
//! Main path: records → [`End`] → [`PairKey`], [`EndKey`] (each sent to one partition) → [`mark`]
//! → places of duplicates, bucketed by the partition that holds them, and [`DuplicateMetrics`].
//! Keys are sorted, so that a partition is marked in one pass over merged streams: memory grows
//! with its duplicates and its largest set alone.

mod barcode;
mod batch;
mod buckets;
mod end;
mod external;
mod histogram;
mod key;
mod library_size;
mod location;
mod mark;
mod metrics;
mod optical;
mod packed;
mod pairing;
mod section;
mod text;

pub use barcode::{BarcodeTags, Barcodes};
pub use buckets::{PlaceReader, write_buckets};
pub use end::{End, EndOptions};
pub use external::KeySorter;
pub use histogram::Histogram;
pub use key::{EndKey, EndSite, LoneEnd, Orientation, PairKey, PairSite};
pub use library_size::estimated_library_size;
pub use location::{Location, NameFormat, NameFormatError};
pub use mark::{DuplicateKind, MarkOptions, Marked, mark, mark_into};
pub use metrics::{DuplicateMetrics, LibraryMetrics};
pub use packed::{Packed, PackedEnd, PackedPair, PackedSite, end_at, numbered, site_alone};
pub use pairing::Pairing;
pub use section::KeyReader;

pub(crate) use batch::{Keys, keys_of_batch};
pub(crate) use text::decimal;
