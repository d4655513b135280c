//! Would AWS allow this request?
//!
//! Two steps that never mix: [`match_statement`] says which elements of one statement apply, [`decide`] combines all layers in AWS's
//! order. Everything is three-valued: what the request does not tell stays [`Truth::Unknown`] until it no longer matters, and nothing is
//! ever guessed.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod condition;
mod decide;
mod principal;
mod request;
mod statement;
pub mod trust;
mod truth;
mod value;

pub use condition::{conditions_hold, holds};
pub use decide::{Decision, Layer, Layers, StatementRef, Verdict, decide};
pub use principal::{Principal, PrincipalMatch, Reach, reach};
pub use request::{Context, ContextValue, Request, RequestResource};
pub use statement::{
    StatementMatch, action_glob, action_matches, complete_context, match_statement, resource_matches,
    short_arn,
};
pub use truth::Truth;
