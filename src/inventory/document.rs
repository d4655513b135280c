//! Policy documents inside a snapshot: an object, a string of JSON, or percent-encoded JSON as the IAM API returns it.

use serde_json::value::RawValue;

use crate::policy::{Policy, PolicyKind};

/// Reads one document; the reason when it cannot be read.
///
/// The text is parsed as it was written, so that duplicate keys are seen.
pub(super) fn read(raw: &RawValue, kind: PolicyKind) -> Result<Policy, String> {
    let text = raw.get();
    let parsed = if text.trim_start().starts_with('"') {
        let inner: String = serde_json::from_str(text).map_err(|error| error.to_string())?;
        crate::policy::parse(&inner, kind)
    } else {
        crate::policy::parse(text, kind)
    };
    parsed.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_as_objects_strings_and_percent_encoded_text() {
        let document =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        let encoded: String = document.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let expected = crate::policy::parse(document, PolicyKind::Identity).unwrap();
        for written in
            [document.to_owned(), serde_json::to_string(document).unwrap(), format!("\"{encoded}\"")]
        {
            let raw = RawValue::from_string(written).unwrap();
            assert_eq!(read(&raw, PolicyKind::Identity).unwrap(), expected);
        }
        let raw = RawValue::from_string("\"%7\"".to_owned()).unwrap();
        assert!(read(&raw, PolicyKind::Identity).is_err());
    }
}
