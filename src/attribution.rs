//! Which workload made this call, and how sure are we?

mod access;
mod model;

pub use access::{Access, Denied, PrincipalAccess, Use, WorkloadShare};
pub use model::{Attribution, Grade, Workload, WorkloadKind};
