//! Joining positions into blocks.

use super::block::Block;
use crate::genotype::best;
use crate::options::Options;
use genome::region::ContigId;
use std::collections::BTreeMap;

/// Collects consecutive positions of one band.
#[derive(Debug)]
pub struct Combiner<'a> {
    options: &'a Options,
    open: Option<Block>,
}

impl<'a> Combiner<'a> {
    /// Starts without a block.
    pub const fn new(options: &'a Options) -> Self {
        Self {
            options,
            open: None,
        }
    }

    /// Adds a block to the open one; where it does not join, returns what it ends.
    pub fn join(&mut self, next: Block) -> Option<Block> {
        if let Some(open) = &mut self.open
            && open.joins(&next)
        {
            open.extend(&next);
            return None;
        }
        self.open.replace(next)
    }

    /// Adds one position; returns the block that it ends, if any.
    ///
    /// `likelihoods` are Phred-scaled, the smallest 0.
    pub fn add_position(
        &mut self,
        (contig, position): (ContigId, u64),
        base: u8,
        likelihoods: &[u32],
        depth: u32,
    ) -> Option<Block> {
        let (_, quality) = best(likelihoods);
        let band = self.options.band(quality);
        if let Some(open) = &mut self.open
            && (open.contig, open.end, open.band) == (contig, position, band)
            && open.likelihoods.len() == likelihoods.len()
        {
            open.end += 1;
            for (mine, theirs) in open.likelihoods.iter_mut().zip(likelihoods) {
                *mine = *theirs.min(mine);
            }
            *open.depths.entry(depth).or_default() += 1;
            return None;
        }
        self.open.replace(Block {
            contig,
            start: position,
            end: position + 1,
            first_base: base,
            band,
            likelihoods: likelihoods.to_vec(),
            depths: BTreeMap::from([(depth, 1)]),
        })
    }

    /// Ends the open block and returns it.
    pub const fn close(&mut self) -> Option<Block> {
        self.open.take()
    }
}
