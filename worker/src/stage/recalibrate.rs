//! The stage that adds up counts to the recalibration table.

use std::io::Write;

use common::failure::Failure;
use common::task::Stage;
use reads::container::Decoder;
use reads::covariates::{Counts, ReadGroupKeys};
use reads::recalibration::RecalibrationTable;

use super::{Context, Finished, lanes, runs};
use crate::error::{self, storage};

/// Role of the counts among the outputs of `merge`.
pub const COUNTS: &str = "recalibration-counts";
/// Role of the table, and its file name.
pub const TABLE: &str = "recal.table";

/// Makes the table of all partitions.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] if counts are gone or damaged.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    let mut counts = Counts::default();
    for manifest in context.upstream(Stage::Merge)? {
        let object = runs::output(&manifest, COUNTS)?;
        let bytes = context.read_all(object)?;
        let part = Counts::decode(&mut Decoder::new(&bytes, COUNTS));
        counts.merge(&part.map_err(|fault| error::sections(&object.key, fault))?);
    }
    let keys = ReadGroupKeys::new(&lanes::read_groups(context.genome()?));
    let table = RecalibrationTable::of(&counts, keys.names());
    let mut out = context.create(TABLE)?;
    out.write_all(table.report().as_bytes())
        .map_err(|fault| storage(&fault))?;
    Ok(Finished::default().with(TABLE, out.commit()?))
}
