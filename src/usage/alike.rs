//! Lets a few sessions stand for many that are alike.
//!
//! A busy role has a session an hour and a pod, for ever; what differs between them is the key, the moment, and a name made of
//! a number. Attribution gives all of them the same answer when they say the same otherwise and began in the same way. So of
//! such a class only the first [`KEPT`] are kept as they are, and the calls of the others are counted with the first.
//!
//! Names may tell what ran in a session, so sessions are of one class only if their names differ in generated parts at most.
//!
//! INVARIANT: attribution of what is kept is what it would be with everything kept. Sessions are classed only where the way it
//! takes is certain: the issuance is found by an access key that names one session, or by name and moment where nothing else
//! fits, or there can be none. Whatever is less clear is kept.

use std::cmp::Ordering;

use hashbrown::{HashMap, HashSet};

use super::event_id::{EventKey, OddIds};
use super::issuances::{Issuances, Issued};
use super::session::{Session, Sessions};
use super::text::{Word, Words};
use super::{Agents, AirflowTask, IssuanceKind, LONGEST_SESSION, Observation, is_access_key_id};
use crate::ident::{Arn, POD_IDENTITY, Time};
use crate::record::IdentityType;

/// Sessions of a class that are kept as they are.
pub(super) const KEPT: usize = 4;
/// How far two clocks may be apart, with room to spare.
const APART: i64 = 600;
/// Chains longer than this are kept.
const DEEPEST: usize = 16;

/// What the sessions of a class share.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Class {
    form: u32,
    has_key: bool,
    /// What the session's name tells.
    name: Name,
    /// What user agents told.
    tasks: Vec<AirflowTask>,
    began: Began,
}

/// What of a session's name may tell two sessions apart.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Name {
    Nothing,
    /// All but what was generated.
    Stem(String),
    Whole(Word),
}

/// How sessions of a class began.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Began {
    /// Not in the logs; before they begin, or after.
    Unseen { before: bool },
    /// By an issuance of this form, with these tags, by a caller of this kind.
    Issued { form: u32, tags: Vec<(Word, Option<String>)>, caller: Caller },
}

/// Who asked for credentials.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Caller {
    One(u32),
    Class(Box<Class>),
}

/// Which sessions are kept, and what stands for the others.
#[derive(Debug)]
pub(super) struct Alike {
    /// By session: the one its calls are counted with.
    pub(super) stands: Vec<u32>,
    /// The issuances to keep, each with the number of those it stands for and the time of the latest.
    pub(super) issuances: HashMap<EventKey, Option<(u64, Time, EventKey)>>,
}

/// Everything that is looked at.
pub(super) struct Seen<'l> {
    pub(super) sessions: &'l Sessions,
    pub(super) words: &'l Words,
    /// One per call; copies of other accounts are gone.
    pub(super) issuances: &'l Issuances,
    pub(super) ids: &'l OddIds,
    /// Whether the session made a call that counts.
    pub(super) is_used: &'l [bool],
    pub(super) observation: &'l Observation,
    pub(super) agents: &'l Agents,
}

/// `principalId` in its two parts.
type Principal = (Word, Word);

/// What a word stands for: nothing, one thing, or several. Words are many, so all are in one list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct One(u32);

impl One {
    const NONE: Self = Self(u32::MAX);
    const SEVERAL: Self = Self(u32::MAX - 1);

    fn get(self) -> Option<u32> {
        (self != Self::NONE && self != Self::SEVERAL).then_some(self.0)
    }
}

/// What stands in a list for a word.
fn of<T: Copy>(list: &[T], word: Word) -> Option<T> {
    list.get(word as usize).copied()
}

struct Classer<'l> {
    seen: &'l Seen<'l>,
    /// By issued key: the issuance's place.
    by_key: Vec<One>,
    /// The places of issuances, sorted by whose session they began.
    by_principal: Vec<(Principal, u32)>,
    /// Session names of issuances.
    names: Vec<bool>,
    /// By key: a session that it was seen with, one if others tell the same principal and beginning.
    shown: Vec<One>,
    /// Principals that other accounts' records show: their own sessions are looked up by it.
    foreign: HashSet<Principal>,
    /// Session names in what issuances tell otherwise than as a role's id and a name.
    odd_names: HashSet<&'l str>,
    /// The first issuance of all.
    earliest: Option<(Time, EventKey)>,
}

fn principal(sessions: &Sessions, session: &Session) -> Option<Principal> {
    sessions.form(session.form).map(|form| (form.principal(), session.name))
}

impl<'l> Classer<'l> {
    fn new(seen: &'l Seen<'l>) -> Self {
        let mut classer = Self {
            seen,
            by_key: vec![One::NONE; seen.words.len()],
            by_principal: Vec::with_capacity(seen.issuances.all.len()),
            names: vec![false; seen.words.len()],
            shown: vec![One::NONE; seen.words.len()],
            foreign: HashSet::new(),
            odd_names: HashSet::new(),
            earliest: None,
        };
        for ((key, issued), place) in seen.issuances.all.iter().zip(0..) {
            classer.issuance(*key, issued, place);
        }
        classer.by_principal.sort_unstable();
        for (number, session) in (0_u32..).zip(seen.sessions.iter()) {
            let Some(own) = principal(seen.sessions, session) else { continue };
            let kind = seen.sessions.form(session.form).map(|form| form.kind);
            let is_used = seen.is_used.get(number as usize).copied().unwrap_or_default();
            if kind == Some(IdentityType::AwsAccount) && is_used {
                classer.foreign.insert(own);
            }
            if session.key != Words::NONE {
                classer.show(session.key, number, (own, session.creation()));
            }
        }
        // The owner's copy of an issuance may be all there is of it.
        for (_, issued) in seen.issuances.all.iter() {
            let Some((session, form)) = seen.sessions.get(issued.caller) else { continue };
            if form.kind == IdentityType::AwsAccount {
                classer.foreign.insert((form.principal(), session.name));
            }
        }
        classer
    }

    /// Notes that a key was seen with a session.
    fn show(&mut self, key: Word, number: u32, told: (Principal, Option<Time>)) {
        let Some(shown) = self.shown.get_mut(key as usize) else { return };
        match shown.get().and_then(|first| self.seen.sessions.get(first)) {
            Some((first, form)) if ((form.principal(), first.name), first.creation()) != told => {
                *shown = One::SEVERAL;
            }
            None if *shown == One::NONE => *shown = One(number),
            _ => {}
        }
    }

    /// Whether all sessions that a key was seen with can be one.
    fn is_good(&self, key: Word) -> bool {
        of(&self.shown, key).and_then(One::get).is_some()
    }

    fn issuance(&mut self, key: EventKey, issued: &Issued, at: u32) {
        let Some(form) = self.seen.issuances.form_of(issued) else { return };
        if form.denied {
            return;
        }
        let place = (issued.time, key);
        self.earliest = Some(self.earliest.map_or(place, |known| known.min(place)));
        if form.kind == IssuanceKind::PodIdentity {
            return;
        }
        if let Some(known) = self.by_key.get_mut(issued.key as usize) {
            *known = if *known == One::NONE { One(at) } else { One::SEVERAL };
        }
        if let Some(known) = self.names.get_mut(issued.name as usize) {
            *known = true;
        }
        match form.assumed_id(issued.name) {
            Some(principal) => self.by_principal.push((principal, at)),
            None => {
                let told = form.assumed().filter_map(|word| self.seen.words.text(word));
                self.odd_names.extend(told.filter_map(|text| text.rsplit([':', '/']).next()));
            }
        }
    }

    /// The issuance that certainly began a session; `None` when it is not certain which, or whether any.
    fn issued(&self, number: u32) -> Option<(EventKey, &'l Issued)> {
        let (session, form) = self.seen.sessions.get(number)?;
        let own = (form.principal(), session.name);
        if session.name == Words::NONE || !self.seen.words.text(form.principal())?.starts_with("AROA") {
            return None;
        }
        let all = &self.seen.issuances.all;
        let by_key = of(&self.by_key, session.key).unwrap_or(One::NONE);
        let place = if by_key == One::NONE {
            // No key, or one that a service was given to act for the session.
            let creation = session.creation()?;
            let start = self.by_principal.partition_point(|(principal, _)| *principal < own);
            let same = self.by_principal.iter().skip(start).take_while(|(principal, _)| *principal == own);
            let mut near = same
                .filter_map(|(_, place)| Some((all.at(*place)?.1.time, *place)))
                .filter(|(time, _)| time.unix().abs_diff(creation.unix()) <= APART.unsigned_abs());
            let (time, place) = near.next()?;
            // Only the very moment is certain.
            (near.next().is_none() && time == creation).then_some(place)?
        } else {
            let is_good = self.is_good(session.key) && is_access_key_id(self.seen.words.text(session.key)?);
            by_key.get().filter(|_| is_good)?
        };
        let (key, issued) = all.at(place)?;
        let (first, last) = session.span()?;
        let fits = self.seen.issuances.form_of(issued)?.assumed_id(issued.name) == Some(own)
            && issued.time.unix() <= i64::from(first)
            && i64::from(last) <= issued.time.unix() + LONGEST_SESSION;
        fits.then_some((*key, issued))
    }

    /// What user agents told of a session's calls.
    fn tasks(&self, number: u32) -> Vec<AirflowTask> {
        if self.seen.agents.airflow.is_empty() {
            return Vec::new();
        }
        let caller = self.seen.sessions.caller(number, self.seen.words);
        let tasks = caller.and_then(|caller| {
            let (principal, arn) = (caller.principal_id(), caller.arn());
            self.seen.agents.of(principal.as_deref(), arn.as_deref(), caller.key)
        });
        tasks.into_iter().flat_map(|tasks| tasks.keys().cloned()).collect()
    }

    /// The class of a session; `None` for one that is kept.
    fn class(&self, number: u32, depth: usize) -> Option<Class> {
        let (session, form) = self.seen.sessions.get(number)?;
        let own = (form.principal(), session.name);
        if form.kind != IdentityType::AssumedRole || depth > DEEPEST || self.foreign.contains(&own) {
            return None;
        }
        let class = |began, name| {
            let has_key = session.key != Words::NONE;
            Some(Class { form: session.form, has_key, name, tasks: self.tasks(number), began })
        };
        let Some((_, issued)) = self.issued(number) else {
            let is_good = session.key == Words::NONE || self.is_good(session.key);
            let is_odd = self.seen.words.text(session.name).is_some_and(|name| {
                // Names may hold colons and slashes themselves.
                name.rsplit([':', '/']).next().is_some_and(|last| self.odd_names.contains(last))
            });
            if !is_good || is_odd || of(&self.names, session.name) == Some(true) {
                return None;
            }
            let role = Arn::parse(self.seen.words.text(form.issuer_arn())?)?;
            let begins = self.seen.observation.begins(role.account);
            let begins = begins.into_iter().chain(self.earliest.map(|(time, _)| time)).min();
            let before = session.creation().zip(begins).is_some_and(|(creation, begins)| creation < begins);
            // Other services than those that take tokens name sessions after what they run.
            let name = match form.provider() {
                Words::NONE => Name::Whole(session.name),
                _ => Name::Nothing,
            };
            return class(Began::Unseen { before }, name);
        };
        let how = self.seen.issuances.form_of(issued)?;
        let (_, caller_form) = self.seen.sessions.get(issued.caller)?;
        let by_service = matches!(caller_form.kind, IdentityType::AwsService | IdentityType::Missing);
        let is_pod = self.seen.words.text(caller_form.invoked_by()) == Some(POD_IDENTITY);
        let text = |word: Word| self.seen.words.text(word).unwrap_or_default();
        let name = match how.kind {
            IssuanceKind::AssumeRoleWithWebIdentity => Name::Nothing,
            IssuanceKind::AssumeRole if is_pod || !by_service => Name::Stem(stem(text(session.name))),
            _ => Name::Whole(session.name),
        };
        let tags = self.seen.issuances.tags_of(issued).iter().map(|(key, value)| match text(*key) {
            "kubernetes-pod-uid" if is_pod => (*key, None),
            "kubernetes-pod-name" if is_pod => (*key, Some(stem(text(*value)))),
            _ => (*key, Some(text(*value).to_owned())),
        });
        let tags = tags.collect();
        let caller = match self.class(issued.caller, depth + 1) {
            Some(class) => Caller::Class(Box::new(class)),
            None => Caller::One(issued.caller),
        };
        class(Began::Issued { form: issued.form, tags, caller }, name)
    }
}

/// A name without the parts at its end that are generated, which tell runs and pods of one thing apart: numbers, hashes, random
/// letters.
fn stem(name: &str) -> String {
    let is_generated = |part: &str| {
        let all = |is: fn(&u8) -> bool| part.bytes().all(|byte| is(&byte));
        let n_digits = part.bytes().filter(u8::is_ascii_digit).count();
        // Short numbers count replicas.
        let is_number = n_digits == part.len() && n_digits >= 4;
        let is_hash =
            n_digits > 0 && part.len() >= 4 && all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_long =
            n_digits > 0 && part.len() >= 8 && all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'));
        // Kubernetes makes up names without vowels, so that they spell nothing.
        let is_random = part.len() == 5 && all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(byte));
        is_number || is_hash || is_long || is_random
    };
    let mut rest = name;
    while let Some((head, last)) = rest.rsplit_once(['-', '_', '.'])
        && is_generated(last)
    {
        rest = head;
    }
    rest.to_owned()
}

/// Finds out which sessions and issuances can stand for others.
pub(super) fn alike(seen: &Seen<'_>) -> Alike {
    let classer = Classer::new(seen);
    let mut stands: Vec<u32> = (0..).take(seen.sessions.len()).collect();
    let mut classes: HashMap<Class, Vec<u32>> = HashMap::new();
    let mut kept: Vec<u32> = Vec::new();
    for (number, is_used) in (0_u32..).zip(seen.is_used) {
        if !is_used {
            continue;
        }
        match classer.class(number, 0) {
            Some(class) => classes.entry(class).or_default().push(number),
            None => kept.push(number),
        }
    }
    // The order of numbers depends on the order of records; that of moments, names and keys does not.
    let order = |number: &u32| {
        let session = seen.sessions.get(*number).map(|(session, _)| session);
        session
            .map(|session| (session.creation(), seen.words.text(session.name), seen.words.text(session.key)))
    };
    let mut folded: Vec<(u32, u32)> = Vec::new();
    for members in classes.values_mut() {
        members.sort_unstable_by_key(order);
        let rest = members.split_off(members.len().min(KEPT));
        if let Some(first) = members.first() {
            folded.extend(rest.into_iter().map(|member| (member, *first)));
        }
        kept.extend(members.iter());
    }
    // Records of one session may tell more or less of it, by a service or directly; attribution looks at them together.
    let begun = |number: u32| {
        let (session, form) = seen.sessions.get(number)?;
        Some((form.principal(), session.name, session.creation()?))
    };
    let whole: HashSet<_> = kept.iter().filter_map(|number| begun(*number)).collect();
    for (member, first) in folded {
        if begun(member).is_some_and(|begun| whole.contains(&begun)) {
            kept.push(member);
        } else if let Some(place) = stands.get_mut(member as usize) {
            *place = first;
        }
    }
    let issuances = issuances(&classer, &kept);
    Alike { stands, issuances }
}

/// Issuances of one form, with the same tags, by callers of one kind.
type Kind = (u32, Vec<(Word, Word)>, Caller, String);

/// The issuances that attribution and whoever reads them need, given the sessions that are kept.
fn issuances(classer: &Classer<'_>, sessions: &[u32]) -> HashMap<EventKey, Option<(u64, Time, EventKey)>> {
    let seen = classer.seen;
    let mut kept = HashSet::new();
    let (mut names, mut keys) = (HashSet::new(), HashSet::new());
    for number in sessions {
        let mut number = *number;
        // The whole way down to who started it.
        for _ in 0..=DEEPEST {
            let Some((key, issued)) = classer.issued(number) else {
                if let Some((session, _)) = seen.sessions.get(number) {
                    names.insert(session.name);
                    keys.insert(session.key);
                }
                break;
            };
            if !kept.insert(key) {
                break;
            }
            number = issued.caller;
        }
    }
    names.remove(&Words::NONE);
    keys.remove(&Words::NONE);
    // All others: the first few of each kind, and whatever may belong to a session whose origin is not certain.
    let mut alike: HashMap<Kind, Vec<u32>> = HashMap::new();
    for ((key, issued), place) in seen.issuances.all.iter().zip(0..) {
        if names.contains(&issued.name) || keys.contains(&issued.key) {
            kept.insert(*key);
            continue;
        }
        let caller = match classer.class(issued.caller, 0) {
            Some(class) => Caller::Class(Box::new(class)),
            None => Caller::One(issued.caller),
        };
        let tags = seen.issuances.tags_of(issued).to_vec();
        let name = stem(seen.words.text(issued.name).unwrap_or_default());
        alike.entry((issued.form, tags, caller, name)).or_default().push(place);
    }
    let told = |place: &u32| seen.issuances.all.at(*place).map(|(key, issued)| (issued.time, *key));
    for members in alike.values_mut() {
        members.sort_unstable_by(|a, b| match (told(a), told(b)) {
            (Some(a), Some(b)) => a.0.cmp(&b.0).then_with(|| seen.ids.order(a.1, b.1)),
            _ => Ordering::Equal,
        });
        kept.extend(members.iter().take(KEPT).filter_map(told).map(|(_, key)| key));
    }
    kept.extend(classer.earliest.map(|(_, key)| key));
    // Callers of kept issuances are followed too.
    let mut open: Vec<EventKey> = kept.iter().copied().collect();
    while let Some(key) = open.pop() {
        let caller = seen.issuances.all.get(&key).and_then(|issued| classer.issued(issued.caller));
        if let Some((key, _)) = caller
            && kept.insert(key)
        {
            open.push(key);
        }
    }
    let mut all: HashMap<EventKey, Option<(u64, Time, EventKey)>> =
        kept.into_iter().map(|key| (key, None)).collect();
    for members in alike.into_values() {
        let members = members.iter().filter_map(told);
        let mut others = members.clone().filter(|(_, key)| !all.contains_key(key));
        // Sorted by time and id.
        let last = others.clone().next_back();
        let n = others.by_ref().count() as u64;
        if let (Some((_, first)), Some((time, key))) = (members.clone().next(), last) {
            all.insert(first, Some((n, time, key)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn what_is_generated_is_taken_off_the_end_of_a_name() {
        for (name, expected) in [
            ("botocore-session-1700000000", "botocore-session"),
            ("aws-go-sdk-1780272859000000000", "aws-go-sdk"),
            ("eks-apps-payments-a-f887f3fd-b4a9-4081-8ba4-1335a5c1f06d", "eks-apps-payments-a"),
            ("payments-api-7d9f8b6c5-x2x4z", "payments-api"),
            ("lake-argo-ml-runner-fb37ea", "lake-argo-ml-runner"),
            ("nightly-etl", "nightly-etl"),
            ("database-12", "database-12"),
            ("terraform-run-v2", "terraform-run-v2"),
            ("maria.lopez@example.com", "maria.lopez@example.com"),
            ("1780272859", "1780272859"),
            ("", ""),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }
}
