//! One chain of digests: signatures, links, and the time it leaves out.

use std::collections::BTreeMap;

use super::model::{Entry, FoundDigest, Hole, Kind, Status};
use super::name::{DigestName, lies_at};
use super::public_key::{PublicKeys, Verdict};
use super::verify::{Asked, Id};
use super::{Digest, shown};
use crate::ident::{Time, hex};

/// The algorithm CloudTrail signs with, as it names it.
const ALGORITHM: &str = "SHA256withRSA";
/// How long after its last hour a chain's newest digest may still be on its way: CloudTrail delivers it within an hour, give or take.
const ON_ITS_WAY: i64 = 2 * 3_600;

/// A digest in its place, with its status so far.
pub(super) struct Link<'f> {
    pub(super) found: &'f FoundDigest,
    pub(super) digest: &'f Digest,
    pub(super) status: Status,
    pub(super) detail: String,
}

impl Link<'_> {
    /// Where it starts; a digest that does not say speaks of one hour.
    pub(super) fn start(&self) -> Time {
        self.digest.start.unwrap_or(self.digest.end.plus_seconds(-3_600)).min(self.digest.end)
    }
}

/// All digests of one chain.
pub(super) struct Links<'f> {
    pub(super) id: Id<'f>,
    /// In their place, by end, then by name.
    pub(super) list: Vec<Link<'f>>,
    /// What is said of other files of the chain.
    pub(super) entries: Vec<Entry>,
    pub(super) holes: Vec<Hole>,
    pub(super) notes: Vec<String>,
    /// Digests that are named and not there.
    pub(super) n_missing: u64,
}

impl<'f> Links<'f> {
    /// Sorts a chain's digests, and sets aside those that cannot be read or lie elsewhere than they say.
    pub(super) fn of(id: Id<'f>, found: Vec<&'f FoundDigest>) -> Self {
        let mut links = Self {
            id,
            list: Vec::new(),
            entries: Vec::new(),
            holes: Vec::new(),
            notes: Vec::new(),
            n_missing: 0,
        };
        for one in found {
            match &one.content {
                Err(error) => links.say(&one.name, Status::InvalidFormat, error.to_string()),
                Ok(digest) if !lies_at(&one.name, &digest.bucket, &digest.object) => {
                    let named =
                        format!("it says it is `{}/{}`", shown(&digest.bucket), shown(&digest.object));
                    links.say(&one.name, Status::Moved, named);
                }
                Ok(digest) => links.list.push(Link {
                    found: one,
                    digest,
                    status: Status::NotChecked,
                    detail: String::new(),
                }),
            }
        }
        links.list.sort_by(|a, b| {
            let place = |link: &Link<'f>| (link.digest.end, &link.digest.object, &link.found.name);
            place(a).cmp(&place(b))
        });
        // The same bytes in the same place, read twice, are one.
        links.list.dedup_by(|b, a| a.digest.object == b.digest.object && a.found.hash == b.found.hash);
        links
    }

    pub(super) fn kind(&self) -> Kind {
        if self.id.is_backfill { Kind::BackfillDigest } else { Kind::Digest }
    }

    fn say(&mut self, object: &str, status: Status, detail: String) {
        let account = self.id.account.to_owned();
        self.entries.push(Entry { kind: self.kind(), account, object: object.to_owned(), status, detail });
    }

    fn hole(&mut self, from: Time, to: Time, why: &str) {
        if from < to {
            let (account, region) = (self.id.account.to_owned(), self.id.region.to_owned());
            self.holes.push(Hole { account, region, from, to, why: why.to_owned() });
        }
    }

    /// Checks signatures, newest first: the signature of a digest stands in the next one too.
    pub(super) fn check(&mut self, keys: Option<&PublicKeys>, asked: Asked) {
        let by_object: BTreeMap<&str, Vec<usize>> =
            grouped(&self.list, |link| Some(link.digest.object.as_str()));
        let naming: BTreeMap<&str, Vec<usize>> = grouped(&self.list, |link| {
            link.digest.previous.as_ref().map(|previous| previous.object.as_str())
        });
        for at in (0..self.list.len()).rev() {
            self.check_one(at, keys, &naming);
        }
        for at in 0..self.list.len() {
            self.check_previous(at, &by_object, asked);
        }
        self.check_unlinked(&naming, &by_object);
        self.check_hours(asked);
    }

    fn check_one(&mut self, at: usize, keys: Option<&PublicKeys>, naming: &BTreeMap<&str, Vec<usize>>) {
        let Some(link) = self.list.get(at) else { return };
        let digest = link.digest;
        let later: Vec<&Link<'f>> = naming
            .get(digest.object.as_str())
            .into_iter()
            .flatten()
            .filter(|later| **later > at)
            .filter_map(|later| self.list.get(*later))
            .collect();
        let (mut status, mut detail) = self.signature(link, &later, keys);
        let hash = hex(&link.found.hash);
        for later in &later {
            let named = later.digest.previous.as_ref().and_then(|previous| previous.hash.as_deref());
            if named.is_some_and(|named| !named.eq_ignore_ascii_case(&hash)) && status != Status::Valid {
                let other = format!("its hash is not the one in `{}`", shown(&later.digest.object));
                detail = if detail.is_empty() { other } else { format!("{detail}; {other}") };
                if !status.is_invalid() || status == Status::Unproven {
                    status = Status::HashMismatch;
                }
            }
        }
        if let Some(link) = self.list.get_mut(at) {
            link.status = status;
            link.detail = detail;
        }
    }

    fn signature(&self, link: &Link<'f>, later: &[&Link<'f>], keys: Option<&PublicKeys>) -> (Status, String) {
        let digest = link.digest;
        let metadata = link.found.metadata.as_ref();
        let algorithms = [digest.algorithm.as_deref(), metadata.and_then(|data| data.algorithm.as_deref())];
        if let Some(other) = algorithms.into_iter().flatten().find(|name| *name != ALGORITHM) {
            return (Status::InvalidFormat, format!("signed by an unknown algorithm, `{}`", shown(other)));
        }
        if self.id.is_backfill && metadata.is_some_and(|data| data.backfill_generated.is_none()) {
            let detail = "a backfill digest without `backfill-generation-timestamp` in its metadata";
            return (Status::InvalidFormat, detail.to_owned());
        }
        let Some(keys) = keys else { return (Status::NotChecked, String::new()) };
        let text = digest.string_to_sign(&link.found.hash);
        let judge = |signature: &str| keys.verify(&digest.fingerprint, &text, signature);
        let told = |verdict| match verdict {
            Verdict::Valid => Status::Valid,
            Verdict::Invalid => Status::SignatureFailed,
            Verdict::NoKey => Status::KeyNotFound {
                region: self.id.region.to_owned(),
                fingerprint: digest.fingerprint.clone(),
            },
            Verdict::UnusableKey => Status::KeyUnusable { fingerprint: digest.fingerprint.clone() },
        };
        // As the AWS CLI: what stands in the metadata decides.
        if let Some(signature) = metadata.and_then(|data| data.signature.as_deref()) {
            return (told(judge(signature)), String::new());
        }
        let mut is_disowned = false;
        let mut failed = None;
        for later in later {
            let Some(signature) = later.digest.previous_signature.as_deref() else { continue };
            match judge(signature) {
                Verdict::Valid => return (Status::Valid, String::new()),
                Verdict::Invalid if later.status != Status::Valid => is_disowned = true,
                verdict => failed = Some(told(verdict)),
            }
        }
        match failed {
            Some(status) => (status, String::new()),
            None if is_disowned => (Status::Unproven, String::new()),
            None if metadata.is_some() => {
                (Status::SignatureFailed, "its metadata hold no signature".to_owned())
            }
            None => (Status::Unsigned, String::new()),
        }
    }

    /// What a digest says of the one before.
    fn check_previous(&mut self, at: usize, by_object: &BTreeMap<&str, Vec<usize>>, asked: Asked) {
        let Some(link) = self.list.get(at) else { return };
        let (digest, start) = (link.digest, link.start());
        let Some(previous) = &digest.previous else { return };
        let found = by_object.get(previous.object.as_str()).into_iter().flatten();
        let found: Vec<usize> = found.copied().collect();
        let Some(first) = found.first().and_then(|first| self.list.get(*first)) else {
            let name = format!("{}/{}", previous.bucket, previous.object);
            let end = DigestName::parse(&previous.object).map_or(start, |name| name.end);
            let set_aside =
                self.entries.iter().any(|entry| lies_at(&entry.object, &previous.bucket, &previous.object));
            let since = asked.since.map(|since| end > since);
            match (set_aside, since, at) {
                // It is here and could not be read.
                (true, _, _) => {}
                (false, Some(false), _) => {}
                (false, None, 0) => {
                    let note = format!(
                        "{}: the chain goes on before {start}, where the oldest digest read here starts.",
                        self.id
                    );
                    self.notes.push(note);
                }
                _ => {
                    self.n_missing += 1;
                    self.say(&name, Status::NotFound, format!("`{}` names it", shown(&digest.object)));
                    if at == 0 {
                        // Nothing older is here: without it, all the time asked for up to here is unproven.
                        self.hole(
                            asked.since.unwrap_or(end),
                            start,
                            "the digest files of this time are missing",
                        );
                    }
                }
            }
            return;
        };
        let mut faults = Vec::new();
        if first.digest.end >= digest.end || found.contains(&at) {
            faults.push("it names a digest before it that is not older".to_owned());
        }
        let same_hash = |before: &usize| {
            let before = self.list.get(*before);
            let hash = before.map(|before| hex(&before.found.hash)).unwrap_or_default();
            previous.hash.as_deref().is_some_and(|named| named.eq_ignore_ascii_case(&hash))
        };
        if first.status == Status::Valid && !found.iter().any(same_hash) {
            faults.push(
                "its `previousDigestHashValue` is not the hash of the valid digest it names".to_owned(),
            );
        }
        let signature = first.found.metadata.as_ref().and_then(|data| data.signature.as_deref());
        let named = digest.previous_signature.as_deref();
        if let (Some(own), Some(named)) = (signature, named)
            && !own.eq_ignore_ascii_case(named)
        {
            faults
                .push("its `previousDigestSignature` is not the signature of the digest it names".to_owned());
        }
        let object = link.found.name.clone();
        for fault in faults {
            self.say(&object, Status::BrokenChain, fault);
        }
    }

    /// Digests that the chain passes by: neither the newest, nor named by a later one.
    fn check_unlinked(
        &mut self,
        naming: &BTreeMap<&str, Vec<usize>>,
        by_object: &BTreeMap<&str, Vec<usize>>,
    ) {
        let mut passed_by = Vec::new();
        for (at, link) in self.list.iter().enumerate() {
            if naming.contains_key(link.digest.object.as_str()) {
                continue;
            }
            let next = self.list.get(at + 1..).unwrap_or_default();
            let Some(next) = next.iter().find(|next| next.digest.object != link.digest.object) else {
                continue;
            };
            // A restart ends a chain, and one that names what is missing is told of there.
            let goes_on = next
                .digest
                .previous
                .as_ref()
                .is_some_and(|previous| by_object.contains_key(previous.object.as_str()));
            if goes_on {
                passed_by.push(link.found.name.clone());
            }
        }
        for name in passed_by {
            self.say(&name, Status::BrokenChain, "no later digest names it".to_owned());
        }
    }

    /// The time no valid digest speaks of.
    fn check_hours(&mut self, asked: Asked) {
        if self.id.is_backfill {
            return;
        }
        let mut holes = Vec::new();
        let mut reached: Option<Time> = None;
        for link in &self.list {
            let start = link.start();
            if let Some(reached) = reached.filter(|reached| *reached < start) {
                let why = match &link.digest.previous {
                    None => "log file validation was off, or logging was stopped",
                    Some(_) => "no readable digest file speaks of this time",
                };
                holes.push((reached, start, why));
            }
            if link.status.is_invalid() {
                holes.push((start, link.digest.end, "the digest file of this time is not valid"));
            }
            reached = Some(reached.map_or(link.digest.end, |reached| reached.max(link.digest.end)));
        }
        if let (Some(reached), Some(until)) = (reached, asked.until)
            && reached.plus_seconds(ON_ITS_WAY) < until
        {
            holes.push((reached, until, "the chain of digest files ends before"));
        }
        if let (Some(first), Some(since)) = (self.list.first(), asked.since)
            && first.start() > since
            && first.digest.previous.is_none()
        {
            let (id, start) = (self.id, first.start());
            self.notes.push(format!(
                "{id}: the chain starts at {start}; what was delivered before is not checked."
            ));
        }
        for (from, to, why) in holes {
            self.hole(from, to, why);
        }
    }
}

/// Places in a list, by a name.
fn grouped<'f>(
    list: &[Link<'f>],
    name: impl Fn(&Link<'f>) -> Option<&'f str>,
) -> BTreeMap<&'f str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, link) in list.iter().enumerate() {
        if let Some(name) = name(link) {
            groups.entry(name).or_default().push(at);
        }
    }
    groups
}
