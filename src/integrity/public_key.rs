//! CloudTrail's public keys, and what they say of a signature.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html>

use std::collections::BTreeMap;

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;

use crate::ident::{hex, unhex};

/// Keys by fingerprint, as `aws cloudtrail list-public-keys` prints them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PublicKeys {
    by_fingerprint: BTreeMap<String, Key>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Key {
    /// In DER, as AWS gave it.
    Usable(Vec<u8>),
    /// No RSA key of at least 2048 bits, or not the one its fingerprint names.
    Unusable,
}

/// What a key says of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The text was signed with the key's private half.
    Valid,
    /// It was not.
    Invalid,
    /// No key of this fingerprint is known.
    NoKey,
    /// The key cannot be used.
    UnusableKey,
}

/// Why a text holds no keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// It is not of the shape `aws cloudtrail list-public-keys` prints.
    #[error("not what `aws cloudtrail list-public-keys` prints: {0}")]
    Json(String),
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "PublicKeyList")]
    keys: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    value: String,
    fingerprint: String,
}

impl PublicKeys {
    /// No keys.
    pub fn is_empty(&self) -> bool {
        self.by_fingerprint.is_empty()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.by_fingerprint.len()
    }

    /// Adds the keys of a text of JSON values, each as `aws cloudtrail list-public-keys` prints it: keys are per Region, and a file may
    /// hold the answers of several.
    pub fn add_json(&mut self, text: &str) -> Result<(), KeyError> {
        let mut n_lists = 0;
        for list in serde_json::Deserializer::from_str(text).into_iter::<List>() {
            let list = list.map_err(|error| KeyError::Json(super::shown(&error.to_string())))?;
            n_lists += 1;
            for key in list.keys {
                self.add(&key.fingerprint, aws_smithy_types::base64::decode(key.value.trim()).ok());
            }
        }
        if n_lists == 0 {
            return Err(KeyError::Json("it is empty".to_owned()));
        }
        Ok(())
    }

    /// Adds one key: DER, `None` when it could not be decoded.
    pub fn add(&mut self, fingerprint: &str, der: Option<Vec<u8>>) {
        let key = der.and_then(|der| {
            // The fingerprint is the MD5 of the key's DER. A key under another's name is not that key.
            let is_named = hex(&<md5::Md5 as md5::Digest>::digest(&der)).eq_ignore_ascii_case(fingerprint);
            (is_named && rsa_public_key(&der).is_some()).then_some(der)
        });
        let key = key.map_or(Key::Unusable, Key::Usable);
        let slot = self.by_fingerprint.entry(fingerprint.to_ascii_lowercase()).or_insert(Key::Unusable);
        if *slot == Key::Unusable {
            *slot = key;
        }
    }

    /// All keys of both.
    pub fn merge(&mut self, other: Self) {
        for (fingerprint, key) in other.by_fingerprint {
            let slot = self.by_fingerprint.entry(fingerprint).or_insert(Key::Unusable);
            if *slot == Key::Unusable {
                *slot = key;
            }
        }
    }

    /// Whether a usable key of this fingerprint is here.
    pub fn has(&self, fingerprint: &str) -> bool {
        matches!(self.by_fingerprint.get(&fingerprint.to_ascii_lowercase()), Some(Key::Usable(_)))
    }

    /// Every usable key in DER, by fingerprint: what [`Self::add`] takes.
    pub fn usable(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.by_fingerprint.iter().filter_map(|(fingerprint, key)| match key {
            Key::Usable(der) => Some((fingerprint.as_str(), der.as_slice())),
            Key::Unusable => None,
        })
    }

    /// Whether `signature` (hexadecimal) is one of `text`: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn verify(&self, fingerprint: &str, text: &str, signature: &str) -> Verdict {
        match self.by_fingerprint.get(&fingerprint.to_ascii_lowercase()) {
            None => Verdict::NoKey,
            Some(Key::Unusable) => Verdict::UnusableKey,
            Some(Key::Usable(key)) => {
                let key = UnparsedPublicKey::new(
                    &RSA_PKCS1_2048_8192_SHA256,
                    rsa_public_key(key).unwrap_or_default(),
                );
                let valid =
                    unhex(signature).is_some_and(|signature| key.verify(text.as_bytes(), &signature).is_ok());
                if valid { Verdict::Valid } else { Verdict::Invalid }
            }
        }
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The PKCS #1 key of at least 2048 bits in a DER text that is one, or that is an X.509 `SubjectPublicKeyInfo` around one. AWS documents
/// the former, and one of the keys in its documentation is the latter.
fn rsa_public_key(der: &[u8]) -> Option<&[u8]> {
    let (inner, rest) = element(der, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    if let Some((modulus, rest)) = element(inner, INTEGER) {
        let (_, rest) = element(rest, INTEGER)?;
        let digits = modulus.iter().skip_while(|byte| **byte == 0).count();
        return (rest.is_empty() && digits >= 256).then_some(der);
    }
    let (_, rest) = element(inner, SEQUENCE)?;
    let (bits, rest) = element(rest, BIT_STRING)?;
    let (unused, key) = bits.split_first()?;
    // A wrapper inside a wrapper is none of AWS's.
    let is_bare = element(key, SEQUENCE).is_some_and(|(inner, _)| inner.first() == Some(&INTEGER));
    if *unused != 0 || !rest.is_empty() || !is_bare { None } else { rsa_public_key(key) }
}

/// The content of a DER element with this tag at the start of `der`, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
