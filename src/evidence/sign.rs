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
        if let Some(password) = password {
            let key = key()?.into_secret_key(Some(password.to_owned()));
            return key.map(Self).map_err(|error| wrong("secret key", &error));
        }
        // `minisign -G -W` leaves the checksum of a key without a password empty, which the library's own reader refuses.
        let bytes = text.lines().nth(1).and_then(base64).unwrap_or_default();
        match minisign::SecretKey::from_bytes(&bytes) {
            Ok(key) if !key.is_encrypted() => Ok(Self(key)),
            Ok(_) => Err(EvidenceError::Key("the secret key cannot be used: it has a password".to_owned())),
            Err(error) => Err(wrong("secret key", &error)),
        }
    }

    /// The text of a signature file. Signatures of the same data differ: each has fresh randomness in it.
    pub(super) fn sign(&self, data: &[u8]) -> Result<String, EvidenceError> {
        // The default comment holds the moment of signing.
        let comment = "file:SHA256SUMS hashed";
        minisign::sign(None, &self.0, Cursor::new(data), Some(comment), Some(COMMENTS[0]))
            .map(|signature| signature.into_string())
            .map_err(|error| wrong("signature", &error))
    }
}

/// Comments of signature files that nobody signs: this program's own, and those of tools that sign a bundle elsewhere.
const COMMENTS: [&str; 3] = [
    "signature of a leastwise evidence bundle",
    "signature from minisign secret key",
    "signature from rsign secret key",
];

/// Why a signature file is not as it was written, as far as no signature tells: its first line, and what is around the others.
pub(super) fn altered(signature: &str) -> Option<&'static str> {
    let mut lines = signature.lines();
    let comment = lines.next().and_then(|line| line.strip_prefix("untrusted comment: "));
    if !comment.is_some_and(|comment| COMMENTS.contains(&comment)) {
        return Some("its first line, which nobody signs, is none that a tool writes");
    }
    let is_plain = signature.ends_with('\n') && lines.count() == 3 && !signature.contains('\r');
    (!is_plain).then_some("it has not the four lines of a signature file")
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

/// Bytes of base64 with padding (RFC 4648, section 4); `None` for anything else.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in text.trim().as_bytes().chunks(4) {
        let n_padding = four.iter().rev().take_while(|byte| **byte == b'=').count();
        let mut word = 0_u32;
        for byte in four {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => 0,
                _ => return None,
            };
            word = word << 6 | u32::from(value);
        }
        if four.len() != 4 || n_padding > 2 {
            return None;
        }
        let [_, three @ ..] = word.to_be_bytes();
        bytes.extend(three.iter().take(3 - n_padding));
    }
    Some(bytes)
}

fn wrong(what: &str, error: &minisign::PError) -> EvidenceError {
    EvidenceError::Key(format!("the {what} cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_the_rfc_has_it() {
        for (text, expected) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zg=", None),
            ("Z!==", None),
        ] {
            assert_eq!(base64(text).as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn what_no_signature_tells_is_seen_all_the_same() {
        let good = "untrusted comment: signature from minisign secret key\nAAAA\ntrusted comment: x\nBBBB\n";
        assert_eq!(altered(good), None);
        for other in [
            good.replacen("secret", "secreT", 1),
            good.replacen("untrusted", "Untrusted", 1),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            good.replace('\n', "\r\n"),
            String::new(),
        ] {
            assert!(altered(&other).is_some(), "{other:?}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let text = "untrusted comment: x\nAAAA\n";
        assert!(SecretKey::parse(text, None).is_err());
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        assert_eq!(format!("{:?}", SecretKey(pair.sk)), "SecretKey(…)");
    }
}
