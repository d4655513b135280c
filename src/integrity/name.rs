//! The names of log files and digest files.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>

use std::collections::{BTreeMap, BTreeSet};

use crate::ident::{Time, is_account_id};

/// The word in the name of a digest file.
const DIGEST: &str = "CloudTrail-Digest";
/// The word in the name of a log file.
const LOG: &str = "CloudTrail";

/// `[…/][o-…/]ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME_YYYYMMDDTHHMMSSZ[_backfill].json.gz`
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DigestName<'a> {
    /// `o-…` of an organization's trail; empty for others, or when the folders above are missing.
    pub organization: &'a str,
    /// Whose events the log files hold.
    pub account: &'a str,
    /// Where they were delivered from.
    pub region: &'a str,
    /// The trail's name.
    pub trail: &'a str,
    /// The trail's home Region.
    pub home_region: &'a str,
    /// The end of the time the digest speaks of.
    pub end: Time,
    /// A digest made later for hours whose digest could not be delivered; such digests have a chain of their own.
    pub is_backfill: bool,
}

impl<'a> DigestName<'a> {
    /// Reads a path or key; `None` when the file's name is no digest's.
    pub fn parse(path: &'a str) -> Option<Self> {
        let (account, rest) = file(path).split_once('_')?;
        let rest = rest.strip_prefix(DIGEST)?.strip_prefix('_')?;
        let (region, rest) = rest.split_once('_')?;
        let rest = rest.strip_suffix(".gz").unwrap_or(rest);
        let rest = rest.strip_suffix(".json")?;
        let (rest, is_backfill) = match rest.strip_suffix("_backfill") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (rest, stamp) = rest.rsplit_once('_')?;
        let (trail, home_region) = rest.rsplit_once('_')?;
        let mut above = path.rsplit('/').skip_while(|part| *part != DIGEST).skip(2);
        let organization = above.next().filter(|part| part.starts_with("o-")).unwrap_or_default();
        let end = stamp.parse().ok()?;
        Some(Self { organization, account, region, trail, home_region, end, is_backfill })
    }
}

/// `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_….json.gz`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileName<'a> {
    /// Whose events it holds.
    pub account: &'a str,
    /// Where it was delivered from.
    pub region: &'a str,
    /// The minute of its delivery.
    pub time: Time,
}

impl<'a> FileName<'a> {
    /// Reads a path or key; `None` when the file's name is no log file's.
    pub fn parse(path: &'a str) -> Option<Self> {
        let mut parts = file(path).split('_');
        let account = parts.next()?;
        if parts.next()? != LOG {
            return None;
        }
        let region = parts.next()?;
        let stamp = parts.next()?;
        // Names of the first years have no separator before the unique part.
        let stamp = stamp.split_inclusive('Z').next()?;
        Some(Self { account, region, time: stamp.parse().ok()? })
    }
}

/// Hours (seconds since the epoch / 3600) by account and Region: those in which log files were delivered, as their names tell, or those digest
/// files speak of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileHours(BTreeMap<String, BTreeMap<String, BTreeSet<i64>>>);

impl FileHours {
    /// Takes note of a log file by its path or key; of another file there is nothing to note.
    pub fn see(&mut self, path: &str) {
        let Some(FileName { account, region, time }) = FileName::parse(path) else { return };
        if let Some(hours) = self.hours(account, region) {
            hours.insert(time.unix().div_euclid(3_600));
        }
    }

    /// Takes note of every hour a stretch of time lies in.
    pub(super) fn add(&mut self, account: &str, region: &str, from: Time, to: Time) {
        let (from, to) = (from.unix().div_euclid(3_600), (to.unix() - 1).div_euclid(3_600));
        // A digest speaks of an hour or so; one that claims a year is not believed in full.
        let to = to.min(from.saturating_add(MOST_HOURS));
        if let Some(hours) = self.hours(account, region) {
            hours.extend(from..=to);
        }
    }

    /// None for what is no account or no Region.
    fn hours(&mut self, account: &str, region: &str) -> Option<&mut BTreeSet<i64>> {
        if !is_account_id(account) || region.len() > LONGEST_REGION {
            return None;
        }
        if !self.0.get(account).is_some_and(|regions| regions.contains_key(region)) {
            self.0.entry(account.to_owned()).or_default().entry(region.to_owned()).or_default();
        }
        self.0.get_mut(account)?.get_mut(region)
    }

    /// All of both.
    pub fn merge(&mut self, other: Self) {
        for (account, regions) in other.0 {
            let own = self.0.entry(account).or_default();
            for (region, hours) in regions {
                own.entry(region).or_default().extend(hours);
            }
        }
    }

    /// The accounts there are files of.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The Regions there are files of an account in.
    pub fn regions(&self, account: &str) -> impl Iterator<Item = &str> {
        self.0.get(account).into_iter().flat_map(|regions| regions.keys()).map(String::as_str)
    }

    /// Those of one account and Region.
    pub fn of(&self, account: &str, region: &str) -> Option<&BTreeSet<i64>> {
        self.0.get(account)?.get(region)
    }
}

/// Hours one stretch of time may fill.
const MOST_HOURS: i64 = 48;

/// No Region's name is longer.
const LONGEST_REGION: usize = 32;

/// The part behind the last slash.
pub(super) fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether what was found under `name` lies where `bucket` and `object` say.
///
/// Of an object in S3 (`s3://BUCKET/KEY`) both are known. A local copy has no bucket, and often only the end of the key: what it has of the
/// folders from `AWSLogs` on must agree, else at least the file's name.
pub(super) fn lies_at(name: &str, bucket: &str, object: &str) -> bool {
    if let Some(place) = name.strip_prefix("s3://") {
        return place.split_once('/') == Some((bucket, object));
    }
    match (tail(name), tail(object)) {
        (Some(found), Some(named)) => found == named,
        _ => file(name) == file(object),
    }
}

/// The path from its last `AWSLogs` folder on.
fn tail(path: &str) -> Option<&str> {
    const ROOT: &str = "AWSLogs/";
    let at = path
        .rmatch_indices(ROOT)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || path.as_bytes().get(at - 1) == Some(&b'/'))?;
    path.get(at..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_names_tell_chain_and_time() {
        let plain = "p/AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your_trail_us-east-1_20150817T150131Z.json.gz";
        let name = DigestName::parse(plain).unwrap();
        assert_eq!((name.organization, name.account, name.region), ("", "111122223333", "us-east-2"));
        assert_eq!((name.trail, name.home_region, name.is_backfill), ("your_trail", "us-east-1", false));
        assert_eq!(name.end.to_string(), "2015-08-17T15:01:31Z");
        let other = plain.replace("AWSLogs/", "AWSLogs/o-abc/").replace(".json.gz", "_backfill.json.gz");
        let name = DigestName::parse(&other).unwrap();
        assert_eq!((name.organization, name.is_backfill), ("o-abc", true));
        for path in [
            "digest.json.gz",
            "111122223333_CloudTrail_us-east-2_20150817T1445Z_9nYN7gp2eWAJHIfT.json.gz",
            "111122223333_CloudTrail-Digest_us-east-2_t_us-east-1_yesterday.json.gz",
            "111122223333_CloudTrail-Digest_us-east-2_20150817T150131Z.json.gz",
            "",
        ] {
            assert_eq!(DigestName::parse(path), None, "{path}");
        }
    }

    #[test]
    fn file_names_tell_the_minute_of_delivery() {
        for path in [
            "a/b/111122223333_CloudTrail_us-east-2_20150817T1445Z_9nYN7gp2eWAJHIfT.json.gz",
            "111122223333_CloudTrail_us-east-2_20150817T1445Z9nYN7gp2eWAJHIfT.json.gz",
        ] {
            let name = FileName::parse(path).unwrap();
            assert_eq!((name.account, name.region), ("111122223333", "us-east-2"));
            assert_eq!(name.time.to_string(), "2015-08-17T14:45:00Z", "{path}");
        }
        assert_eq!(
            FileName::parse("111122223333_CloudTrail-Digest_us-east-2_t_x_20150817T150131Z.json.gz"),
            None
        );
    }

    #[test]
    fn copies_lie_in_place_when_what_they_kept_of_the_key_agrees() {
        let object = "p/AWSLogs/1/CloudTrail/r/2024/01/01/f.json.gz";
        for (name, expected) in [
            ("s3://b/p/AWSLogs/1/CloudTrail/r/2024/01/01/f.json.gz", true),
            ("s3://c/p/AWSLogs/1/CloudTrail/r/2024/01/01/f.json.gz", false),
            ("s3://b/AWSLogs/1/CloudTrail/r/2024/01/01/f.json.gz", false),
            ("copy/p/AWSLogs/1/CloudTrail/r/2024/01/01/f.json.gz", true),
            ("AWSLogs/1/CloudTrail/r/2024/01/01/f.json.gz", true),
            ("AWSLogs/1/CloudTrail/r/2024/01/02/f.json.gz", false),
            ("copy/f.json.gz", true),
            ("copy/g.json.gz", false),
            ("myAWSLogs/f.json.gz", true),
        ] {
            assert_eq!(lies_at(name, "b", object), expected, "{name}");
        }
    }
}
