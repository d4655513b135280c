//! What one call needed.

use crate::ident::Action;

/// How it is known that an action was needed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Evidence {
    /// The event itself is the use of the action.
    Observed,
    /// CloudTrail never shows the action; another event's parameters prove it (`iam:PassRole`, tags on create, …).
    Inferred,
}

/// What an action was used on.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    /// A whole ARN, or an ARN pattern (`*` in the places the event does not tell, only ever narrower than the type).
    Arn(String),
    /// The action takes no resource: policies must say `*`.
    None,
    /// The event does not tell which resource; the reason is one of a few fixed texts.
    Unknown(&'static str),
    /// The role behind this instance profile (ARN or name), to be resolved through the snapshot.
    InstanceProfile(String),
    /// The role a launch template (id or name) passes; the event does not name it.
    LaunchTemplate(String),
}

/// Why a resource is unknown of which CloudTrail left the parameters out of the event.
pub(super) const CUT: &str = "the event leaves parameters out";

impl Resource {
    /// Whether it is unknown because the event leaves parameters out, so that they may have told more than the resource.
    pub fn is_left_out(&self) -> bool {
        matches!(self, Self::Unknown(why) if *why == CUT)
    }
}

/// One action a call needed, on one or several resources (each authorised on its own).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Need {
    /// The action, spelled as in the catalog where the catalog knows it.
    pub action: Action,
    /// Never empty.
    pub resources: Vec<Resource>,
    /// See [`Evidence`].
    pub evidence: Evidence,
    /// Condition keys whose value the event shows for this need, such as `iam:PassedToService`; sorted by key. Of a write of a trial's policy
    /// also what it says, under a key of [`TRIAL_KEY`](super::TRIAL_KEY).
    pub context: Vec<(String, String)>,
}

/// What the catalog makes of an event.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// `Needs::needs` holds at least one action.
    Mapped,
    /// The event needs no IAM permission, or is no API call (sign-in, service event, …).
    NoPermission,
    /// An API call whose action the catalog does not know: used, action unknown.
    Unknown,
}

/// What one event needed, the primary action first.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Needs {
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// Empty unless mapped.
    pub needs: Vec<Need>,
    /// Which rule decided: `same-name`, `exception`, `version-suffix`, `no-permission`, …
    pub rule: &'static str,
}
