//! What every stage needs to know: the index, its views and the options.

use crate::index::occ::FmIndex;
use crate::{Events, Index, Options};

/// The fixed surroundings of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The index.
    pub index: &'a Index,
    /// Its FM-index.
    pub fm: FmIndex<'a>,
    /// The options, valid ones.
    pub options: &'a Options,
    /// Who wants to know what happened.
    pub events: Option<&'a Events>,
}

impl<'a> Context<'a> {
    /// Gathers the surroundings.
    pub fn new(index: &'a Index, options: &'a Options) -> Self {
        Self {
            index,
            fm: index.fm(),
            options,
            events: None,
        }
    }

    /// Says whether a contig counts as an alternate one.
    pub fn is_alternate(&self, contig: u32) -> bool {
        !self.options.ignore_alternate && self.index.is_alternate(contig)
    }
}
