//! Recalibrated qualities: the table out of the counts, its report, and its use on records, as
//! GATK 4.6 `BaseRecalibrator` and `ApplyBQSR`.
//!
//! Main path: [`RecalibrationTable::of`] counts → [`RecalibrationTable::report`] ⇄
//! [`RecalibrationTable::parse`] → [`Recalibrator::new`] → [`Recalibrator::recalibrate`].

mod apply;
mod empirical;
mod grid;
mod parse;
mod quantize;
mod report;
mod table;

pub use apply::{ApplyOptions, Outcome, Recalibrator};
pub use empirical::empirical_quality;
pub use parse::ParseError;
pub use quantize::{LEVELS, quantize, quantize_to};
pub use table::{Covariate, CovariateKey, Datum, QualityKey, ReadGroupDatum, RecalibrationTable};
