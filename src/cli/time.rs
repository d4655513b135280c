//! Times on the command line.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use leastwise::ident::Time;

/// A point in time as typed: absolute, or so long ago.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum When {
    /// RFC 3339, or a date (its first second, UTC).
    At(Time),
    /// Seconds back from now.
    Ago(i64),
}

impl When {
    /// The moment meant; only the command line reads the clock.
    pub(super) fn resolve(self, now: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ago(seconds) => now.plus_seconds(-seconds),
        }
    }
}

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ago = |unit: char, seconds: i64| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| *n >= 0)?;
            number.checked_mul(seconds).map(Self::Ago)
        };
        ago('d', 86_400)
            .or_else(|| ago('h', 3_600))
            .or_else(|| ago('w', 7 * 86_400))
            .or_else(|| text.parse().ok().map(Self::At))
            .ok_or_else(|| InvalidWhen(text.chars().take(64).collect()))
    }
}

/// Text that should have been a point in time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a time looks like `2026-01-31T00:00:00Z`, `2026-01-31` or `90d`, found `{0}`")]
pub(super) struct InvalidWhen(String);

/// A length of time as typed, in seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span(pub(super) i64);

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(When::Ago(seconds)) => Ok(Self(seconds)),
            _ => Err(InvalidSpan(text.chars().take(64).collect())),
        }
    }
}

/// Text that should have been a length of time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a length of time looks like `7d`, `12h` or `2w`, found `{0}`")]
pub(super) struct InvalidSpan(String);

/// A share as typed, in per mille.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Percent(pub(super) u32);

impl FromStr for Percent {
    type Err = InvalidPercent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim_end_matches('%').trim_end();
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok());
        match (digits(whole).flatten(), digits(tenth).flatten()) {
            (Some(whole), Some(tenth)) if tenth < 10 && (whole < 100 || (whole, tenth) == (100, 0)) => {
                Ok(Self(whole * 10 + tenth))
            }
            _ => Err(InvalidPercent(text.chars().take(64).collect())),
        }
    }
}

/// Text that should have been a share.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a share in per cent looks like `95` or `99.5`, found `{0}`")]
pub(super) struct InvalidPercent(String);

/// The current second.
pub(super) fn now() -> Time {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_distances() {
        let now: Time = "2026-04-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90d", "2026-01-01T12:00:00Z"),
            ("2w", "2026-03-18T12:00:00Z"),
            ("36h", "2026-03-31T00:00:00Z"),
            ("0d", "2026-04-01T12:00:00Z"),
            ("2026-02-03", "2026-02-03T00:00:00Z"),
            ("2026-02-03T04:05:06+01:00", "2026-02-03T03:05:06Z"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().resolve(now).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn lengths_and_shares() {
        assert_eq!("7d".parse(), Ok(Span(7 * 86_400)));
        for text in ["2026-01-01", "7", "", "-1d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for (text, expected) in
            [("95", 950), ("99.5", 995), ("100", 1_000), ("100.0", 1_000), ("0", 0), ("90 %", 900)]
        {
            assert_eq!(text.parse(), Ok(Percent(expected)), "{text}");
        }
        for text in ["", "101", "100.1", "-1", "5.55", "x", ".", "+5"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "d",
            "-1d",
            "1.5d",
            "90",
            "90 days",
            "yesterday",
            "99999999999999999999d",
            "9223372036854775807d",
        ] {
            assert_eq!(text.parse::<When>(), Err(InvalidWhen(text.to_owned())), "{text}");
        }
    }
}
