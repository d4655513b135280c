//! Time stamps of an authority (RFC 3161): what is asked, and whether the answer grants it.
//!
//! The signature of the authority is checked with `openssl ts -verify` and the authority's certificate, which a bundle cannot vouch for.

use sha2::{Digest as _, Sha256};

use super::EvidenceError;

/// The DER of SHA-256's algorithm identifier: `SEQUENCE { OID 2.16.840.1.101.3.4.2.1, NULL }`.
const SHA256: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];

/// A `TimeStampReq` for the data: version 1, its SHA-256, the certificate wanted in the answer.
pub fn request(data: &[u8]) -> Vec<u8> {
    let hash = Sha256::digest(data);
    let mut imprint = SHA256.to_vec();
    imprint.extend([0x04, 0x20]);
    imprint.extend(hash);
    let mut body = vec![0x02, 0x01, 0x01, 0x30];
    body.extend(u8::try_from(imprint.len()));
    body.extend(imprint);
    body.extend([0x01, 0x01, 0xff]);
    let mut request = vec![0x30];
    request.extend(u8::try_from(body.len()));
    request.extend(body);
    request
}

/// The `TimeStampResp`, if it grants a time stamp of this data.
pub fn response(answer: &[u8], data: &[u8]) -> Result<Vec<u8>, EvidenceError> {
    let refuse = |reason: &str| EvidenceError::TimeStamp(reason.to_owned());
    let (tag, inside, _) = element(answer).ok_or_else(|| refuse("the answer is not DER"))?;
    let (status_tag, status, token) = element(inside).ok_or_else(|| refuse("the answer holds no status"))?;
    let (kind, value, _) = element(status).ok_or_else(|| refuse("the answer holds no status"))?;
    if (tag, status_tag, kind) != (0x30, 0x30, 0x02) {
        return Err(refuse("the answer is no time stamp response"));
    }
    // 0: granted; 1: granted with modifications.
    match value {
        [0 | 1] if !token.is_empty() => {}
        _ => return Err(refuse("the authority refused")),
    }
    let hash = Sha256::digest(data);
    let is_ours = token.windows(hash.len()).any(|part| part == hash.as_slice());
    if is_ours { Ok(answer.to_vec()) } else { Err(refuse("the time stamp is of other data")) }
}

/// The first DER element: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}
