//! Quality metrics as Picard defines them: `CollectAlignmentSummaryMetrics`,
//! `CollectInsertSizeMetrics`, `MeanQualityByCycle`, `QualityScoreDistribution`, `CollectGcBiasMetrics`,
//! `CollectWgsMetrics`.
//!
//! Main path: [`Collector::add`] every record → [`Qc`], integers by read group that add up in any
//! order → text of Picard's files. [`depth`] counts coverage of sorted records.

mod adapter;
mod alignment;
mod collect;
pub mod depth;
mod gc_bias;
mod insert_size;
mod quality;
mod report;
mod sight;
mod statistics;
mod text;

pub use alignment::AlignmentCounts;
pub use collect::{Collector, GroupCounts, Qc};
pub use gc_bias::GcCounts;
pub use insert_size::{InsertSizes, PairOrientation};
pub use quality::QualityCounts;
pub use report::Report;
pub use text::{GcSummary, GroupName, Texts};
