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
pub(super) struct Finder {
    codes: Vec<u8>,
    seeder: Seeder,
    chainer: Chainer,
    filter: ChainFilter,
    local: LocalAligner,
    extender: ChainExtender,
    tracer: Tracer,
    alignments: Vec<Alignment>,
}

impl Finder {
    /// Seed → chain → filter → extend → dedup.
    pub fn find(&mut self, context: &Context<'_>, bases: &[u8]) -> &[Alignment] {
        encode(bases, &mut self.codes);
        let (read, chainer) = (&self.codes, &mut self.chainer);
        self.alignments.clear();
        self.seeder.collect(&context.fm, context.options, read);
        chainer.build(context, &self.seeder.smems, read.len());
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
        let joining = (read.as_slice(), &mut self.tracer);
        dedup(context, &mut self.alignments, Some(joining));
        for alignment in &mut self.alignments {
            alignment.is_alternate = context.is_alternate(alignment.contig);
        }
        &self.alignments
    }
}

/// Fills the codes of a read.
pub(super) fn encode(bases: &[u8], codes: &mut Vec<u8>) {
    codes.clear();
    codes.extend(bases.iter().map(|&letter| base::code(letter)));
}
