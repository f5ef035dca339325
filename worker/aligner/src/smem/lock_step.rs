//! Many searches in turns, so that each waits for its memory while the others work.
//!
//! A search either ends its turn and finds the memory it asked for when its turn comes round, or
//! leaves a walk through the index to the rounds and goes on when that is over.

use crate::index::occ::FmIndex;
use crate::index::walk::{WALKS, Walk, step_all};
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// The walk of each search.
pub(super) type Walks<'a> = [Cell<Walk<'a>>; WALKS];

/// Runs a search for each number below `count` and hands each result to `done`.
pub(super) fn run<'w, 'r, F: Future>(
    (fm, walks): (&FmIndex<'_>, &'w Walks<'r>),
    count: usize,
    start: impl Fn(usize, &'w Cell<Walk<'r>>) -> F,
    mut done: impl FnMut(usize, F::Output),
) {
    let mut context = Context::from_waker(Waker::noop());
    let mut next = count.min(WALKS);
    let mut running: Vec<(usize, Pin<Box<F>>)> = (0..next)
        .map(|number| (number, Box::pin(start(number, &walks[number]))))
        .collect();
    let set_of = |count: usize| ((1u64 << count) - 1) as u32;
    let (mut resting, mut walking) = (set_of(next), 0);
    while resting | walking != 0 {
        let mut set = resting;
        while set != 0 {
            let at = set.trailing_zeros() as usize;
            set &= set - 1;
            let (number, search) = &mut running[at];
            let walk = &walks[at];
            while let Poll::Ready(output) = search.as_mut().poll(&mut context) {
                done(*number, output);
                if next == count {
                    resting &= !(1 << at);
                    break;
                }
                *number = next;
                search.set(start(next, walk));
                next += 1;
            }
            if !walk.get().is_over() {
                resting &= !(1 << at);
                walking |= 1 << at;
            }
        }
        let over = step_all(fm, walks, walking);
        walking &= !over;
        resting |= over;
    }
}

/// Ends the turn of the search that awaits it.
pub(super) const fn turn() -> Turn {
    Turn { is_over: false }
}

/// Ready when the turn comes round.
#[derive(Debug)]
pub(super) struct Turn {
    is_over: bool,
}

impl Future for Turn {
    type Output = ();

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        self.is_over = true;
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::index_of;

    #[test]
    fn every_search_ends_whatever_its_length() {
        let index = index_of(&[&[0, 1, 2, 3, 0, 0, 1]]);
        let fm = index.fm();
        for count in [0, 1, 31, 32, 33, 100] {
            let walks = Walks::default();
            let search = async |number: usize, slot: &Cell<Walk<'_>>| {
                for _ in 0..number * 7 % 50 {
                    turn().await;
                }
                slot.set(Walk {
                    read: &[0; 8],
                    interval: fm.of_base(0),
                    goal: number * 3 % 5,
                    ..Walk::default()
                });
                turn().await;
                (number * 2, slot.get().at)
            };
            let mut results = vec![None; count];
            run((&fm, &walks), count, search, |number, result| {
                results[number] = Some(result)
            });
            for (number, result) in results.into_iter().enumerate() {
                assert_eq!(result, Some((number * 2, number * 3 % 5)));
            }
        }
    }
}
