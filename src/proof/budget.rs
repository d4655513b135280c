//! How much work a proof may do.

/// Bounds on the work of one question. Work is counted, not timed, so that the answer does not depend on the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// State tuples one emptiness question may visit.
    pub tuples: u64,
    /// Pieces one statement may be split into.
    pub pieces: usize,
    /// Machine words touched altogether: roughly a nanosecond each.
    pub work: u64,
}

impl Default for Budget {
    /// Enough for every policy AWS publishes; at worst a few seconds.
    fn default() -> Self {
        Self { tuples: 20_000, pieces: 3_000, work: 150_000_000 }
    }
}

/// Why a question was given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Exhausted {
    /// See [`Budget::tuples`].
    #[error("the wildcards are too entangled to compare: the budget of state tuples is spent")]
    Tuples,
    /// See [`Budget::pieces`].
    #[error("the statements overlap in too many ways: the budget of pieces is spent")]
    Pieces,
    /// See [`Budget::work`].
    #[error("the policies are too large to compare: the budget of work is spent")]
    Work,
}

/// How often a spent budget is given again to one asker of many questions (one for each request that was seen, say), whatever their number.
const REFILLS: u64 = 30;

/// What is left of a budget.
#[derive(Debug)]
pub(super) struct Meter {
    budget: Budget,
    left: u64,
    /// What further questions may take together.
    reserve: u64,
}

impl Meter {
    pub(super) const fn new(budget: Budget) -> Self {
        Self { budget, left: budget.work, reserve: budget.work.saturating_mul(REFILLS) }
    }

    /// Takes `work` off the total.
    pub(super) fn spend(&mut self, work: u64) -> Result<(), Exhausted> {
        match self.left.checked_sub(work) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exhausted::Work)
            }
        }
    }

    /// Starts one emptiness question.
    pub(super) const fn query(&self) -> Query {
        Query { left: self.budget.tuples }
    }

    /// Fails when a statement has been split into too many pieces.
    pub(super) const fn pieces(&self, pieces: usize) -> Result<(), Exhausted> {
        if pieces > self.budget.pieces { Err(Exhausted::Pieces) } else { Ok(()) }
    }

    /// The next question starts afresh, as long as the reserve lasts.
    pub(super) const fn refill(&mut self) {
        let spent = self.budget.work - self.left;
        let more = if spent < self.reserve { spent } else { self.reserve };
        self.left += more;
        self.reserve -= more;
    }
}

/// What is left of one emptiness question.
#[derive(Debug)]
pub(super) struct Query {
    left: u64,
}

impl Query {
    pub(super) fn tuple(&mut self, meter: &mut Meter) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(1).ok_or(Exhausted::Tuples)?;
        meter.spend(40)
    }
}
