//! What the lanes of a genome have in common: read groups in order, libraries by number.

use common::workflow::GenomeSpec;
use genome::read_group::ReadGroup;

/// Returns the read groups in order of lane: the order of the header.
pub fn read_groups(genome: &GenomeSpec) -> Vec<ReadGroup> {
    genome
        .lanes
        .iter()
        .map(|lane| lane.read_group.clone())
        .collect()
}

/// Returns the libraries in the order in which lanes name them first.
pub fn libraries(genome: &GenomeSpec) -> Vec<String> {
    let mut libraries: Vec<String> = Vec::new();
    for lane in &genome.lanes {
        let library = lane.read_group.library();
        if !libraries.iter().any(|known| known == library) {
            libraries.push(library.to_owned());
        }
    }
    libraries
}

/// Returns the number of a lane's library in [`libraries`].
pub fn library_of(genome: &GenomeSpec, lane: u32) -> u16 {
    let library = genome.lanes[lane as usize].read_group.library();
    let found = libraries(genome).iter().position(|known| known == library);
    found.expect("the libraries are those of the lanes") as u16
}
