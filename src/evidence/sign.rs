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
        minisign::sign(None, &self.0, Cursor::new(data), Some(OWN.signed), Some(OWN.unsigned))
            .map(|signature| signature.into_string())
            .map_err(|error| wrong("signature", &error))
    }
}

/// What this program writes into signature files. Minisign's own comment holds the moment of signing.
const OWN: Comments<&str> =
    Comments { signed: "file:SHA256SUMS hashed", unsigned: "signature of a leastwise evidence bundle" };

/// What tools write in place of [`Comments::unsigned`] when nothing is given.
const OF_TOOLS: [&str; 2] = ["signature from minisign secret key", "signature from rsign secret key"];

/// The two comments of a signature file, which whoever signs may choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Comments<T = String> {
    /// The "trusted comment": signed along with the data.
    pub signed: T,
    /// The "untrusted comment", the first line: nobody signs it.
    pub unsigned: T,
}

impl Comments {
    /// Of a signature file made elsewhere, what a person may want to read; `None` of a file as this program writes it.
    pub(super) fn of_others(signature: &str) -> Option<Self> {
        let Comments { signed, unsigned } = Comments::of(signature)?;
        let unsigned = if OF_TOOLS.contains(&unsigned) { "" } else { unsigned };
        (signed != OWN.signed).then(|| Self { signed: signed.to_owned(), unsigned: unsigned.to_owned() })
    }
}

impl<'t> Comments<&'t str> {
    fn of(signature: &'t str) -> Option<Self> {
        let unsigned = signature.lines().next()?.strip_prefix("untrusted comment: ")?;
        let signed = signature.lines().nth(2)?.strip_prefix("trusted comment: ")?;
        Some(Self { signed, unsigned })
    }
}

/// Why a signature file is not as it was written, as far as no signature tells: what is around its lines, and the first of them in a file
/// whose signed comment is this program's. The first line of another's may be anything.
pub(super) fn altered(signature: &str) -> Option<&'static str> {
    let Some(comments) = Comments::of(signature) else {
        return Some("it has not the lines of a signature file");
    };
    if comments.signed == OWN.signed && comments.unsigned != OWN.unsigned {
        return Some("its first line, which nobody signs, is not the one that was written");
    }
    // Blanks around the others are passed over when the signature is checked.
    let mut others = signature.lines().skip(1).chain([comments.signed]);
    let is_plain = signature.ends_with('\n')
        && signature.lines().count() == 4
        && !signature.contains('\r')
        && others.all(|line| line.trim() == line);
    (!is_plain).then_some("it has more than the four lines of a signature file, or blanks around them")
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
        // Signatures of the data itself, as minisign made them before 0.10, are as good as those of its hash.
        let takes_unhashed = true;
        minisign::verify(&self.0, &signature, Cursor::new(data), true, false, takes_unhashed)
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
        let own = "untrusted comment: signature of a leastwise evidence bundle\nAAAA\n\
                   trusted comment: file:SHA256SUMS hashed\nBBBB\n";
        let theirs =
            "untrusted comment: signature from minisign secret key\nAAAA\ntrusted comment: x y\nBBBB\n";
        assert_eq!((altered(own), altered(theirs)), (None, None));
        assert_eq!(altered(&theirs.replacen("minisign secret key", "me", 1)), None);
        assert!(altered(&own.replacen("leastwise", "leastwisE", 1)).is_some());
        for other in [
            theirs.replacen("untrusted", "Untrusted", 1),
            theirs.replacen("trusted comment: x", "Trusted comment: x", 1),
            theirs.trim_end().to_owned(),
            format!("{theirs}\n"),
            theirs.replacen("AAAA", "AAAA ", 1),
            theirs.replacen("x y", "x y ", 1),
            theirs.replacen("x y", " x y", 1),
            theirs.replacen("BBBB", "\tBBBB", 1),
            theirs.replace('\n', "\r\n"),
            String::new(),
        ] {
            assert!(altered(&other).is_some(), "{other:?}");
        }
    }

    #[test]
    fn comments_are_told_where_somebody_chose_them() {
        let file = |unsigned: &str, signed: &str| {
            format!("untrusted comment: {unsigned}\nAAAA\ntrusted comment: {signed}\nBBBB\n")
        };
        assert_eq!(Comments::of_others(&file(OWN.unsigned, OWN.signed)), None);
        let of = |unsigned: &str, signed: &str| {
            Comments::of_others(&file(unsigned, signed)).map(|one| (one.unsigned, one.signed))
        };
        assert_eq!(of(OF_TOOLS[0], "timestamp:1"), Some((String::new(), "timestamp:1".to_owned())));
        assert_eq!(of("mine", "spring"), Some(("mine".to_owned(), "spring".to_owned())));
    }

    #[test]
    fn a_key_is_never_shown() {
        let text = "untrusted comment: x\nAAAA\n";
        assert!(SecretKey::parse(text, None).is_err());
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        assert_eq!(format!("{:?}", SecretKey(pair.sk)), "SecretKey(…)");
    }
}
