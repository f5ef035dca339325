//! The probability of a variant at each position, from the alignments as they are.
//!
//! Reads add what they say to each position that they cover, in the order of the stream; a
//! position is judged when no later read can reach it.
//!
//! Source: GATK 4.6 `HaplotypeCallerEngine.isActive`, `ReferenceConfidenceModel`.

use crate::activity_profile::State;
use crate::fragment;
use crate::log_sum::{copies_row, first_maximum, round_half_up};
use crate::reference_bases::ReferenceBases;
use crate::region_read::RegionRead;
use genome::cigar::{CigarKind, CigarOp};
use genome::maths;
use std::collections::VecDeque;

/// The quality of a deleted base.
const DELETION_QUALITY: u8 = 30;

/// Soft-clipped bases of higher quality count.
const GOOD_CLIPPED_QUALITY: u8 = 28;

/// More good soft-clipped bases than this, in the mean, mark a position.
const MARKING_MEAN: f64 = 6.0;

/// Templates longer than this do not read into their adaptor.
const LONGEST_ADAPTED_TEMPLATE_BP: i32 = 100;

/// What the reads over one position say so far.
#[derive(Debug, Clone, Default)]
struct Evidence {
    /// log10 likelihood of each number of alternate copies, not yet normalised.
    likelihoods: Vec<f64>,
    elements: u32,
    alternates: u32,
    clips: u32,
    clip_mean: f64,
}

/// One base of a read over a position.
#[derive(Debug, Clone, Copy)]
struct Element {
    quality: u8,
    is_alternate: bool,
    beside_clip: bool,
}

/// The evidence of a stretch of positions, from the next one to judge on.
#[derive(Debug)]
pub struct Activity {
    model: Model,
    minimum_base_quality: u8,
    start: u64,
    window: VecDeque<Evidence>,
    /// Evidence that was judged, kept for its memory.
    spare: Vec<Evidence>,
}

impl Activity {
    /// Starts without evidence.
    pub fn new(ploidy: usize, minimum_base_quality: u8, snv_heterozygosity: SnvPrior) -> Self {
        Self {
            model: Model::new(ploidy.max(2), snv_heterozygosity),
            minimum_base_quality,
            start: 0,
            window: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// Forgets all evidence and goes on at a position.
    pub fn restart(&mut self, position: u64) {
        self.spare.extend(self.window.drain(..));
        self.start = position;
    }

    /// Forgets the evidence before a position and goes on there.
    pub fn skip_to(&mut self, position: u64) {
        let skipped = (position - self.start).min(self.window.len() as u64);
        self.spare.extend(self.window.drain(..skipped as usize));
        self.start = position;
    }

    /// Adds what a read says about the positions not yet judged.
    pub fn add(&mut self, read: &RegionRead, reference: &ReferenceBases) {
        let within = fragment::within_adaptor(read, LONGEST_ADAPTED_TEMPLATE_BP);
        let clips = OnceClips::default();
        let (mut position, mut index) = (read.start, 0usize);
        for (place, op) in read.cigar.iter().enumerate() {
            let length = op.len() as usize;
            if op.kind().consumes_reference() {
                let beside = Neighbours::of(&read.cigar, place);
                for offset in 0..length {
                    let here = position + offset as u64;
                    if here < self.start || within.contains(here) {
                        continue;
                    }
                    let letter = reference.letter(here);
                    let is_last = offset + 1 == length;
                    let element = if op.kind() == CigarKind::Deletion {
                        Some(Element {
                            quality: DELETION_QUALITY,
                            is_alternate: true,
                            beside_clip: false,
                        })
                    } else {
                        let base = (read.bases[index + offset], read.qualities[index + offset]);
                        self.element(base, letter, &beside.at(offset == 0, is_last))
                    };
                    if let Some(element) = element {
                        self.add_element(here, element, || clips.count(read));
                    }
                }
                position += length as u64;
            }
            if op.kind().consumes_read() {
                index += length;
            }
        }
    }

    fn element(&self, base: (u8, u8), reference: u8, beside: &Beside) -> Option<Element> {
        let (letter, quality) = base;
        (quality > self.minimum_base_quality).then_some(Element {
            quality,
            is_alternate: letter != reference || beside.indel || beside.clip,
            beside_clip: beside.clip,
        })
    }

    fn add_element(&mut self, position: u64, element: Element, clips: impl Fn() -> u32) {
        let index = (position - self.start) as usize;
        while self.window.len() <= index {
            let mut fresh = self.spare.pop().unwrap_or_default();
            fresh.clear(self.model.ploidy + 1);
            self.window.push_back(fresh);
        }
        let evidence = &mut self.window[index];
        evidence.elements += 1;
        let row = self.model.row(element.quality, element.is_alternate);
        for (sum, value) in evidence.likelihoods.iter_mut().zip(row) {
            *sum += value;
        }
        evidence.alternates += u32::from(element.is_alternate);
        if element.is_alternate && element.beside_clip {
            evidence.clips += 1;
            let distance = f64::from(clips()) - evidence.clip_mean;
            evidence.clip_mean += distance / f64::from(evidence.clips);
        }
    }

    /// Returns how many positions have evidence, from the next one to judge on.
    #[cfg(test)]
    pub fn reach_bp(&self) -> usize {
        self.window.len()
    }

    /// Judges the next position and goes on.
    pub fn judge_next(&mut self) -> State {
        self.start += 1;
        let Some(evidence) = self.window.pop_front() else {
            return State::default();
        };
        let state = if evidence.alternates == 0 {
            State::default()
        } else {
            State {
                probability: self.model.probability(&evidence),
                soft_clips: (evidence.clip_mean > MARKING_MEAN).then_some(evidence.clip_mean),
            }
        };
        self.spare.push(evidence);
        state
    }
}

impl Evidence {
    fn clear(&mut self, likelihoods: usize) {
        self.likelihoods.clear();
        self.likelihoods.resize(likelihoods, 0.0);
        (self.elements, self.alternates, self.clips) = (0, 0, 0);
        self.clip_mean = 0.0;
    }
}

/// Expected heterozygosity of SNVs and its deviation.
#[derive(Debug, Clone, Copy)]
pub struct SnvPrior {
    /// Heterozygosity.
    pub heterozygosity: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// Likelihoods of single elements and the prior of the number of alternate copies.
#[derive(Debug)]
struct Model {
    ploidy: usize,
    log10_ploidy: f64,
    /// For each quality, the likelihoods given a reference element, then an alternate one.
    rows: Vec<f64>,
    /// log10 prior of each number of alternate copies, not normalised.
    prior: Vec<f64>,
}

impl Model {
    fn new(ploidy: usize, snv: SnvPrior) -> Self {
        let log10_e = maths::log10(std::f64::consts::E);
        let reference = snv.heterozygosity / (snv.deviation * snv.deviation);
        let alternate = snv.heterozygosity * reference;
        let prior = (0..=ploidy).map(|copies| {
            let rest = ploidy - copies;
            let choose = ln_choose(ploidy, copies);
            let alternates = maths::lgamma(copies as f64 + alternate);
            log10_e * (choose + alternates + maths::lgamma(rest as f64 + reference))
        });
        let rows = (0..=u8::MAX).flat_map(|quality| {
            [false, true].map(|is_alternate| element_row(ploidy, quality, is_alternate))
        });
        Self {
            ploidy,
            log10_ploidy: maths::log10(ploidy as f64),
            rows: rows.flatten().collect(),
            prior: prior.collect(),
        }
    }

    fn row(&self, quality: u8, is_alternate: bool) -> &[f64] {
        let width = self.ploidy + 1;
        let start = (usize::from(quality) * 2 + usize::from(is_alternate)) * width;
        &self.rows[start..start + width]
    }

    /// Returns the posterior probability that some copy is alternate.
    fn probability(&self, evidence: &Evidence) -> f64 {
        let all = f64::from(evidence.elements) * self.log10_ploidy;
        let values: Vec<f64> = evidence.likelihoods.iter().map(|sum| sum - all).collect();
        let best = values[first_maximum(&values)];
        let rounded = |value: &f64| round_half_up(-10.0 * (value - best)) as f64 / -10.0;
        let values: Vec<f64> = values.iter().map(rounded).collect();
        if first_maximum(&values) == 0 {
            return 0.0;
        }
        let joint: Vec<f64> = values.iter().zip(&self.prior).map(|(a, b)| a + b).collect();
        let largest = first_maximum(&joint);
        if largest == 0 {
            return 0.0;
        }
        let scaled = joint
            .iter()
            .map(|value| maths::pow10(value - joint[largest]));
        let total: f64 = scaled.sum();
        1.0 - maths::pow10(joint[0] - joint[largest]) / total
    }
}

fn ln_choose(n: usize, k: usize) -> f64 {
    let ln_factorial = |value: usize| maths::lgamma(value as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

fn element_row(ploidy: usize, quality: u8, is_alternate: bool) -> Vec<f64> {
    let error = f64::from(quality) / -10.0;
    let right = maths::log10(1.0 - maths::pow10(error));
    let wrong = error + maths::log10(1.0 / 3.0);
    let (reference, other) = if is_alternate {
        (wrong, right)
    } else {
        (right, wrong)
    };
    copies_row(ploidy, reference, other)
}

/// What lies beside a base within its read.
#[derive(Debug, Default)]
struct Beside {
    indel: bool,
    clip: bool,
}

/// What lies before and after an operation.
struct Neighbours {
    before: Beside,
    after: Beside,
}

impl Neighbours {
    fn of(cigar: &[CigarOp], place: usize) -> Self {
        let (left, right) = (&cigar[..place], &cigar[place + 1..]);
        let on_reference = |op: &&CigarOp| op.kind().consumes_reference();
        let side = |next: Option<&CigarOp>, next_on_reference: Option<&CigarOp>| {
            let is = |op: Option<&CigarOp>, kind| op.is_some_and(|op| op.kind() == kind);
            Beside {
                indel: is(next, CigarKind::Insertion) || is(next_on_reference, CigarKind::Deletion),
                clip: is(next, CigarKind::SoftClip),
            }
        };
        Self {
            before: side(left.last(), left.iter().rev().find(on_reference)),
            after: side(right.first(), right.iter().find(on_reference)),
        }
    }

    fn at(&self, is_first: bool, is_last: bool) -> Beside {
        Beside {
            indel: (is_first && self.before.indel) || (is_last && self.after.indel),
            clip: (is_first && self.before.clip) || (is_last && self.after.clip),
        }
    }
}

/// The good soft-clipped bases of a read, counted when first asked for.
#[derive(Default)]
struct OnceClips(std::cell::OnceCell<u32>);

impl OnceClips {
    fn count(&self, read: &RegionRead) -> u32 {
        *self.0.get_or_init(|| {
            let (mut index, mut count) = (0, 0);
            for op in &read.cigar {
                let length = op.len() as usize;
                if op.kind() == CigarKind::SoftClip {
                    let clipped = &read.qualities[index..index + length];
                    let good = clipped.iter().filter(|&&q| q > GOOD_CLIPPED_QUALITY);
                    count += good.count() as u32;
                }
                if op.kind().consumes_read() {
                    index += length;
                }
            }
            count
        })
    }
}
