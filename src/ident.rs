//! The names everything shares: ARNs, IAM actions, points in time, wildcards.
//!
//! Each is parsed once and printed back byte for byte. Nothing here knows CloudTrail or policies.

mod action;
mod arn;
pub mod glob;
mod time;

pub use action::{Action, InvalidAction};
pub use arn::{Arn, role_arn_from_session};
pub use time::{InvalidTime, Time, TimeRange};
