//! One digest file: what it says, and the text that is signed.

use serde::Deserialize;

use crate::ident::{Time, hex};

/// A digest file.
///
/// See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Digest {
    /// `digestStartTime`; log files delivered from here on.
    pub start: Option<Time>,
    /// `digestEndTime`; to here.
    pub end: Time,
    /// `digestEndTime` as written, which is what is signed.
    pub end_text: String,
    /// `digestS3Bucket`, where CloudTrail put it.
    pub bucket: String,
    /// `digestS3Object`.
    pub object: String,
    /// `digestPublicKeyFingerprint`.
    pub fingerprint: String,
    /// `digestSignatureAlgorithm`.
    pub algorithm: Option<String>,
    /// The digest before; none where a chain starts.
    pub previous: Option<Previous>,
    /// `previousDigestSignature` as written, which is part of what is signed.
    pub previous_signature: Option<String>,
    /// The log files delivered in this time.
    pub files: Vec<NamedFile>,
}

/// What a digest says of the one before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Previous {
    /// `previousDigestS3Bucket`.
    pub bucket: String,
    /// `previousDigestS3Object`.
    pub object: String,
    /// `previousDigestHashValue`, hexadecimal, of the inflated digest.
    pub hash: Option<String>,
}

/// What a digest says of a log file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamedFile {
    /// Where CloudTrail put it.
    #[serde(rename = "s3Bucket")]
    pub bucket: String,
    /// Its key.
    #[serde(rename = "s3Object")]
    pub object: String,
    /// Hexadecimal, of the inflated content.
    #[serde(rename = "hashValue")]
    pub hash: String,
    /// `SHA-256`.
    #[serde(default)]
    pub hash_algorithm: Option<String>,
    /// Time of its first event, as written.
    #[serde(default)]
    pub oldest_event_time: Option<String>,
    /// Time of its last event, as written.
    #[serde(default)]
    pub newest_event_time: Option<String>,
}

/// Why a file is no digest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigestError {
    /// It is not JSON, or members are missing or of another type.
    #[error("not a digest file: {0}")]
    Json(String),
    /// The object cannot be fetched or inflated.
    #[error("{0}")]
    Unreadable(String),
    /// The end is no time.
    #[error("`digestEndTime` is `{0}`, which is no time")]
    End(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    // The AWS CLI wants these to be present; those that may be null are told apart from absent ones.
    digest_public_key_fingerprint: String,
    #[serde(rename = "digestS3Bucket")]
    digest_bucket: String,
    #[serde(rename = "digestS3Object")]
    digest_object: String,
    #[serde(deserialize_with = "present")]
    previous_digest_signature: Option<String>,
    digest_end_time: String,
    #[serde(deserialize_with = "present")]
    digest_start_time: Option<String>,
    #[serde(default)]
    digest_signature_algorithm: Option<String>,
    #[serde(default, rename = "previousDigestS3Bucket")]
    previous_digest_bucket: Option<String>,
    #[serde(default, rename = "previousDigestS3Object")]
    previous_digest_object: Option<String>,
    #[serde(default)]
    previous_digest_hash_value: Option<String>,
    #[serde(default)]
    log_files: Option<Vec<NamedFile>>,
}

/// A member that must be there, be it null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

impl Digest {
    /// Reads the inflated content of a digest file.
    pub fn parse(text: &[u8]) -> Result<Self, DigestError> {
        let raw: Raw = serde_json::from_slice(text).map_err(|error| {
            // The parser's words name members and positions; what stands in the file it quotes only as types.
            DigestError::Json(super::shown(&error.to_string()))
        })?;
        let end =
            raw.digest_end_time.parse().map_err(|_| DigestError::End(super::shown(&raw.digest_end_time)))?;
        let previous = raw.previous_digest_object.map(|object| Previous {
            bucket: raw.previous_digest_bucket.unwrap_or_else(|| raw.digest_bucket.clone()),
            object,
            hash: raw.previous_digest_hash_value,
        });
        Ok(Self {
            start: raw.digest_start_time.and_then(|start| start.parse().ok()),
            end,
            end_text: raw.digest_end_time,
            bucket: raw.digest_bucket,
            object: raw.digest_object,
            fingerprint: raw.digest_public_key_fingerprint,
            algorithm: raw.digest_signature_algorithm,
            previous,
            previous_signature: raw.previous_digest_signature,
            files: raw.log_files.unwrap_or_default(),
        })
    }

    /// The text CloudTrail signed, given the hash of this digest's inflated content.
    pub fn string_to_sign(&self, hash: &[u8; 32]) -> String {
        string_to_sign(&self.end_text, &self.bucket, &self.object, hash, self.previous_signature.as_deref())
    }
}

/// The text CloudTrail signs: end time, place, hash of the inflated digest, and the signature of the digest before (or `null`), a
/// line each, without a line end after the last.
///
/// See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html>
pub fn string_to_sign(
    end: &str,
    bucket: &str,
    object: &str,
    hash: &[u8; 32],
    previous_signature: Option<&str>,
) -> String {
    let previous = previous_signature.unwrap_or("null");
    format!("{end}\n{bucket}/{object}\n{}\n{previous}", hex(hash))
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    // With what the processor has for it: every log file goes through here.
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
