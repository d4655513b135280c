//! Account ids.

/// Whether a text is an AWS account id: twelve digits. Published logs mask or shorten theirs, which are none.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_has_twelve_digits() {
        assert!(is_account_id("012345678901"));
        for text in ["", "01234567890", "0123456789012", "01234567890x", "12345678901é", "************"] {
            assert!(!is_account_id(text), "{text}");
        }
    }
}
