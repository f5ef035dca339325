//! The alignment as it will be printed, and which ones are.

mod tracer;

pub(crate) use tracer::Tracer;

use crate::alignment::{Alignment, Parent};
use crate::context::Context;
use std::ops::Range;

/// An alignment as it will be printed; CIGAR and MD lie in [`Tracer`].
#[derive(Debug, Clone, Default)]
pub(crate) struct FinalAlignment {
    /// Contig and 0-based position; `None` if unmapped.
    pub placed: Option<(u32, u32)>,
    /// Whether the read lies on the reverse strand.
    pub is_reverse: bool,
    /// Whether the contig is an alternate one.
    pub is_alternate: bool,
    /// MAPQ.
    pub mapping_quality: u8,
    /// Flags that do not follow from mate and strand.
    pub flags: u16,
    /// Whether it is a split hit that `-M` shows as secondary.
    pub is_shown_secondary: bool,
    /// Edit distance.
    pub mismatches: i32,
    /// Operations, clips soft.
    pub cigar: Range<usize>,
    /// Text of the MD tag.
    pub mismatch_text: Range<usize>,
    /// AS.
    pub score: i32,
    /// XS; `None` is not printed.
    pub sub_score: Option<i32>,
    /// Score on the alternate contig that masks it.
    pub alternate_score: i32,
    /// Which alignment of its read it is, for XA.
    pub source: Option<usize>,
}

impl FinalAlignment {
    /// Returns what an unmapped end is printed from.
    pub fn unmapped() -> Self {
        Self {
            sub_score: Some(0),
            ..Self::default()
        }
    }
}

/// Says whether an alignment counts for the XA tag of its family, and returns the family's head.
pub(crate) fn alternative_of(
    context: &Context<'_>,
    all: &[Alignment],
    index: usize,
) -> Option<usize> {
    let head = all[index].family? as usize;
    let least = f64::from(all[head].score) * f64::from(context.options.alternative_ratio);
    (f64::from(all[index].score) >= least).then_some(head)
}

/// Says whether the report of an unpaired read leaves an alignment out.
pub(crate) fn is_left_out(context: &Context<'_>, all: &[Alignment], index: usize) -> bool {
    let options = context.options;
    let alignment = &all[index];
    if alignment.score < options.min_score {
        return true;
    }
    match alignment.parent {
        Parent::None => false,
        Parent::OfAlternate => true,
        Parent::Index(parent) => {
            let least = all[parent as usize].score as f32 * options.drop_ratio;
            alignment.is_alternate || !options.report_all || (alignment.score as f32) < least
        }
    }
}
/// Appends a decimal number.
pub(crate) fn push_number(text: &mut Vec<u8>, number: impl Into<i64>) {
    let number = number.into();
    if number < 0 {
        text.push(b'-');
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}
