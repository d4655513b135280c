//! Signatures in minisign's format: Ed25519 over the hash of the list of hashes.
//!
//! <https://jedisct1.github.io/minisign/>

use std::io::Cursor;

use minisign::{PublicKeyBox, SecretKeyBox, SignatureBox};

use super::EvidenceError;

/// A key that signs; never shown.
pub struct SecretKey(minisign::SecretKey);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// The text of a secret key file, and its password unless it was made without one.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, EvidenceError> {
        let key = || SecretKeyBox::from_string(text).map_err(|error| wrong("secret key", &error));
        let parsed = match password {
            Some(password) => key()?.into_secret_key(Some(password.to_owned())),
            None => key()?.into_unencrypted_secret_key(),
        };
        parsed.map(Self).map_err(|error| wrong("secret key", &error))
    }

    /// The text of a signature file. The same key and data give the same signature.
    pub(super) fn sign(&self, data: &[u8]) -> Result<String, EvidenceError> {
        // The default comment holds the moment of signing.
        let comment = "file:SHA256SUMS hashed";
        minisign::sign(
            None,
            &self.0,
            Cursor::new(data),
            Some(comment),
            Some("signature of a leastwise evidence bundle"),
        )
        .map(|signature| signature.into_string())
        .map_err(|error| wrong("signature", &error))
    }
}

/// A key that checks.
#[derive(Debug)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// The text of a public key file, or the key alone in base64.
    pub fn parse(text: &str) -> Result<Self, EvidenceError> {
        let text = text.trim();
        let key = if text.contains('\n') {
            PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key)
        } else {
            minisign::PublicKey::from_base64(text)
        };
        key.map(Self).map_err(|error| wrong("public key", &error))
    }

    /// Whether a signature is this key's, over this data; the reason when it is not.
    pub(super) fn check(&self, signature: &str, data: &[u8]) -> Result<(), String> {
        let signature = SignatureBox::from_string(signature).map_err(|error| error.to_string())?;
        minisign::verify(&self.0, &signature, Cursor::new(data), true, false, false)
            .map_err(|error| error.to_string())
    }
}

fn wrong(what: &str, error: &minisign::PError) -> EvidenceError {
    EvidenceError::Key(format!("the {what} cannot be used: {error}"))
}
