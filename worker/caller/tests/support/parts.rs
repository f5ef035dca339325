//! Calls in parts, joined to one text.

use caller::gvcf::{PartWriter, Stitch};
use caller::{Options, Scope, Summary};
use genome::monitor::Monitor;
use genome::record::{OwnedRecord, RecordView};
use genome::reference::Reference;
use genome::region::Region;
use std::convert::Infallible;

/// Calls each scope from the records that are its evidence; returns the joined lines, and what was
/// counted in each.
pub fn text(
    reference: &Reference<'_>,
    scopes: &[Scope],
    records: &[OwnedRecord],
    options: &Options,
) -> (String, Vec<Summary>) {
    let dictionary = reference.dictionary();
    let mut stitch = Stitch::new(dictionary);
    let (mut text, mut summaries) = (Vec::new(), Vec::new());
    for scope in scopes {
        let evidence = scope.evidence(dictionary);
        let supplied = records.iter().filter(|record| {
            let span = span(record.view());
            evidence.iter().any(|region| region.overlaps(&span))
        });
        let mut writer = PartWriter::new(dictionary);
        let mut body = Vec::new();
        let summary = caller::call(
            reference,
            scope,
            supplied.cloned().map(Ok::<_, Infallible>),
            options,
            &Monitor::default(),
            |output| {
                writer.write(output, &mut body);
                Ok(())
            },
        );
        summaries.push(summary.unwrap());
        let ends = writer.finish();
        stitch.before_body(&ends, &mut text);
        text.extend(body);
        stitch.after_body(ends);
    }
    stitch.finish(&mut text);
    (String::from_utf8(text).unwrap(), summaries)
}

fn span(record: RecordView<'_>) -> Region {
    let ends = [record.position(), record.end()].map(|one| u64::from(one.unwrap()));
    Region::new(record.contig().unwrap(), ends[0], ends[1])
}
