//! Reads what is no single whole JSON value: lines, values one after another, and the head of what breaks off.

use simd_json::ErrorType;

use super::Collect;
use super::container::{Parser, Reader};
use super::pipeline::Trouble;
use crate::ident::Time;
use crate::record::RecordError;

/// Containers inside which a broken text is searched for whole records.
const DEEPEST_BREAK: usize = 4;
/// What may stand before a record on a line of a CloudWatch Logs export: a time.
const LONGEST_STAMP: usize = 40;

/// Whether a text is made of lines of JSON; a cheap look that spares trying it as one value.
pub(super) fn is_lines(text: &[u8]) -> bool {
    // Most texts are one line of megabytes: whole chunks are looked through at once.
    const CHUNK: usize = 256;
    let is_break = |byte: &u8| *byte == b'\n';
    let has_break = |chunk: &[u8]| chunk.iter().fold(false, |any, byte| any | is_break(byte));
    let Some(chunk) = text.chunks(CHUNK).position(has_break) else { return false };
    let start = chunk * CHUNK;
    let place = text.get(start..).and_then(|rest| rest.iter().position(is_break));
    let end = start + place.unwrap_or_default();
    let (first, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    let next = rest.trim_ascii_start().first();
    match text.trim_ascii_start().first() {
        Some(b'{') => first.trim_ascii_end().ends_with(b"}") && next.is_some_and(|byte| *byte == b'{'),
        Some(b'0'..=b'9') => true,
        _ => false,
    }
}

/// The place after the value that starts at `start`, by its quotes and brackets alone; `None` when it breaks off.
fn end_of_value(text: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate().skip(start) {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    quoted = false;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return Some(if depth == 0 { at } else { at + 1 }),
            b'}' | b']' => depth -= 1,
            b',' | b' ' | b'\t' | b'\r' | b'\n' | b':' if depth == 0 && at > start => return Some(at),
            _ => {}
        }
    }
    None
}

/// The next place at or after `at` that holds no blank.
fn after_blanks(text: &[u8], at: usize) -> usize {
    let blanks = |byte: &u8| byte.is_ascii_whitespace();
    text.get(at..).map_or(at, |rest| at + rest.iter().take_while(|byte| blanks(byte)).count())
}

/// Reads all values of `text`; gives what was wrong.
pub(super) fn read<C: Collect>(
    text: &[u8],
    reader: &mut Reader<'_, C>,
    parser: &mut Parser,
) -> Option<Trouble> {
    let mut at = 0;
    let mut bad_lines = 0_u64;
    let mut first_bad = None;
    let mut trouble = None;
    // Looking for the end of what has none reads to the end; lines made for that must not cost the square of their size.
    let mut patience = text.len().saturating_mul(8);
    loop {
        at = after_blanks(text, at);
        let Some(byte) = text.get(at) else { break };
        if !matches!(byte, b'{' | b'[') {
            match stamped(text, at) {
                Some(start) => at = start,
                None => {
                    bad_lines += 1;
                    first_bad.get_or_insert(at);
                    at = line_end(text, at);
                    continue;
                }
            }
        }
        let reach = if patience > 0 { text.len() } else { line_end(text, at) };
        let end = end_of_value(text.get(..reach).unwrap_or(text), at);
        let whole = end.and_then(|end| text.get(at..end));
        let parsed = whole.map(|value| parser.parse(value, |json| reader.top(json)));
        let failed = match parsed {
            Some(Ok(())) => {
                at = end.unwrap_or(text.len());
                continue;
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        patience = patience.saturating_sub(end.unwrap_or(reach) - at);
        // Inside JSON there is no raw line break, so the next line of a file of lines is safe ground; behind any other break
        // a text written by a caller could pose as a record.
        let next_line = line_end(text, at);
        if text.get(at) == Some(&b'{') && text.get(after_blanks(text, next_line)) == Some(&b'{') {
            bad_lines += 1;
            first_bad.get_or_insert(at);
            at = next_line;
            continue;
        }
        let broken = head(text, at, reader, parser);
        trouble = Some(broken.unwrap_or_else(|| match failed {
            Some(error) => json_trouble(&error, at),
            None => cut_off(text.len()),
        }));
        break;
    }
    if bad_lines > 0 {
        let records = reader.found.records;
        if records > 0 {
            (0..bad_lines).for_each(|_| reader.malformed(RecordError::NotAnObject));
        }
        let first = first_bad.and_then(|at| text.get(..at)).unwrap_or_default();
        let line = first.iter().filter(|byte| **byte == b'\n').count() + 1;
        let detail = format!("{bad_lines} lines hold no JSON; the first is line {line}");
        trouble = trouble.or(Some(Trouble { kind: "not-json", detail }));
    }
    trouble
}

/// Reads whole records inside a value that is not whole itself, up to the break.
fn head<C: Collect>(
    text: &[u8],
    start: usize,
    reader: &mut Reader<'_, C>,
    parser: &mut Parser,
) -> Option<Trouble> {
    let mut at = start;
    let mut trouble = None;
    'containers: for _ in 0..DEEPEST_BREAK {
        let is_list = text.get(at) == Some(&b'[');
        if !is_list && text.get(at) != Some(&b'{') {
            return trouble;
        }
        at += 1;
        loop {
            at = after_blanks(text, at);
            if text.get(at) == Some(&b',') {
                at = after_blanks(text, at + 1);
            }
            let mut holds_records = is_list;
            if !is_list {
                let Some(end) = end_of_value(text, at) else { return trouble };
                let key = text.get(at..end).unwrap_or_default();
                holds_records = is_container_key(key);
                at = after_blanks(text, end);
                if text.get(at) != Some(&b':') {
                    return trouble;
                }
                at = after_blanks(text, at + 1);
            }
            if matches!(text.get(at), None | Some(b']' | b'}')) {
                return trouble;
            }
            let Some(end) = end_of_value(text, at).filter(|end| *end > at) else {
                if holds_records {
                    continue 'containers;
                }
                return trouble;
            };
            if holds_records {
                let value = text.get(at..end).unwrap_or_default();
                let see = |json: crate::record::Json<'_>| {
                    if is_list { reader.element(json) } else { reader.top(json) }
                };
                match parser.parse(value, see) {
                    Ok(()) => {}
                    // One text that is not UTF-8 shifts no bracket: the next element is where it seems to be.
                    Err(error)
                        if *error.error() == ErrorType::InvalidUtf8 && is_list && is_utf8_only(value) =>
                    {
                        reader.malformed(RecordError::NotAnObject);
                        trouble.get_or_insert_with(|| json_trouble(&error, at));
                    }
                    Err(error) => {
                        trouble.get_or_insert_with(|| json_trouble(&error, at));
                        if is_list {
                            return trouble;
                        }
                        continue 'containers;
                    }
                }
            }
            at = end;
        }
    }
    trouble
}

/// Whether nothing but the encoding is wrong with a value.
fn is_utf8_only(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    crate::record::with_json(&text, |_| ()).is_ok()
}

/// Whether a member of this (quoted) name holds records in a carrier.
fn is_container_key(key: &[u8]) -> bool {
    let key = key.trim_ascii();
    let name = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or_default();
    ["records", "events", "logevents"].iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The place after the line that `at` lies on.
fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| at + end + 1)
}

/// The start of the JSON on a line that begins with a time.
fn stamped(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let stamp = rest.iter().take(LONGEST_STAMP).position(|byte| *byte == b'{')?;
    let text = std::str::from_utf8(rest.get(..stamp)?).ok()?;
    text.trim().parse::<Time>().ok().map(|_| at + stamp)
}

fn cut_off(at: usize) -> Trouble {
    Trouble { kind: "not-json", detail: format!("the text breaks off at byte {at}") }
}

/// A parser's error, told without the text around it.
pub(super) fn json_trouble(error: &simd_json::Error, base: usize) -> Trouble {
    let place = base + error.index();
    let (kind, what) = match error.error() {
        ErrorType::DepthLimitExceeded => ("too-deep", "the JSON is nested too deep".to_owned()),
        ErrorType::InvalidUtf8 => ("not-utf8", "a text is not UTF-8".to_owned()),
        other => ("not-json", format!("{other:?}")),
    };
    Trouble { kind, detail: format!("{what}, near byte {place}") }
}
