//! How likely each allele makes what each read shows.

use super::alleles::{Allele, spans};
use super::{Candidates, Column};
use crate::annotate::Evidence;
use crate::genotype::Matrix;
use crate::indel::Letters;
use crate::options::Options;
use crate::read::AlignedRead;
use genome::{base, maths};
use std::sync::LazyLock;

/// A read is never surer than this that it is not mapped wrongly.
const LARGEST_DIFFERENCE_LOG10: f64 = 4.5;

/// Poorer bases count as very poor ones.
const TRUSTED_QUALITY: u8 = 18;
const UNTRUSTED_QUALITY: u8 = 6;

/// Bounds of an indel's quality.
const INDEL_QUALITY: f64 = 45.0;
const LEAST_INDEL_QUALITY: f64 = 10.0;

/// By quality: log10 of an equal base and of one certain other base.
static BASE_LOG10: LazyLock<Vec<[f64; 2]>> = LazyLock::new(|| {
    let of_quality = |quality: u8| {
        let error = maths::pow10(-f64::from(quality) / 10.0);
        [maths::log10(1.0 - error), maths::log10(error / 3.0)]
    };
    (0..=u8::MAX).map(of_quality).collect()
});

/// A position with its alleles and the reads that speak of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The alternates; the reference comes before them in the matrix.
    pub alternates: Vec<Allele>,
    /// One row a read.
    pub matrix: Matrix,
    /// Beside the rows.
    pub evidence: Vec<Evidence>,
}

/// Looks at every read of a column under every allele.
pub fn gather(
    column: &Column<'_>,
    candidates: Candidates,
    letters: &impl Letters,
    options: &Options,
) -> Site {
    let alternates = candidates.alleles;
    let reference = base::code(letters.letter(column.position));
    let mut matrix = Matrix::new(alternates.len() + 1);
    let mut evidence = Vec::new();
    for read in column.iter() {
        let cell = read.cell(column.position);
        if cell.code >= 4 {
            continue;
        }
        let trusted = cell.quality >= options.minimum_base_quality;
        let shown = Shown {
            read,
            position: column.position,
            base: trusted.then_some((cell.code, cell.quality.min(read.mapping_quality))),
        };
        matrix.push(&shown.row(reference, &alternates));
        evidence.push(Evidence {
            mapping_quality: read.mapping_quality,
            is_reverse: read.is_reverse,
            base_quality: Some(cell.quality),
            end_distance: Some(read.distance_to_end(column.position)),
        });
    }
    Site {
        alternates,
        matrix,
        evidence,
    }
}

/// What one read shows.
struct Shown<'a> {
    read: &'a AlignedRead,
    position: u64,
    base: Option<(u8, u8)>,
}

impl Shown<'_> {
    fn row(&self, reference: u8, alternates: &[Allele]) -> Vec<f64> {
        let indel = self.read.indel_at(self.position);
        let shown = indel
            .filter(|indel| indel.is_complete)
            .map(|indel| &indel.change);
        let own = alternates.iter().find_map(|allele| match allele {
            Allele::Indel(change, tract) if shown == Some(change) => {
                Some(indel_error(tract.copies))
            }
            _ => None,
        });
        let without_own = own.unwrap_or(0.0);
        let of_reference = self.of_base(reference);
        let mut row = vec![of_reference + without_own];
        row.extend(alternates.iter().map(|allele| match allele {
            Allele::Base(code) => self.of_base(*code) + without_own,
            Allele::Indel(change, _) if shown == Some(change) => of_reference,
            Allele::Indel(..) if own.is_some() => of_reference + without_own,
            Allele::Indel(_, tract) if spans(self.read, self.position, tract) => {
                of_reference + indel_error(tract.copies)
            }
            Allele::Indel(..) => of_reference,
        }));
        let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let floor = best - LARGEST_DIFFERENCE_LOG10;
        row.into_iter().map(|value| value.max(floor)).collect()
    }

    fn of_base(&self, allele: u8) -> f64 {
        let Some((code, quality)) = self.base else {
            return 0.0;
        };
        let trusted = if quality < TRUSTED_QUALITY {
            UNTRUSTED_QUALITY
        } else {
            quality
        };
        BASE_LOG10[usize::from(trusted)][usize::from(code != allele)]
    }
}

/// Returns log10 of an indel error beside so many copies of its unit.
fn indel_error(copies: u32) -> f64 {
    const LONGEST_REPEAT: u32 = 20;
    const RATE: f64 = 3.0;
    let copies = f64::from(copies.min(LONGEST_REPEAT));
    let slips = maths::exp(copies / (RATE * std::f64::consts::PI));
    let quality = (40.0 - slips + 1.0).round();
    -quality.clamp(LEAST_INDEL_QUALITY, INDEL_QUALITY) / 10.0
}
