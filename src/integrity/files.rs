//! Log files against the digests that name them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::chain::{Link, Links};
use super::model::{Chain, Entry, FoundFile, Hole, Kind, Status, Verification};
use super::name::{FileName, file, lies_at};
use super::verify::Id;
use super::{NamedFile, shown};
use crate::ident::{Time, hex, unhex};

/// The hash algorithm CloudTrail uses, as it names it.
const ALGORITHM: &str = "SHA-256";
/// How long after the minute in its name a log file may be delivered, and so belong to the next digest.
const DELIVERY: i64 = 15 * 60;
/// The content of a log file without any event; many files may have it.
const EMPTY: &[u8] = b"{\"Records\":[]}";

/// The log files found, and which of them digests speak of.
pub(super) struct Files<'f> {
    all: &'f [FoundFile],
    /// Places in `all`, by file name.
    by_name: HashMap<&'f str, Vec<usize>>,
    /// Files a digest names, where they should be.
    named: BTreeSet<usize>,
    /// Of these, those a valid digest vouches for.
    valid: BTreeSet<usize>,
    /// The hashes digests name, with the objects.
    hashes: HashMap<[u8; 32], &'f str>,
}

impl<'f> Files<'f> {
    pub(super) fn new(all: &'f [FoundFile]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, one) in all.iter().enumerate() {
            by_name.entry(file(&one.name)).or_default().push(at);
        }
        let sort = |at: &usize| all.get(*at).map(|one| one.name.as_str());
        by_name.values_mut().for_each(|places| places.sort_by_key(sort));
        Self { all, by_name, named: BTreeSet::new(), valid: BTreeSet::new(), hashes: HashMap::new() }
    }

    /// Looks up the files a digest names.
    pub(super) fn named_by(
        &mut self,
        link: &Link<'f>,
        id: &Id<'f>,
        chain: &mut Chain,
        verification: &mut Verification,
    ) {
        for one in &link.digest.files {
            chain.files += 1;
            let places = self.by_name.get(file(&one.object)).cloned().unwrap_or_default();
            let (here, elsewhere): (Vec<usize>, Vec<usize>) = places.into_iter().partition(|at| {
                self.all.get(*at).is_some_and(|found| lies_at(&found.name, &one.bucket, &one.object))
            });
            let hash = unhex(&one.hash).and_then(|hash| <[u8; 32]>::try_from(hash).ok());
            if let Some(hash) = hash {
                self.hashes.insert(hash, &one.object);
            }
            let mut say = |object: &str, status: Status, detail: String| {
                let account = id.account.to_owned();
                let object = object.to_owned();
                verification.entries.push(Entry { kind: Kind::LogFile, account, object, status, detail });
            };
            let mut is_valid = false;
            if here.is_empty() {
                let copy = elsewhere.first().and_then(|at| self.all.get(*at));
                let detail = copy.map_or_else(String::new, |copy| match &copy.hash {
                    Ok(found) if Some(*found) == hash => {
                        format!("a copy of it lies at `{}`", shown(&copy.name))
                    }
                    _ => format!("another content under its name lies at `{}`", shown(&copy.name)),
                });
                say(&format!("{}/{}", one.bucket, one.object), Status::NotFound, detail);
            }
            for at in here {
                let Some(found) = self.all.get(at) else { continue };
                self.named.insert(at);
                let algorithm = one.hash_algorithm.as_deref().filter(|name| *name != ALGORITHM);
                match (&found.hash, hash, algorithm) {
                    (_, _, Some(other)) => say(
                        &found.name,
                        Status::InvalidFormat,
                        format!("the digest names an unknown hash algorithm, `{}`", shown(other)),
                    ),
                    (Err(why), ..) => say(&found.name, Status::InvalidFormat, why.clone()),
                    (Ok(own), Some(named), None) if *own == named => {
                        is_valid = true;
                        if link.status == Status::Valid {
                            self.valid.insert(at);
                        }
                    }
                    (Ok(own), ..) => {
                        let detail = format!(
                            "it is {}, and `{}` says {}",
                            hex(own),
                            shown(&link.digest.object),
                            shown(&one.hash)
                        );
                        say(&found.name, Status::HashMismatch, detail);
                    }
                }
            }
            if is_valid {
                chain.files_valid += u64::from(link.status == Status::Valid);
                for at in elsewhere {
                    let Some(found) =
                        self.all.get(at).filter(|found| found.hash.as_ref().ok() == hash.as_ref())
                    else {
                        continue;
                    };
                    self.named.insert(at);
                    let detail = format!("of `{}/{}`", shown(&one.bucket), shown(&one.object));
                    say(&found.name, Status::Copy, detail);
                }
            } else {
                verification.holes.push(hole(one, link, id));
            }
        }
    }

    /// Takes note of the files of a time nobody asked for: they are not looked at, and named all the same.
    pub(super) fn pass_by(&mut self, link: &Link<'f>) {
        for one in &link.digest.files {
            let places = self.by_name.get(file(&one.object)).into_iter().flatten();
            let is_here = |at: &&usize| {
                self.all.get(**at).is_some_and(|found| lies_at(&found.name, &one.bucket, &one.object))
            };
            self.named.extend(places.filter(is_here));
        }
    }

    /// What no digest names.
    pub(super) fn rest(self, chains: &[Links<'f>], verification: &mut Verification) {
        let spoken_of = spoken_of(chains);
        let empty = super::sha256(EMPTY);
        let mut outside: BTreeMap<String, u64> = BTreeMap::new();
        for (at, found) in self.all.iter().enumerate() {
            let name = FileName::parse(&found.name);
            let account = name.map_or("", |name| name.account);
            if !self.valid.contains(&at) {
                verification.counts.files_unverified += 1;
                *verification.unverified_by_account.entry(account.to_owned()).or_default() += 1;
            }
            if self.named.contains(&at) {
                continue;
            }
            let original = found.hash.as_ref().ok().filter(|hash| **hash != empty);
            let original = original.and_then(|hash| self.hashes.get(hash));
            let is_spoken_of = name.is_some_and(|name| {
                let times = spoken_of.get(&(name.account, name.region));
                let (from, to) = (name.time, name.time.plus_seconds(DELIVERY));
                times.is_some_and(|times| times.iter().any(|(start, end)| *start <= from && to <= *end))
            });
            let (status, detail) = match original {
                Some(original) => (Status::Copy, format!("its content is that of `{}`", shown(original))),
                None if is_spoken_of => (
                    Status::Unnamed,
                    "put there by somebody else than CloudTrail, or by a trail without log file validation"
                        .to_owned(),
                ),
                None => {
                    *outside.entry(account.to_owned()).or_default() += 1;
                    continue;
                }
            };
            let (kind, account, object) = (Kind::LogFile, account.to_owned(), found.name.clone());
            verification.entries.push(Entry { kind, account, object, status, detail });
        }
        if chains.is_empty() {
            return;
        }
        for (account, n) in outside {
            let of =
                if account.is_empty() { String::new() } else { format!(" of account {}", shown(&account)) };
            let (files, lie) = if n == 1 { ("file", "lies") } else { ("files", "lie") };
            verification.notes.push(format!(
                "{n} log {files}{of} {lie} outside the time and Regions that digest files speak of."
            ));
        }
    }
}

/// The time a missing or changed log file leaves open.
fn hole(one: &NamedFile, link: &Link<'_>, id: &Id<'_>) -> Hole {
    let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Time>().ok());
    let from = time(&one.oldest_event_time).unwrap_or_else(|| link.start());
    let to = time(&one.newest_event_time).map_or(link.digest.end, |last| last.plus_seconds(1));
    let (from, to) = if from < to { (from, to) } else { (link.start(), link.digest.end) };
    Hole {
        account: id.account.to_owned(),
        region: id.region.to_owned(),
        from,
        to,
        why: "a log file of this time is missing or changed".to_owned(),
    }
}

/// The time digests speak of that may be relied on, by account and Region; sorted, stretches that touch are one.
fn spoken_of<'f>(chains: &[Links<'f>]) -> BTreeMap<(&'f str, &'f str), Vec<(Time, Time)>> {
    let mut times: BTreeMap<(&str, &str), Vec<(Time, Time)>> = BTreeMap::new();
    for links in chains {
        let relied_on = links.list.iter().filter(|link| link.status.names_files());
        let stretches = relied_on.map(|link| (link.start(), link.digest.end));
        times.entry((links.id.account, links.id.region)).or_default().extend(stretches);
    }
    for stretches in times.values_mut() {
        stretches.sort_unstable();
        let mut joined: Vec<(Time, Time)> = Vec::new();
        for (from, to) in stretches.drain(..) {
            match joined.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => joined.push((from, to)),
            }
        }
        *stretches = joined;
    }
    times
}
