//! One alignment for each place: redundant ones go, and neighbours that belong together are
//! joined.

use crate::alignment::Alignment;
use crate::context::Context;
use crate::final_alignment::Tracer;
use crate::sort::introsort;

/// Greatest difference of the two slopes for a join, with a gap between the two.
const MAX_SLOPE_DIFFERENCE: f32 = 0.05;
/// Least score of a join, as a fraction of what its length promises.
const MIN_SCORE_RATIO: f32 = 0.90;

/// What joining needs: the read and the memory for a global alignment.
pub(crate) type Joining<'a> = (&'a [u8], &'a mut Tracer);

/// Sorts alignments by score and removes redundant ones; joins only if told how.
pub(crate) fn dedup(
    context: &Context<'_>,
    alignments: &mut Vec<Alignment>,
    mut joining: Option<Joining<'_>>,
) {
    if alignments.len() < 2 {
        return;
    }
    introsort(alignments, |one, other| {
        one.reference_end < other.reference_end
    });
    let reach = i64::from(context.options.max_chain_gap);
    for i in 1..alignments.len() {
        let follows = |earlier: &Alignment, later: &Alignment| {
            later.contig == earlier.contig && later.reference_start < earlier.reference_end + reach
        };
        if !follows(&alignments[i - 1], &alignments[i]) {
            continue;
        }
        for j in (0..i).rev() {
            if !follows(&alignments[j], &alignments[i]) {
                break;
            }
            if alignments[j].query_span() == 0 {
                continue;
            }
            if is_redundant(context, &alignments[j], &alignments[i]) {
                if alignments[i].score < alignments[j].score {
                    alignments[i].query_end = alignments[i].query_start;
                    break;
                }
                alignments[j].query_end = alignments[j].query_start;
            } else if let Some((read, tracer)) = &mut joining {
                let (earlier, later) = (alignments[j], alignments[i]);
                if let Some(joined) = join(context, (read, tracer), &earlier, &later) {
                    if let Some(events) = context.events {
                        events.count_joined();
                    }
                    alignments[i] = joined;
                    alignments[j].query_end = alignments[j].query_start;
                }
            }
        }
    }
    alignments.retain(|alignment| alignment.query_span() > 0);
    introsort(alignments, |one, other| {
        let key = |a: &Alignment| (-a.score, a.reference_start, a.query_start);
        key(one) < key(other)
    });
    alignments.dedup_by_key(|a| (a.score, a.reference_start, a.query_start));
}

/// Says whether two alignments, `later` ending last, overlap almost wholly on both axes.
fn is_redundant(context: &Context<'_>, earlier: &Alignment, later: &Alignment) -> bool {
    let on_reference = earlier.reference_end - later.reference_start;
    let on_query = if earlier.query_start < later.query_start {
        earlier.query_end - later.query_start
    } else {
        later.query_end - earlier.query_start
    };
    let shorter_reference = earlier.reference_span().min(later.reference_span());
    let shorter_query = earlier.query_span().min(later.query_span());
    let level = context.options.redundancy_level;
    on_reference as f32 > level * shorter_reference as f32
        && on_query as f32 > level * shorter_query as f32
}

/// Joins two alignments that a long gap separates, if one alignment over both scores well.
fn join(
    context: &Context<'_>,
    (read, tracer): (&[u8], &mut Tracer),
    earlier: &Alignment,
    later: &Alignment,
) -> Option<Alignment> {
    let (a, b) = (earlier, later);
    let strand = context.index.strand_length();
    let crosses = a.reference_start < strand && b.reference_start >= strand;
    let is_ordered = a.reference_start < b.reference_start
        && a.query_start < b.query_start
        && a.query_end < b.query_end
        && a.reference_end < b.reference_end;
    if crosses || !is_ordered {
        return None;
    }
    let reference_overlap = a.reference_end - b.reference_start;
    let query_overlap = a.query_end - b.query_start;
    let shift = (reference_overlap - i64::from(query_overlap)).abs();
    let reference_union = b.reference_end - a.reference_start;
    let query_union = b.query_end - a.query_start;
    let slopes = reference_overlap as f64 / reference_union as f64
        - f64::from(query_overlap) / f64::from(query_union);
    let has_gap = reference_overlap < 0 || query_overlap < 0;
    let looser = if has_gap { 1 } else { 2 };
    let widest = i64::from(context.options.band_width) << looser;
    if shift > widest || slopes.abs() >= f64::from(MAX_SLOPE_DIFFERENCE * looser as f32) {
        return None;
    }
    let band = shift + i64::from(a.band) + i64::from(b.band);
    let band = band.min(i64::from(context.options.band_width) << 2) as i32;
    let query = &read[a.query_start as usize..b.query_end as usize];
    let reference = (a.reference_start, b.reference_end);
    let score = tracer.score(context, query, reference, band)?;
    let promised =
        |union: f64, spans: f64| (union / spans * f64::from(b.score + a.score) + 0.499) as i32;
    let on_query = promised(
        f64::from(query_union),
        f64::from(b.query_span() + a.query_span()),
    );
    let on_reference = promised(
        reference_union as f64,
        (b.reference_span() + a.reference_span()) as f64,
    );
    let ratio = f64::from(score) / f64::from(on_query.max(on_reference));
    if ratio < f64::from(MIN_SCORE_RATIO) || score <= 0 {
        return None;
    }
    Some(Alignment {
        query_start: a.query_start,
        reference_start: a.reference_start,
        score,
        true_score: score,
        band,
        seed_coverage: a.seed_coverage.max(b.seed_coverage),
        sub_score: a.sub_score.max(b.sub_score),
        tandem_score: a.tandem_score.max(b.tandem_score),
        ..*b
    })
}
