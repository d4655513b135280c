//! Granted against used, and the smaller policy that follows.
//!
//! [`Coverage`] says what the logs could have shown; a comparison gives each granted action one verdict; a proposal is the
//! role's own statements, clipped to what was used and to what cannot be judged, and proven on the way out.

mod action_set;
mod assemble;
mod changes;
mod compare;
mod compress;
mod coverage;
mod draft;
mod effective;
mod effort;
mod escalation;
mod generalise;
mod grant;
mod held_out;
mod life_cycle;
mod limit;
mod measure;
mod model;
mod named;
mod open_paths;
mod openers;
mod pack;
mod pattern;
mod propose;
mod recorded;
mod role;
mod sensitive;
mod settings;
mod split;
mod split_names;
mod suggest;
mod trial;
mod trust;
mod variables;
mod witness;

pub use action_set::ActionSet;
pub use changes::{Recordable, RecordingChange, TrailChanges};
pub use coverage::{
    AccountCoverage, Blind, Coverage, Hours, KindCoverage, Losses, SeenOfAccount, SeenResources,
};
pub use escalation::{ESCALATION_PATHS, EscalationPath, escalation_path};
pub use limit::{Limit, Source, limits_of_account, resource_limits, unknown_accounts};
pub use model::{
    ActionVerdict, Attach, BlockedBy, Comparison, EffectiveStatement, Generalised, GrantedBy, HeldOut,
    HeldOutLevel, LimitedBy, Power, Privilege, ProofCoverage, Proposal, ProposalVerdict, ProposedPolicy,
    Replay, SplitRole, StatementAt, TrustProposal, UsedAction,
};
pub use open_paths::Passable;
pub use recorded::{Part, Recorded, Recording};
pub use role::{Expected, RightSized, RightSizer, Subject, expected_by_role, issuances_by_role};
pub use sensitive::Sensitive;
pub use settings::{ActionNames, Quotas, ResourceLevel, Settings, Unobservable};
pub use split_names::{SplitNames, SplitNamesError};
pub use trial::{Running, Stage, TRIAL_NAME, Trial, TrialDenial, TrialKind, TrialSeen, TrialVerdict, trials};
