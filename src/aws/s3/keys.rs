//! What the layout of CloudTrail's keys says about where to list, in which order, and how far.
//!
//! Everything here is arithmetic on keys: a [`Range`] is a stretch of the keys below a prefix, in the order in which S3 lists them.
//! Cutting a range loses no key and lists none twice, whatever the keys in it look like; the layout only tells where cuts pay.

use crate::ident::{Time, TimeRange};
use crate::ingest::{LONGEST_SESSION, LogKey, is_account};

const DAY: i64 = 86_400;
/// Folders of no layout above `AWSLogs` that are walked one by one; deeper ones are listed flat.
const DEEPEST_UNKNOWN: usize = 3;
/// Cuts made at a time.
const MOST_CUTS: usize = 1_024;

/// What is left to list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// One level of folders.
    Folder {
        prefix: String,
        /// Folders above that are not CloudTrail's.
        unknown: usize,
    },
    /// All keys of a stretch.
    Keys(Range),
}

/// The keys that start with `prefix`, after `after` and up to `upto`, which would be the last one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Range {
    pub(super) prefix: String,
    pub(super) after: Option<String>,
    pub(super) upto: Option<String>,
}

/// How a folder is listed that lies in another one.
pub(super) fn step(prefix: String, unknown: usize, window: &TimeRange) -> Step {
    match place(&prefix) {
        Place::Region(region) => Step::Keys(asked_for(prefix, region, window)),
        Place::Layout => Step::Folder { prefix, unknown: 0 },
        Place::Unknown if unknown < DEEPEST_UNKNOWN => Step::Folder { prefix, unknown: unknown + 1 },
        Place::Unknown => Step::Keys(Range { prefix, ..Range::default() }),
    }
}

/// Whether a folder is a part of CloudTrail's layout.
pub(super) fn is_layout(prefix: &str) -> bool {
    !matches!(place(prefix), Place::Unknown)
}

enum Place {
    /// At or below `…/ACCOUNT/CloudTrail…/REGION/`; the length of the prefix up to there.
    Region(usize),
    /// `AWSLogs/`, `o-…/`, `ACCOUNT/`, `CloudTrail…/`.
    Layout,
    Unknown,
}

fn place(prefix: &str) -> Place {
    let folder = prefix.trim_end_matches('/');
    let last = folder.rsplit('/').next().unwrap_or_default();
    // What a key in this folder would say.
    if let Some(key) = LogKey::parse(&format!("{folder}/x")).filter(|key| key.account.is_some()) {
        let Some(region) = key.region.filter(|region| !region.is_empty()) else { return Place::Layout };
        // The Region is the part after the kind; the one that comes last when an account is called like it.
        let at = folder
            .match_indices(&format!("/{region}"))
            .map(|(at, _)| at + region.len() + 1)
            .find(|at| folder.get(*at..).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        return at.map_or(Place::Layout, |at| Place::Region(at + 1));
    }
    if last == "AWSLogs" || last.starts_with("o-") || is_account(last) {
        Place::Layout
    } else {
        Place::Unknown
    }
}

/// The stretch of a Region's keys that may hold what a window asks for: sessions that began before it, and deliveries of the day after.
fn asked_for(prefix: String, region: usize, window: &TimeRange) -> Range {
    let above = prefix.get(..region).map_or_else(|| format!("{prefix}/"), str::to_owned);
    let after = (window.from > TimeRange::ALWAYS.from)
        .then(|| format!("{above}{}", day_path(window.from.plus_seconds(-LONGEST_SESSION))));
    let upto = (window.to < TimeRange::ALWAYS.to)
        .then(|| format!("{above}{}", day_path(window.to.plus_seconds(2 * DAY - 1))));
    Range { prefix, after, upto }
}

/// `2026/01/02`, which sorts before all that is delivered on that day.
fn day_path(time: Time) -> String {
    let (year, month, day) = time.date();
    format!("{year:04}/{month:02}/{day:02}")
}

impl Range {
    /// Whether a key is inside, as far as its end goes.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.upto.as_ref().is_none_or(|upto| key <= upto.as_str())
    }

    /// What is left after a page that ended with `last` and was not the last one, cut where it can be listed side by side.
    ///
    /// `first` is the page's first key, `today` the last day worth a cut.
    pub(super) fn rest(self, first: &str, last: &str, today: Time) -> Vec<Self> {
        if !self.holds(last) {
            return Vec::new();
        }
        let mut cuts = cuts(first, last, today);
        let is_inside = |cut: &str| self.upto.as_ref().is_none_or(|upto| cut < upto.as_str());
        cuts.retain(|cut| cut.as_str() > last && cut.starts_with(&self.prefix) && is_inside(cut));
        cuts.truncate(MOST_CUTS);
        let mut after = last.to_owned();
        let mut rest = Vec::new();
        for cut in cuts {
            rest.push(Self { prefix: self.prefix.clone(), after: Some(after), upto: Some(cut.clone()) });
            after = cut;
        }
        rest.push(Self { after: Some(after), ..self });
        rest
    }
}

/// Keys at which the rest of a Region's objects falls into parts of about a page.
fn cuts(first: &str, last: &str, today: Time) -> Vec<String> {
    let day = |key| LogKey::parse(key).and_then(|key| key.day);
    let (Some(from), Some(to)) = (day(first), day(last)) else { return Vec::new() };
    let Some((folder, name)) = last.rsplit_once('/') else { return Vec::new() };
    let Some(region) = folder.strip_suffix(&day_path(to)) else { return Vec::new() };
    if from < to || name.is_empty() {
        // The page held whole days: parts of as many days will be about a page each.
        let days = ((to.unix() - from.unix()) / DAY).max(1);
        return day_cuts(region, to, days, today);
    }
    // The page held a part of a day: each hour of it apart, then each day.
    let mut cuts = Vec::new();
    let stamp = format!("{}T", day_path(to).replace('/', ""));
    if let Some(at) = name.find(&stamp).map(|at| at + stamp.len())
        && let (Some(before), Some(hour)) = (name.get(..at), name.get(at..at + 2))
        && let Ok(hour) = hour.parse::<u32>()
    {
        cuts.extend((hour + 1..24).map(|hour| format!("{folder}/{before}{hour:02}")));
    }
    cuts.extend(day_cuts(region, to, 1, today));
    cuts
}

fn day_cuts(region: &str, from: Time, days: i64, today: Time) -> Vec<String> {
    let step = days * DAY;
    let next = |time: &Time| Some(time.plus_seconds(step)).filter(|time| *time <= today);
    std::iter::successors(Some(from.day().plus_seconds(DAY)).filter(|time| *time <= today), next)
        .take(MOST_CUTS)
        .map(|time| format!("{region}{}", day_path(time)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "p/AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/";

    fn window(from: &str, to: &str) -> TimeRange {
        TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    #[test]
    fn folders_are_walked_down_to_the_region_and_listed_from_there() {
        let always = TimeRange::ALWAYS;
        for (prefix, unknown, expected) in [
            ("AWSLogs/", 2, Some(0)),
            ("p/AWSLogs/o-a1/", 0, Some(0)),
            ("AWSLogs/111122223333/", 0, Some(0)),
            ("AWSLogs/111122223333/CloudTrail/", 1, Some(0)),
            ("data/", 0, Some(1)),
            ("a/b/c/d/", 3, None),
            (REGION, 0, None),
            ("p/AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/01/", 0, None),
        ] {
            let found = match step(prefix.to_owned(), unknown, &always) {
                Step::Folder { unknown, .. } => Some(unknown),
                Step::Keys(range) => {
                    assert_eq!(range, Range { prefix: prefix.to_owned(), ..Range::default() });
                    None
                }
            };
            assert_eq!(found, expected, "{prefix}");
        }
    }

    #[test]
    fn a_window_asks_for_its_days_two_before_and_one_after() {
        let asked = |prefix: &str, from, to| match step(prefix.to_owned(), 0, &window(from, to)) {
            Step::Keys(range) => (range.after.unwrap(), range.upto.unwrap()),
            Step::Folder { .. } => panic!("{prefix}"),
        };
        let days = |from, to| (format!("{REGION}{from}"), format!("{REGION}{to}"));
        assert_eq!(asked(REGION, "2026-02-03", "2026-02-05"), days("2026/02/01", "2026/02/06"));
        assert_eq!(asked(REGION, "2026-01-01", "2026-01-01T00:00:01Z"), days("2025/12/30", "2026/01/03"));
        let month = format!("{REGION}2026/02/");
        assert_eq!(asked(&month, "2026-02-03", "2026-02-05"), days("2026/02/01", "2026/02/06"));
    }

    fn key(day: &str, stamp: &str) -> String {
        format!("{REGION}{day}/111122223333_CloudTrail_eu-west-1_{stamp}Z_x.json.gz")
    }

    /// Every key goes into one part and no more; the parts tile what is left.
    fn check(range: Range, first: &str, last: &str, today: &str, n_parts: usize, keys: &[String]) {
        let rest = range.clone().rest(first, last, today.parse().unwrap());
        assert_eq!(rest.len(), n_parts, "{rest:#?}");
        for key in keys {
            let inside =
                |part: &&Range| part.after.as_ref().is_none_or(|after| key > after) && part.holds(key);
            let wanted = key.as_str() > last && range.holds(key);
            assert_eq!(rest.iter().filter(inside).count(), usize::from(wanted), "{key}");
        }
    }

    #[test]
    fn what_is_left_falls_into_parts_that_lose_no_key_and_list_none_twice() {
        let mut keys: Vec<String> = Vec::new();
        for day in 1..=28 {
            for hour in [0, 9, 10, 23] {
                keys.push(key(&format!("2026/02/{day:02}"), &format!("202602{day:02}T{hour:02}05")));
            }
            keys.push(format!("{REGION}2026/02/{day:02}"));
            keys.push(format!("{REGION}2026/02/{day:02}/"));
            keys.push(format!("{REGION}2026/02/{day:02}/zzz"));
        }
        keys.extend([format!("{REGION}2026/02/"), format!("{REGION}zzz"), format!("{REGION}2027/01/01/x")]);
        let all = Range { prefix: REGION.to_owned(), ..Range::default() };
        let until = Range { upto: Some(format!("{REGION}2026/02/20")), ..all.clone() };
        let (first, same) = (key("2026/02/01", "20260201T0005"), key("2026/02/01", "20260201T2105"));
        let later = key("2026/02/05", "20260205T1000");
        // Part of a day: its two hours left, then day by day.
        check(all.clone(), &first, &same, "2026-02-10", 12, &keys);
        check(until.clone(), &first, &same, "2027-02-10", 21, &keys);
        // Four days a page.
        check(all.clone(), &first, &later, "2026-02-20", 5, &keys);
        check(until, &first, &later, "2026-02-20", 5, &keys);
        // A day's part: hours only.
        let day = Range { upto: Some(format!("{REGION}2026/02/02")), ..all.clone() };
        check(day.clone(), &first, &same, "2026-02-20", 3, &keys);
        // Beyond the end, and keys that say nothing.
        check(day, &first, &later, "2026-02-20", 0, &keys);
        let flat = Range { prefix: String::new(), ..Range::default() };
        check(flat, "a", "b", "2026-02-20", 1, &keys);
        check(all, &first, &same, "2020-01-01", 3, &keys);
    }
}
