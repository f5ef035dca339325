//! The stage that makes the recalibration table out of all partitions' counts.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use common::failure::Failure;
use common::ids::Sha256;
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
    let merged = context.upstream(Stage::Merge)?;
    let objects = sections::outputs(&merged, merge::COUNTS)?;
    for (object, bytes) in objects.iter().zip(context.objects.read_each(&objects)) {
        let bytes = bytes?;
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

/// A table that was made ready for read groups of these names.
struct Ready {
    sha256: Sha256,
    names: Vec<String>,
    recalibrator: Arc<Recalibrator>,
}

/// The last one in this process: the tasks of a genome share it.
static READY: Mutex<Option<Ready>> = Mutex::new(None);

/// Returns the table of the recalibrate stage made ready, if there was one.
///
/// # Errors
/// What storage answers, or a table that is damaged.
pub fn recalibrator(
    context: &Context<'_>,
) -> Result<Option<(ReadGroupKeys, Arc<Recalibrator>)>, Failure> {
    let Some(stage) = context.upstream_manifest(Stage::Recalibrate) else {
        return Ok(None);
    };
    let manifests = context.upstream(Stage::Recalibrate)?;
    let none = || error::lost(&stage.key, &"the recalibrate stage made no table");
    let object = sections::output(manifests.first().ok_or_else(none)?, TABLE)?;
    let keys = ReadGroupKeys::new(&Lanes::of(context.genome()?).read_groups);
    let recalibrator = match known(object, &keys) {
        Some(recalibrator) => recalibrator,
        None => make_ready(context, object, &keys)?,
    };
    Ok(Some((keys, recalibrator)))
}

fn known(object: &ObjectRef, keys: &ReadGroupKeys) -> Option<Arc<Recalibrator>> {
    let last = READY.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |ready: &&Ready| ready.sha256 == object.sha256 && ready.names == keys.names();
    let ready = last.as_ref().filter(same)?;
    Some(Arc::clone(&ready.recalibrator))
}

fn make_ready(
    context: &Context<'_>,
    object: &ObjectRef,
    keys: &ReadGroupKeys,
) -> Result<Arc<Recalibrator>, Failure> {
    let options = ApplyOptions {
        allow_missing_read_group: true,
        ..ApplyOptions::default()
    };
    let table = table(context, object)?;
    let recalibrator = Arc::new(Recalibrator::new(&table, keys.names(), &options));
    let ready = Ready {
        sha256: object.sha256,
        names: keys.names().to_vec(),
        recalibrator: Arc::clone(&recalibrator),
    };
    *READY.lock().unwrap_or_else(PoisonError::into_inner) = Some(ready);
    Ok(recalibrator)
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
