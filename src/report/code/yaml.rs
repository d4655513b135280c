//! JSON values as YAML that every version of YAML reads alike: strings are quoted, keys where they must be.

use std::fmt::Write as _;

use serde_json::Value;

/// A quoted string, with everything invisible escaped.
pub(super) fn string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if super::super::escape::acts(c) => {
                let code = u32::from(c);
                // Writing to a string does not fail.
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08X}") } else { write!(out, "\\u{code:04X}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A block at an indentation, with a line end.
pub(super) fn block(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() => members
            .iter()
            .map(|(key, member)| format!("{pad}{}:{}", key_of(key), below(member, indent)))
            .collect(),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| {
                let text = block(item, indent + 2);
                // The first line stands behind the dash.
                format!("{pad}- {}", text.trim_start())
            })
            .collect(),
        scalar => format!("{pad}{}\n", flow(scalar)),
    }
}

/// What follows a key's colon.
fn below(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => format!("\n{}", block(value, indent + 2)),
        Value::Array(items) if !items.is_empty() => format!("\n{}", block(value, indent + 2)),
        scalar => format!(" {}\n", flow(scalar)),
    }
}

/// A value without parts.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Keys are plain where no YAML takes them for anything else than a string.
fn key_of(key: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !WORDS.iter().any(|word| key.eq_ignore_ascii_case(word));
    if plain { key.to_owned() } else { string(key) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({
            "Version": "2012-10-17",
            "on": ["*", "a: b", {"x": [], "y": {}, "z": [[1, true, null], "2"]}],
            "s3:prefix": "\u{202e}\u{1f600}\"\\\n${x}",
        });
        let text = block(&value, 0);
        assert_eq!(serde_norway::from_str::<Value>(&text).unwrap(), value, "{text}");
    }
}
