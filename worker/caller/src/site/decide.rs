//! From evidence to a record, or to none.

use super::{Allele, Site};
use crate::annotate::{self, jittered};
use crate::call::{Annotations, Call, NON_REF, Sample};
use crate::genotype::{self, Matrix, Posterior};
use crate::indel::{Change, Letters};
use crate::options::Options;
use genome::base;
use genome::region::ContigId;

/// log10 of one half: a gVCF names an allele that is likelier than not.
const EVEN_LOG10: f64 = -std::f64::consts::LOG10_2;

/// Genotypes the site; `None` if no alternate stands the test of the mode.
pub fn decide(
    mut site: Site,
    (contig, position): (ContigId, u64),
    letters: &impl Letters,
    options: &Options,
) -> Option<Call> {
    if options.is_gvcf() {
        site.matrix = with_non_ref(&site.matrix);
    }
    let phred = genotype::phred(&genotype::likelihoods(&site.matrix));
    let posterior = genotype::posterior(&phred, &pseudocounts(&site, options));
    let kept = kept_alleles(&site, &posterior, options)?;
    let told = annotate::told_alleles(&site.matrix.subset(&kept));
    let strands = annotate::strands(&site.evidence, &told);
    let counts = kept[1..].iter().map(|&allele| posterior.counts[allele - 1]);
    let mut annotations = Annotations {
        expected_counts: counts.collect(),
        ..Annotations::default()
    };
    annotate::describe_reads(&site.evidence, &told, &mut annotations);
    let mut call = Call {
        contig,
        position,
        alleles: spelled(&site.alternates, &kept, position, letters),
        quality: -10.0 * posterior.no_variant,
        annotations,
        sample: Sample {
            allele_depths: annotate::allele_depths(&told, kept.len()),
            strands: options.is_gvcf().then_some(strands),
            ..genotyped(genotype::subset(&phred, &kept))
        },
    };
    finish_annotations(&mut call, strands, options);
    Some(call)
}

/// Chooses the genotype; none where all are alike.
fn genotyped(likelihoods: Vec<u32>) -> Sample {
    let (called, genotype_quality) = genotype::best(&likelihoods);
    let alleles = (1..).find(|n| n * (n + 1) / 2 > called).unwrap_or(1);
    let pair = genotype::genotypes(alleles).nth(called).unwrap_or([0, 0]);
    let is_empty = pair == [0, 0] && genotype_quality < 1;
    Sample {
        genotype: (!is_empty).then_some(pair.map(|allele| allele as u8).to_vec()),
        genotype_quality,
        likelihoods,
        ..Sample::default()
    }
}

/// Leaves each mode its own annotations.
fn finish_annotations(call: &mut Call, strands: [u32; 4], options: &Options) {
    call.annotations.excess_heterozygosity = Some(0.0);
    annotate::finish(call, strands, options);
    if let Some(raw) = &mut call.annotations.quality_by_depth {
        *raw = jittered(*raw, call.contig, call.position);
    }
}

fn pseudocounts(site: &Site, options: &Options) -> Vec<f64> {
    let scale = options.snv_heterozygosity / options.heterozygosity_deviation.powi(2);
    let of_alternate = |index: usize| match site.alternates.get(index) {
        Some(Allele::Base(_)) => options.snv_heterozygosity * scale,
        _ => options.indel_heterozygosity * scale,
    };
    let alternates = (0..site.matrix.alleles() - 1).map(of_alternate);
    std::iter::once(scale).chain(alternates).collect()
}

/// Returns the alleles of the record, the reference first.
fn kept_alleles(site: &Site, posterior: &Posterior, options: &Options) -> Option<Vec<usize>> {
    const SLACK: f64 = 1e-10;
    let all = 1..site.matrix.alleles();
    if options.is_gvcf() {
        let is_likely = posterior.no_variant < EVEN_LOG10;
        return is_likely.then(|| std::iter::once(0).chain(all).collect());
    }
    let limit = -options.call_confidence / 10.0;
    let passes = |&allele: &usize| posterior.absent[allele - 1] + SLACK < limit;
    let kept: Vec<usize> = std::iter::once(0).chain(all.filter(passes)).collect();
    (kept.len() > 1 && posterior.no_variant <= limit).then_some(kept)
}

/// Appends the allele that stands for all others: the median of those that are not the best.
fn with_non_ref(matrix: &Matrix) -> Matrix {
    let mut wider = Matrix::new(matrix.alleles() + 1);
    for row in matrix.rows() {
        let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut below: Vec<f64> = row.iter().copied().filter(|&value| value < best).collect();
        below.sort_by(f64::total_cmp);
        let half = below.len() / 2;
        let median = match below.len() {
            0 => best,
            odd if odd % 2 == 1 => below[half],
            _ => (below[half - 1] + below[half]) / 2.0,
        };
        wider.push(&[row, &[median]].concat());
    }
    wider
}

/// Spells the kept alleles over the longest reference that one of them needs.
fn spelled(
    alternates: &[Allele],
    kept: &[usize],
    position: u64,
    letters: &impl Letters,
) -> Vec<Box<[u8]>> {
    let alternate = |allele: usize| allele.checked_sub(1).map(|index| alternates.get(index));
    let deleted = |&allele: &usize| match alternate(allele) {
        Some(Some(Allele::Indel(Change::Deletion(length), _))) => u64::from(*length),
        _ => 0,
    };
    let longest = kept.iter().map(deleted).max().unwrap_or(0);
    let reference: Vec<u8> = (position..=position + longest)
        .map(|at| letters.letter(at))
        .collect();
    let (anchor, rest) = reference.split_at(1);
    let spell = |&allele: &usize| -> Box<[u8]> {
        match alternate(allele) {
            None => reference.as_slice().into(),
            Some(None) => NON_REF.into(),
            Some(Some(Allele::Base(code))) => {
                [&[base::LETTERS[usize::from(*code)]], rest].concat().into()
            }
            Some(Some(Allele::Indel(Change::Insertion(bases), _))) => {
                [anchor, bases, rest].concat().into()
            }
            Some(Some(Allele::Indel(Change::Deletion(length), _))) => {
                [anchor, &rest[*length as usize..]].concat().into()
            }
        }
    };
    kept.iter().map(spell).collect()
}
