//! The guards behind what is promised. A test can take one away, and has to see that it is missed; a
//! program that is no test has them all, and no way to change that.

/// What keeps a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A leader's write compares its epoch.
    Epoch,
    /// A report counts only for an attempt that is live.
    Attempt,
    /// The first completion of a task is its result.
    FirstCompletion,
    /// What lost attempts wrote goes after a lease and a grace.
    GarbageGrace,
    /// The manifest of a genome's files appears last.
    PublishOrder,
}

impl Guard {
    /// Says whether it is there.
    #[cfg(not(test))]
    pub(crate) const fn stands(self) -> bool {
        true
    }

    /// Says whether it is there.
    #[cfg(test)]
    pub(crate) fn stands(self) -> bool {
        tests::TAKEN_AWAY.get() != Some(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::Guard;

    thread_local! {
        pub(super) static TAKEN_AWAY: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    /// Does something on this thread without a guard.
    pub(crate) fn without<T>(guard: Guard, what: impl FnOnce() -> T) -> T {
        TAKEN_AWAY.set(Some(guard));
        let done = what();
        TAKEN_AWAY.set(None);
        done
    }

    #[test]
    fn every_guard_stands_unless_it_is_taken_away() {
        assert!(Guard::Epoch.stands());
        without(Guard::Epoch, || {
            assert!(!Guard::Epoch.stands() && Guard::Attempt.stands());
        });
        assert!(Guard::Epoch.stands());
    }
}
