//! Values of conditions whose form both validation and evaluation must know.

use std::str::FromStr;

use crate::ident::Time;

/// A moment in nanoseconds: ISO 8601 as W3C profiles it, or seconds since the epoch. Counts too large for seconds are milliseconds.
pub(crate) fn instant(text: &str) -> Option<i128> {
    const NANOS: i128 = 1_000_000_000;
    // Seconds reach this in the year 5138, milliseconds did in 1973.
    const LARGEST_SECONDS: i128 = 100_000_000_000;
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() != 4 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let count: i128 = text.parse::<i64>().ok()?.into();
        let in_seconds = count.abs() < LARGEST_SECONDS;
        return Some(if in_seconds { count * NANOS } else { count * (NANOS / 1000) });
    }
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let seconds = i128::from(Time::from_str(&whole).ok()?.unix());
    let fraction = text.split_once(['.', ',']).map_or("", |(_, after)| after);
    let nanos = fraction
        .chars()
        .map_while(|c| c.to_digit(10))
        .chain(std::iter::repeat(0))
        .take(9)
        .fold(0, |nanos, digit| nanos * 10 + i128::from(digit));
    Some(seconds * NANOS + nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_all_documented_forms_are_one() {
        let all = ["2024-01-01", "2024", "2024-01", "2024-01-01T00:00:00Z", "1704067200", "1704067200000"];
        assert!(all.iter().all(|text| instant(text) == instant("2024-01-01T01:00:00.000+01:00")), "{all:?}");
        assert!(instant("2024-01-01T00:00:00.25Z") < instant("2024-01-01T00:00:00.3Z"));
        assert_eq!(instant("a"), None);
    }
}
