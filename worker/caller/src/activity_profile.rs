//! How active each position is, smoothed, and the cuts that follow from it.
//!
//! Source: GATK 4.6 `BandPassActivityProfile`.

use genome::maths;
use genome::region::{ContigId, Region};
use std::collections::VecDeque;

/// Half the width of the smoothing kernel.
const REACH_BP: i64 = 50;

/// Standard deviation of the kernel.
const SIGMA: f64 = 17.0;

/// Smoothed activity above this makes a region active.
pub const THRESHOLD: f64 = 0.002;

/// The shortest piece that a long active region is cut to.
const SHORTEST_CUT_BP: usize = 50;

/// The longest region.
pub const LONGEST_REGION_BP: usize = 300;

/// Positions that must follow the start of a region before it is cut.
const LOOK_AHEAD_BP: usize = LONGEST_REGION_BP + 2 * REACH_BP as usize;

/// The most copies of a soft-clipped state to each side.
const MOST_COPIES: f64 = 100.0;

/// After so long a stretch without activity, cuts fall back on a grid that starts with the
/// interval: neighbours that begin their walk later find the same cuts.
pub const QUIET_BP: u64 = 20_000;

/// What the reads say about one position.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// Probability of a variant.
    pub probability: f64,
    /// Mean number of good soft-clipped bases beside it, where that is high.
    pub soft_clips: Option<f64>,
}

/// A stretch between two cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The stretch.
    pub span: Region,
    /// Whether it is active.
    pub is_active: bool,
}

/// The smoothed activity from the last cut on.
#[derive(Debug)]
pub struct ActivityProfile {
    kernel: Vec<f64>,
    /// Where cuts of quiet stretches fall back to, if they do at all.
    grid: Option<u64>,
    contig: ContigId,
    contig_length: u64,
    /// Position of the first smoothed value, and one past the last state added.
    start: u64,
    end: u64,
    smoothed: VecDeque<f64>,
    /// Length of the stretch without activity before `start`.
    quiet: u64,
    /// A position whose smoothed activity is wanted, and that when it is cut off.
    watched: Option<(u64, f64)>,
}

impl ActivityProfile {
    /// Starts without states, for a contig and its length.
    pub fn new(contig: ContigId, contig_length: u64) -> Self {
        Self {
            kernel: kernel(),
            grid: None,
            contig,
            contig_length,
            start: 0,
            end: 0,
            smoothed: VecDeque::new(),
            quiet: QUIET_BP,
            watched: None,
        }
    }

    /// Asks for the smoothed activity of a position.
    pub const fn watch(&mut self, position: u64) {
        self.watched = Some((position, 0.0));
    }

    /// Returns the smoothed activity of the watched position, once it is cut off.
    pub fn watched(&self) -> f64 {
        self.watched.map_or(0.0, |(_, value)| value)
    }

    /// Goes on elsewhere, after all was cut off.
    ///
    /// With a `grid`, quiet stretches are cut at multiples of the longest region from it.
    pub const fn restart(&mut self, grid: Option<u64>) {
        self.grid = grid;
        self.quiet = QUIET_BP;
    }

    /// Returns the contig.
    pub const fn contig(&self) -> ContigId {
        self.contig
    }

    /// Says whether all states are cut off.
    pub fn is_empty(&self) -> bool {
        self.smoothed.is_empty()
    }

    /// Returns one past the last state.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Adds the state of the next position.
    pub fn add(&mut self, position: u64, state: State) {
        if self.smoothed.is_empty() {
            self.start = position;
        }
        self.end = position + 1;
        let copies = match state.soft_clips {
            Some(mean) => 2 * mean.min(MOST_COPIES) as i64 + 1,
            None => 1,
        };
        if state.probability <= 0.0 {
            self.incorporate(position as i64, 0.0);
            return;
        }
        for _ in 0..self.copies_within(position, copies) {
            for offset in -REACH_BP..=REACH_BP {
                let at = position as i64 + offset;
                if (0..self.contig_length as i64).contains(&at) {
                    let weight = self.kernel[(offset + REACH_BP) as usize];
                    self.incorporate(at, state.probability * weight);
                }
            }
        }
    }

    /// Returns how many of the copies lie within the contig.
    fn copies_within(&self, position: u64, copies: i64) -> i64 {
        let side = copies / 2;
        let left = side.min(position as i64);
        let right = side.min(self.contig_length as i64 - 1 - position as i64);
        left + right + 1
    }

    fn incorporate(&mut self, position: i64, value: f64) {
        let Ok(index) = usize::try_from(position - self.start as i64) else {
            return;
        };
        match self.smoothed.get_mut(index) {
            Some(there) => *there += value,
            None => self.smoothed.push_back(value),
        }
    }

    /// Cuts off the next region if it is sure where it ends.
    pub fn next_cut(&mut self) -> Option<Cut> {
        (self.smoothed.len() >= LOOK_AHEAD_BP).then(|| self.cut())
    }

    /// Cuts off the next region of what is there, as nothing follows.
    pub fn last_cut(&mut self) -> Option<Cut> {
        self.smoothed.truncate((self.end - self.start) as usize);
        (!self.smoothed.is_empty()).then(|| self.cut())
    }

    fn cut(&mut self) -> Cut {
        let is_active = self.smoothed[0] > THRESHOLD;
        let limit = if is_active {
            LONGEST_REGION_BP
        } else {
            self.quiet_limit()
        };
        let states = self.smoothed.iter().take(limit);
        let mut length = states
            .take_while(|&&value| (value > THRESHOLD) == is_active)
            .count();
        if is_active && length == LONGEST_REGION_BP {
            length = self.best_cut();
        }
        if let Some((position, value)) = &mut self.watched
            && (self.start..self.start + length as u64).contains(position)
        {
            *value = self.smoothed[(*position - self.start) as usize];
        }
        self.smoothed.drain(..length);
        let span = Region::new(self.contig, self.start, self.start + length as u64);
        self.quiet = if is_active {
            0
        } else {
            self.quiet + span.len()
        };
        self.start = span.end;
        Cut { span, is_active }
    }

    fn quiet_limit(&self) -> usize {
        match self.grid {
            Some(origin) if self.quiet >= QUIET_BP => {
                LONGEST_REGION_BP - ((self.start - origin) % LONGEST_REGION_BP as u64) as usize
            }
            _ => LONGEST_REGION_BP,
        }
    }

    /// Returns the length up to the lowest local minimum, the last among equals.
    fn best_cut(&self) -> usize {
        let value = |index: usize| self.smoothed[index];
        let is_minimum = |index: usize| {
            index + 1 < self.smoothed.len()
                && value(index) <= value(index + 1)
                && value(index) < value(index - 1)
        };
        let mut best = (LONGEST_REGION_BP - 1, f64::INFINITY);
        for index in (SHORTEST_CUT_BP - 1..LONGEST_REGION_BP).rev() {
            if value(index) < best.1 && is_minimum(index) {
                best = (index, value(index));
            }
        }
        best.0 + 1
    }
}

fn kernel() -> Vec<f64> {
    let density = |offset: i64| maths::exp(-(offset * offset) as f64 / (2.0 * SIGMA * SIGMA));
    let weights: Vec<f64> = (-REACH_BP..=REACH_BP).map(density).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(states: &[(u64, f64)], length: u64, grid: Option<u64>) -> Vec<(u64, u64, bool)> {
        let mut profile = ActivityProfile::new(ContigId(0), 1_000_000);
        profile.restart(grid);
        let mut found = Vec::new();
        for position in 1000..1000 + length {
            found.extend(std::iter::from_fn(|| profile.next_cut()));
            let at = states.iter().find(|(at, _)| *at == position);
            let state = State {
                probability: at.map_or(0.0, |&(_, probability)| probability),
                soft_clips: None,
            };
            profile.add(position, state);
        }
        found.extend(std::iter::from_fn(|| profile.last_cut()));
        let plain = |cut: Cut| (cut.span.start, cut.span.end, cut.is_active);
        found.into_iter().map(plain).collect()
    }

    #[test]
    fn quiet_stretch_is_cut_at_its_longest() {
        let expected = [
            (1000, 1300, false),
            (1300, 1600, false),
            (1600, 1700, false),
        ];
        assert_eq!(cuts(&[], 700, None), expected);
    }

    #[test]
    fn activity_reaches_to_both_sides() {
        let found = cuts(&[(1500, 1.0)], 1000, None);
        let active: Vec<_> = found.iter().filter(|cut| cut.2).collect();
        assert_eq!(active.len(), 1);
        let (start, end, _) = *active[0];
        assert_eq!(1500 - start, end - 1501);
        assert!((30..=50).contains(&(1500 - start)));
    }

    #[test]
    fn long_activity_is_cut_at_a_minimum() {
        let states: Vec<(u64, f64)> = (1100..1500)
            .map(|at| (at, if (1290..1310).contains(&at) { 0.1 } else { 0.9 }))
            .collect();
        let found = cuts(&states, 1200, None);
        let first = found.iter().find(|cut| cut.2).unwrap();
        assert!((1295..1305).contains(&first.1), "{first:?}");
    }

    #[test]
    fn quiet_walks_fall_back_on_the_grid() {
        let found = cuts(&[], 700, Some(950));
        assert_eq!(found[0], (1000, 1250, false));
        assert_eq!(found[1], (1250, 1550, false));
    }
}
