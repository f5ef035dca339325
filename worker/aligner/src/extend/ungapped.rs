//! Extensions whose outcome is known without a matrix: at most a mismatch or two on the way to
//! the end of the read.
//!
//! Let m mismatches cost m (a + b) < o + e against matches in their place. A path with a gap
//! matches no more bases than the diagonal has passed, and pays at least o + e: in every row the
//! diagonal is strictly best. So the best score and that at the end of the read lie on it, the
//! band never matters, and rows below the end of the read are worse. The diagonal stays positive
//! if the score it starts from is more than m b, and within the drop if that is at least m b.

use super::scalar::Extension;
use crate::Options;

/// Narrowest band that is not tried twice when the best score lies on the diagonal.
const LEAST_BAND: i32 = 2;

/// Returns the extension along `pairs` of a read base and a reference base to the end of the
/// read, if it is known to be the one that the matrix gives.
pub(super) fn extend(
    options: &Options,
    start_score: i32,
    pairs: impl Iterator<Item = (u8, u8)>,
) -> Option<Extension> {
    if options.band_width < LEAST_BAND {
        return None;
    }
    let mut score = start_score;
    let mut extension = Extension {
        score,
        ..Extension::default()
    };
    let (mut bases, mut mismatches) = (0, 0);
    for (read, reference) in pairs {
        bases += 1;
        if read == reference {
            score += options.match_score;
        } else {
            mismatches += 1;
            if read > 3 || !is_harmless(options, start_score, mismatches) {
                return None;
            }
            score -= options.mismatch_penalty;
        }
        if score > extension.score {
            extension.score = score;
            (extension.query_bp, extension.reference_bp) = (bases, bases);
        }
    }
    (extension.end_score, extension.end_reference_bp) = (score, bases);
    Some(extension)
}

fn is_harmless(options: &Options, start_score: i32, mismatches: i32) -> bool {
    let gap = options.first_deletion().min(options.first_insertion());
    let loss = mismatches * options.mismatch_penalty;
    loss + mismatches * options.match_score < gap
        && loss < start_score
        && (options.z_drop <= 0 || loss <= options.z_drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extend::scalar::{Extender, Problem};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_known_is_what_the_matrix_gives(
            period in 1usize..12,
            word in prop::collection::vec(0u8..4, 12),
            query_bp in 1usize..60,
            extra in 0usize..30,
            changes in prop::collection::vec((0usize..60, 0u8..5), 0..4),
            (mismatch, gap_open, z_drop) in (0i32..6, 0i32..12, 0i32..12),
            (start_score, band_width) in (1i32..30, 1i32..8),
        ) {
            let reference: Vec<u8> = (0..query_bp + extra).map(|at| word[at % period]).collect();
            let mut query = reference[..query_bp].to_vec();
            for (at, code) in changes {
                query[at % query_bp] = code;
            }
            let options = Options {
                mismatch_penalty: mismatch,
                gap_open_deletion: gap_open,
                gap_open_insertion: gap_open + mismatch % 3,
                z_drop,
                band_width,
                ..Options::default()
            };
            let pairs = query.iter().copied().zip(reference.iter().copied());
            if let Some(known) = extend(&options, start_score, pairs) {
                let problem = Problem {
                    query: &query,
                    reference: &reference,
                    band: band_width,
                    end_bonus: 5,
                    start_score,
                };
                let found = Extender::default().extend(&options, &problem);
                prop_assert_eq!(known, found);
            }
        }
    }

    #[test]
    fn two_mismatches_need_the_matrix() {
        let options = Options::default();
        let extend = |query: &[u8]| {
            let pairs = query.iter().copied().zip([0, 1, 2, 3, 0, 1]);
            extend(&options, 20, pairs).map(|found| (found.score, found.end_score))
        };
        assert_eq!(extend(&[0, 1, 2, 3, 0, 1]), Some((26, 26)));
        assert_eq!(extend(&[0, 1, 2, 2, 0, 1]), Some((23, 21)));
        assert_eq!(extend(&[0, 1, 1, 2, 0, 1]), None);
        assert_eq!(extend(&[0, 4, 2, 3, 0, 1]), None);
    }
}
