//! The stage that makes the recalibration table out of all partitions' counts.

use std::io::Write;

use common::failure::Failure;
use common::task::{ObjectRef, Stage};
use reads::container::Decoder;
use reads::covariates::{Counts, ReadGroupKeys};
use reads::recalibration::{ApplyOptions, RecalibrationTable, Recalibrator};

use super::lanes::Lanes;
use super::{Context, Finished, merge, sections};
use crate::error::{self, storage};

/// Role of the table's report among the outputs.
pub const TABLE: &str = "recal.table";

/// Sums the counts up and writes the report.
///
/// # Errors
/// What storage answers, or counts that are damaged.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let mut sum = Counts::default();
    for manifest in context.upstream(Stage::Merge)? {
        let object = sections::output(&manifest, merge::COUNTS)?;
        let bytes = context.read_all(object)?;
        let mut fields = Decoder::new(&bytes, "recalibration counts");
        let counts = Counts::decode(&mut fields);
        sum.merge(&counts.map_err(|fault| sections::lost(&object.key, fault))?);
    }
    let keys = ReadGroupKeys::new(&Lanes::of(context.genome()?).read_groups);
    let report = RecalibrationTable::of(&sum, keys.names()).report();
    let mut out = context.create(TABLE)?;
    let written = out.write_all(report.as_bytes());
    written.map_err(|fault| storage(&fault))?;
    Ok(Finished::default().with(TABLE, out.commit()?))
}

/// Returns the table of the recalibrate stage made ready, if there was one.
///
/// # Errors
/// What storage answers, or a table that is damaged.
pub fn recalibrator(
    context: &Context<'_>,
) -> Result<Option<(ReadGroupKeys, Recalibrator)>, Failure> {
    let Some(stage) = context.upstream_manifest(Stage::Recalibrate) else {
        return Ok(None);
    };
    let manifests = context.upstream(Stage::Recalibrate)?;
    let none = || error::lost(&stage.key, &"the recalibrate stage made no table");
    let object = sections::output(manifests.first().ok_or_else(none)?, TABLE)?;
    let table = table(context, object)?;
    let keys = ReadGroupKeys::new(&Lanes::of(context.genome()?).read_groups);
    let options = ApplyOptions {
        allow_missing_read_group: true,
        ..ApplyOptions::default()
    };
    let recalibrator = Recalibrator::new(&table, keys.names(), &options);
    Ok(Some((keys, recalibrator)))
}

/// Reads the table of an object.
///
/// # Errors
/// What storage answers, or a table that is damaged.
pub fn table(context: &Context<'_>, object: &ObjectRef) -> Result<RecalibrationTable, Failure> {
    let bytes = context.read_all(object)?;
    let table = RecalibrationTable::parse(&String::from_utf8_lossy(&bytes));
    table.map_err(|fault| error::lost(&object.key, &fault))
}
