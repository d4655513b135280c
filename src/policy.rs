//! The IAM JSON policy language as types.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

mod document;

pub use document::{
    ActionElement, Condition, Effect, Policy, PolicyKind, PrincipalElement, PrincipalPattern,
    ResourceElement, Statement, Version,
};
