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
    /// See [`CoveredHours`].
    #[serde(default)]
    pub hours: CoveredHours,
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
    /// The run was asked to end before everything was read and worked out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cancelled: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How much of the window the logs can be relied on.
///
/// An hour of an account is covered unless it lies in a stretch of more than 24 hours without any event in the account's most active
/// Region, is left open by digest files, or may be the one of an object that could not be read; an account without any log has no
/// covered hour.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct CoveredHours {
    /// Hours of the window times accounts: those of the snapshot, of the logs, and those expected by the settings.
    pub all: u64,
    /// Of these, covered.
    pub covered: u64,
    /// `covered` of `all`, in per cent, rounded down to one decimal.
    pub percent: f64,
    /// The percentage asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<f64>,
    /// Accounts with hours that are not covered, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<AccountHours>,
}

/// The hours of one account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct AccountHours {
    /// The account id.
    pub account: String,
    /// Hours of the window.
    pub all: u64,
    /// Of these, covered.
    pub covered: u64,
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
    /// How far digest files vouch for the account's log files; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<LogEvidence>,
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
    /// Hours (UTC) with at least one event.
    #[serde(default)]
    pub hours_with_events: u64,
    /// Hours (UTC) of the window in which a log file was delivered, as names tell; none when no name does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_with_files: Option<u64>,
    /// The other hours of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_without_files: Option<u64>,
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
    /// Digest files, those included that are named and missing.
    pub digests: u64,
    /// Log files for whose content a valid digest vouches.
    pub files_verified: u64,
    /// Log files read for which no valid digest vouches.
    pub files_unverified: u64,
    /// What is wrong, each a sentence; at most 1,000, and then how many more.
    pub problems: Vec<String>,
    /// What limits the check without being a fault, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files of which more is to be said than that they are valid, sorted; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<CheckedFile>,
    /// Stretches of time for which nothing proves that the logs are whole, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
    /// The chains of digest files, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<DigestChain>,
}

/// A digest file or log file that is not simply valid.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct CheckedFile {
    /// `digest file`, `(backfill) digest file` or `log file`.
    pub kind: String,
    /// Where it is or should be.
    pub object: String,
    /// `signature-failed`, `key-not-found`, `key-unusable`, `hash-mismatch`, `not-found`, `invalid-format`, `moved`, `broken-chain`,
    /// `named-by-no-digest`, `unproven`; without being a fault `unsigned`, `copy`.
    pub status: String,
    /// The status as the AWS CLI words it, where it has one.
    pub message: String,
    /// More about it; may be empty.
    pub detail: String,
}

/// A stretch of time for which nothing proves that the logs are whole, half-open.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Hole {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The first moment inside.
    #[schemars(with = "String")]
    pub from: Time,
    /// The first moment after.
    #[schemars(with = "String")]
    pub to: Time,
    /// Why, a clause.
    pub why: String,
}

/// The digest files of one trail for one account and Region.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct DigestChain {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The trail's name.
    pub trail: String,
    /// The trail's home Region.
    pub home_region: String,
    /// Made later, for hours whose digest could not be delivered.
    pub backfill: bool,
    /// Start of the first digest.
    #[schemars(with = "String")]
    pub from: Time,
    /// End of the last.
    #[schemars(with = "String")]
    pub to: Time,
    /// Digest files found in their place.
    pub digests: u64,
    /// Of these, valid.
    pub digests_valid: u64,
    /// Log files they name.
    pub files: u64,
    /// Of these, valid.
    pub files_valid: u64,
}

/// What stands behind the log files of an account.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEvidence {
    /// Valid digests name every log file that was read, and nothing is missing.
    Verified,
    /// Nothing is wrong, and of some log files no valid digest speaks.
    PartlyVerified,
    /// Something is missing or was changed.
    Failed,
    /// No signature could be checked.
    NotChecked,
}

impl LogEvidence {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::PartlyVerified => "partly-verified",
            Self::Failed => "failed",
            Self::NotChecked => "not-checked",
        }
    }
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
