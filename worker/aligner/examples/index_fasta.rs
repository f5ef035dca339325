//! Indexes a FASTA file (plain text) within some memory: FASTA INDEX [BYTES [THREADS]]. Marks the
//! contigs that FASTA.alt names.

use aligner::index::{Builder, Limits};
use genome::monitor::Monitor;
use std::fs::File;
use std::io::{BufRead, BufReader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let mut builder = Builder::new();
    let mut fasta = BufReader::new(File::open(&paths[0])?);
    fasta.skip_until(b'>')?;
    let mut contig = Vec::new();
    while fasta.read_until(b'>', &mut contig)? > 0 {
        let text = contig.strip_suffix(b">").unwrap_or(&contig);
        let mut lines = text.split(|&byte| byte == b'\n');
        let title = String::from_utf8_lossy(lines.next().unwrap_or_default());
        let name = title.split_whitespace().next().unwrap_or("");
        let bases = lines.flatten().filter(|byte| !byte.is_ascii_whitespace());
        builder.add_contig(name, &bases.copied().collect::<Vec<u8>>());
        contig.clear();
    }
    drop(contig);
    if let Ok(alternates) = std::fs::read_to_string(format!("{}.alt", paths[0])) {
        builder.mark_alternates(&alternates);
    }
    let number = |at: usize| paths.get(at).map(|text| text.parse::<u64>()).transpose();
    let limits = Limits {
        memory_bytes: number(2)?.unwrap_or(u64::MAX),
        threads: number(3)?.unwrap_or(1) as usize,
        ..Limits::default()
    };
    let mut out = File::create(&paths[1])?;
    builder.finish_within(&limits, &Monitor::default(), &mut out)?;
    Ok(())
}
