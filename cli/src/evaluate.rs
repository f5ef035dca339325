//! `spindle evaluate`: precision and recall of calls against a truth.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use worker::formats::compression::decompressed;

/// Compares calls with a truth, allele by allele with its genotype, inside regions
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Calls (VCF), first sample
    #[arg(long, value_name = "VCF")]
    calls: PathBuf,
    /// Truth (VCF), first sample
    #[arg(long, value_name = "VCF")]
    truth: PathBuf,
    /// Where the truth is complete (BED)
    #[arg(long, value_name = "BED")]
    regions: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// An allele at its place, as short as it can be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Allele {
    contig: String,
    position: u64,
    reference: String,
    alternate: String,
}

/// Alleles and how many of the sample's copies carry them.
type Genotypes = BTreeMap<Allele, u8>;

/// How calls and truth meet for one kind of variant.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Score {
    matched: u64,
    only_called: u64,
    only_true: u64,
}

impl Score {
    fn precision(self) -> f64 {
        ratio(self.matched, self.matched + self.only_called)
    }

    fn recall(self) -> f64 {
        ratio(self.matched, self.matched + self.only_true)
    }

    fn f1(self) -> f64 {
        ratio(
            2 * self.matched,
            2 * self.matched + self.only_called + self.only_true,
        )
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Prints the scores.
///
/// # Errors
/// If a file cannot be read.
pub fn run(args: &Args) -> Result<()> {
    let regions = read_regions(&args.regions)?;
    let calls = read_genotypes(&args.calls, &regions)?;
    let truth = read_genotypes(&args.truth, &regions)?;
    let scores = [("SNV", true), ("indel", false)]
        .map(|(name, snv)| (name, score(&calls, &truth, |allele| is_snv(allele) == snv)));
    for (name, score) in scores {
        let (precision, recall, f1) = (score.precision(), score.recall(), score.f1());
        if args.json {
            let Score {
                matched,
                only_called,
                only_true,
            } = score;
            crate::stdout::say!(
                "{}",
                serde_json::json!({"kind": name, "matched": matched, "only_called": only_called,
                    "only_true": only_true, "precision": precision, "recall": recall, "f1": f1})
            );
        } else {
            crate::stdout::say!(
                "{name:<6} precision {precision:.4}  recall {recall:.4}  F1 {f1:.4}  \
                 ({} right, {} only called, {} missed)",
                score.matched,
                score.only_called,
                score.only_true
            );
        }
    }
    Ok(())
}

fn score(calls: &Genotypes, truth: &Genotypes, wanted: impl Fn(&Allele) -> bool) -> Score {
    let mut score = Score::default();
    for (allele, copies) in calls.iter().filter(|(allele, _)| wanted(allele)) {
        match truth.get(allele) == Some(copies) {
            true => score.matched += 1,
            false => score.only_called += 1,
        }
    }
    let missed = |(allele, copies): &(&Allele, &u8)| calls.get(allele) != Some(copies);
    score.only_true = truth
        .iter()
        .filter(|(allele, _)| wanted(allele))
        .filter(missed)
        .count() as u64;
    score
}

fn is_snv(allele: &Allele) -> bool {
    allele.reference.len() == allele.alternate.len()
}

fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>> {
    let shown = || format!("{}: cannot be read", path.display());
    let file = File::open(path).with_context(shown)?;
    Ok(decompressed(Box::new(file)).with_context(shown)?.lines())
}

/// Reads a BED: contig, 0-based start, end.
fn read_regions(path: &Path) -> Result<Vec<(String, u64, u64)>> {
    let mut regions = Vec::new();
    for (number, line) in lines(path)?.enumerate() {
        let line = line.with_context(|| path.display().to_string())?;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let [contig, start, end, ..] = fields[..] else {
            bail!("{}: line {}: not BED", path.display(), number + 1);
        };
        let number = |text: &str| {
            text.parse()
                .with_context(|| format!("{}: {text}", path.display()))
        };
        regions.push((contig.to_owned(), number(start)?, number(end)?));
    }
    Ok(regions)
}

fn read_genotypes(path: &Path, regions: &[(String, u64, u64)]) -> Result<Genotypes> {
    let mut genotypes = Genotypes::new();
    for (number, line) in lines(path)?.enumerate() {
        let line = line.with_context(|| path.display().to_string())?;
        if line.starts_with('#') {
            continue;
        }
        let place = || format!("{}: line {}", path.display(), number + 1);
        add_record(&line, regions, &mut genotypes).with_context(place)?;
    }
    Ok(genotypes)
}

fn add_record(line: &str, regions: &[(String, u64, u64)], into: &mut Genotypes) -> Result<()> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [
        contig,
        position,
        _,
        reference,
        alternates,
        _,
        _,
        _,
        _,
        sample,
        ..,
    ] = fields[..]
    else {
        bail!("not a VCF record with a sample");
    };
    let position: u64 = position.parse().context("POS is not a number")?;
    let inside = |(name, start, end): &(String, u64, u64)| {
        name == contig && (*start..*end).contains(&(position - 1))
    };
    if !regions.iter().any(inside) {
        return Ok(());
    }
    let genotype = sample.split(':').next().unwrap_or_default();
    for (index, alternate) in alternates.split(',').enumerate() {
        let number = (index + 1).to_string();
        let copies = genotype
            .split(['/', '|'])
            .filter(|&copy| copy == number)
            .count() as u8;
        let symbolic = alternate.starts_with('<') || alternate == "*" || alternate == ".";
        if copies > 0 && !symbolic {
            into.insert(shortest(contig, position, reference, alternate), copies);
        }
    }
    Ok(())
}

/// Cuts what both alleles share: ends first, then beginnings, so that one base is left.
fn shortest(contig: &str, mut position: u64, reference: &str, alternate: &str) -> Allele {
    let (mut reference, mut alternate) = (reference.as_bytes(), alternate.as_bytes());
    while reference.len() > 1 && alternate.len() > 1 && reference.last() == alternate.last() {
        reference = &reference[..reference.len() - 1];
        alternate = &alternate[..alternate.len() - 1];
    }
    while reference.len() > 1 && alternate.len() > 1 && reference[0] == alternate[0] {
        (reference, alternate, position) = (&reference[1..], &alternate[1..], position + 1);
    }
    let text = |bases: &[u8]| String::from_utf8_lossy(bases).into_owned();
    Allele {
        contig: contig.into(),
        position,
        reference: text(reference),
        alternate: text(alternate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genotypes(lines: &[&str]) -> Genotypes {
        let regions = [("1".to_owned(), 0, 1000)];
        let mut genotypes = Genotypes::new();
        for line in lines {
            add_record(&line.replace(' ', "\t"), &regions, &mut genotypes).unwrap();
        }
        genotypes
    }

    #[test]
    fn alleles_match_whatever_record_they_are_in() {
        let calls = genotypes(&["1 10 . CAA CA,CAAA 9 . . GT 1/2", "1 20 . A T 9 . . GT 0/1"]);
        let truth = genotypes(&["1 10 . CA C 9 . . GT 0/1", "1 20 . A T 9 . . GT 1/1"]);
        let indels = score(&calls, &truth, |allele| !is_snv(allele));
        assert_eq!(
            indels,
            Score {
                matched: 1,
                only_called: 1,
                only_true: 0
            }
        );
        let snvs = score(&calls, &truth, is_snv);
        assert_eq!(
            snvs,
            Score {
                matched: 0,
                only_called: 1,
                only_true: 1
            }
        );
    }

    #[test]
    fn records_outside_the_regions_do_not_count() {
        assert!(genotypes(&["1 1001 . A T 9 . . GT 0/1", "2 10 . A T 9 . . GT 0/1"]).is_empty());
    }
}
