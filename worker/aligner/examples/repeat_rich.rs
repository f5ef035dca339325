//! Makes a reference full of repeats and read pairs from it: MEGABASES PAIRS PREFIX writes
//! PREFIX.fa, PREFIX.1.fq and PREFIX.2.fq, the same for the same numbers.
//!
//! A tenth are short interspersed elements of 300 bp, a sixth pieces of long ones of 6 kb, both in
//! families with 2 to 20 % of differences; then satellites of 171 bp in arrays, short tandem
//! repeats, long duplications with 1 to 3 %, and random bases.

#[path = "../tests/support/random.rs"]
mod random;

use random::Random;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

const CONTIGS: usize = 3;
const READ_BP: usize = 150;

impl Random {
    fn bases(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| b"ACGT"[self.below(4)]).collect()
    }

    /// Copies bases with so many differences in a thousand, a tenth of them gaps.
    fn copy(&mut self, bases: &[u8], per_mille: usize) -> Vec<u8> {
        let mut copy = Vec::with_capacity(bases.len() + 8);
        for &base in bases {
            if self.below(1000) >= per_mille {
                copy.push(base);
                continue;
            }
            match self.below(20) {
                0 => {}
                1 => {
                    let inserted = 1 + self.below(6);
                    copy.extend(self.bases(inserted));
                }
                _ => copy.push(b"ACGT"[self.below(4)]),
            }
        }
        copy
    }

    /// Returns a sum of twelve draws: mean and deviation as a bell curve has them.
    fn around(&mut self, mean: usize, deviation: usize) -> usize {
        let sum: usize = (0..12).map(|_| self.below(1001)).sum();
        (mean + deviation * sum / 1000).saturating_sub(6 * deviation)
    }
}

fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |base: &u8| match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        _ => b'A',
    };
    bases.iter().rev().map(complement).collect()
}

/// Families of elements: the consensus of each.
struct Families {
    short: Vec<Vec<u8>>,
    long: Vec<Vec<u8>>,
    satellite: Vec<u8>,
}

/// Returns the next stretch of a reference whose bases so far are given.
fn stretch(random: &mut Random, families: &Families, so_far: &[u8]) -> Vec<u8> {
    let mut piece = match random.below(1000) {
        0..=330 => {
            let family = &families.short[random.below(families.short.len())];
            let per_mille = 20 + random.below(180);
            random.copy(family, per_mille)
        }
        331..=450 => {
            let family = &families.long[random.below(families.long.len())];
            let length = 500 + random.below(2500);
            let start = family.len() - length;
            let per_mille = 30 + random.below(170);
            random.copy(&family[start..], per_mille)
        }
        451..=453 => {
            let monomers: Vec<_> = (0..12)
                .map(|_| random.copy(&families.satellite, 250))
                .collect();
            let unit = monomers.concat();
            let count = 2 + random.below(12);
            (0..count).flat_map(|_| random.copy(&unit, 15)).collect()
        }
        454..=500 => {
            let length = 1 + random.below(6);
            let unit = random.bases(length);
            let length = 20 + random.below(130);
            let run: Vec<u8> = unit.iter().cycle().take(length).copied().collect();
            random.copy(&run, 30)
        }
        501..=504 if so_far.len() > 40_000 => {
            let length = 5_000 + random.below(25_000);
            let start = random.below(so_far.len() - length);
            let per_mille = 10 + random.below(20);
            random.copy(&so_far[start..start + length], per_mille)
        }
        _ => {
            let length = 300 + random.below(1700);
            random.bases(length)
        }
    };
    if random.below(2) == 0 {
        piece = reverse_complement(&piece);
    }
    piece
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [megabases, pairs, prefix] = &arguments[..] else {
        return Err("MEGABASES PAIRS PREFIX".into());
    };
    let (megabases, pairs): (usize, usize) = (megabases.parse()?, pairs.parse()?);
    let mut random = Random(20);
    let families = Families {
        short: (0..6).map(|_| random.bases(300)).collect(),
        long: (0..4).map(|_| random.bases(6000)).collect(),
        satellite: random.bases(171),
    };
    let mut contigs: Vec<Vec<u8>> = Vec::new();
    let mut fasta = BufWriter::new(File::create(format!("{prefix}.fa"))?);
    for number in 1..=CONTIGS {
        let mut bases = Vec::new();
        while bases.len() < megabases * 1_000_000 / CONTIGS {
            let piece = stretch(&mut random, &families, &bases);
            bases.extend(piece);
        }
        writeln!(fasta, ">r{number}")?;
        for line in bases.chunks(100) {
            fasta.write_all(line)?;
            fasta.write_all(b"\n")?;
        }
        contigs.push(bases);
    }
    fasta.flush()?;
    let file = |end: usize| File::create(format!("{prefix}.{end}.fq")).map(BufWriter::new);
    let mut files = [file(1)?, file(2)?];
    for number in 0..pairs {
        let contig = &contigs[random.below(CONTIGS)];
        let insert = random.around(400, 60).max(READ_BP);
        let start = random.below(contig.len() - insert);
        let fragment = &contig[start..start + insert];
        let mut ends = [
            fragment[..READ_BP].to_vec(),
            reverse_complement(&fragment[insert - READ_BP..]),
        ];
        if random.below(2) == 0 {
            ends.reverse();
        }
        for (file, bases) in files.iter_mut().zip(&ends) {
            let per_mille = [2, 4, 20][random.below(3)];
            let mut read = random.copy(bases, per_mille);
            read.truncate(READ_BP);
            let letters = String::from_utf8(read)?;
            let qualities = "I".repeat(letters.len());
            writeln!(file, "@p{number}\n{letters}\n+\n{qualities}")?;
        }
    }
    for mut file in files {
        file.flush()?;
    }
    Ok(())
}
