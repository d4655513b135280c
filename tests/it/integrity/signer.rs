//! What CloudTrail does, with a key of the test's own: log files, digest files, signatures.

use std::process::Command;
use std::sync::OnceLock;

use leastwise::ident::Time;
use leastwise::integrity::{Digest, Found, FoundDigest, FoundFile, Metadata, PublicKeys, sha256};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

/// The account of all tests here.
pub(crate) const ACCOUNT: &str = "111122223333";
/// Their Region.
pub(crate) const REGION: &str = "eu-west-1";
/// Where everything lies.
pub(crate) const BUCKET: &str = "trail-bucket";

/// A key pair that lives as long as the test process.
pub(crate) fn key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(new_key)
}

/// `openssl` makes it.
fn new_key() -> RsaKeyPair {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"])
        .output()
        .expect("the tests need `openssl`");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Versions of `openssl` differ in which of the two forms they write.
    RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout)).unwrap()
}

/// What `aws cloudtrail list-public-keys` would print of [`key`].
pub(crate) fn key_list() -> String {
    list_of(key())
}

/// The same of a key that signed nothing.
pub(crate) fn another_key_list() -> String {
    list_of(&new_key())
}

fn list_of(key: &RsaKeyPair) -> String {
    let der = key.public().as_ref();
    json!({"PublicKeyList": [{
        "Value": aws_smithy_types::base64::encode(der),
        "ValidityStartTime": 1_700_000_000.0,
        "ValidityEndTime": "2030-01-01T00:00:00Z",
        "Fingerprint": fingerprint(der),
    }]})
    .to_string()
}

pub(crate) fn keys() -> PublicKeys {
    let mut keys = PublicKeys::default();
    keys.add_json(&key_list()).unwrap();
    keys
}

pub(crate) fn fingerprint(der: &[u8]) -> String {
    hex(&<md5::Md5 as md5::Digest>::digest(der))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(text: &str) -> String {
    let mut signature = vec![0; key().public().modulus_len()];
    key().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    hex(&signature)
}

/// An object with what S3 keeps beside it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) text: Vec<u8>,
    /// `x-amz-meta-signature`, of digests.
    pub(crate) signature: Option<String>,
}

impl Object {
    pub(crate) fn is_digest(&self) -> bool {
        self.key.contains("/CloudTrail-Digest/")
    }
}

/// A bucket into which one trail delivers, hour by hour.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) objects: Vec<Object>,
    trail: &'static str,
    region: &'static str,
    /// Key, hash and signature of the newest digest.
    last: Option<(String, String, String)>,
    /// End of the newest digest.
    pub(crate) now: Time,
}

impl Bucket {
    /// Of a trail that was switched on at this moment.
    pub(crate) fn new(trail: &'static str, from: &str) -> Self {
        let now = from.parse().unwrap();
        Self { objects: Vec::new(), trail, region: REGION, last: None, now }
    }

    /// The same trail in another Region.
    pub(crate) fn elsewhere(trail: &'static str, region: &'static str, from: &str) -> Self {
        Self { region, ..Self::new(trail, from) }
    }

    /// One hour in which log files with these contents are delivered; gives their keys.
    pub(crate) fn hour(&mut self, contents: &[&str]) -> Vec<String> {
        self.hour_with(contents, "")
    }

    /// Hours in which nothing happens.
    pub(crate) fn quiet(&mut self, hours: usize) {
        for _ in 0..hours {
            self.hour(&[]);
        }
    }

    /// Validation is off for so long; then a chain of its own starts.
    pub(crate) fn off(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        self.last = None;
    }

    /// As [`Self::hour`], with something before `.json.gz` in the digest's name.
    pub(crate) fn hour_with(&mut self, contents: &[&str], suffix: &str) -> Vec<String> {
        let (start, end) = (self.now, self.now.plus_seconds(3_600));
        let mut files = Vec::new();
        let mut keys = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let minute = start.plus_seconds(300 + 60 * i64::try_from(number).unwrap());
            let key = log_key(self.region, minute, &format!("{}{number:04}{}", self.trail, content.len()));
            files.push(json!({
                "s3Bucket": BUCKET, "s3Object": key, "hashValue": hex(&sha256(content.as_bytes())),
                "hashAlgorithm": "SHA-256", "newestEventTime": null, "oldestEventTime": null,
            }));
            keys.push(key.clone());
            self.objects.push(Object { key, text: content.as_bytes().to_vec(), signature: None });
        }
        let (stamp, folder) = (compact(end), day(end));
        let Self { region, trail, .. } = self;
        let key = format!(
            "AWSLogs/{ACCOUNT}/CloudTrail-Digest/{region}/{folder}/{ACCOUNT}_CloudTrail-Digest_{region}_{trail}_{REGION}_{stamp}{suffix}.json.gz"
        );
        let last = self.last.as_ref();
        let text = json!({
            "awsAccountId": ACCOUNT, "digestStartTime": start, "digestEndTime": end,
            "digestS3Bucket": BUCKET, "digestS3Object": key,
            "digestPublicKeyFingerprint": fingerprint(key_der()), "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": null, "oldestEventTime": null,
            "previousDigestS3Bucket": last.map(|_| BUCKET), "previousDigestS3Object": last.map(|last| &last.0),
            "previousDigestHashValue": last.map(|last| &last.1),
            "previousDigestHashAlgorithm": last.map(|_| "SHA-256"),
            "previousDigestSignature": last.map(|last| &last.2), "logFiles": files,
        })
        .to_string();
        let signature = signature(text.as_bytes());
        self.last = Some((key.clone(), hex(&sha256(text.as_bytes())), signature.clone()));
        self.objects.push(Object { key, text: text.into_bytes(), signature: Some(signature) });
        self.now = end;
        keys
    }

    /// The keys of the digests, oldest first.
    pub(crate) fn digests(&self) -> Vec<String> {
        self.objects.iter().filter(|object| object.is_digest()).map(|object| object.key.clone()).collect()
    }

    pub(crate) fn object(&mut self, key: &str) -> &mut Object {
        self.objects.iter_mut().find(|object| object.key == key).unwrap()
    }

    pub(crate) fn remove(&mut self, key: &str) -> Object {
        let at = self.objects.iter().position(|object| object.key == key).unwrap();
        self.objects.remove(at)
    }

    /// Changes members of a digest, and signs it anew when asked to.
    pub(crate) fn edit(&mut self, key: &str, change: impl FnOnce(&mut Value), resign: bool) {
        let object = self.object(key);
        let mut value: Value = serde_json::from_slice(&object.text).unwrap();
        change(&mut value);
        object.text = value.to_string().into_bytes();
        if resign {
            object.signature = Some(signature(&object.text));
        }
    }

    /// As read from S3, metadata included.
    pub(crate) fn in_place(&self) -> Found {
        self.found(|key| format!("s3://{BUCKET}/{key}"), true)
    }

    /// As a copy in a folder: metadata are lost.
    pub(crate) fn copied(&self) -> Found {
        self.found(|key| format!("copy/{key}"), false)
    }

    fn found(&self, name: impl Fn(&str) -> String, has_metadata: bool) -> Found {
        let mut found = Found::default();
        for object in &self.objects {
            let (name, hash) = (name(&object.key), sha256(&object.text));
            if !object.is_digest() {
                found.files.push(FoundFile { name, hash: Ok(hash) });
                continue;
            }
            let metadata = Metadata {
                signature: object.signature.clone(),
                algorithm: Some("SHA256withRSA".to_owned()),
                backfill_generated: object
                    .key
                    .contains("_backfill")
                    .then(|| "2024-06-02T00:00:00.000Z".to_owned()),
            };
            let content = Digest::parse(&object.text);
            found.digests.push(FoundDigest {
                name,
                hash,
                content,
                metadata: has_metadata.then_some(metadata),
            });
        }
        found
    }
}

fn key_der() -> &'static [u8] {
    key().public().as_ref()
}

/// The signature of a digest's content.
fn signature(text: &[u8]) -> String {
    sign(&Digest::parse(text).unwrap().string_to_sign(&sha256(text)))
}

/// The key of a log file delivered in this minute.
pub(crate) fn log_key(region: &str, minute: Time, unique: &str) -> String {
    let (stamp, folder) = (compact(minute), day(minute));
    let stamp = format!("{}Z", &stamp[..13]);
    format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/{region}/{folder}/{ACCOUNT}_CloudTrail_{region}_{stamp}_{unique}.json.gz"
    )
}

/// `20240601T010000Z`
fn compact(time: Time) -> String {
    time.to_string().replace(['-', ':'], "")
}

/// `2024/06/01`
fn day(time: Time) -> String {
    time.to_string()[..10].replace('-', "/")
}
