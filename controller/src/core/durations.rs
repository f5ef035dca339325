//! How long the attempts of a stage took: counts in quarter octaves, as small for a million as for one.

/// Buckets of an octave.
const PARTS: u32 = 4;

/// Counts of attempts by the time that they took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durations {
    /// By bucket; no zero at the end.
    counts: Vec<u32>,
}

impl Durations {
    /// Makes them from [`Durations::counts`].
    pub fn from_counts(counts: Vec<u32>) -> Self {
        Self { counts }
    }

    /// Returns the counts.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Counts an attempt.
    pub fn add(&mut self, took_ms: u64) {
        let bucket = bucket(took_ms);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
    }

    /// Returns a time that half of the attempts did not exceed, at most a quarter above the smallest
    /// such time; `None` if there are none.
    pub fn median_ms(&self) -> Option<u64> {
        let all: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let mut seen = 0;
        let reaches_half = |count: &u32| {
            seen += u64::from(*count);
            seen * 2 >= all
        };
        let bucket = self.counts.iter().position(reaches_half)?;
        Some(most_ms(bucket))
    }
}

fn bucket(took_ms: u64) -> usize {
    let ms = took_ms.max(1);
    let octave = ms.ilog2();
    let part = ((u128::from(ms) * u128::from(PARTS)) >> octave) as u32 - PARTS;
    (octave * PARTS + part) as usize
}

/// The longest time of a bucket.
fn most_ms(bucket: usize) -> u64 {
    let next = bucket as u32 + 1;
    let (octave, part) = (next / PARTS, next % PARTS);
    let first = u128::from(PARTS + part) << octave;
    let least = first.div_ceil(u128::from(PARTS));
    u64::try_from(least - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_median_is_at_most_a_quarter_too_long(
            mut times in prop::collection::vec(1_u64..100_000_000, 1..50),
        ) {
            let mut durations = Durations::default();
            times.iter().for_each(|took_ms| durations.add(*took_ms));
            times.sort_unstable();
            let exact = times[(times.len() - 1) / 2];
            let median = durations.median_ms().unwrap();
            prop_assert!(median >= exact && median <= exact + exact / 4, "{median} {exact}");
            let counts = durations.counts().to_vec();
            prop_assert_eq!(Durations::from_counts(counts), durations);
        }
    }

    #[test]
    fn any_time_has_a_place() {
        let mut durations = Durations::default();
        assert_eq!(durations.median_ms(), None);
        durations.add(0);
        assert_eq!(durations.median_ms(), Some(1));
        durations.add(u64::MAX);
        durations.add(u64::MAX);
        assert_eq!(durations.median_ms(), Some(u64::MAX));
    }
}
