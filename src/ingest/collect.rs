//! Who takes the records.

use crate::catalog::Needs;
use crate::record::{Event, RecordError};
use crate::usage::{Ledger, Scope};

/// Takes the records of one worker; associative and commutative under `merge`, so that workers may share the objects out
/// in any way.
pub trait Collect: Send {
    /// One event.
    fn event(&mut self, event: &Event<'_>);
    /// One record that is no event.
    fn malformed(&mut self, error: RecordError);
    /// One record that is passed over: `network-activity`, `insight`, `aggregated`, `control-message`.
    fn skipped(&mut self, kind: &'static str);
    /// One collector of two.
    #[must_use]
    fn merge(self, other: Self) -> Self;
}

/// Writes every event into a [`Ledger`].
#[derive(Clone, Debug)]
pub struct Recorder<N> {
    ledger: Ledger,
    needs: N,
}

impl<N: Fn(&Event<'_>) -> Needs + Send> Recorder<N> {
    /// An empty ledger; `needs` says what a call needed.
    pub fn new(scope: Scope, needs: N) -> Self {
        Self { ledger: Ledger::new(scope), needs }
    }

    /// What was written down.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }
}

impl<N: Fn(&Event<'_>) -> Needs + Send> Collect for Recorder<N> {
    fn event(&mut self, event: &Event<'_>) {
        self.ledger.record(event, &self.needs);
    }

    fn malformed(&mut self, _: RecordError) {
        self.ledger.malformed();
    }

    fn skipped(&mut self, _: &'static str) {}

    fn merge(self, other: Self) -> Self {
        Self { ledger: self.ledger.merge(other.ledger), needs: self.needs }
    }
}
