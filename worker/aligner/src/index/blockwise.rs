//! The FM-index of a text that is too large to be sorted at once: block by block, from the right.
//!
//! The transform of the text behind a block is there. For each suffix that begins in the block, it
//! tells how many of the suffixes behind it are less (`ranking`); that also orders the block's
//! suffixes among each other (`order`). So both orders are known, and the block's symbols are put
//! between those of the transform (`transform`). Samples of the suffix array come last, from walks
//! through the whole text (`samples`).
//!
//! Memory: half a byte for each symbol of the text, eleven bytes for each of a block. Time: a
//! symbol is ranked and sorted once and moved once for each block.
//!
//! Sources: Hon et al. 2007, "A space and time efficient algorithm for constructing compressed
//! suffix arrays"; Ferragina, Gagie, Manzini 2012, "Lightweight data indexing and compression in
//! external memory".

mod order;
mod place;
mod ranking;
mod samples;
mod transform;

pub use samples::{Marks, Samples, sample_count};
pub use transform::{Transform, block_count};

use super::Error;
use super::text::Text;
use genome::monitor::Monitor;
use place::Place;

/// What a symbol of a block takes: its place, its letter, its suffix.
pub const BLOCK_BYTES_PER_SYMBOL: u64 = (size_of::<Place>() + 1 + size_of::<i32>()) as u64;

/// Steps of progress for each symbol of the text.
pub const STEPS_PER_SYMBOL: u64 = 3;

/// Builds the transform of a text in blocks of so many symbols, less than 2^31; `advance` is told
/// the steps done.
pub fn build(
    text: Text<'_>,
    block_symbols: u64,
    (threads, advance): (usize, &dyn Fn(u64)),
    monitor: &Monitor,
) -> Result<(Transform, Marks), Error> {
    let mut transform = Transform::with_room(text.len());
    let mut marks = Marks::new(text.len());
    let done = |symbols: usize| {
        advance(symbols as u64);
        if monitor.is_cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(())
    };
    let mut end = text.len();
    while end > 0 {
        let start = end.saturating_sub(block_symbols);
        let mut places = vec![Place::default(); (end - start) as usize];
        ranking::rank(text, &transform, (start, &mut places), threads);
        done(places.len())?;
        let order = order::order(text, start, &places, transform.primary())?;
        done(places.len())?;
        marks.insert(start, &order, &places);
        transform.insert(&order, &places, text.code(end - 1));
        done(places.len())?;
        end = start;
    }
    Ok((transform, marks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::occ::BLOCK_SYMBOLS;
    use crate::index::testing::both_strands;
    use proptest::prelude::*;

    /// Bases with repeats: pieces drawn, or copied from what is there.
    fn repetitive() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(0u8..4, 1..30).prop_map(Ok),
            (0u8..4, 1usize..60).prop_map(|(code, length)| Ok(vec![code; length])),
            (any::<u16>(), 1usize..90).prop_map(Err),
        ];
        prop::collection::vec(piece, 1..12).prop_map(|pieces| {
            let mut codes = vec![2];
            for piece in pieces {
                match piece {
                    Ok(new) => codes.extend(new),
                    Err((from, length)) => {
                        let start = usize::from(from) % codes.len();
                        let copied = codes[start..].iter().copied().take(length);
                        codes.extend(copied.collect::<Vec<_>>());
                    }
                }
            }
            codes
        })
    }

    fn packed(codes: &[u8]) -> Vec<u8> {
        let byte = |four: &[u8]| {
            let shifted = four.iter().zip([6, 4, 2, 0]);
            shifted.fold(0, |byte, (code, shift)| byte | code << shift)
        };
        codes.chunks(4).map(byte).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn blocks_of_any_size_give_the_order_of_all_suffixes(
            codes in repetitive(),
            block_symbols in 1u64..500,
            threads in 1usize..4,
            per_pass in 1u64..200,
        ) {
            let (packed, both) = (packed(&codes), both_strands(&codes));
            let text = Text::new(&packed, codes.len() as u64);
            let monitor = Monitor::default();
            let (transform, marks) =
                build(text, block_symbols, (threads, &|_| ()), &monitor).unwrap();
            let mut suffixes: Vec<usize> = (0..=both.len()).collect();
            suffixes.sort_by_key(|&start| &both[start..]);
            let primary = suffixes.iter().position(|&start| start == 0).unwrap();
            prop_assert_eq!(transform.primary(), primary as u64);
            let before = suffixes.iter().filter_map(|start| start.checked_sub(1));
            let mut counts = [0; 4];
            for (at, start) in (0u64..).zip(before) {
                let block = transform.blocks()[(at / BLOCK_SYMBOLS) as usize];
                let within = (at % BLOCK_SYMBOLS) as u32;
                prop_assert_eq!(block.code(within), both[start]);
                if within == 0 {
                    prop_assert_eq!(block.counts, counts);
                }
                counts[usize::from(both[start])] += 1;
            }
            prop_assert_eq!(transform.counts(), counts);
            let all = sample_count(transform.rows());
            let range = |start: u64| start..all.min(start + per_pass);
            let mut samples = Samples::with_room(&range(0), transform.rows());
            let mut found = Vec::new();
            for start in (0..all).step_by(per_pass as usize) {
                samples.move_to(&range(start));
                samples.fill(&transform, &marks, threads);
                found.extend(samples.low().map(|low| low as usize));
            }
            let sampled = suffixes.iter().step_by(4).copied();
            prop_assert_eq!(found, sampled.collect::<Vec<_>>());
        }
    }
}
