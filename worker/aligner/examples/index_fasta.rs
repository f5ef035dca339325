//! Indexes a FASTA file (plain text): FASTA INDEX. Marks the contigs that
//! FASTA.alt names.

use aligner::index::Builder;
use genome::monitor::Monitor;
use std::fs::File;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let fasta = std::fs::read_to_string(&paths[0])?;
    let mut builder = Builder::new();
    for contig in fasta.split('>').skip(1) {
        let (title, lines) = contig.split_once('\n').unwrap_or((contig, ""));
        let name = title.split_whitespace().next().unwrap_or("");
        let bases: Vec<u8> = lines
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        builder.add_contig(name, &bases);
    }
    if let Ok(alternates) = std::fs::read_to_string(format!("{}.alt", paths[0])) {
        builder.mark_alternates(&alternates);
    }
    builder.finish(&Monitor::default(), &mut File::create(&paths[1])?)?;
    Ok(())
}
