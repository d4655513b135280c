//! The IAM JSON policy language as types.
//!
//! [`parse`] reads what AWS stores, which is more than what AWS accepts today; [`refusals`] says why AWS would not save a
//! document; [`render`] writes the canonical form back and [`size`] measures it as the quotas do.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

mod document;
mod error;
mod json;
mod literal;
mod operator;
mod parse;
mod refusal;
mod render;
mod variable;

pub use document::{
    ActionElement, Condition, Effect, Policy, PolicyKind, PrincipalElement, PrincipalPattern,
    ResourceElement, Statement, Version,
};
pub use error::PolicyError;
pub(crate) use literal::{AddressRange, address_range, instant};
pub use operator::{Comparison, Operator, Order, SetQualifier, boolean};
pub use parse::{parse, parse_value};
pub use refusal::refusals;
pub use render::{render, size};
pub use variable::{Template, TemplatePiece, Variable};
