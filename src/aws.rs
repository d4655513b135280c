//! Everything that talks to AWS; the only module that reads the environment and the clock.
//!
//! ```text
//! Settings ─▶ Aws: one small runtime, one HTTP client, credentials as every AWS tool finds them
//!             ├─ .assume(role of a member account) ─▶ Aws of that account
//!             └─ clients of S3, IAM, STS, …: made here, awaited inside `Aws::run`, so that nobody else is asynchronous
//! ```
//!
//! Calls are retried as the SDKs' standard mode does it, with ten attempts; their adaptive mode stalls bulk reads.

mod client;
mod error;
mod event_history;
pub mod price;
mod s3;
mod sent;

pub use aws_credential_types::Credentials;
pub use client::{AssumeRole, Aws, Settings};
pub use error::{AwsError, Trouble};
pub use event_history::EventHistory;
pub use s3::Bucket;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ident::Time;

/// The current second.
fn now() -> Time {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}
