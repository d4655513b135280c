//! Whether the log files are the ones CloudTrail delivered, all of them and nothing else.
//!
//! CloudTrail writes a digest file an hour for each trail, account and Region: the hash of every log file it delivered, the hash and
//! the signature of the digest before, all signed with a key of the Region. [`verify`] walks these chains as
//! `aws cloudtrail validate-logs` does and gives the same statuses. On top of that it tells what that command does not look at:
//!
//! - `previousDigestHashValue`, and whether a digest's place in the chain agrees with its times;
//! - hours no digest speaks of, log files no digest names, and copies that lie in other places;
//! - copies that lost the signature of the newest digest, which stands in the object's metadata only: the next digest holds the
//!   signature of the one before, so all but the newest can be checked without metadata.
//!
//! What nobody can tell from the files alone: that the newest digests were removed together with the log files they name. Whoever asks
//! for a window is told where the chain ends.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html> and
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html>

mod chain;
mod digest;
mod files;
mod model;
mod name;
mod public_key;
mod verify;

pub use digest::{Digest, DigestError, NamedFile, Previous, sha256, string_to_sign};
pub use model::{
    Chain, Counts, Entry, Found, FoundDigest, FoundFile, Hole, Kind, Metadata, Outcome, Status, Verification,
};
pub use name::{DigestName, FileHours, FileName};
pub use public_key::{KeyError, PublicKeys, Verdict};
pub use verify::{Asked, verify};

/// Text of others as messages show it: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 300;
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(MOST).map(clean).collect();
    if short.len() < text.len() && text.chars().count() > MOST {
        short.push('…');
    }
    short
}
