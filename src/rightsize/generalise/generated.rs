//! Parts of names that a program made up: ids, hashes, dates, numbers.

/// Where a UUID or a long hash stands inside a part of a name, between other words; the widest stretch from the first to the last.
pub(super) fn volatile_within(name: &str) -> Option<(usize, usize)> {
    const UUID: usize = 36;
    let is_edge = |at: usize| {
        let near = |at: usize| name.as_bytes().get(at).is_none_or(|b| b"/:-_.".contains(b));
        at == 0 || near(at - 1) || near(at)
    };
    let mut found: Option<(usize, usize)> = None;
    let mut start = 0;
    while start < name.len() {
        let word = name.get(start..)?;
        let word = word.get(..word.find(['/', ':', '-', '_', '.']).unwrap_or(word.len()))?;
        let uuid = name.get(start..start + UUID).filter(|text| is_volatile(text) && is_edge(start + UUID));
        let end = match uuid {
            Some(_) => start + UUID,
            None => start + word.len(),
        };
        if uuid.is_some() || (word.len() >= 20 && is_volatile(word)) {
            found = Some((found.map_or(start, |(first, _)| first), end));
        }
        start = end + 1;
    }
    found
}

/// Ids AWS or a program makes anew for each thing: a UUID, at least 20 hexadecimal digits, `i-…`, `vol-…`, `snap-…`, `eni-…`.
pub(super) fn is_volatile(part: &str) -> bool {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_uuid = || {
        let groups: Vec<&str> = part.split('-').collect();
        groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
            && groups.iter().all(|group| is_hex(group))
    };
    let is_hash = || part.len() >= 20 && is_hex(part) && part.bytes().any(|b| b.is_ascii_digit());
    let is_resource_id = || {
        ["i-", "vol-", "snap-", "eni-"].iter().any(|prefix| {
            part.strip_prefix(prefix).is_some_and(|id| matches!(id.len(), 8 | 17) && is_hex(id))
        })
    };
    is_uuid() || is_hash() || is_resource_id()
}

/// Whether one part of a name looks as if a program made it up: a number, a date, a hash, or letters and digits in no order.
pub(super) fn looks_generated(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let n = part.len();
    let is_alphanumeric = part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_alphanumeric || digits == 0 {
        return false;
    }
    let is_hex = part.bytes().all(|b| b.is_ascii_hexdigit());
    // `20240131T120000Z` and the like.
    let is_timestamp = digits >= 8 && n - digits <= 2;
    let alternations = part
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count();
    digits == n || is_timestamp || (is_hex && n >= 7) || (n >= 10 && digits >= 2 && alternations >= 4)
}

/// A stem without the generated parts at its end.
pub(super) fn stable(stem: &str) -> &str {
    let mut stem = stem;
    loop {
        let inner = bare(stem);
        let at = inner.rfind(['/', '-', '_', '.', ':']).map_or(0, |at| at + 1);
        match inner.get(at..) {
            Some(last) if !inner.is_empty() && looks_generated(last) => {
                stem = inner.get(..at).unwrap_or_default()
            }
            _ => return stem,
        }
    }
}

/// A part of a name without the separator at its end.
pub(super) fn bare(part: &str) -> &str {
    part.trim_end_matches(['/', '-', '_', '.', ':'])
}
