//! What the path of a delivered object says.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>

use crate::ident::{Time, TimeRange};

/// What an object holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are the folder names AWS uses")]
pub enum LogKind {
    CloudTrail,
    Digest,
    Insight,
    NetworkActivity,
    Aggregated,
}

impl LogKind {
    /// From the folder's name, or the same word inside a file's name.
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "CloudTrail" => Self::CloudTrail,
            "CloudTrail-Digest" => Self::Digest,
            "CloudTrail-Insight" => Self::Insight,
            "CloudTrail-NetworkActivity" => Self::NetworkActivity,
            "CloudTrail-Aggregated" => Self::Aggregated,
            _ => return None,
        })
    }

    /// The word for objects (and records) of this kind that are passed over; `None` for logs.
    pub fn skipped(self) -> Option<&'static str> {
        match self {
            Self::CloudTrail => None,
            Self::Digest => Some("digest"),
            Self::Insight => Some("insight"),
            Self::NetworkActivity => Some("network-activity"),
            Self::Aggregated => Some("aggregated"),
        }
    }
}

/// The parts of a delivery path:
/// `[prefix/]AWSLogs/[o-…/]ACCOUNT/CloudTrail…/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_….json.gz`.
///
/// Parts above the file may be missing (people copy folders), then the file's name tells. The Region is where the object
/// was delivered; a record's own `awsRegion` may differ and is what counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LogKey<'a> {
    /// `o-…` of an organization trail.
    pub organization: Option<&'a str>,
    /// The account whose trail delivered.
    pub account: Option<&'a str>,
    /// See [`LogKind`].
    pub kind: LogKind,
    /// Where it was delivered.
    pub region: Option<&'a str>,
    /// First second of the UTC day of delivery.
    pub day: Option<Time>,
}

/// CloudTrail tries to deliver for thirty days when the bucket cannot be reached.
const LATEST_DELIVERY: i64 = 31 * 86_400;
/// The longest sessions live 36 hours, so issuances that far back explain sessions inside a window.
pub(crate) const LONGEST_SESSION: i64 = 2 * 86_400;

impl<'a> LogKey<'a> {
    /// Reads a path with `/` separators; `None` when nothing in it is CloudTrail's.
    pub fn parse(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let file = parts.last().copied().unwrap_or_default();
        let from_name = FileName::parse(file);
        let folder = parts
            .iter()
            .enumerate()
            .rev()
            .skip(1)
            .find_map(|(at, part)| LogKind::parse(part).map(|kind| (at, kind)));
        let Some((at, kind)) = folder else {
            let name = from_name?;
            let above: Vec<&str> = parts.iter().rev().skip(1).take(3).rev().copied().collect();
            return Some(Self {
                organization: None,
                account: Some(name.account),
                kind: name.kind,
                region: Some(name.region),
                day: day(&above).or(name.day),
            });
        };
        let before = |steps: usize| at.checked_sub(steps).and_then(|at| parts.get(at)).copied();
        let account = before(1).filter(|text| is_account(text));
        // `CloudTrail` is an ordinary word; only an account above it or a file name below it makes it AWS's folder.
        if account.is_none() && from_name.is_none() {
            return None;
        }
        let below = parts.get(at + 1..parts.len().saturating_sub(1)).unwrap_or_default();
        Some(Self {
            organization: before(2).filter(|text| text.starts_with("o-")),
            account: account.or(from_name.map(|name| name.account)),
            kind,
            region: below.first().copied().or(from_name.map(|name| name.region)),
            day: below.get(1..4).and_then(day).or(from_name.and_then(|name| name.day)),
        })
    }

    /// Whether an object delivered on this day can hold events of a window, or issuances that explain its sessions.
    pub fn may_hold(&self, window: &TimeRange) -> bool {
        let Some(day) = self.day else { return true };
        // Nothing is delivered before it happened; a clock may be wrong by a little, hence the whole days.
        let earliest = window.from.plus_seconds(-LONGEST_SESSION);
        let latest = window.to.plus_seconds(LATEST_DELIVERY);
        day.plus_seconds(86_400) > earliest && day < latest
    }
}

/// A file's name, `ACCOUNT_CloudTrail_REGION_…`.
#[derive(Clone, Copy)]
struct FileName<'a> {
    account: &'a str,
    kind: LogKind,
    region: &'a str,
    day: Option<Time>,
}

impl<'a> FileName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.split('_');
        let account = parts.next().filter(|text| is_account(text))?;
        let kind = LogKind::parse(parts.next()?)?;
        let region = parts.next().filter(|text| text.contains('-'))?;
        let day = parts.find_map(|part| {
            let (date, _) = part.split_once('T').filter(|(date, _)| date.len() == 8)?;
            date.parse::<Time>().ok()
        });
        Some(Self { account, kind, region, day })
    }
}

/// Account ids have twelve digits; published logs mask or shorten them.
pub(crate) fn is_account(text: &str) -> bool {
    let masked = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*');
    (6..=14).contains(&text.len()) && text.bytes().all(masked)
}

fn day(parts: &[&str]) -> Option<Time> {
    let [year, month, day] = parts else { return None };
    format!("{year}-{month}-{day}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_kind_account_region_and_day() {
        let name = "123456789012_CloudTrail_eu-west-1_20260103T1505Z_A6kvhMoVeCsc7v8U.json.gz";
        let digest = "123456789012_CloudTrail-Digest_eu-west-1_t_us-east-1_20260103T150500Z.json.gz";
        for (path, kind, organization, region, day) in [
            (
                format!("p/AWSLogs/123456789012/CloudTrail/eu-west-1/2026/01/03/{name}"),
                LogKind::CloudTrail,
                None,
                "eu-west-1",
                "2026-01-03",
            ),
            (
                format!("AWSLogs/o-abc/123456789012/CloudTrail-Digest/eu-west-1/2026/01/03/{digest}"),
                LogKind::Digest,
                Some("o-abc"),
                "eu-west-1",
                "2026-01-03",
            ),
            (digest.to_owned(), LogKind::Digest, None, "eu-west-1", "2026-01-03"),
            (
                "AWSLogs/123456789012/CloudTrail-Insight/us-east-1/2026/01/03/x.json.gz".to_owned(),
                LogKind::Insight,
                None,
                "us-east-1",
                "2026-01-03",
            ),
            (
                "a/123456789012/CloudTrail-NetworkActivity/us-east-1/2026/01/03/x".to_owned(),
                LogKind::NetworkActivity,
                None,
                "us-east-1",
                "2026-01-03",
            ),
            (format!("eu-west-1/2026/01/02/{name}"), LogKind::CloudTrail, None, "eu-west-1", "2026-01-02"),
            (name.to_owned(), LogKind::CloudTrail, None, "eu-west-1", "2026-01-03"),
        ] {
            let key = LogKey::parse(&path).unwrap();
            assert_eq!(
                (key.kind, key.organization, key.region),
                (kind, organization, Some(region)),
                "{path}"
            );
            assert_eq!(key.account, Some("123456789012"), "{path}");
            assert_eq!(key.day, day.parse().ok(), "{path}");
        }
        for path in ["README.md", "CloudTrail/x.json", "logs/CloudTrail/a.json", "a_CloudTrail_b.json", ""] {
            assert_eq!(LogKey::parse(path), None, "{path}");
        }
    }

    #[test]
    fn days_far_outside_a_window_are_not_opened() {
        let window = TimeRange { from: "2026-02-01".parse().unwrap(), to: "2026-02-08".parse().unwrap() };
        for (day, expected) in [
            ("2026/01/29", false),
            ("2026/01/30", true),
            ("2026/02/05", true),
            ("2026/03/10", true),
            ("2026/03/11", false),
        ] {
            let path = format!("AWSLogs/123456789012/CloudTrail/us-east-1/{day}/x.json.gz");
            assert_eq!(LogKey::parse(&path).unwrap().may_hold(&window), expected, "{day}");
        }
    }
}
