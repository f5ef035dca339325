//! Cores and memory: what runs, and what waits for room, in the order in which it came.

use std::collections::VecDeque;

use common::task::Resources;

/// Room for tasks.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    total: Resources,
    free: Resources,
    waiting: VecDeque<(Resources, T)>,
}

impl<T> Slots<T> {
    /// Makes room for tasks that use `total` together.
    pub fn new(total: Resources) -> Self {
        Self {
            total,
            free: total,
            waiting: VecDeque::new(),
        }
    }

    /// Lets a task wait. One that wants more than there is gets all there is.
    pub fn wait(&mut self, wanted: Resources, task: T) {
        let Resources {
            cores,
            memory_bytes,
        } = wanted;
        let granted = Resources {
            cores: cores.clamp(1, self.total.cores),
            memory_bytes: memory_bytes.min(self.total.memory_bytes),
        };
        self.waiting.push_back((granted, task));
    }

    /// Takes the first waiting task if there is room for it; later ones never overtake it.
    pub fn start(&mut self) -> Option<(Resources, T)> {
        let (granted, _) = self.waiting.front()?;
        let fits =
            granted.cores <= self.free.cores && granted.memory_bytes <= self.free.memory_bytes;
        if !fits {
            return None;
        }
        self.free.cores -= granted.cores;
        self.free.memory_bytes -= granted.memory_bytes;
        self.waiting.pop_front()
    }

    /// Gives back what a task was granted.
    pub fn give_back(&mut self, granted: Resources) {
        self.free.cores += granted.cores;
        self.free.memory_bytes += granted.memory_bytes;
        debug_assert!(
            self.free.cores <= self.total.cores,
            "more came back than was granted"
        );
    }

    /// Returns all that there is, and what no task uses.
    pub const fn room(&self) -> (Resources, Resources) {
        (self.total, self.free)
    }

    /// Removes the waiting tasks for which `unwanted` holds.
    pub fn withdraw(&mut self, unwanted: impl Fn(&T) -> bool) -> Vec<T> {
        let waiting = std::mem::take(&mut self.waiting);
        let (gone, kept): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, task)| unwanted(task));
        self.waiting = kept.into();
        gone.into_iter().map(|(_, task)| task).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(cores: u32, memory_bytes: u64) -> Resources {
        Resources {
            cores,
            memory_bytes,
        }
    }

    #[test]
    fn tasks_start_while_there_is_room_and_in_order() {
        let mut slots = Slots::new(of(4, 100));
        for (name, wanted) in [("a", of(2, 10)), ("b", of(3, 10)), ("c", of(1, 10))] {
            slots.wait(wanted, name);
        }
        let (granted, first) = slots.start().unwrap();
        assert_eq!(first, "a");
        assert_eq!(slots.start(), None, "c must not overtake b");
        slots.give_back(granted);
        assert_eq!(slots.start().unwrap().1, "b");
        assert_eq!(slots.start().unwrap().1, "c");
    }

    #[test]
    fn a_task_larger_than_the_worker_runs_alone() {
        let mut slots = Slots::new(of(2, 100));
        slots.wait(of(8, 1_000), "large");
        slots.wait(of(0, 0), "small");
        assert_eq!(slots.start(), Some((of(2, 100), "large")));
        assert_eq!(slots.start(), None, "each task needs a core");
    }

    #[test]
    fn withdrawn_tasks_do_not_start() {
        let mut slots = Slots::new(of(1, 1));
        slots.wait(of(1, 1), 1);
        slots.wait(of(1, 1), 2);
        assert_eq!(slots.withdraw(|task| *task == 1), [1]);
        assert_eq!(slots.start().unwrap().1, 2);
    }

    proptest! {
        #[test]
        fn what_is_granted_never_exceeds_the_total(
            wanted in prop::collection::vec((0u32..6, 0u64..60), 1..20),
        ) {
            let mut slots = Slots::new(of(4, 50));
            for (cores, memory) in &wanted {
                slots.wait(of(*cores, *memory), ());
            }
            let mut started = 0;
            while started < wanted.len() {
                let mut running = Vec::new();
                while let Some((granted, ())) = slots.start() {
                    running.push(granted);
                }
                prop_assert!(!running.is_empty(), "an idle worker starts something");
                prop_assert!(running.iter().map(|r| r.cores).sum::<u32>() <= 4);
                prop_assert!(running.iter().map(|r| r.memory_bytes).sum::<u64>() <= 50);
                started += running.len();
                running.into_iter().for_each(|granted| slots.give_back(granted));
            }
        }
    }
}
