//! The lanes of a genome as a BAM header knows them: read groups and libraries.

use common::workflow::GenomeSpec;
use genome::read_group::ReadGroup;

/// Read groups and libraries, each once, in order of lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lanes {
    /// The read groups of the header.
    pub read_groups: Vec<ReadGroup>,
    /// The names of the libraries.
    pub libraries: Vec<String>,
    /// Index of the read group and of the library of each lane.
    indices: Vec<(u16, u16)>,
}

impl Lanes {
    /// Numbers the lanes of a genome; lanes may share a read group, by its ID.
    pub fn of(genome: &GenomeSpec) -> Self {
        let mut lanes = Self {
            read_groups: Vec::new(),
            libraries: Vec::new(),
            indices: Vec::new(),
        };
        for lane in &genome.lanes {
            let (group, groups) = (&lane.read_group, &mut lanes.read_groups);
            let read_group = position_or_push(groups, group, |known| known.id() == group.id());
            let name = group.library().to_owned();
            let library = position_or_push(&mut lanes.libraries, &name, |known| *known == name);
            lanes.indices.push((read_group, library));
        }
        lanes
    }

    /// Returns the index of a lane's read group in the header.
    pub fn read_group(&self, lane: u32) -> u16 {
        self.indices[lane as usize].0
    }

    /// Returns the index of a lane's library.
    pub fn library(&self, lane: u32) -> u16 {
        self.indices[lane as usize].1
    }
}

fn position_or_push<T: Clone>(items: &mut Vec<T>, item: &T, same: impl Fn(&T) -> bool) -> u16 {
    let known = items.iter().position(same);
    let index = known.unwrap_or_else(|| {
        items.push(item.clone());
        items.len() - 1
    });
    index as u16
}
