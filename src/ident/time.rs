//! Points in time and windows, UTC, at the one-second resolution CloudTrail writes.

use std::fmt;
use std::str::FromStr;

/// Seconds since 1970-01-01T00:00:00Z.
///
/// Parsed from CloudTrail's `2023-07-10T12:16:15Z`, from the basic form `20131102T010628Z`, with a blank for the `T`,
/// without the `Z`, with a fraction (dropped) or an offset; printed as RFC 3339 UTC.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(i64);

impl Time {
    /// From seconds since the epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The same moment `seconds` later (or earlier, when negative); saturates.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The first second of this moment's UTC day.
    #[must_use]
    pub const fn day(self) -> Self {
        Self(self.0.div_euclid(86_400) * 86_400)
    }

    /// The first second of this moment's hour.
    #[must_use]
    pub const fn hour(self) -> Self {
        Self(self.0.div_euclid(3_600) * 3_600)
    }

    /// Year, month and day (UTC).
    pub const fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(86_400))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let second = self.0.rem_euclid(86_400);
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Text that should have been a point in time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a time looks like `2026-01-31T00:00:00Z` or `2026-01-31`, found `{0}`")]
pub struct InvalidTime(String);

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.as_bytes().try_into().ok().and_then(parse_plain);
        plain
            .or_else(|| parse(text.trim().as_bytes()))
            .ok_or_else(|| InvalidTime(text.chars().take(64).collect()))
    }
}

/// CloudTrail's own form, `2023-07-10T12:16:15Z`, which nearly every time has; `None` for anything else.
fn parse_plain(text: &[u8; 20]) -> Option<Time> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'Z'] = text
    else {
        return None;
    };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, i1, i2, s1, s2];
    if digits.iter().fold(false, |any, digit| any | !digit.is_ascii_digit()) {
        return None;
    }
    let pair = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    let (year, month, day) = (pair(y1, y2) * 100 + pair(y3, y4), pair(m1, m2), pair(d1, d2));
    let (hour, minute, second) = (pair(h1, h2), pair(i1, i2), pair(s1, s2));
    let is_date = (1..=12).contains(&month) && day >= 1 && day <= i64::from(days_in_month(year, month));
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(Time(days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second))
}

/// The reader of all forms; `None` for anything else.
fn parse(text: &[u8]) -> Option<Time> {
    let mut rest = Digits(text);
    let year = rest.take(4)?;
    let dashed = rest.skip(b'-');
    let month = rest.take(2)?;
    if dashed && !rest.skip(b'-') {
        return None;
    }
    let day = rest.take(2)?;
    if !(1..=12).contains(&month) || day < 1 || day > i64::from(days_in_month(year, month)) {
        return None;
    }
    let mut seconds = days_from_civil(year, month, day) * 86_400;
    if rest.0.is_empty() {
        return Some(Time(seconds));
    }
    if !(rest.skip(b'T') || rest.skip(b't') || rest.skip(b' ')) {
        return None;
    }
    let hour = rest.take(2)?;
    let colon = rest.skip(b':');
    let minute = rest.take(2)?;
    let second = if rest.0.first().is_some_and(|b| b.is_ascii_digit() || *b == b':') {
        if colon && !rest.skip(b':') {
            return None;
        }
        rest.take(2)?
    } else {
        0
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    seconds += hour * 3_600 + minute * 60 + second;
    if rest.skip(b'.') || rest.skip(b',') {
        let digits = rest.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        rest.0 = rest.0.get(digits..)?;
    }
    let offset = match rest.0 {
        [] | b"Z" | b"z" | b" UTC" => 0,
        [sign @ (b'+' | b'-'), tail @ ..] => {
            let mut tail = Digits(tail);
            let hours = tail.take(2)?;
            tail.skip(b':');
            let minutes = if tail.0.is_empty() { 0 } else { tail.take(2)? };
            if !tail.0.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3_600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some(Time(seconds - offset))
}

/// What is left of a text of digits and separators.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn take(&mut self, n: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(n)?;
        let mut value = 0;
        for byte in head {
            value = value * 10 + i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        }
        self.0 = tail;
        Some(value)
    }

    fn skip(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, tail)) if *first == byte => {
                self.0 = tail;
                true
            }
            _ => false,
        }
    }
}

const fn days_in_month(year: i64, month: i64) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counting years from March.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "months and days are below 32")]
const fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month as u32, day as u32)
}

/// The least stretch that holds both: from the earlier beginning to the later end.
pub fn spanning<T: Ord>(a: (T, T), b: (T, T)) -> (T, T) {
    (a.0.min(b.0), a.1.max(b.1))
}

/// A half-open window of time: `from` is inside, `to` is not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TimeRange {
    /// The first moment inside.
    pub from: Time,
    /// The first moment after.
    pub to: Time,
}

impl TimeRange {
    /// Everything from the first to the last representable second.
    pub const ALWAYS: Self = Self { from: Time(i64::MIN), to: Time(i64::MAX) };

    /// Whether `time` lies inside.
    pub fn contains(&self, time: Time) -> bool {
        self.from <= time && time < self.to
    }

    /// Length in seconds, never negative.
    pub fn seconds(&self) -> i64 {
        self.to.0.saturating_sub(self.from.0).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_same_moment() {
        for text in [
            "2023-07-10T12:16:15Z",
            "20230710T121615Z",
            "2023-07-10 12:16:15",
            "2023-07-10T12:16:15",
            "2023-07-10T12:16:15.123Z",
            "2023-07-10T14:16:15+02:00",
            "2023-07-10 12:16:15 UTC",
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), "2023-07-10T12:16:15Z", "{text}");
        }
        assert_eq!("2024-02-29".parse::<Time>().unwrap().to_string(), "2024-02-29T00:00:00Z");
    }

    #[test]
    fn the_plain_form_is_read_like_all_forms() {
        let plain = b"2024-02-28T23:59:58Z";
        for place in 0..plain.len() {
            for byte in b' '..=b'~' {
                let mut text = *plain;
                text[place] = byte;
                // Other separators are other forms, which are left to the other reader.
                if let Some(time) = parse_plain(&text) {
                    assert_eq!(Some(time), parse(&text), "{}", String::from_utf8_lossy(&text));
                } else if byte.is_ascii_digit() && plain[place].is_ascii_digit() {
                    assert_eq!(parse(&text), None, "{}", String::from_utf8_lossy(&text));
                }
            }
        }
        assert!(parse_plain(plain).is_some());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "today",
            "2023-02-29",
            "2023-13-01",
            "2023-07-10T24:00:00Z",
            "2023-07-10T12:16:15X",
            "2023-07",
            "😀",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_round_trip_over_eight_centuries() {
        for days in (-150_000..150_000).step_by(7) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, i64::from(month), i64::from(day)), days);
        }
    }
}
