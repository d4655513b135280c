//! Granted against used, and the smaller policy that follows.
//!
//! [`Coverage`] says what the logs could have shown; a comparison gives each granted action one verdict; a proposal is the
//! role's own statements, clipped to what was used and to what cannot be judged, and proven on the way out.

mod action_set;
mod coverage;
mod model;
mod settings;

pub use action_set::ActionSet;
pub use coverage::{AccountCoverage, Blind, Coverage, Losses};
pub use model::{
    ActionVerdict, Attach, Comparison, Generalised, GrantedBy, Privilege, Proof, Proposal, ProposalVerdict,
    ProposedPolicy, Proven, Replay, SplitRole, TrustProposal, UsedAction, Witness,
};
pub use settings::{Quotas, ResourceLevel, Settings, Unobservable};
