//! From the answers of regions to the records of a gVCF.

use super::block::Block;
use super::combiner::Combiner;
use crate::Output;
use crate::call::{Call, NON_REF};
use crate::options::{EmitMode, Options};
use crate::region_calls::{ReferencePosition, RegionRecord};
use genome::region::ContigId;

/// Joins positions to blocks; a call ends a block, and positions under a called deletion are left
/// out.
#[derive(Debug)]
pub struct RegionWriter<'a> {
    combiner: Combiner<'a>,
    /// Whether each position is a record of its own, under deletions too.
    is_each: bool,
    /// One past the last position of the last call. A later call inside a deletion ends it.
    covered: Option<(ContigId, u64)>,
}

impl<'a> RegionWriter<'a> {
    /// Starts without a block.
    pub fn new(options: &'a Options) -> Self {
        Self {
            combiner: Combiner::new(options),
            is_each: options.emit == EmitMode::EveryPosition,
            covered: None,
        }
    }

    /// Adds the next answer; appends the outputs that it completes.
    pub fn add(&mut self, contig: ContigId, record: RegionRecord, outputs: &mut Vec<Output>) {
        match record {
            RegionRecord::Reference(position) if self.is_each => {
                outputs.push(Output::Position(contig, position));
            }
            RegionRecord::Call(call) if self.is_each => outputs.push(Output::Call(call)),
            RegionRecord::Reference(position) => self.add_reference(contig, &position, outputs),
            RegionRecord::Call(call) if is_reference(&call) => {
                let position = as_position(&call);
                self.add_reference(contig, &position, outputs);
            }
            RegionRecord::Call(call) => {
                self.close(outputs);
                self.covered = Some((contig, call.end()));
                outputs.push(Output::Call(call));
            }
        }
    }

    /// Takes notice of an answer that is not to be written.
    pub fn skip(&mut self, contig: ContigId, record: &RegionRecord) {
        if let RegionRecord::Call(call) = record
            && !is_reference(call)
        {
            self.covered = Some((contig, call.end()));
        }
    }

    /// Appends the open block.
    pub fn close(&mut self, outputs: &mut Vec<Output>) {
        outputs.extend(self.combiner.close().map(Output::Block));
    }

    fn add_reference(
        &mut self,
        contig: ContigId,
        position: &ReferencePosition,
        outputs: &mut Vec<Output>,
    ) {
        let is_covered = |(within, end)| within == contig && position.position < end;
        if self.covered.is_some_and(is_covered) {
            return;
        }
        let place = (contig, position.position);
        let depth = position.allele_depths.iter().sum();
        let ended: Option<Block> =
            self.combiner
                .add_position(place, position.base, &position.likelihoods, depth);
        outputs.extend(ended.map(Output::Block));
    }
}

/// Says whether a call is no more than confidence in the reference.
fn is_reference(call: &Call) -> bool {
    let only_non_ref = call.alleles.len() == 2 && *call.alleles[1] == *NON_REF;
    let no_alternate = match &call.sample.genotype {
        Some(genotype) => genotype.iter().all(|&allele| allele == 0),
        None => call.sample.likelihoods.first() == Some(&0),
    };
    only_non_ref && no_alternate
}

fn as_position(call: &Call) -> ReferencePosition {
    let depths = &call.sample.allele_depths;
    let depth = |index: usize| depths.get(index).copied().unwrap_or(0);
    ReferencePosition {
        position: call.position,
        base: call.alleles[0].first().copied().unwrap_or(b'N'),
        likelihoods: call.sample.likelihoods.clone(),
        allele_depths: [depth(0), depth(1)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Annotations, Sample};

    fn reference(position: u64, quality: u32) -> RegionRecord {
        RegionRecord::Reference(ReferencePosition {
            position,
            base: b'A',
            likelihoods: vec![0, quality, 10 * quality],
            allele_depths: [9, 1],
        })
    }

    fn call(position: u64, alleles: &[&str], genotype: &[u8]) -> RegionRecord {
        RegionRecord::Call(Box::new(Call {
            contig: ContigId(0),
            position,
            identifier: None,
            is_low_quality: false,
            alleles: alleles.iter().map(|text| text.as_bytes().into()).collect(),
            quality: 50.0,
            annotations: Annotations::default(),
            sample: Sample {
                genotype: Some(genotype.to_vec()),
                likelihoods: vec![0, 30, 300],
                ..Sample::default()
            },
        }))
    }

    #[test]
    fn calls_end_blocks_and_deletions_swallow_positions() {
        let options = Options::default();
        let mut writer = RegionWriter::new(&options);
        let mut outputs = Vec::new();
        let records = [
            reference(5, 30),
            reference(6, 30),
            call(7, &["AC", "A", "<NON_REF>"], &[0, 1]),
            reference(8, 30),
            reference(9, 30),
            call(10, &["A", "<NON_REF>"], &[0, 0]),
            reference(11, 40),
        ];
        for record in records {
            writer.add(ContigId(0), record, &mut outputs);
        }
        writer.close(&mut outputs);
        let spans: Vec<(u64, u64)> = outputs
            .iter()
            .map(|output| match output {
                Output::Call(call) => (call.position, call.end()),
                Output::Block(block) => (block.start, block.end),
                Output::Position(_, one) => (one.position, one.position + 1),
                Output::Realigned(one) => (one.called_span.start, one.called_span.end),
            })
            .collect();
        assert_eq!(spans, [(5, 7), (7, 9), (9, 11), (11, 12)]);
    }
}
