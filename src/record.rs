//! What CloudTrail writes: one record as a typed view, borrowing from the object it came in.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
//! (event version 1.11; unknown fields are ignored, unknown minor versions accepted).

mod denial;
mod event;
mod identity;
mod json;
mod outcome;
mod raw;

pub use denial::Denial;
pub use event::{Category, Event, RecordError};
pub use identity::{IdentityType, SessionContext, UserIdentity};
pub use json::{Json, JsonError, with_json};
pub use outcome::{Outcome, classify};
pub use raw::{Cutter, RawKey, RawObject, RawRecord, RawSpans, Seeds};
