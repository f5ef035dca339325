//! Everything that one read needs before its mate counts.

use crate::alignment::Alignment;
use crate::chain::{ChainFilter, Chainer};
use crate::context::Context;
use crate::dedup::dedup;
use crate::extend::ChainExtender;
use crate::extend::local::LocalAligner;
use crate::final_alignment::Tracer;
use crate::smem::Seeder;
use genome::base;

/// Memory of the stages that look at one read.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// Codes of all reads of a block, and where those of each end.
    codes: Vec<u8>,
    ends: Vec<usize>,
    seeder: Seeder,
    chainer: Chainer,
    filter: ChainFilter,
    local: LocalAligner,
    extender: ChainExtender,
    tracer: Tracer,
    alignments: Vec<Alignment>,
}

impl Finder {
    /// Takes a block of reads and finds the seeds of all.
    pub fn load<'a>(&mut self, context: &Context<'_>, reads: impl Iterator<Item = &'a [u8]>) {
        self.codes.clear();
        self.ends.clear();
        for bases in reads {
            self.codes
                .extend(bases.iter().map(|&letter| base::code(letter)));
            self.ends.push(self.codes.len());
        }
        let read = |number| codes_of((&self.codes, &self.ends), number);
        let reads = (self.ends.len(), read);
        self.seeder.collect(&context.fm, context.options, reads);
        if let Some(events) = context.events {
            events.count_reseeded(self.seeder.reseeded);
        }
    }

    /// Chain → filter → extend → dedup, for a read of the block.
    pub fn find(&mut self, context: &Context<'_>, number: usize) -> &[Alignment] {
        let read = codes_of((&self.codes, &self.ends), number);
        let chainer = &mut self.chainer;
        self.alignments.clear();
        chainer.build(context, self.seeder.of(number), read.len());
        self.filter.filter_chains(context, chainer);
        self.filter
            .filter_anchors(context, chainer, read, &mut self.local);
        for chain in &chainer.chains {
            self.extender.extend_chain(
                context,
                read,
                (chain, &chainer.anchors[chain.range()]),
                chainer.repeat_fraction,
                &mut self.alignments,
            );
        }
        let joining = (read, &mut self.tracer);
        dedup(context, &mut self.alignments, Some(joining));
        for alignment in &mut self.alignments {
            alignment.is_alternate = context.is_alternate(alignment.contig);
        }
        &self.alignments
    }
}

/// Returns the codes of a read of a block.
fn codes_of<'a>((codes, ends): (&'a [u8], &[usize]), number: usize) -> &'a [u8] {
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &codes[start..ends[number]]
}

/// Fills the codes of a read.
pub(super) fn encode(bases: &[u8], codes: &mut Vec<u8>) {
    codes.clear();
    codes.extend(bases.iter().map(|&letter| base::code(letter)));
}
