//! How AWS's names for one thing differ: in case, in hyphens, in a plural, in the word for how they identify it.

/// A parameter's name without the word for how it identifies.
pub fn stem(name: &str) -> &str {
    let name = name.strip_suffix(['s', 'S']).unwrap_or(name);
    let name = ["List", "Set"].iter().find_map(|end| strip_end(name, end)).unwrap_or(name);
    ["Identifier", "Name", "Uuid", "Arn", "Id"].iter().find_map(|end| strip_end(name, end)).unwrap_or(name)
}

pub(super) fn strip_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
    tail.eq_ignore_ascii_case(end).then_some(head)
}

/// Whether two names are the same but for case, `-`, `_`, blanks and a plural.
pub fn is_same_name(a: &str, b: &str) -> bool {
    plain_bytes(a).eq(plain_bytes(b))
}

fn plain_bytes(text: &str) -> impl Iterator<Item = u8> {
    let text = text.strip_suffix(['s', 'S']).unwrap_or(text);
    text.bytes()
        .filter(|byte| !matches!(byte, b'-' | b'_' | b' ' | b'/'))
        .map(|byte| byte.to_ascii_lowercase())
}
