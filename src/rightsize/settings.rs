//! How to right-size.

use crate::ident::Time;

/// How far the resources of a proposal are generalised.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ResourceLevel {
    /// The ARNs seen.
    Exact,
    /// Common stable prefixes of the ARNs seen.
    #[default]
    Prefix,
    /// Every resource of the type, in the account and Region seen.
    Type,
}

/// What a proposal does with granted actions the logs could not have shown.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Unobservable {
    /// They stay as they were granted.
    #[default]
    Keep,
    /// They go.
    Drop,
}

/// How a proposal writes the names of actions.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ActionNames {
    /// In the fewest characters that name the same actions of the catalog and nothing that was not granted: `s3:GetOb*`.
    #[default]
    Shortest,
    /// A name is whole where it stands alone, and a wildcard stands for several: `s3:GetObject`, `sqs:*`.
    Whole,
}

/// IAM's quotas, in characters without white space.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Quotas {
    /// One managed policy.
    pub managed: usize,
    /// All inline policies of a role together.
    pub inline_total: usize,
    /// Managed policies attached to one role.
    pub managed_policies: usize,
    /// A trust policy.
    pub trust: usize,
}

impl Default for Quotas {
    /// What every account has without asking for more.
    fn default() -> Self {
        Self { managed: 6_144, inline_total: 10_240, managed_policies: 10, trust: 2_048 }
    }
}

/// How to right-size.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Settings {
    /// Start of the window asked for, inclusive; none is the first event.
    pub since: Option<Time>,
    /// End of the window asked for, exclusive; none is the last event.
    pub until: Option<Time>,
    /// Seconds a window must have for absence to prove anything; 0 asks for nothing.
    pub min_window: i64,
    /// See [`ResourceLevel`].
    pub resources: ResourceLevel,
    /// See [`Unobservable`].
    pub unobservable: Unobservable,
    /// See [`ActionNames`].
    pub action_names: ActionNames,
    /// How many granted actions that nothing calls for may stay in all policies of a proposal, where lists of names alone do not fit IAM's
    /// quotas: characters are not bought with privilege unless that is asked for.
    pub max_excess: usize,
    /// See [`Quotas`].
    pub quotas: Quotas,
    /// Steps the proposal for one role may take: patterns compared, pairs of actions and resources kept. Past them there is none.
    pub steps: u64,
    /// Seconds that a trial is watched before what it tried is removed.
    pub watch: i64,
}

impl Default for Settings {
    /// Two weeks of watching: most of what runs by the calendar runs once in that time.
    fn default() -> Self {
        Self {
            since: None,
            until: None,
            min_window: 0,
            resources: ResourceLevel::default(),
            unobservable: Unobservable::default(),
            action_names: ActionNames::default(),
            max_excess: 0,
            quotas: Quotas::default(),
            // A hundred times what any role of the largest snapshots takes; at worst some seconds, and some hundred megabytes.
            steps: 20_000_000,
            watch: 14 * 86_400,
        }
    }
}
