//! How much work the proposal for one role may take.
//!
//! Policies come from whoever may write them, and a few kilobytes can ask for more pairs of actions and resources than fit into memory.
//! Work is counted, not timed, so that the answer does not depend on the machine; past the bound there is no proposal, and the
//! reason says so. Whoever counts is also told when the run is to end.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Steps that one pair of an action and a resource pattern costs: it is kept in memory, where a comparison is not.
pub(super) const PAIR: usize = 20;

/// Why a proposal was not worked out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Stopped {
    /// See [`Settings::steps`](super::Settings::steps).
    #[error("it takes more than {0} steps")]
    Spent(u64),
    /// The run was asked to end.
    #[error("the run was cancelled")]
    Cancelled,
}

/// What is left of the steps.
#[derive(Debug)]
pub(super) struct Effort<'c> {
    steps: u64,
    left: Cell<u64>,
    cancel: Option<&'c AtomicBool>,
}

impl<'c> Effort<'c> {
    pub(super) const fn new(steps: u64, cancel: Option<&'c AtomicBool>) -> Self {
        Self { steps, left: Cell::new(steps), cancel }
    }

    /// The same number of steps for another task.
    pub(super) const fn again(&self) -> Self {
        Self::new(self.steps, self.cancel)
    }

    /// Takes some steps.
    pub(super) fn spend(&self, steps: usize) -> Result<(), Stopped> {
        self.go_on()?;
        match self.left.get().checked_sub(steps as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(Stopped::Spent(self.steps))
            }
        }
    }

    /// Keeps so many pairs.
    pub(super) fn keep(&self, pairs: usize) -> Result<(), Stopped> {
        self.spend(pairs.saturating_mul(PAIR))
    }

    /// Whether the run goes on.
    pub(super) fn go_on(&self) -> Result<(), Stopped> {
        match self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            true => Err(Stopped::Cancelled),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_out_and_a_run_that_ends_stops_all() {
        let cancel = AtomicBool::new(false);
        let effort = Effort::new(50, Some(&cancel));
        assert_eq!((effort.spend(10), effort.keep(2)), (Ok(()), Ok(())));
        assert_eq!((effort.spend(1), effort.spend(0)), (Err(Stopped::Spent(50)), Ok(())));
        let other = effort.again();
        assert_eq!(
            (other.keep(usize::MAX), other.keep(1)),
            (Err(Stopped::Spent(50)), Err(Stopped::Spent(50)))
        );
        cancel.store(true, Ordering::Relaxed);
        assert_eq!((other.go_on(), effort.spend(0)), (Err(Stopped::Cancelled), Err(Stopped::Cancelled)));
    }
}
