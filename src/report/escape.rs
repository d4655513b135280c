//! Text from logs, made harmless: one function per output, and every writer goes through its own.
//!
//! Session names, user agents, object keys and error messages are chosen by whoever calls AWS. Each output has characters that
//! mean something to it; all outputs share those that are not visible at all, which [`printable`] shows instead of obeying.

use std::borrow::Cow;
use std::io::{self, Write};

/// Whether a character acts on a terminal or on the order and visibility of its neighbours, rather than being seen.
///
/// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional marks, embeddings, overrides and isolates
/// (Unicode UAX #9), zero-width characters, variation selectors, tags and the byte order mark.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text with every character that is not seen written as `\u{…}` (or `\n`, `\r`, `\t`): always one line, always visible.
pub fn printable(text: &str) -> Cow<'_, str> {
    replace(text, |c, out| {
        if !acts(c) {
            return false;
        }
        // `escape_default` knows the short forms, and the `\u{…}` of everything beyond ASCII.
        out.extend(c.escape_default());
        true
    })
}

/// Text for HTML, inside elements and inside quoted attributes.
pub(super) fn html(text: &str) -> String {
    in_html(text, |c| match c {
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    })
}

/// Text for HTML where no attribute is: quotes stay, of which policies are full.
pub(super) fn html_content(text: &str) -> String {
    in_html(text, |_| None)
}

fn in_html(text: &str, more: fn(char) -> Option<&'static str>) -> String {
    let entity = |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => more(c),
    };
    replace(&printable(text), |c, out| entity(c).inspect(|entity| out.push_str(entity)).is_some())
        .into_owned()
}

/// Running text for Markdown (CommonMark with GitHub's tables, mentions, references and bare links).
pub(super) fn markdown(text: &str) -> String {
    let text = replace(&printable(text), |c, out| {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention or reference is found in the finished text, where a backslash is gone; this breaks the word.
            '@' => out.push_str("@<!-- -->"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~'
            | '$' | '^' => {
                out.extend(['\\', c]);
            }
            _ => return false,
        }
        true
    })
    .into_owned();
    // Bare links start with a scheme or with `www.`.
    text.replace("://", ":<!-- -->//").replace("www.", "www\\.").replace("WWW.", "WWW\\.")
}

/// A Markdown code span, also inside a table cell.
pub(super) fn markdown_code(text: &str) -> String {
    let text = printable(text);
    if text.is_empty() {
        return String::new();
    }
    // In a table a vertical bar ends the cell even inside a code span, and elsewhere its escape would be shown; an HTML element
    // with entities behaves the same in both places.
    if text.contains(['|', '`', '\\']) {
        let inner = replace(&text, |c, out| {
            if c.is_ascii_alphanumeric() || c == ' ' || !c.is_ascii() {
                return false;
            }
            out.push_str("&#");
            out.push_str(&u32::from(c).to_string());
            out.push(';');
            true
        });
        return format!("<code>{inner}</code>");
    }
    // One space at each side is taken off again when the text itself starts or ends with one.
    if text.starts_with(' ') || text.ends_with(' ') { format!("` {text} `") } else { format!("`{text}`") }
}

/// One field of a CSV file (RFC 4180) that no spreadsheet takes for a formula.
pub(super) fn csv(text: &str) -> String {
    let text = printable(text);
    // Spreadsheets run a cell that starts with one of these, the full-width forms included.
    let starts =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    let text = if text.trim_start().starts_with(starts) { Cow::Owned(format!("'{text}")) } else { text };
    if text.contains([',', '"', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

/// JSON whose strings hold no character that acts: they are written as `\uXXXX`, which reads back as the same text.
///
/// A terminal that shows a report thus obeys nothing in it.
pub(super) struct SafeJson<F>(pub(super) F);

impl<F: serde_json::ser::Formatter> serde_json::ser::Formatter for SafeJson<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if !fragment.chars().any(acts) {
            return self.0.write_string_fragment(out, fragment);
        }
        for c in fragment.chars() {
            if acts(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                self.0.write_string_fragment(out, c.encode_utf8(&mut [0; 4]))?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

/// Replaces the characters `each` has written something for.
fn replace<'a>(text: &'a str, mut each: impl FnMut(char, &mut String) -> bool) -> Cow<'a, str> {
    let mut out = String::new();
    let mut changed = false;
    for (at, c) in text.char_indices() {
        let before = out.len();
        if each(c, &mut out) {
            if !changed {
                let written = out.split_off(before);
                out = text.get(..at).unwrap_or_default().to_owned();
                out.push_str(&written);
                changed = true;
            }
        } else if changed {
            out.push(c);
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_acts_becomes_visible_and_the_rest_stays() {
        for (text, expected) in [
            ("arn:aws:iam::123456789012:role/Größe", "arn:aws:iam::123456789012:role/Größe"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{1b}[31mred\u{9b}0m", "\\u{1b}[31mred\\u{9b}0m"),
            ("one\ntwo\r\t", "one\\ntwo\\r\\t"),
            ("a\u{200b}\u{feff}\u{e0041}", "a\\u{200b}\\u{feff}\\u{e0041}"),
            ("\u{2028}\u{2066}", "\\u{2028}\\u{2066}"),
            ("", ""),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn html_has_no_markup_left() {
        assert_eq!(
            html("<script>alert('x' & \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;"
        );
        assert_eq!(
            html_content("</noscript> \"x\" & 'y'\u{202e}"),
            "&lt;/noscript&gt; \"x\" &amp; 'y'\\u{202e}"
        );
    }

    #[test]
    fn markdown_has_no_markup_left() {
        assert_eq!(
            markdown("[a](http://x) `b` | *c* #1 @me"),
            "\\[a\\]\\(http:<!-- -->//x\\) \\`b\\` \\| \\*c\\* \\#1 @<!-- -->me"
        );
        assert_eq!(markdown("# no\n<img>"), "\\# no\\\\n&lt;img&gt;");
    }

    #[test]
    fn code_spans_hold_everything() {
        for (text, expected) in [
            ("s3:Get*", "`s3:Get*`"),
            ("", ""),
            (" x", "`  x `"),
            ("a|b", "<code>a&#124;b</code>"),
            ("`</code><script>", "<code>&#96;&#60;&#47;code&#62;&#60;script&#62;</code>"),
        ] {
            assert_eq!(markdown_code(text), expected);
        }
    }

    #[test]
    fn spreadsheets_see_text() {
        for (text, expected) in [
            ("plain", "plain"),
            ("=cmd()", "'=cmd()"),
            (" =1+1", "' =1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\t=1", "\\t=1"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("two\nlines", "two\\nlines"),
        ] {
            assert_eq!(csv(text), expected, "{text}");
        }
    }

    #[test]
    fn json_is_the_same_value_without_the_characters() {
        let value = Value::from("a\u{202e}\u{7f}\u{9b}\u{e0041}\u{1b}\"\\ß");
        let mut out = Vec::new();
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut out, SafeJson(serde_json::ser::CompactFormatter));
        serde::Serialize::serialize(&value, &mut serializer).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#""a\u202e\u007f\u009b\udb40\udc41\u001b\"\\ß""#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
