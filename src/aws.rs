//! Everything that talks to AWS; the only module that reads the environment and the clock.
//!
//! ```text
//! Settings ─▶ Aws: one small runtime, one HTTP client, credentials as every AWS tool finds them
//!             ├─ .assume(role of a member account) ─▶ Aws of that account
//!             └─ clients of S3, IAM, STS, …: made here, awaited inside `Aws::run`, so that nobody else is asynchronous
//! ```
//!
//! Calls are retried as the SDKs' standard mode does it, with ten attempts; their adaptive mode stalls bulk reads.

mod ask;
mod athena;
mod caller;
mod calls;
mod client;
mod decode;
mod ecs;
mod eks;
mod error;
mod event_history;
mod iam;
mod json_call;
mod live_keys;
mod organizations;
mod permissions;
pub mod price;
mod regions;
mod s3;
mod sent;
mod shape;
mod snapshot;
mod trails;

pub use ask::Unread;
pub use athena::{TableError, table_locations};
pub use aws_credential_types::Credentials;
pub use calls::{CALLS, Call, Feature, On, Part, Times};
pub use client::{AssumeRole, Aws, Settings};
pub use decode::{LONGEST_ENCODED, decode_message};
pub use error::{AwsError, Trouble};
pub use event_history::{EventHistory, lookup_event};
pub use live_keys::public_keys;
pub use permissions::{Places, has_placeholders, policy};
pub use regions::DEFAULT_REGIONS;
pub use s3::{Bucket, Held, Hold, Only, Shelf};
pub use snapshot::{FolderError, Plan, Snapshot, SnapshotError, take, write_folder};

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ident::Time;

/// The current second.
fn now() -> Time {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}
