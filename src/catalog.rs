//! What AWS publishes about IAM actions, and the step from an event to the actions and resources it needed.

mod need;

pub use need::{Evidence, Need, Needs, Resource, Verdict};
