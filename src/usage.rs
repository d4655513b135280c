//! What was used: the ledger that workers fill and merge, and what follows from it.

mod facts;
mod summary;

pub use facts::{CallOutcome, DenialFacts, IssuanceFacts, IssuanceKind, Row, SessionFacts, SessionId, Text};
pub use summary::{EventCounts, Observation, RegionObservation, Usage};
