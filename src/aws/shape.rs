//! AWS's answers as the JSON its command line prints: sorted, and without what changes from call to call.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value};

/// A JSON object; members that have no value are left out.
#[derive(Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn text(self, name: &str, text: Option<&str>) -> Self {
        self.value(name, text.map(Into::into))
    }

    pub(super) fn time(self, name: &str, time: Option<&DateTime>) -> Self {
        let text = time.and_then(|time| time.fmt(Format::DateTime).ok());
        self.text(name, text.as_deref())
    }

    pub(super) fn value(mut self, name: &str, value: Option<Value>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// Sorted by the members named, most important first.
    pub(super) fn list(self, name: &str, items: impl IntoIterator<Item = Value>, by: &[&str]) -> Self {
        self.value(name, Some(sorted(items, by)))
    }

    pub(super) fn build(self) -> Value {
        Value::Object(self.0)
    }
}

/// A list sorted by members of its items.
pub(super) fn sorted(items: impl IntoIterator<Item = Value>, by: &[&str]) -> Value {
    let mut items: Vec<Value> = items.into_iter().collect();
    let key = |item: &Value| -> Vec<String> {
        by.iter().map(|name| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
    };
    items.sort_by_cached_key(key);
    Value::Array(items)
}

/// Texts, sorted.
pub(super) fn texts<'t>(items: impl IntoIterator<Item = &'t String>) -> Value {
    let mut items: Vec<&String> = items.into_iter().collect();
    items.sort();
    items.into_iter().map(|item| Value::from(item.as_str())).collect()
}

/// A policy document as the object it is. IAM sends some percent-encoded and some not, and which is not the same everywhere. What
/// would lose something as an object (a key written twice) stays the text it was.
pub(super) fn document(text: &str) -> Value {
    let decoded = if text.trim_start().starts_with('%') { percent_decoded(text) } else { None };
    let text = decoded.as_deref().unwrap_or(text);
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) if loses_nothing(&value, text) => value,
        _ => text.into(),
    }
}

/// Whether writing the value gives the text again.
fn loses_nothing(value: &Value, text: &str) -> bool {
    serde_json::to_string(value).is_ok_and(|written| written == without_blanks(text))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).ok()
}

/// JSON without the blanks between its parts.
fn without_blanks(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    text.chars()
        .filter(|c| {
            let keep = inside || !c.is_ascii_whitespace();
            match c {
                _ if escaped => escaped = false,
                '\\' if inside => escaped = true,
                '"' => inside = !inside,
                _ => {}
            }
            keep
        })
        .collect()
}

/// As it is written to a file.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = format!("{value:#}");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_objects_whichever_way_they_come_and_lose_nothing() {
        let plain = "{\n \"Version\": \"2012-10-17\", \"Statement\": [{\"Sid\": \"a b \\\" c\"}]}";
        let encoded: String = plain.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let some = plain.replace('{', "%7B").replace('"', "%22").replace('\n', "%0A");
        for text in [plain, &encoded, &some] {
            let Value::Object(object) = document(text) else { panic!("{text}") };
            assert_eq!(object["Statement"][0]["Sid"], "a b \" c");
        }
        for kept in
            [r#"{"Statement":[],"Statement":[{}]}"#, "not JSON", "%7", "%7B%ZZ", r#"{"a":"\u0041"}"#, "[1]"]
        {
            assert_eq!(document(kept), Value::from(kept));
        }
    }
}
