//! What was used: the ledger that workers fill and merge, and what follows from it.

mod agents;
mod denial;
mod event_id;
mod facts;
mod finish;
mod fold;
mod issuance;
mod ledger;
mod observe;
mod rows;
mod session;
mod summary;
mod text;

pub use agents::{AgentSession, Agents, AirflowTask};
pub use facts::{CallOutcome, DenialFacts, IssuanceFacts, IssuanceKind, Row, SessionFacts, SessionId, Text};
pub use fold::Caps;
pub use ledger::{Ledger, Scope};
pub use summary::{DataObservation, EventCounts, Observation, RegionObservation, Usage};
