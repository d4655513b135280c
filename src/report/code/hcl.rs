//! JSON values as expressions of HashiCorp's configuration language.

use std::fmt::Write as _;

use serde_json::Value;

/// A quoted string: nothing in it is an interpolation or a directive.
///
/// <https://developer.hashicorp.com/terraform/language/expressions/strings>
pub(super) fn string(text: &str) -> String {
    let mut out = String::from('"');
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => out.extend([c, c]),
            c if super::super::escape::acts(c) => {
                let code = u32::from(c);
                // Writing to a string does not fail.
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A list of strings, on one line when short.
pub(super) fn strings(texts: &[&str], indent: usize) -> String {
    let items: Vec<String> = texts.iter().map(|text| string(text)).collect();
    list(&items, indent)
}

fn list(items: &[String], indent: usize) -> String {
    let one_line = format!("[{}]", items.join(", "));
    if items.len() < 2 && !one_line.contains('\n') || one_line.len() <= 80 && !one_line.contains('\n') {
        return one_line;
    }
    let pad = " ".repeat(indent + 2);
    let lines: String = items.iter().map(|item| format!("{pad}{item},\n")).collect();
    format!("[\n{lines}{}]", " ".repeat(indent))
}

/// Any JSON value.
pub(super) fn value(json: &Value, indent: usize) -> String {
    match json {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| value(item, indent + 2)).collect();
            list(&items, indent)
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let pad = " ".repeat(indent + 2);
            let lines: String = members
                .iter()
                .map(|(key, member)| format!("{pad}{} = {}\n", key_of(key), value(member, indent + 2)))
                .collect();
            format!("{{\n{lines}{}}}", " ".repeat(indent))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => json.to_string(),
    }
}

fn key_of(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { key.to_owned() } else { string(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_literal() {
        for (text, expected) in [
            ("plain", r#""plain""#),
            ("${aws:username}/%{x} $ % $$", r#""$${aws:username}/%%{x} $ % $$""#),
            ("a\"b\\c\nd", r#""a\"b\\c\nd""#),
            ("\u{202e}\u{e0041}", r#""\u202e\U000e0041""#),
            ("$${x}%%{$", r#""$$${x}%%%{$""#),
        ] {
            assert_eq!(string(text), expected);
        }
    }
}
