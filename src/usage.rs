//! What was used: the ledger that workers fill and merge, and what follows from it.

mod agents;
mod alike;
mod calls;
mod closed;
mod denial;
mod event_id;
mod facts;
mod finish;
mod fold;
mod issuance;
mod issuances;
mod ledger;
mod log;
mod memo;
mod objects;
mod observe;
mod partial;
mod restore;
mod rows;
mod scratch;
mod session;
mod summary;
mod text;

pub use agents::{AgentSession, Agents, AirflowTask};
pub use calls::{Call, CallKind};
pub use event_id::EventKey;
pub use facts::{
    CallOutcome, DenialFacts, IssuanceFacts, IssuanceKind, Others, SessionFacts, SessionId, Text,
};
pub use finish::{Keep, LedgerError};
pub use fold::{Caps, FoldKind, FoldRow};
pub use issuance::IssuedRow;
pub use ledger::{Again, Ledger, Scope};
pub use memo::KnownCaller;
pub use partial::{AgentRow, Delivery, Partial, Tables};
pub use restore::{Reading, Restorer, Taking};
pub use rows::{Row, RowFacts, Rows};
pub use session::LONGEST_SESSION;
pub use session::is_access_key_id;
pub use summary::{DataObservation, EventCounts, Observation, RegionObservation, SessionGroup, Usage};
