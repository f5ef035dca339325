//! The third round: short matches that are rare, from the left end of the read to the right.

use super::{Seeding, Smem};

impl Seeding<'_> {
    /// Third round: from left to right, the shortest matches that are rare enough.
    pub(super) async fn third_round(&mut self) {
        let mut start = 0;
        while start < self.walker.read.len() {
            start = self.shortest_rare(start).await;
        }
    }

    /// Adds the shortest rare match that begins at `start`; returns where to go on.
    async fn shortest_rare(&mut self, start: usize) -> usize {
        let (walker, options) = (&mut self.walker, self.options);
        let read = walker.read;
        let least = options.min_seed_length as usize;
        let goal = start + least + 1;
        let head = &read[start..read.len().min(goal)];
        if let Some(unknown) = head.iter().position(|&code| code > 3) {
            return start + unknown + 1;
        }
        if head.len() <= least {
            return read.len();
        }
        let rare = options.third_round_occurrences;
        let word = walker.word_after(start, least).await;
        let (mut found, _) = walker.walk_right(word, goal - 1, 2).await;
        if found.size() == 1 && rare > 1 {
            match walker.settle_right(found, goal).await {
                Ok(settled) => found = settled,
                Err(_) => return goal,
            }
            found.end += walker.equal_behind(&found, goal);
            if found.end == goal {
                self.smems.push(Smem::new(&found));
            }
            return goal;
        }
        if found.size() == 0 {
            return goal;
        }
        (found, _) = walker.walk_right(found, goal, 1).await;
        let end = self.known_until(goal);
        if found.size() >= rare {
            (found, _) = self.walker.walk_right(found, end, rare).await;
        }
        if found.size() >= rare {
            return if end < read.len() { end + 1 } else { end };
        }
        if found.size() > 0 {
            self.smems.push(Smem::new(&found));
        }
        found.end.max(goal)
    }
}
