//! What was read, and what could have been seen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ident::Time;

/// What was read, and what could have been seen.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Coverage {
    /// See [`Objects`].
    pub objects: Objects,
    /// Objects that could not be read, or not to their end; sorted by object.
    pub issues: Vec<Issue>,
    /// Objects left out on purpose, by reason: `digest`, `insight`, `outside-window`, …
    pub skipped: BTreeMap<String, u64>,
    /// See [`Events`].
    pub events: Events,
    /// What the logs show at all, by account.
    pub accounts: Vec<AccountCoverage>,
    /// See [`Integrity`].
    pub integrity: Integrity,
    /// What could not be understood on the granted side (snapshot, manifests), each a sentence with file and position.
    #[serde(default)]
    pub grant_problems: Vec<String>,
    /// Distinct calls AWS made for itself (service events, service-linked roles): no workload's use.
    #[serde(default)]
    pub aws_itself: u64,
    /// Distinct calls with no principal at all, by reason.
    #[serde(default)]
    pub no_principal: BTreeMap<String, u64>,
    /// Requests to sources over the network that had to be repeated; objects that did not come all the same are issues.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u64,
    /// The run was asked to end before everything was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cancelled: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where every object listed went. INVARIANT: `listed = read + skipped + failed`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Objects {
    /// Objects found.
    pub listed: u64,
    /// Objects read, to the end or up to a break that is named as an issue.
    pub read: u64,
    /// Objects left out on purpose.
    pub skipped: u64,
    /// Objects of which nothing could be read, each named as an issue.
    pub failed: u64,
}

impl Objects {
    /// Whether the invariant holds.
    pub fn balances(&self) -> bool {
        self.listed == self.read + self.skipped + self.failed
    }
}

/// An object that could not be read, or not to its end.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Issue {
    /// The object's path or key.
    pub object: String,
    /// `truncated-gzip`, `not-gzip`, `not-json`, `no-records`, `empty`, `too-large`, `fetch-failed`, …
    pub kind: String,
    /// What exactly is wrong.
    pub detail: String,
    /// Events read before the trouble; they count.
    pub events_read: u64,
}

/// Where every event read went. INVARIANT: `read = duplicates + copies + malformed + outside_window + counted`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Events {
    /// Records read.
    pub read: u64,
    /// Further deliveries of an event already seen.
    pub duplicates: u64,
    /// Other accounts' copies of one call (`sharedEventID`).
    pub copies: u64,
    /// Records that lack what an event needs.
    pub malformed: u64,
    /// Events outside the window.
    pub outside_window: u64,
    /// Distinct calls.
    pub counted: u64,
}

impl Events {
    /// Whether the invariant holds.
    pub fn balances(&self) -> bool {
        self.read == self.duplicates + self.copies + self.malformed + self.outside_window + self.counted
    }
}

/// What the logs show of one account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct AccountCoverage {
    /// The account id.
    pub account: String,
    /// Sorted by Region.
    pub regions: Vec<RegionCoverage>,
    /// Whether data events of a service were seen: `s3`, `lambda`, `dynamodb`, …
    pub data_events: BTreeMap<String, bool>,
    /// Kinds of data events seen or recorded, sorted by kind.
    #[serde(default)]
    pub data_event_kinds: Vec<DataEventKind>,
    /// CloudTrail's trails that deliver the account's events, as far as the snapshot tells; sorted.
    #[serde(default)]
    pub trails: Vec<String>,
}

/// What is known of one kind of data event in an account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct DataEventKind {
    /// `resources[].type`, such as `AWS::S3::Object`.
    pub kind: String,
    /// What the trails of the snapshot record of it: `all`, `some` or `none`; `unknown` when the snapshot has none.
    pub recorded: String,
    /// Where and when it was seen, sorted by Region.
    pub regions: Vec<DataEventRegion>,
}

/// One kind of data event in one Region.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct DataEventRegion {
    /// The Region.
    pub region: String,
    /// Start of the first UTC day with such an event.
    #[schemars(with = "String")]
    pub first_day: Time,
    /// Start of the last.
    #[schemars(with = "String")]
    pub last_day: Time,
    /// Number of UTC days with such an event.
    pub days: u64,
    /// An event that reads was seen.
    pub reads: bool,
    /// An event that writes was seen.
    pub writes: bool,
}

/// What the logs show of one Region of an account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RegionCoverage {
    /// The Region.
    pub region: String,
    /// Time of the first event.
    #[schemars(with = "Option<String>")]
    pub first: Option<Time>,
    /// Time of the last event.
    #[schemars(with = "Option<String>")]
    pub last: Option<Time>,
    /// Stretches in which logs are missing, sorted.
    pub gaps: Vec<Gap>,
}

/// A stretch in which logs are missing, half-open.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Gap {
    /// The first moment inside.
    #[schemars(with = "String")]
    pub from: Time,
    /// The first moment after.
    #[schemars(with = "String")]
    pub to: Time,
}

/// Whether the log files are the ones CloudTrail delivered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Integrity {
    /// See [`IntegrityStatus`].
    pub status: IntegrityStatus,
    /// Digest files read.
    pub digests: u64,
    /// Log files whose hash a digest vouches for.
    pub files_verified: u64,
    /// Log files no digest speaks of.
    pub files_unverified: u64,
    /// What is wrong, each a sentence.
    pub problems: Vec<String>,
}

/// The outcome of checking the digest chain.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntegrityStatus {
    /// Every digest and every file checked is as CloudTrail wrote it.
    Verified,
    /// Something is not.
    Failed,
    /// Nothing was checked.
    #[default]
    NotChecked,
}

impl IntegrityStatus {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::NotChecked => "not-checked",
        }
    }
}
