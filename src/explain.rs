//! Why was a call refused, or why would a role assumption be, and which text would change that?
//!
//! Two witnesses are heard. The log's own sentence ([`crate::record::Denial`]) names one layer, even when several refuse. The snapshot is
//! evaluated as far as it reaches: a principal's identity policies and boundary, the session policies its session was opened with, a role's trust policy. Where the log is silent the
//! snapshot decides; where they differ, the explanation says so, because policies may have changed since the call.
//!
//! [`Refusal`] takes a refused call out of its record ([`Decoded`] is what an encoded message says when AWS has decoded it), [`explain`] explains it; [`assumption`] asks whether somebody could assume a
//! role, without any log. Every change offered is a proposal: nobody but the owner knows whether the refusal was meant.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

mod assume;
mod call;
mod decoded;
mod gap;
mod model;
mod nearest;
mod own;
mod provider;
mod refusal;
mod session;
mod suggest;
mod trust;

pub use assume::{Assumption, assumption};
pub use call::explain;
pub use decoded::{Decoded, DecodedError, encoded_message};
pub use model::{
    Agreement, Condition, EventShown, Explanation, Mismatch, Nearest, Place, Suggestion, Verdict, Witness,
};
pub use refusal::{Refusal, Refusals};
