//! Fewer distinct qualities, at the least loss.

use genome::maths;

use super::empirical::error_rate;

/// How many qualities are left: GATK's `--quantizing-levels`.
pub const LEVELS: usize = 16;

/// Qualities up to here may be merged freely.
const MIN_INTERESTING: usize = 6;

const MAX_QUALITY: f64 = 93.0;

/// A stretch of neighbouring qualities.
#[derive(Debug, Clone)]
struct Interval {
    first: usize,
    last: usize,
    observations: u64,
    errors: i64,
    /// The two stretches that it was merged of.
    parts: Option<Box<[Interval; 2]>>,
}

impl Interval {
    fn leaf(quality: usize, observations: u64) -> Self {
        let errors = observations as f64 * error_rate(quality as f64);
        Self {
            first: quality,
            last: quality,
            observations,
            errors: i64::from(errors.floor() as i32),
            parts: None,
        }
    }

    fn merged(left: &Self, right: &Self) -> Self {
        Self {
            first: left.first,
            last: right.last,
            observations: left.observations + right.observations,
            errors: left.errors + right.errors,
            parts: Some(Box::new([left.clone(), right.clone()])),
        }
    }

    fn rate(&self) -> f64 {
        if self.parts.is_none() {
            error_rate(self.first as f64)
        } else if self.observations == 0 {
            0.0
        } else {
            (self.errors + 1) as f64 / (self.observations + 1) as f64
        }
    }

    fn quality(&self) -> u8 {
        if self.parts.is_none() {
            return self.first as u8;
        }
        let rate = self.rate();
        if rate == 0.0 {
            return MAX_QUALITY as u8;
        }
        let quality = (-10.0 * maths::log10(rate) + 0.5).floor();
        quality.clamp(1.0, MAX_QUALITY) as u8
    }

    /// Returns how far the leaves lie from `rate`, weighted by observations.
    fn penalty(&self, rate: f64) -> f64 {
        if rate == 0.0 {
            return 0.0;
        }
        match &self.parts {
            Some(parts) => parts[0].penalty(rate) + parts[1].penalty(rate),
            None if self.last <= MIN_INTERESTING => 0.0,
            None => {
                let distance = maths::log10(self.rate()) - maths::log10(rate);
                distance.abs() * self.observations as f64
            }
        }
    }
}

/// Maps each quality to one of at most `levels`, given how many bases have each.
///
/// Neighbours whose merging costs least are merged first, the lowest of equals.
pub fn quantize(counts: &[u64], levels: usize) -> Vec<u8> {
    let leaves = counts.iter().enumerate();
    let mut intervals: Vec<Interval> = leaves
        .map(|(quality, &count)| Interval::leaf(quality, count))
        .collect();
    while intervals.len() > levels.max(1) {
        let mut best: Option<(usize, f64, Interval)> = None;
        for (index, pair) in intervals.windows(2).enumerate() {
            let merged = Interval::merged(&pair[0], &pair[1]);
            let penalty = merged.penalty(merged.rate());
            if best.as_ref().is_none_or(|(_, least, _)| penalty < *least) {
                best = Some((index, penalty, merged));
            }
        }
        if let Some((index, _, merged)) = best {
            intervals.splice(index..index + 2, [merged]);
        }
    }
    let spread = |interval: &Interval| {
        let width = interval.last - interval.first + 1;
        std::iter::repeat_n(interval.quality(), width)
    };
    intervals.iter().flat_map(spread).collect()
}

/// Maps each quality from 6 on to one of a few that the user names: the one whose probability is
/// nearer, or the one below.
pub fn quantize_to(bins: &[u8], round_down: bool) -> Vec<u8> {
    const QUALITIES: u8 = 94;
    const FIRST: u8 = MIN_INTERESTING as u8;
    let mut bins = bins.to_vec();
    bins.sort_unstable();
    let mut map: Vec<u8> = (0..QUALITIES).collect();
    if let [only] = bins[..] {
        map[usize::from(FIRST)..].fill(only);
        return map;
    }
    let right = |quality: u8| 1.0 - error_rate(f64::from(quality));
    let mut before = FIRST;
    for bin in bins {
        for quality in before..bin.min(QUALITIES) {
            let to_bin = right(bin) - right(quality);
            let to_before = right(quality) - right(before);
            let is_nearer = !round_down && to_bin < to_before;
            map[usize::from(quality)] = if is_nearer { bin } else { before };
        }
        before = bin;
    }
    if before < QUALITIES {
        map[usize::from(before)..].fill(before);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_bins_take_what_is_near() {
        let map = quantize_to(&[30, 10, 20], false);
        assert_eq!(map[..10], [0, 1, 2, 3, 4, 5, 6, 6, 10, 10]);
        assert_eq!((map[12], map[13], map[22], map[23]), (10, 20, 20, 30));
        assert_eq!((map[30], map[93]), (30, 30));
        let map = quantize_to(&[10, 20, 30], true);
        assert_eq!((map[9], map[19], map[29], map[93]), (6, 10, 20, 30));
        assert_eq!(quantize_to(&[25], false)[4..8], [4, 5, 25, 25]);
    }

    #[test]
    fn enough_levels_change_nothing() {
        assert_eq!(quantize(&[5, 6, 7, 8], 4), [0, 1, 2, 3]);
    }

    #[test]
    fn a_merged_level_has_the_quality_of_its_bases() {
        let mut counts = vec![0; 94];
        counts[30] = 1_000_000;
        counts[31] = 1_000_000;
        assert_eq!(quantize(&counts, 1), [30; 94]);
        // What nobody has costs nothing to merge.
        let map = quantize(&counts, 4);
        assert_eq!((map[30], map[31]), (30, 31));
    }
}
