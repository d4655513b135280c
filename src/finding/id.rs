//! Stable ids.

use sha2::{Digest, Sha256};

use super::Code;
use crate::ident::hex;

/// The first 128 bits of SHA-256 over code, a separator and subject, in hexadecimal.
///
/// The separator cannot occur in a code, so two pairs never read as one text.
pub(super) fn of(code: Code, subject: &str) -> String {
    let digest =
        Sha256::new().chain_update(code.as_str()).chain_update(b"\n").chain_update(subject).finalize();
    let mut digits = hex(&digest);
    digits.truncate(32);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_do_not_change_between_versions() {
        // Users write ids into exception lists; `printf 'unused-role\nx' | sha256sum | head -c 32`.
        assert_eq!(of(Code::UnusedRole, "x"), "b81c36547c4e3636e99eb31d319d77a5");
    }
}
