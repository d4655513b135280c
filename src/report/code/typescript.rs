//! JSON values as expressions of TypeScript.

use serde_json::Value;

use crate::report::json::pretty;

/// Any JSON value, indented for a place inside code.
pub(super) fn value(json: &Value, indent: usize) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and the writer gives UTF-8.
    let _ = pretty(json, &mut out);
    let text = String::from_utf8(out).unwrap_or_default();
    text.trim_end().replace('\n', &format!("\n{}", " ".repeat(indent)))
}

/// A string.
pub(super) fn string(text: &str) -> String {
    value(&Value::from(text), 0)
}
