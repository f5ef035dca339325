//! Libraries by name, and which read group belongs to which.

use genome::read_group::ReadGroup;
use reads::covariates::ReadGroupKeys;
use reads::duplicates::DuplicateMetrics;

/// Picard's word for the library of reads that name none.
const UNKNOWN_LIBRARY: &str = "Unknown Library";

/// The libraries of a header in its order, then that of reads without a read group, if there are any.
pub struct Libraries {
    names: Vec<String>,
    /// The library of each read group.
    of_group: Vec<u16>,
    keys: ReadGroupKeys,
    /// How many libraries the header names.
    named: usize,
    /// The library of reads without a read group.
    unknown: u16,
}

impl Libraries {
    /// Numbers the libraries of a header.
    pub fn new(groups: &[ReadGroup]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut of_group = Vec::new();
        for group in groups {
            let known = names.iter().position(|name| name == group.library());
            let library = known.unwrap_or_else(|| {
                names.push(group.library().to_owned());
                names.len() - 1
            });
            of_group.push(library as u16);
        }
        let named = names.len();
        let unknown = names.iter().position(|name| name == UNKNOWN_LIBRARY);
        let unknown = unknown.unwrap_or_else(|| {
            names.push(UNKNOWN_LIBRARY.into());
            named
        });
        Self {
            names,
            of_group,
            keys: ReadGroupKeys::new(groups),
            named,
            unknown: unknown as u16,
        }
    }

    /// Returns library and read group of a record with this `RG` tag.
    pub fn of_id(&self, id: Option<&[u8]>) -> (u16, u16) {
        match id.and_then(|id| self.keys.index_of_id(id)) {
            Some(group) => (self.of_group[group], group as u16),
            None => (self.unknown, u16::MAX),
        }
    }

    /// Notes that a library has a read.
    pub fn meet(&mut self, library: u16) {
        self.named = self.named.max(usize::from(library) + 1);
    }

    /// Returns the metrics file of the libraries.
    pub fn text(&self, metrics: &DuplicateMetrics) -> String {
        metrics.text(&self.names[..self.named])
    }
}
