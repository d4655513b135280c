//! Whether absence from the logs proves anything.
//!
//! An account's window counts as covered when
//!
//! 1. its logs are here at all,
//! 2. its most active Region (the one with events in the most hours) has no stretch of more than 24 hours without an event,
//!    counting the edges of the window, and
//! 3. no object of the account failed to be read; an object whose account its name does not tell counts for all accounts.
//!
//! The window is the one asked for, else the span of the events read. Regions other than the most active one may be quiet:
//! CloudTrail delivers nothing where nothing happens. On top of that, some kinds of events may not be recorded at all; that is
//! judged kind by kind (see [`AccountCoverage::blind_to`]).

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use crate::catalog::{ActionId, Catalog, Visibility};
use crate::ident::{Time, TimeRange};
use crate::usage::Observation;

/// Hours without an event that a covered account may have in its most active Region.
const LONGEST_SILENCE: i64 = 24;

/// Seconds of a window after which an account without one recorded write is taken to record reads only. Shorter windows of
/// quiet accounts may well hold none.
const WRITES_EXPECTED_AFTER: i64 = 7 * 86_400;

/// Objects that were listed and could not be read (to the end).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Losses {
    /// By account id.
    pub by_account: BTreeMap<String, u64>,
    /// Objects whose account is not known.
    pub unplaced: u64,
}

/// What the logs could have shown, by account.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    observation: &'a Observation,
    losses: &'a Losses,
    window: Option<TimeRange>,
}

/// What the logs of one account could have shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountCoverage {
    /// The window judged; `None` when there is no event at all.
    pub window: Option<TimeRange>,
    /// Why absence proves nothing in this account, each a sentence; empty when the window is covered.
    pub not_covered: Vec<String>,
    /// Read-only management events are recorded.
    pub reads: bool,
    /// Write management events are recorded.
    pub writes: bool,
    /// KMS events are recorded.
    pub kms: bool,
    /// Kinds of data events seen, as `resources[].type` or event source.
    pub data_types: BTreeSet<String>,
}

/// Why the absence of an action proves nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Blind {
    /// CloudTrail never shows the action.
    NeverLogged,
    /// No public operation bears the action.
    NoPublicOperation,
    /// It shows in data events that are not recorded in this account, as far as the logs show.
    DataEventsOff,
    /// It shows in read-only management events, and the account's logs have none.
    ReadsOff,
    /// It shows in write management events, and the account's logs have none.
    WritesOff,
    /// It shows in KMS events, and the account's logs have none.
    KmsOff,
}

impl Blind {
    /// A sentence for the report.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NeverLogged => "CloudTrail never logs some of the granted actions.",
            Self::NoPublicOperation => {
                "Some granted actions belong to no public API operation, so no event is sure to show them."
            }
            Self::DataEventsOff => {
                "Data events of some granted actions were not seen in the account's logs, so these actions cannot be judged."
            }
            Self::ReadsOff => {
                "The account's logs hold no read-only management event, so read actions cannot be judged."
            }
            Self::WritesOff => {
                "The account's logs hold no write management event, so write actions cannot be judged."
            }
            Self::KmsOff => "The account's logs hold no KMS event, so KMS actions cannot be judged.",
        }
    }

    /// Whether the logging of this account (rather than CloudTrail itself) is the cause, and more logging would settle it at
    /// the level of whole categories: such actions are undetermined, the others unobservable.
    pub fn is_missing_log(self) -> bool {
        matches!(self, Self::ReadsOff | Self::WritesOff | Self::KmsOff)
    }
}

impl<'a> Coverage<'a> {
    /// What these logs could have shown.
    pub fn new(observation: &'a Observation, losses: &'a Losses, settings: &Settings) -> Self {
        let seen = observation.span;
        let from = settings.since.or(seen.map(|(first, _)| first));
        let to = settings.until.or(seen.map(|(_, last)| last.plus_seconds(1)));
        let window = from.zip(to).map(|(from, to)| TimeRange { from, to });
        Self { observation, losses, window }
    }

    /// The window judged.
    pub fn window(&self) -> Option<TimeRange> {
        self.window
    }

    /// What the logs of `account` could have shown.
    pub fn account(&self, account: &str) -> AccountCoverage {
        let mut not_covered = Vec::new();
        let regions = self.observation.regions.get(account);
        let busiest = regions.and_then(|regions| {
            // The first of equals, so that the answer does not depend on anything but the logs.
            regions.iter().rev().max_by_key(|(_, region)| region.hours.len())
        });
        match (busiest, self.window) {
            (Some((region, seen)), Some(window)) => {
                not_covered.extend(silence(window, &seen.hours).map(|(from, to)| {
                    format!("No event of account {account} between {from} and {to} in {region}, its most active Region.")
                }));
            }
            _ => not_covered.push(format!("No log of account {account} was read.")),
        }
        match self.losses.by_account.get(account) {
            Some(n) if *n > 0 => {
                not_covered.push(format!("{n} log objects of account {account} could not be read."))
            }
            _ => {}
        }
        if self.losses.unplaced > 0 {
            not_covered.push(format!(
                "{} log objects could not be read, and their names do not tell the account.",
                self.losses.unplaced
            ));
        }
        let long = self.window.is_some_and(|window| window.seconds() >= WRITES_EXPECTED_AFTER);
        AccountCoverage {
            window: self.window,
            not_covered,
            reads: self.observation.management_reads.contains(account),
            writes: !long || self.observation.management_writes.contains(account),
            kms: self.observation.kms.contains(account),
            data_types: self
                .observation
                .data_types
                .get(account)
                .map(|types| types.iter().map(|kind| kind.to_string()).collect())
                .unwrap_or_default(),
        }
    }
}

impl AccountCoverage {
    /// Whether absence proves something at all.
    pub fn is_covered(&self) -> bool {
        self.not_covered.is_empty()
    }

    /// Whether the role could have been assumed unseen: all calls that issue credentials are read-only management events.
    pub fn shows_assumptions(&self) -> bool {
        self.is_covered() && self.reads
    }

    /// Why the absence of this action would prove nothing even over a covered window; `None` when it would.
    pub fn blind_to(&self, id: ActionId, catalog: &Catalog) -> Option<Blind> {
        match catalog.visibility(id) {
            Visibility::NeverLogged { .. } => Some(Blind::NeverLogged),
            Visibility::NoPublicOperation => Some(Blind::NoPublicOperation),
            Visibility::Data { types } => {
                let seen = types.iter().any(|kind| self.data_types.contains(*kind));
                (!seen).then_some(Blind::DataEventsOff)
            }
            Visibility::Management => {
                let info = catalog.info(id)?;
                if info.action().service() == "kms" && !self.kms {
                    return Some(Blind::KmsOff);
                }
                // CloudTrail marks calls that issue credentials as reads, whatever IAM's access level says.
                let is_read = info.levels().is_read_only() || info.action().service() == "sts";
                match is_read {
                    true if !self.reads => Some(Blind::ReadsOff),
                    false if !self.writes => Some(Blind::WritesOff),
                    _ => None,
                }
            }
        }
    }
}

/// The first stretch of the window that is too long without an event.
fn silence(window: TimeRange, hours: &BTreeSet<i64>) -> Option<(Time, Time)> {
    let start = window.from.unix().div_euclid(3_600);
    let end = window.to.unix().div_euclid(3_600);
    let mut last = start - 1;
    for hour in hours.range(start..=end).copied().chain([end + 1]) {
        if hour - last - 1 > LONGEST_SILENCE {
            return Some((Time::from_unix((last + 1) * 3_600), Time::from_unix(hour * 3_600)));
        }
        last = hour;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::RegionObservation;

    const ACCOUNT: &str = "111122223333";

    /// An observation with events of one account in these hours since 2026-01-01T00:00Z, by Region.
    fn observation(regions: &[(&str, &[i64])]) -> Observation {
        let base = "2026-01-01".parse::<Time>().unwrap().unix() / 3_600;
        let at = |hour: &i64| Time::from_unix((base + hour) * 3_600);
        let all = || regions.iter().flat_map(|(_, hours)| hours.iter());
        let region = |hours: &[i64]| RegionObservation {
            span: hours.iter().min().map(at).zip(hours.iter().max().map(at)),
            hours: hours.iter().map(|hour| base + hour).collect(),
        };
        let by_region = regions.iter().map(|(name, hours)| ((*name).into(), region(hours))).collect();
        Observation {
            regions: [(ACCOUNT.into(), by_region)].into(),
            span: all().min().map(at).zip(all().max().map(at)),
            ..Observation::default()
        }
    }

    fn reasons(observation: &Observation, settings: &Settings, losses: &Losses) -> Vec<String> {
        Coverage::new(observation, losses, settings).account(ACCOUNT).not_covered
    }

    #[test]
    fn a_day_of_silence_in_the_busiest_region_is_a_gap() {
        let none = Losses::default();
        let all = Settings::default();
        for (regions, covered) in [
            (&[("eu-west-1", &[0, 24, 48][..])][..], true),
            (&[("eu-west-1", &[0, 25, 48])], true),
            (&[("eu-west-1", &[0, 26, 48])], false),
            // A quiet Region beside a busy one says nothing.
            (&[("eu-west-1", &[0, 20, 40, 60, 80]), ("us-east-1", &[0, 80])], true),
            // A busy Region that falls silent does, whatever the others say.
            (&[("eu-west-1", &[0, 1, 2, 3, 80]), ("us-east-1", &[0, 40, 80])], false),
        ] {
            assert_eq!(reasons(&observation(regions), &all, &none).is_empty(), covered, "{regions:?}");
        }
    }

    #[test]
    fn a_window_longer_than_the_logs_is_not_covered() {
        let seen = observation(&[("eu-west-1", &[0, 10, 20, 30])]);
        let asked = |since: &str, until: &str| Settings {
            since: since.parse().ok(),
            until: until.parse().ok(),
            ..Settings::default()
        };
        let none = Losses::default();
        assert!(reasons(&seen, &asked("2026-01-01", "2026-01-02T12:00:00Z"), &none).is_empty());
        assert_eq!(reasons(&seen, &asked("2025-12-01", "2026-01-02"), &none).len(), 1);
        assert_eq!(reasons(&seen, &asked("2026-01-01", "2026-01-05"), &none).len(), 1);
    }

    #[test]
    fn lost_objects_and_absent_accounts_are_named() {
        let seen = observation(&[("eu-west-1", &[0, 10])]);
        let lost =
            |account: &str, unplaced| Losses { by_account: [(account.to_owned(), 2)].into(), unplaced };
        let all = Settings::default();
        assert_eq!(
            reasons(&seen, &all, &lost(ACCOUNT, 0)),
            ["2 log objects of account 111122223333 could not be read."]
        );
        assert_eq!(reasons(&seen, &all, &lost("999999999999", 0)), [""; 0]);
        assert_eq!(reasons(&seen, &all, &lost("999999999999", 1)).len(), 1);
        assert_eq!(
            reasons(&Observation::default(), &all, &Losses::default()),
            ["No log of account 111122223333 was read."]
        );
    }

    #[test]
    fn what_is_not_recorded_cannot_be_missed() {
        let catalog = Catalog::embedded();
        let mut seen = observation(&[("eu-west-1", &[0, 10])]);
        let blind = |seen: &Observation, action: &str, settings: &Settings| {
            let losses = Losses::default();
            let coverage = Coverage::new(seen, &losses, settings).account(ACCOUNT);
            coverage.blind_to(catalog.find(action).unwrap(), catalog)
        };
        let short = Settings::default();
        let long = Settings { since: "2025-12-01".parse().ok(), ..Settings::default() };
        assert_eq!(blind(&seen, "iam:PassRole", &short), Some(Blind::NeverLogged));
        assert_eq!(blind(&seen, "ec2:DescribeInstances", &short), Some(Blind::ReadsOff));
        assert_eq!(blind(&seen, "sts:AssumeRole", &short), Some(Blind::ReadsOff));
        assert_eq!(blind(&seen, "kms:Decrypt", &short), Some(Blind::KmsOff));
        assert_eq!(blind(&seen, "ec2:RunInstances", &short), None);
        assert_eq!(blind(&seen, "ec2:RunInstances", &long), Some(Blind::WritesOff));
        assert_eq!(blind(&seen, "s3:GetObject", &short), Some(Blind::DataEventsOff));
        seen.management_reads.insert(ACCOUNT.into());
        seen.kms.insert(ACCOUNT.into());
        seen.data_types.entry(ACCOUNT.into()).or_default().insert("AWS::S3::Object".into());
        for action in ["ec2:DescribeInstances", "sts:AssumeRole", "kms:Decrypt", "s3:GetObject"] {
            assert_eq!(blind(&seen, action, &short), None, "{action}");
        }
    }
}
