//! Everything after the insert sizes are known: a pair, or a read without mate, becomes records.

use super::finder::encode;
use super::{Batch, Found};
use crate::alignment::Alignment;
use crate::context::Context;
use crate::insert_size::Orientations;
use crate::mark::{Marker, prefer_five_prime};
use crate::mate_rescue::MateRescuer;
use crate::pair::Pairer;
use crate::record::Input;
use crate::report::Reporter;
use genome::record::Records;

/// Memory of the stages that look at a pair.
#[derive(Debug, Default)]
pub(crate) struct PairReporter {
    codes: [Vec<u8>; 2],
    ends: [Vec<Alignment>; 2],
    rescuer: MateRescuer,
    marker: Marker,
    pairer: Pairer,
    reporter: Reporter,
}

impl PairReporter {
    /// Mark → emit.
    pub fn single(
        &mut self,
        context: &Context<'_>,
        batch: &Batch<'_>,
        (read, at, found): (usize, usize, &Found),
        records: &mut Records,
    ) {
        self.load(batch, 0, read, found.of(context, at));
        let all = &mut self.ends[0];
        self.marker
            .mark(context, all, batch.first_ordinal + read as u64);
        if context.options.five_prime_primary {
            prefer_five_prime(context, all);
        }
        let input = input(batch, read, &self.codes[0]);
        self.reporter.report_single(context, &input, all, records);
    }

    /// Rescue → mark → pair → emit.
    pub fn pair(
        &mut self,
        context: &Context<'_>,
        batch: &Batch<'_>,
        orientations: &Orientations,
        (read, at, found): (usize, usize, &Found),
        records: &mut Records,
    ) {
        for end in 0..2 {
            self.load(batch, end, read + end, found.of(context, at + end));
        }
        let [first, second] = &self.codes;
        let ends = &mut self.ends;
        if !context.options.skip_mate_rescue {
            let codes = [first.as_slice(), second.as_slice()];
            self.rescuer.rescue_pair(context, orientations, codes, ends);
        }
        let id = (batch.first_ordinal >> 1) + (read as u64 >> 1);
        let mut ordinary = [0; 2];
        for (end, number) in ends.iter_mut().zip(0..) {
            ordinary[number as usize] = self.marker.mark(context, end, id << 1 | number);
            if context.options.five_prime_primary {
                prefer_five_prime(context, end);
            }
        }
        let inputs = [input(batch, read, first), input(batch, read + 1, second)];
        match self
            .pairer
            .choose(context, orientations, ends, (ordinary, id))
        {
            Some(choice) => {
                let choice = (ordinary, &choice);
                self.reporter
                    .report_pair(context, &inputs, ends, choice, records);
            }
            None => {
                self.reporter
                    .report_unpaired(context, orientations, &inputs, ends, records);
            }
        }
    }

    fn load(
        &mut self,
        batch: &Batch<'_>,
        end: usize,
        read: usize,
        alignments: impl Iterator<Item = Alignment>,
    ) {
        encode(batch.reads.get(read).bases, &mut self.codes[end]);
        self.ends[end].clear();
        self.ends[end].extend(alignments);
    }
}

fn input<'a>(batch: &Batch<'a>, read: usize, codes: &'a [u8]) -> Input<'a> {
    Input {
        index: read as u32,
        read: batch.reads.get(read),
        codes,
        read_group: batch.read_group,
    }
}
