//! The names everything shares: ARNs, IAM actions, points in time, wildcards.
//!
//! Each is parsed once and printed back byte for byte. Nothing here knows CloudTrail or policies.

mod account;
mod action;
mod arn;
mod fixed;
pub mod glob;
mod hex;
mod name;
mod nearest;
mod time;
mod uuid;

pub use account::is_account_id;
pub use action::{Action, InvalidAction};
pub use arn::{Arn, role_arn_from_session};
pub use fixed::fixed;
pub use hex::{hex, unhex};
pub use name::is_name_char;
pub use nearest::nearest;
pub use time::{InvalidTime, Time, TimeRange, spanning};
pub use uuid::{NAMESPACE_OID, NAMESPACE_URL, uuid_v5};

/// The service that opens the sessions of pods with an EKS Pod Identity association.
pub const POD_IDENTITY: &str = "pods.eks.amazonaws.com";
