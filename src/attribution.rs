//! Which workload made this call, and how sure are we?
//!
//! [`resolve`] names the workload behind each session, after the merge: the call that issued a session's credentials may lie in any
//! file. [`access`] then sums up what each IAM principal did, and for whom.

mod access;
mod chain;
mod ids;
mod inferred;
mod labels;
mod model;
mod resolve;
mod sessions;
mod tally;
mod trust;

pub use access::{Access, Denied, PrincipalAccess, Use, WorkloadShare};
pub use chain::MOST_ROLES;
pub use labels::{Basis, Label, Labels, MOST_LABELS, MOST_OPENERS, Opener};
pub use model::{Attribution, Grade, Workload, WorkloadKind};
pub use resolve::resolve;
pub use tally::access;
