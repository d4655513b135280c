//! Who takes the records.

use crate::catalog::Needs;
use crate::record::{Event, RawRecord, RecordError};
use crate::usage::{Again, Caps, KnownCaller, Ledger, Scope};

/// Takes the records of one worker; associative and commutative under `merge`, so that workers may share the objects out
/// in any way.
pub trait Collect: Send {
    /// Whether [`Collect::again`] knows anything, and no member beside those that [`RawRecord`] keeps is wanted.
    const REPEATS: bool = false;
    /// Whether network activity events are handed on like others: for counting they repeat what callers' own events say, but a refusal at a VPC
    /// endpoint of another account may stand in no other event.
    ///
    /// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    const NETWORK_ACTIVITY: bool = false;
    /// What follows lies in the object of this number; see [`super::Outcome::number`].
    fn begin_object(&mut self, number: u32) {
        let _ = number;
    }
    /// One event.
    fn event(&mut self, event: &Event<'_>);
    /// One record that may repeat what was met before.
    fn again(&mut self, raw: &RawRecord<'_>) -> Again {
        let _ = raw;
        Again::Nothing
    }
    /// One event, and how it is written; only members that [`RawRecord::write_kept`] keeps are there, and only those of
    /// [`RawRecord::write_call`] when [`Collect::again`] told the caller, who is then given back.
    fn event_raw(&mut self, event: &Event<'_>, raw: &RawRecord<'_>, caller: Option<KnownCaller>) {
        let _ = (raw, caller);
        self.event(event);
    }
    /// One record that is no event.
    fn malformed(&mut self, error: RecordError);
    /// One record that is passed over: `network-activity`, `insight`, `aggregated`, `control-message`.
    fn skipped(&mut self, kind: &'static str);
    /// Nothing more is to be read: what can be done apart from other workers is done now.
    fn done(&mut self) {}
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
        Self::with_caps(scope, Caps::default(), needs)
    }

    /// An empty ledger that keeps more or less exact.
    pub fn with_caps(scope: Scope, caps: Caps, needs: N) -> Self {
        Self { ledger: Ledger::with_caps(scope, caps), needs }
    }

    /// What was written down.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }
}

impl<N: Fn(&Event<'_>) -> Needs + Send> Collect for Recorder<N> {
    const REPEATS: bool = true;

    fn begin_object(&mut self, number: u32) {
        self.ledger.begin_object(number);
    }

    fn event(&mut self, event: &Event<'_>) {
        self.ledger.record(event, &self.needs);
    }

    fn again(&mut self, raw: &RawRecord<'_>) -> Again {
        self.ledger.again(raw)
    }

    fn event_raw(&mut self, event: &Event<'_>, raw: &RawRecord<'_>, caller: Option<KnownCaller>) {
        self.ledger.record_raw(event, raw, caller, &self.needs);
    }

    fn malformed(&mut self, _: RecordError) {
        self.ledger.malformed();
    }

    fn skipped(&mut self, _: &'static str) {}

    fn done(&mut self) {
        self.ledger.done();
    }

    fn merge(self, other: Self) -> Self {
        Self { ledger: self.ledger.merge(other.ledger), needs: self.needs }
    }
}
