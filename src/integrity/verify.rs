//! All chains and all log files together.

use std::collections::BTreeMap;
use std::fmt;

use super::chain::Links;
use super::files::Files;
use super::model::{Chain, Found, FoundDigest, Hole, Kind, Status, Verification};
use super::name::DigestName;
use super::public_key::PublicKeys;
use super::shown;
use crate::ident::Time;

/// The window somebody asked for; what is read may reach further.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asked {
    /// From here on.
    pub since: Option<Time>,
    /// To here, exclusive.
    pub until: Option<Time>,
}

impl Asked {
    /// Whether a stretch of time reaches into the window.
    pub(super) fn touches(self, from: Time, to: Time) -> bool {
        self.since.is_none_or(|since| to > since) && self.until.is_none_or(|until| from < until)
    }
}

/// What tells one chain of digests from another. A trail may move to another bucket or prefix, and its chain goes on there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Id<'f> {
    pub(super) account: &'f str,
    pub(super) region: &'f str,
    pub(super) organization: &'f str,
    pub(super) home_region: &'f str,
    pub(super) trail: &'f str,
    pub(super) is_backfill: bool,
}

impl<'f> Id<'f> {
    fn of(found: &'f FoundDigest) -> Self {
        let said = found.content.as_ref().ok().and_then(|digest| DigestName::parse(&digest.object));
        let name = said.or_else(|| DigestName::parse(&found.name));
        name.map_or_else(
            || Self {
                account: "",
                region: "",
                organization: "",
                home_region: "",
                trail: "",
                is_backfill: false,
            },
            |name| Self {
                account: name.account,
                region: name.region,
                organization: name.organization,
                home_region: name.home_region,
                trail: name.trail,
                is_backfill: name.is_backfill,
            },
        )
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backfill = if self.is_backfill { " (backfill)" } else { "" };
        let (account, region, trail) = (shown(self.account), shown(self.region), shown(self.trail));
        write!(f, "Account {account}, {region}, trail {trail}{backfill}")
    }
}

/// Checks digests against each other and log files against digests.
///
/// Without `keys` signatures stay unchecked, and nothing is called valid; hashes are compared all the same. The result does not depend on
/// the order of what was found.
pub fn verify(found: &Found, keys: Option<&PublicKeys>, asked: Asked) -> Verification {
    let mut by_chain: BTreeMap<Id<'_>, Vec<&FoundDigest>> = BTreeMap::new();
    for digest in &found.digests {
        by_chain.entry(Id::of(digest)).or_default().push(digest);
    }
    let mut all: Vec<Links<'_>> = by_chain
        .into_iter()
        .map(|(id, digests)| {
            let mut links = Links::of(id, digests);
            links.check(keys, asked);
            links
        })
        .collect();
    backfilled(&mut all);
    let mut verification = Verification::default();
    let mut files = Files::new(&found.files);
    for links in &mut all {
        chain(links, &mut files, asked, &mut verification);
    }
    files.rest(&all, &mut verification);
    let unsigned = verification.entries.iter().filter(|entry| entry.status == Status::Unsigned).count();
    if unsigned > 0 {
        verification.notes.push(format!(
            "The signature of {unsigned} digest file{} is not here: it stands in the metadata of the object, which copies lose, and the digest after it is not here either.",
            if unsigned == 1 { "" } else { "s" }
        ));
    }
    if keys.is_none() && !found.digests.is_empty() {
        verification.notes.push(
            "No signature was checked, for no public key was given: `aws cloudtrail list-public-keys` prints them."
                .to_owned(),
        );
    }
    verification.chains.sort();
    verification.entries.sort();
    verification.entries.dedup();
    verification.holes.sort();
    verification.holes = joined(std::mem::take(&mut verification.holes));
    verification.notes.sort();
    verification.notes.dedup();
    verification
}

/// Hours that a valid digest speaks of which was made later are no hole.
fn backfilled(all: &mut [Links<'_>]) {
    let later: Vec<(Id<'_>, Time, Time)> = all
        .iter()
        .filter(|links| links.id.is_backfill)
        .flat_map(|links| {
            let valid = links.list.iter().filter(|link| link.status == Status::Valid);
            valid.map(|link| (Id { is_backfill: false, ..links.id }, link.start(), link.digest.end))
        })
        .collect();
    for links in all.iter_mut() {
        for (_, from, to) in later.iter().filter(|(id, ..)| *id == links.id) {
            links.holes = links.holes.drain(..).flat_map(|hole| without(hole, *from, *to)).collect();
        }
    }
}

/// What is left of a hole when a stretch is filled.
fn without(hole: Hole, from: Time, to: Time) -> impl Iterator<Item = Hole> {
    let before = Hole { to: hole.to.min(from), ..hole.clone() };
    let after = Hole { from: hole.from.max(to), ..hole };
    [before, after].into_iter().filter(|hole| hole.from < hole.to)
}

/// Adds one chain, and the log files it names, to the result.
fn chain<'f>(links: &mut Links<'f>, files: &mut Files<'f>, asked: Asked, verification: &mut Verification) {
    let kind = links.kind();
    let id = links.id;
    let mut chain = Chain {
        account: id.account.to_owned(),
        region: id.region.to_owned(),
        trail: id.trail.to_owned(),
        home_region: id.home_region.to_owned(),
        organization: id.organization.to_owned(),
        is_backfill: id.is_backfill,
        ..Chain::default()
    };
    if let (Some(first), Some(last)) = (links.list.first(), links.list.last()) {
        (chain.from, chain.to) = (first.start(), last.digest.end);
    }
    for link in &links.list {
        chain.digests += 1;
        if link.status == Status::Valid {
            chain.valid += 1;
            verification.proven.add(id.account, id.region, link.start(), link.digest.end);
        }
        if link.status != Status::Valid && link.status != Status::NotChecked {
            verification.entries.push(super::Entry {
                kind,
                account: id.account.to_owned(),
                object: link.found.name.clone(),
                status: link.status.clone(),
                detail: link.detail.clone(),
            });
        }
        if link.status.names_files() {
            match asked.touches(link.start(), link.digest.end) {
                true => files.named_by(link, &id, &mut chain, verification),
                false => files.pass_by(link),
            }
        }
    }
    let set_aside =
        links.entries.iter().filter(|entry| matches!(entry.status, Status::InvalidFormat | Status::Moved));
    let n = chain.digests + set_aside.count() as u64 + links.n_missing;
    let counts = &mut verification.counts;
    if kind == Kind::BackfillDigest {
        counts.backfill += n;
        counts.backfill_valid += chain.valid;
    } else {
        counts.digests += n;
        counts.digests_valid += chain.valid;
    }
    counts.files += chain.files;
    counts.files_valid += chain.files_valid;
    verification.entries.append(&mut links.entries);
    verification.holes.extend(links.holes.drain(..).filter(|hole| asked.touches(hole.from, hole.to)));
    verification.notes.append(&mut links.notes);
    if chain.digests > 0 {
        verification.chains.push(chain);
    }
}

/// Holes that touch, for the same reason, are one. Sorted in, sorted out.
fn joined(holes: Vec<Hole>) -> Vec<Hole> {
    let mut open: BTreeMap<(String, String, String), Hole> = BTreeMap::new();
    let mut done = Vec::new();
    for hole in holes {
        let key = (hole.account.clone(), hole.region.clone(), hole.why.clone());
        match open.get_mut(&key) {
            Some(before) if hole.from <= before.to => before.to = before.to.max(hole.to),
            _ => done.extend(open.insert(key, hole)),
        }
    }
    done.extend(open.into_values());
    done.sort();
    done
}
