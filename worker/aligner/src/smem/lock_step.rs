//! Many searches in turns, so that each waits for its memory while the others work.
//!
//! A search asks for the memory of its next step, lets the others have their turn and finds it in
//! the cache when its own comes round.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Searches that take turns.
const SEARCHES: usize = 16;

/// Runs a search for each number below `count` and hands each result to `done`.
pub(super) fn run<F: Future>(
    count: usize,
    start: impl Fn(usize) -> F,
    mut done: impl FnMut(usize, F::Output),
) {
    let mut context = Context::from_waker(Waker::noop());
    let mut next = count.min(SEARCHES);
    let mut running: Vec<(usize, Pin<Box<F>>)> = (0..next)
        .map(|number| (number, Box::pin(start(number))))
        .collect();
    let mut at = 0;
    while !running.is_empty() {
        at = if at < running.len() { at } else { 0 };
        let (number, search) = &mut running[at];
        match search.as_mut().poll(&mut context) {
            Poll::Pending => at += 1,
            Poll::Ready(output) => {
                done(*number, output);
                if next < count {
                    *number = next;
                    search.set(start(next));
                    next += 1;
                } else {
                    running.swap_remove(at);
                }
            }
        }
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

    #[test]
    fn every_search_ends_whatever_its_length() {
        let search = async |number: usize| {
            for _ in 0..number * 7 % 50 {
                turn().await;
            }
            number * 2
        };
        for count in [0, 1, 15, 16, 17, 100] {
            let mut results = vec![None; count];
            run(count, search, |number, result| {
                results[number] = Some(result)
            });
            for (number, result) in results.into_iter().enumerate() {
                assert_eq!(result, Some(number * 2));
            }
        }
    }
}
