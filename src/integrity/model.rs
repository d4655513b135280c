//! What was found, and what is to be said about it.

use std::fmt;

use super::{Digest, DigestError, FileHours};
use crate::ident::Time;

/// Digest files and log files as they were found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Digest files.
    pub digests: Vec<FoundDigest>,
    /// Log files.
    pub files: Vec<FoundFile>,
}

impl Found {
    /// All of both.
    pub fn extend(&mut self, other: Self) {
        self.digests.extend(other.digests);
        self.files.extend(other.files);
    }
}

/// A digest file as it was found.
#[derive(Clone, Debug)]
pub struct FoundDigest {
    /// Where: a path, or `s3://BUCKET/KEY`.
    pub name: String,
    /// SHA-256 of the inflated content.
    pub hash: [u8; 32],
    /// What it says.
    pub content: Result<Digest, DigestError>,
    /// The object's metadata; `None` when this is a copy that lost them.
    pub metadata: Option<Metadata>,
}

/// What CloudTrail writes into the metadata of a digest's object.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metadata {
    /// `x-amz-meta-signature`, hexadecimal.
    pub signature: Option<String>,
    /// `x-amz-meta-signature-algorithm`.
    pub algorithm: Option<String>,
    /// `x-amz-meta-backfill-generation-timestamp`.
    pub backfill_generated: Option<String>,
}

impl Metadata {
    /// From the user metadata of an object, names with or without `x-amz-meta-`, in any case.
    pub fn from_pairs<'t>(pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut metadata = Self::default();
        for (name, value) in pairs {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("x-amz-meta-").unwrap_or(&name) {
                "signature" => metadata.signature = Some(value.to_owned()),
                "signature-algorithm" => metadata.algorithm = Some(value.to_owned()),
                "backfill-generation-timestamp" => metadata.backfill_generated = Some(value.to_owned()),
                _ => {}
            }
        }
        metadata
    }

    /// From a side file: what `aws s3api head-object` prints, or its `Metadata` alone. `None` when it is neither.
    pub fn from_side_file(text: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(text).ok()?;
        let members = value.get("Metadata").unwrap_or(&value).as_object()?;
        let texts = members.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let metadata = Self::from_pairs(texts);
        (metadata != Self::default()).then_some(metadata)
    }
}

/// A log file as it was found.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Where: a path, or `s3://BUCKET/KEY`.
    pub name: String,
    /// SHA-256 of the inflated content, or what is wrong with the file.
    pub hash: Result<[u8; 32], String>,
}

/// What an entry speaks of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A digest file of a trail's own chain.
    Digest,
    /// A digest file that was made later.
    BackfillDigest,
    /// A log file.
    LogFile,
}

impl Kind {
    /// For a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest file",
            Self::BackfillDigest => "(backfill) digest file",
            Self::LogFile => "log file",
        }
    }
}

/// What was found out about a file. The first group are the statuses of `aws cloudtrail validate-logs`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// As CloudTrail wrote it.
    Valid,
    /// The signature is not one of this content.
    SignatureFailed,
    /// Nobody knows the key it was signed with.
    KeyNotFound {
        /// Where keys of this fingerprint would be listed.
        region: String,
        /// The digest's `digestPublicKeyFingerprint`.
        fingerprint: String,
    },
    /// The key it was signed with cannot be used.
    KeyUnusable {
        /// The digest's `digestPublicKeyFingerprint`.
        fingerprint: String,
    },
    /// The content's hash is another than the digest says.
    HashMismatch,
    /// It is named, and is not there.
    NotFound,
    /// It cannot be read as what it should be.
    InvalidFormat,
    /// A digest that lies elsewhere than it says itself.
    Moved,

    /// A digest whose place in the chain is not what its own or its neighbours' texts say.
    BrokenChain,
    /// A log file in hours that digests speak of, and no digest names it.
    Unnamed,
    /// A digest whose only signature stands in a later digest that is not valid itself.
    Unproven,
    /// A digest whose signature is not here: it stands in the metadata of the object, and no later digest holds it.
    Unsigned,
    /// A digest that could not be checked: no public key was given at all.
    NotChecked,
    /// A further copy of a log file that a digest names.
    Copy,
}

impl Status {
    /// Whether it is a reason to distrust the logs.
    pub fn is_invalid(&self) -> bool {
        !matches!(self, Self::Valid | Self::Unsigned | Self::NotChecked | Self::Copy)
    }

    /// Whether the log files a digest of this status names are worth comparing.
    pub(super) fn names_files(&self) -> bool {
        matches!(self, Self::Valid | Self::Unsigned | Self::NotChecked)
    }

    /// The word in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::SignatureFailed => "signature-failed",
            Self::KeyNotFound { .. } => "key-not-found",
            Self::KeyUnusable { .. } => "key-unusable",
            Self::HashMismatch => "hash-mismatch",
            Self::NotFound => "not-found",
            Self::InvalidFormat => "invalid-format",
            Self::Moved => "moved",
            Self::BrokenChain => "broken-chain",
            Self::Unnamed => "named-by-no-digest",
            Self::Unproven => "unproven",
            Self::Unsigned => "unsigned",
            Self::NotChecked => "not-checked",
            Self::Copy => "copy",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::SignatureFailed => f.write_str("INVALID: signature verification failed"),
            Self::KeyNotFound { region, fingerprint } => write!(
                f,
                "INVALID: public key not found in region {} for fingerprint {}",
                super::shown(region),
                super::shown(fingerprint)
            ),
            Self::KeyUnusable { fingerprint } => {
                write!(
                    f,
                    "INVALID: Unable to load PKCS #1 key with fingerprint {}",
                    super::shown(fingerprint)
                )
            }
            Self::HashMismatch => f.write_str("INVALID: hash value doesn't match"),
            Self::NotFound => f.write_str("INVALID: not found"),
            Self::InvalidFormat => f.write_str("INVALID: invalid format"),
            Self::Moved => f.write_str("INVALID: has been moved from its original location"),
            Self::BrokenChain => f.write_str("INVALID: the chain is broken here"),
            Self::Unnamed => f.write_str("INVALID: named by no digest"),
            Self::Unproven => {
                f.write_str("INVALID: the only signature of it stands in a digest that is not valid")
            }
            Self::Unsigned => f.write_str("not checked: its signature is not here"),
            Self::NotChecked => f.write_str("not checked: no public key was given"),
            Self::Copy => f.write_str("a further copy"),
        }
    }
}

/// One file and what was found out about it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Whose logs it belongs to; empty when nothing tells.
    pub account: String,
    /// Where it was found or should be: a path, or `BUCKET/KEY`.
    pub object: String,
    /// See [`Status`].
    pub status: Status,
    /// More about it, a clause; may be empty.
    pub detail: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.kind.as_str(), super::shown(&self.object), self.status)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

/// A stretch of time for which nothing proves that the logs are whole; half-open.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Hole {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The first moment inside.
    pub from: Time,
    /// The first moment after.
    pub to: Time,
    /// Why, a clause.
    pub why: String,
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, region, from, to, why } = self;
        let (account, region) = (super::shown(account), super::shown(region));
        write!(f, "Account {account}, {region}, {from} to {to}: {why}.")
    }
}

/// The digests of one trail for one account and Region.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Chain {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The trail's name.
    pub trail: String,
    /// Its home Region.
    pub home_region: String,
    /// `o-…` of an organization's trail, else empty.
    pub organization: String,
    /// Of digests that were made later.
    pub is_backfill: bool,
    /// Start of the first digest, as far as it says.
    pub from: Time,
    /// End of the last.
    pub to: Time,
    /// Digest files found in their place.
    pub digests: u64,
    /// Of these, valid.
    pub valid: u64,
    /// Log files they name.
    pub files: u64,
    /// Of these, valid.
    pub files_valid: u64,
}

/// Totals.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Digest files, found or named and missing.
    pub digests: u64,
    /// Of these, valid.
    pub digests_valid: u64,
    /// The same of digests made later.
    pub backfill: u64,
    /// Of these, valid.
    pub backfill_valid: u64,
    /// Log files that digests name.
    pub files: u64,
    /// Of these, valid.
    pub files_valid: u64,
    /// Log files found for which no valid digest vouches.
    pub files_unverified: u64,
}

/// The outcome as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// There is no digest, or none whose signature could be checked.
    #[default]
    NotChecked,
    /// Everything that could be checked is as CloudTrail wrote it.
    Verified,
    /// Something is not, or is missing.
    Failed,
}

/// What a check of digests and log files gives.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verification {
    /// Totals.
    pub counts: Counts,
    /// Sorted.
    pub chains: Vec<Chain>,
    /// Every file of which more is to be said than that it is valid; sorted.
    pub entries: Vec<Entry>,
    /// Sorted; none overlaps another of the same account, Region and reason.
    pub holes: Vec<Hole>,
    /// What limits the check without being a fault, each a sentence; sorted.
    pub notes: Vec<String>,
    /// Log files found for which no valid digest vouches, by account.
    pub unverified_by_account: std::collections::BTreeMap<String, u64>,
    /// The hours a valid digest speaks of: what was delivered in them is known, though it be nothing. Holes are told apart.
    pub proven: FileHours,
}

impl Verification {
    /// See [`Outcome`].
    pub fn outcome(&self) -> Outcome {
        if !self.holes.is_empty() || self.entries.iter().any(|entry| entry.status.is_invalid()) {
            Outcome::Failed
        } else if self.counts.digests_valid + self.counts.backfill_valid > 0 {
            Outcome::Verified
        } else {
            Outcome::NotChecked
        }
    }

    /// The outcome for one account.
    pub fn outcome_of(&self, account: &str) -> Outcome {
        let bad = |entry: &Entry| {
            entry.status.is_invalid() && (entry.account == account || entry.account.is_empty())
        };
        if self.holes.iter().any(|hole| hole.account == account) || self.entries.iter().any(bad) {
            Outcome::Failed
        } else if self.chains.iter().any(|chain| chain.account == account && chain.valid > 0) {
            Outcome::Verified
        } else {
            Outcome::NotChecked
        }
    }

    /// What is wrong, each a sentence, sorted.
    pub fn problems(&self) -> Vec<String> {
        let invalid = self.entries.iter().filter(|entry| entry.status.is_invalid());
        let mut problems: Vec<String> = invalid.map(ToString::to_string).collect();
        problems.extend(self.holes.iter().map(ToString::to_string));
        problems
    }
}
