//! The folder and the names of the final files.

use std::fs::{self, File};
use std::io;

use common::workflow::GenomeSpec;

use crate::destination::Destination;

/// Files that describe a run, and are called so.
const PLAIN: [&str; 2] = ["metrics.json", "provenance.json"];
/// Files that every genome brings.
const ALWAYS: [&str; 15] = [
    "manifest.json",
    PLAIN[0],
    PLAIN[1],
    "markdup.metrics.txt",
    "alignment_summary_metrics.txt",
    "insert_size_metrics.txt",
    "quality_by_cycle_metrics.txt",
    "quality_by_cycle_and_unit.txt",
    "quality_distribution_metrics.txt",
    "gc_bias.summary_metrics.txt",
    "gc_bias.detail_metrics.txt",
    "wgs_metrics.txt",
    "coverage.txt",
    "target_coverage.txt",
    "report.html",
];
const WITH_BAM: [&str; 3] = ["bam", "bam.bai", "bam.csi"];
const WITH_VCF: [&str; 3] = ["vcf.gz", "vcf.gz.tbi", "vcf.gz.csi"];
const WITH_GVCF: [&str; 3] = ["g.vcf.gz", "g.vcf.gz.tbi", "g.vcf.gz.csi"];

/// Returns the name under which an output of `gather` is published: roles that do not name the
/// sample get it in front, but for what describes the run.
pub fn file_name(sample: &str, role: &str) -> String {
    if PLAIN.contains(&role) {
        return role.to_owned();
    }
    match role.strip_prefix(sample) {
        Some(rest) if rest.starts_with('.') => role.to_owned(),
        _ => format!("{sample}.{role}"),
    }
}

/// Returns the names that a genome may publish.
pub fn names(genome: &GenomeSpec) -> Vec<String> {
    let chosen = [
        (true, &ALWAYS[..]),
        (genome.outputs.bam, &WITH_BAM),
        (!genome.known_sites.is_empty(), &["recal.table"]),
        (genome.outputs.vcf, &WITH_VCF),
        (genome.outputs.gvcf, &WITH_GVCF),
    ];
    let wanted = chosen.iter().filter(|(wanted, _)| *wanted);
    wanted
        .flat_map(|(_, endings)| endings.iter())
        .map(|ending| file_name(&genome.sample, ending))
        .collect()
}

/// Returns the first name that is taken at a destination.
///
/// # Errors
/// What the server answers.
pub fn taken(target: &Destination, genome: &GenomeSpec) -> io::Result<Option<String>> {
    for name in names(genome) {
        if target.holds(&name)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Makes the folder and a file in it, which is removed again; in S3 an object.
///
/// # Errors
/// What the system or the server answers.
pub fn check_writable(target: &Destination) -> io::Result<()> {
    let name = format!(".spindle-{}", ulid::Ulid::new());
    match target {
        Destination::Folder(folder) => {
            fs::create_dir_all(folder)?;
            let trial = folder.join(name);
            File::create_new(&trial)?;
            fs::remove_file(&trial)
        }
        Destination::Bucket(below) => Ok(below.try_name(&name)?),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn names_carry_the_sample_once() {
        assert_eq!(file_name("S", "S.bam"), "S.bam");
        assert_eq!(file_name("S", "recal.table"), "S.recal.table");
        assert_eq!(file_name("metrics", "metrics.json"), "metrics.json");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let at = |path: PathBuf| Destination::Folder(path);
        assert!(check_writable(&at(file.join("below"))).is_err());
        check_writable(&at(folder.path().join("a/b"))).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 0);
    }
}
