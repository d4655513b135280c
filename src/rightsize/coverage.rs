//! Whether absence from the logs proves anything.
//!
//! An account's window counts as covered when
//!
//! 1. its logs are here at all,
//! 2. its most active Region (the one with events in the most hours) has no stretch of more than 24 hours without an event, without a
//!    log file, and without a valid digest file that says that there was none, counting the edges of the window, and
//! 3. no object of the account failed to be read; an object whose account its name does not tell counts for all accounts, and
//! 4. no digest file leaves time inside the window open (see [`crate::integrity`]); without digest files this says nothing.
//!
//! The window is the one asked for, else the span of the events read. Regions other than the most active one may be quiet:
//! CloudTrail delivers nothing where nothing happens. On top of that, some kinds of events may not be recorded at all; that is
//! judged kind by kind (see [`AccountCoverage::blind_to`]).
//!
//! A kind of data event counts as recorded when the trails of the snapshot record it for every resource in every Region, or for all that
//! is granted. Where no trail of the snapshot names the kind, it does when the account's logs hold events of it with no silence of more than a
//! week in the Region that has them on the most days (reading ones for actions that read, writing ones for actions that write), and events of
//! the very resources that are granted, or, where many are granted at once, of several of them.

mod account;
mod resources;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use account::{AccountCoverage, Blind, KindCoverage};
pub(super) use resources::RDS_DATA;
pub use resources::{SeenOfAccount, SeenResources};

use super::Settings;
use super::changes::{Stop, TrailChanges};
use super::recorded::Recorded;
use crate::ident::{Time, TimeRange};
use crate::integrity::{FileHours, Hole, Verification};
use crate::inventory::Trail;
use crate::usage::{Observation, RegionObservation, Text};

/// Hours without an event that a covered account may have in its most active Region.
const LONGEST_SILENCE: i64 = 24;

/// Hours without an event of a kind of data event that was switched on all the time; longer, and it may have been switched on late or
/// off early.
const LONGEST_DATA_SILENCE: i64 = 7 * 24;

/// Seconds of a window after which an account without one recorded write is taken to record reads only. Shorter windows of
/// quiet accounts may well hold none.
const WRITES_EXPECTED_AFTER: i64 = 7 * 86_400;

/// Objects that were listed and could not be read (to the end).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Losses {
    /// By account id.
    pub by_account: BTreeMap<String, u64>,
    /// By account id, the hours (seconds since the epoch / 3600) whose events the objects may have held, as far as their names tell.
    pub hours: BTreeMap<String, BTreeSet<i64>>,
    /// Objects whose account is not known.
    pub unplaced: u64,
}

/// What the logs could have shown, by account.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    observation: &'a Observation,
    losses: &'a Losses,
    trails: &'a [Trail],
    verification: Option<&'a Verification>,
    files: Option<&'a FileHours>,
    changes: Option<&'a TrailChanges>,
    resources: Option<&'a SeenResources>,
    window: Option<TimeRange>,
    min_window: i64,
}

/// Hours of the window, and those of them for which the logs can be relied on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hours {
    /// All.
    pub all: u64,
    /// Of these, hours in which nothing tells that logs are missing.
    pub covered: u64,
}

impl<'a> Coverage<'a> {
    /// What these logs could have shown.
    pub fn new(observation: &'a Observation, losses: &'a Losses, settings: &Settings) -> Self {
        let seen = observation.span;
        let from = settings.since.or(seen.map(|(first, _)| first));
        let to = settings.until.or(seen.map(|(_, last)| last.plus_seconds(1)));
        let window = from.zip(to).map(|(from, to)| TimeRange { from, to });
        Self {
            observation,
            losses,
            trails: &[],
            verification: None,
            files: None,
            changes: None,
            resources: None,
            window,
            min_window: settings.min_window,
        }
    }

    /// The same, with what the trails are told to record.
    #[must_use]
    pub fn with_trails(self, trails: &'a [Trail]) -> Self {
        Self { trails, ..self }
    }

    /// The same, with the hours in which log files were delivered: a file that holds little shows that logs come, too.
    #[must_use]
    pub fn with_files(self, files: &'a FileHours) -> Self {
        Self { files: Some(files), ..self }
    }

    /// The same, with what the digest files prove: time they leave open proves nothing.
    #[must_use]
    pub fn with_verification(self, verification: Option<&'a Verification>) -> Self {
        Self { verification, ..self }
    }

    /// The same, with what the logs tell of changes of the trails inside the window.
    #[must_use]
    pub fn with_changes(self, changes: &'a TrailChanges) -> Self {
        Self { changes: Some(changes), ..self }
    }

    /// The same, with the resources the logs hold data events of; without them, the events of one count for all.
    #[must_use]
    pub fn with_resources(self, resources: &'a SeenResources) -> Self {
        Self { resources: Some(resources), ..self }
    }

    /// The window judged.
    pub fn window(&self) -> Option<TimeRange> {
        self.window
    }

    /// What the logs of `account` could have shown.
    pub fn account(&self, account: &str) -> AccountCoverage {
        let mut not_covered = Vec::new();
        match (self.busiest(account), self.window) {
            (Some(region), Some(window)) => {
                let hours = self.with_logs(account, region);
                not_covered.extend(silence(window, &hours, LONGEST_SILENCE).map(|(from, to)| {
                    format!("No event of account {account} between {from} and {to} in {region}, its most active Region.")
                }));
            }
            _ => not_covered.push(format!("No log of account {account} was read.")),
        }
        match self.losses.by_account.get(account) {
            Some(n) if *n > 0 => not_covered.push(format!(
                "{n} log object{} of account {account} could not be read.",
                if *n == 1 { "" } else { "s" }
            )),
            _ => {}
        }
        if self.losses.unplaced > 0 {
            not_covered.push(match self.losses.unplaced {
                1 => "1 log object could not be read, and its name does not tell the account.".to_owned(),
                n => format!("{n} log objects could not be read, and their names do not tell the account."),
            });
        }
        not_covered.extend(self.holes(account));
        not_covered.extend(self.stops(account).into_iter().map(|stop| stop.sentence));
        not_covered.extend(self.too_short());
        let long = self.window.is_some_and(|window| window.seconds() >= WRITES_EXPECTED_AFTER);
        let recorded = Recorded::of(account, self.trails);
        let management = recorded.as_ref().map(|recorded| recorded.management).unwrap_or_default();
        let kms = recorded.as_ref().map(|recorded| recorded.kms).unwrap_or_default();
        let told = recorded.as_ref().map(|recorded| recorded.rds_data.reads && recorded.rds_data.writes);
        let seen = self.resources.map(|seen| seen.has_rds_data(account));
        AccountCoverage {
            window: self.window,
            not_covered,
            reads: management.reads || self.observation.management_reads.contains(account),
            writes: management.writes || !long || self.observation.management_writes.contains(account),
            kms: (kms.reads && kms.writes) || self.observation.kms.contains(account),
            rds_data: told == Some(true) || seen == Some(true) || (told.is_none() && seen.is_none()),
            data_types: self.data_types(account, long),
            resources: self.resources.map(|seen| seen.of_account(account)),
            changed: self.changes.and_then(|changes| changes.of_account(account, self.trails)),
            recorded,
        }
    }

    /// That the window is shorter than what is asked for, whatever it holds.
    fn too_short(&self) -> Option<String> {
        let seconds = self.window?.seconds();
        let days = |seconds: i64| {
            let tenths = seconds * 10 / 86_400;
            if tenths % 10 == 0 {
                (tenths / 10).to_string()
            } else {
                format!("{}.{}", tenths / 10, tenths % 10)
            }
        };
        (seconds < self.min_window).then(|| {
            format!(
                "The window is {} days long, and absence over less than {} days (`--min-window`) is not taken to prove anything.",
                days(seconds),
                days(self.min_window)
            )
        })
    }

    /// The hours of the window for which an account's logs can be relied on: not in a stretch of more than 24 hours without any event in
    /// its most active Region, not left open by digest files, not of an object that could not be read, and none at all when no log of the
    /// account was read.
    pub fn hours(&self, account: &str) -> Hours {
        let Some(window) = self.window else { return Hours::default() };
        let start = window.from.unix().div_euclid(3_600);
        let end = (window.to.unix() - 1).div_euclid(3_600) + 1;
        let mut open: BTreeSet<i64> = BTreeSet::new();
        let all = u64::try_from(end - start).unwrap_or(0);
        let Some(region) = self.busiest(account) else { return Hours { all, covered: 0 } };
        for (from, to) in silences(window, &self.with_logs(account, region), LONGEST_SILENCE) {
            open.extend(from.unix().div_euclid(3_600).max(start)..to.unix().div_euclid(3_600).min(end));
        }
        let holes =
            self.verification.iter().flat_map(|one| &one.holes).filter(|hole| hole.account == account);
        for hole in holes {
            let to = (hole.to.unix() - 1).div_euclid(3_600) + 1;
            open.extend(hole.from.unix().div_euclid(3_600).max(start)..to.min(end));
        }
        for stop in self.stops(account) {
            let to = (stop.to.unix() - 1).div_euclid(3_600) + 1;
            open.extend(stop.from.unix().div_euclid(3_600).max(start)..to.min(end));
        }
        open.extend(
            self.losses.hours.get(account).into_iter().flatten().filter(|hour| (start..end).contains(*hour)),
        );
        Hours { all, covered: all - (open.len() as u64).min(all) }
    }

    /// When the account's trails were stopped.
    fn stops(&self, account: &str) -> Vec<Stop> {
        let stops = self.changes.zip(self.window);
        stops.map_or_else(Vec::new, |(changes, window)| changes.stops(account, self.trails, window))
    }

    /// The hours of a Region with an event or a log file, or of which a valid digest file says that there was none.
    pub fn with_logs(&self, account: &str, region: &str) -> Cow<'_, BTreeSet<i64>> {
        let files = self.files.and_then(|files| files.of(account, region));
        let proven = self.verification.and_then(|one| one.proven.of(account, region));
        let seen = self.seen(account, region).map(|seen| &seen.hours);
        let mut all = [seen, files, proven].into_iter().flatten();
        match (all.next(), all.next()) {
            (None, _) => Cow::Owned(BTreeSet::new()),
            (Some(one), None) => Cow::Borrowed(one),
            (Some(one), Some(other)) => {
                Cow::Owned(one.iter().chain(other).chain(all.flatten()).copied().collect())
            }
        }
    }

    fn seen(&self, account: &str, region: &str) -> Option<&RegionObservation> {
        self.observation.regions.get(account)?.get(region)
    }

    /// The Regions of an account of which the logs tell anything.
    pub fn regions(&self, account: &str) -> BTreeSet<&str> {
        let seen = self.observation.regions.get(account).into_iter().flat_map(|regions| regions.keys());
        let files = self.files.into_iter().flat_map(|files| files.regions(account));
        let proven = self.verification.into_iter().flat_map(|one| one.proven.regions(account));
        seen.map(AsRef::as_ref).chain(files).chain(proven).collect()
    }

    /// The accounts of which the logs tell anything, though it be that nothing happened.
    pub fn accounts(&self) -> BTreeSet<&str> {
        let seen = self.observation.regions.keys().map(AsRef::as_ref);
        let files = self.files.into_iter().flat_map(FileHours::accounts);
        let proven = self.verification.into_iter().flat_map(|one| one.proven.accounts());
        seen.chain(files).chain(proven).collect()
    }

    /// The hours of the window with and without a log file of a Region; `None` when no name of a file tells.
    pub fn file_hours(&self, account: &str, region: &str) -> Option<Hours> {
        let (files, window) = self.files?.of(account, region).zip(self.window)?;
        let start = window.from.unix().div_euclid(3_600);
        let end = (window.to.unix() - 1).div_euclid(3_600) + 1;
        let covered = files.range(start..end.max(start)).count() as u64;
        Some(Hours { all: u64::try_from(end - start).unwrap_or(0), covered })
    }

    /// The Region with events in the most hours, of those without any the one with the most log files; the first of equals, so that the
    /// answer does not depend on anything but the logs.
    fn busiest(&self, account: &str) -> Option<&str> {
        let busy = |region: &&str| {
            let events = self.seen(account, region).map_or(0, |seen| seen.hours.len());
            let logs = if events > 0 { 0 } else { self.with_logs(account, region).len() };
            (events, logs)
        };
        self.regions(account).into_iter().rev().max_by_key(busy)
    }

    /// Where the digest files of an account leave the window open.
    fn holes(&self, account: &str) -> Vec<String> {
        const SHOWN: usize = 5;
        let Some((verification, window)) = self.verification.zip(self.window) else { return Vec::new() };
        let inside = |hole: &&Hole| hole.account == account && hole.from < window.to && hole.to > window.from;
        let holes: Vec<&Hole> = verification.holes.iter().filter(inside).collect();
        let mut sentences: Vec<String> = holes.iter().take(SHOWN).map(ToString::to_string).collect();
        if let Some(more) = holes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            sentences.push(format!("The digest files leave {more} more stretches of time open."));
        }
        sentences
    }

    fn data_types(&self, account: &str, long: bool) -> BTreeMap<String, KindCoverage> {
        let days = self.observation.data_events.get(account);
        let judged = |kind: &Text| {
            let Some(regions) = days.and_then(|kinds| kinds.get(kind)) else {
                // An observation made by hand says only that there was one.
                return KindCoverage { reads: true, writes: true, silence: None };
            };
            // Where it was on in one Region first and in another later, neither shows the whole window.
            let busiest = regions.values().rev().max_by_key(|seen| seen.days.len());
            let days = busiest.into_iter().flat_map(|seen| &seen.days);
            let hours: BTreeSet<i64> = days.flat_map(|day| day * 24..(day + 1) * 24).collect();
            KindCoverage {
                reads: regions.values().any(|seen| seen.reads),
                writes: !long || regions.values().any(|seen| seen.writes),
                silence: self.window.and_then(|window| silence(window, &hours, LONGEST_DATA_SILENCE)),
            }
        };
        let kinds = self.observation.data_types.get(account).into_iter().flatten();
        kinds.map(|kind| (kind.to_string(), judged(kind))).collect()
    }
}

/// The first stretch of the window that is too long without an event.
fn silence(window: TimeRange, hours: &BTreeSet<i64>, longest: i64) -> Option<(Time, Time)> {
    silences(window, hours, longest).into_iter().next()
}

/// All stretches of the window that are too long without an event.
fn silences(window: TimeRange, hours: &BTreeSet<i64>, longest: i64) -> Vec<(Time, Time)> {
    let mut silences = Vec::new();
    let start = window.from.unix().div_euclid(3_600);
    let end = window.to.unix().div_euclid(3_600);
    let mut last = start - 1;
    for hour in hours.range(start..=end).copied().chain([end + 1]) {
        if hour - last - 1 > longest {
            silences.push((Time::from_unix((last + 1) * 3_600), Time::from_unix(hour * 3_600)));
        }
        last = hour;
    }
    silences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::inventory::{Selected, Selector};
    use crate::usage::{DataObservation, RegionObservation};

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
        let lost = |account: &str, unplaced| Losses {
            by_account: [(account.to_owned(), 2)].into(),
            unplaced,
            ..Losses::default()
        };
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

    /// As [`observation`] of a long window, with one kind of data event on these days, reading or writing.
    fn with_data(days: &[i64], reads: bool, writes: bool) -> Observation {
        let hours: Vec<i64> = (0..30 * 24).collect();
        let mut seen = observation(&[("eu-west-1", &hours)]);
        seen.management_reads.insert(ACCOUNT.into());
        seen.management_writes.insert(ACCOUNT.into());
        seen.data_types.entry(ACCOUNT.into()).or_default().insert("AWS::S3::Object".into());
        let first = "2026-01-01".parse::<Time>().unwrap().unix() / 86_400;
        let days = days.iter().map(|day| first + day).collect();
        let here = DataObservation { days, reads, writes };
        let kinds = seen.data_events.entry(ACCOUNT.into()).or_default();
        kinds.entry("AWS::S3::Object".into()).or_default().insert("eu-west-1".into(), here);
        seen
    }

    fn blind(seen: &Observation, trails: &[Trail], action: &str) -> Option<Blind> {
        let (catalog, losses, settings) = (Catalog::embedded(), Losses::default(), Settings::default());
        let coverage = Coverage::new(seen, &losses, &settings).with_trails(trails).account(ACCOUNT);
        assert!(coverage.is_covered(), "{:?}", coverage.not_covered);
        coverage.blind_to(catalog.find(action).unwrap(), catalog)
    }

    #[test]
    fn data_events_count_for_the_days_and_the_half_they_were_seen_on() {
        let (read, write) = ("s3:GetObject", "s3:PutObject");
        for (days, reads, writes, of_reads, of_writes) in [
            (&[0, 7, 14, 21, 29][..], true, true, None, None),
            // Switched on late, off early, off in between.
            (&[20, 25, 29], true, true, Some(Blind::DataEventsGap), Some(Blind::DataEventsGap)),
            (&[0, 5], true, true, Some(Blind::DataEventsGap), Some(Blind::DataEventsGap)),
            (&[0, 3, 26, 29], true, true, Some(Blind::DataEventsGap), Some(Blind::DataEventsGap)),
            // Selectors may take reads or writes alone.
            (&[0, 7, 14, 21, 29], false, true, Some(Blind::DataEventsHalf), None),
            (&[0, 7, 14, 21, 29], true, false, None, Some(Blind::DataEventsHalf)),
        ] {
            let seen = with_data(days, reads, writes);
            assert_eq!(
                (blind(&seen, &[], read), blind(&seen, &[], write)),
                (of_reads, of_writes),
                "{days:?} {reads} {writes}"
            );
        }
        assert!(Blind::DataEventsGap.is_missing_log() && !Blind::DataEventsHalf.is_missing_log());
    }

    #[test]
    fn what_the_trails_record_wins_over_what_happened_to_be_seen() {
        let data = |kind: &str, reads, writes, is_narrowed| Selector {
            what: Selected::Data(kind.to_owned()),
            reads,
            writes,
            is_narrowed,
            within: Vec::new(),
        };
        let all = || data("AWS::S3::Object", true, true, false);
        let trail = |selectors: Vec<Selector>| Trail {
            arn: format!("arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/t"),
            is_multi_region: Some(true),
            selectors: Some(selectors),
            ..Trail::default()
        };
        let (nothing, seen) = (with_data(&[], false, false), with_data(&[0, 7, 14, 21, 29], true, true));
        let narrowed = Some(Blind::DataEventsNarrowed);
        for (trails, on_seen, on_nothing) in [
            (vec![], None, Some(Blind::DataEventsHalf)),
            // On, and nobody used it: absence then proves something.
            (vec![trail(vec![all()])], None, None),
            // Seen, but of one bucket, of writes, or of one Region only.
            (vec![trail(vec![data("AWS::S3::Object", true, true, true)])], narrowed, narrowed),
            (vec![trail(vec![data("AWS::S3::Object", false, true, false)])], narrowed, narrowed),
            (vec![Trail { is_multi_region: Some(false), ..trail(vec![all()]) }], narrowed, narrowed),
            // A trail beside it that takes the rest.
            (vec![trail(vec![data("AWS::S3::Object", true, true, true)]), trail(vec![all()])], None, None),
            // Of another account, or of unknown selectors: says nothing here.
            (
                vec![Trail {
                    arn: "arn:aws:cloudtrail:eu-west-1:999999999999:trail/t".to_owned(),
                    ..trail(vec![all()])
                }],
                None,
                Some(Blind::DataEventsHalf),
            ),
            (vec![Trail { selectors: None, ..trail(vec![]) }], None, Some(Blind::DataEventsHalf)),
            // The organization's trail records all accounts.
            (
                vec![Trail {
                    arn: "arn:aws:cloudtrail:eu-west-1:999999999999:trail/o".to_owned(),
                    is_organization: true,
                    ..trail(vec![all()])
                }],
                None,
                None,
            ),
        ] {
            assert_eq!(blind(&seen, &trails, "s3:GetObject"), on_seen, "{trails:?}");
            assert_eq!(blind(&nothing, &trails, "s3:GetObject"), on_nothing, "{trails:?}");
        }
        // Management events, KMS apart.
        let management = |excluded: &[&str]| {
            let excluded = excluded.iter().map(|source| (*source).to_owned()).collect();
            let what = Selected::Management { excluded };
            trail(vec![Selector { what, reads: true, writes: true, is_narrowed: false, within: Vec::new() }])
        };
        assert_eq!(blind(&seen, &[], "kms:Decrypt"), Some(Blind::KmsOff));
        assert_eq!(blind(&seen, &[management(&[])], "kms:Decrypt"), None);
        assert_eq!(blind(&seen, &[management(&["kms.amazonaws.com"])], "kms:Decrypt"), Some(Blind::KmsOff));
    }
}
