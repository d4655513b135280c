//! What could have been seen, gathered record by record.

use std::collections::BTreeSet;

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use super::text::{Pair, Texts, limited};
use super::{Observation, Text};
use crate::ident::Time;
use crate::record::{Category, Event};

/// Stands where a record names no account or Region.
const UNKNOWN: &str = "unknown";

/// A worker's part of an [`Observation`]. Sets and extremes only, so that deliveries in any order and number give the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    /// By account and place: a Region, or a Region and a kind of data event (see [`Observer::place`]).
    regions: HashMap<(Text, Text), Seen>,
    /// Room to write a place.
    place: String,
    data_types: HashSet<(Text, Text)>,
    flags: HashMap<Text, Flags>,
}

#[derive(Clone, Debug)]
struct Seen {
    span: (Time, Time),
    hours: HashSet<i64>,
    reads: bool,
    writes: bool,
    /// The hour met last, which is in `hours`: the next record is likely of the same.
    last: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    reads: bool,
    writes: bool,
    kms: bool,
}

impl Seen {
    fn new(time: Time, hour: i64) -> Self {
        Self {
            span: (time, time),
            hours: HashSet::from_iter([hour]),
            reads: false,
            writes: false,
            last: hour,
        }
    }
}

impl Observer {
    /// Takes in one record of the window.
    pub(super) fn see(&mut self, event: &Event<'_>, data_type: Option<&str>, texts: &mut Texts) {
        let account = event.recipient_account.or(event.identity.account_id).unwrap_or(UNKNOWN);
        let region = if event.region.is_empty() { UNKNOWN } else { event.region };
        let (account, region) = (limited(account), limited(region));
        let flags = match self.flags.get_mut(account) {
            Some(flags) => flags,
            None => self.flags.entry(texts.intern(account)).or_default(),
        };
        if event.category == Category::Management {
            flags.reads |= event.read_only == Some(true);
            flags.writes |= event.read_only == Some(false);
        }
        flags.kms |= event.source == "kms.amazonaws.com";
        if let Some(data_type) = data_type.map(limited)
            && !self.data_types.contains(&Pair(account, data_type))
        {
            self.data_types.insert((texts.intern(account), texts.intern(data_type)));
        }
        let hour = event.time.unix().div_euclid(3_600);
        let region = Self::place(&mut self.place, region, data_type.map(limited));
        let seen = match self.regions.get_mut(&Pair(account, region)) {
            Some(seen) => seen,
            None => self
                .regions
                .entry((texts.intern(account), texts.intern(region)))
                .or_insert_with(|| Seen::new(event.time, hour)),
        };
        seen.reads |= event.read_only != Some(false);
        seen.writes |= event.read_only != Some(true);
        seen.span = widened(seen.span, (event.time, event.time));
        if seen.last != hour {
            seen.last = hour;
            seen.hours.insert(hour);
        }
    }

    /// The Region, or for a data event the Region and its kind with a NUL between them, which neither may hold.
    fn place<'p>(room: &'p mut String, region: &'p str, data_type: Option<&str>) -> &'p str {
        let region = if region.contains('\0') { UNKNOWN } else { region };
        let Some(kind) = data_type.filter(|kind| !kind.contains('\0')) else { return region };
        room.clear();
        room.push_str(region);
        room.push('\0');
        room.push_str(kind);
        room
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (place, theirs) in other.regions {
            match self.regions.entry(place) {
                Entry::Vacant(place) => drop(place.insert(theirs)),
                Entry::Occupied(mut own) => {
                    let own = own.get_mut();
                    own.span = widened(own.span, theirs.span);
                    own.hours.extend(theirs.hours);
                    own.reads |= theirs.reads;
                    own.writes |= theirs.writes;
                }
            }
        }
        self.data_types.extend(other.data_types);
        for (account, theirs) in other.flags {
            let own = self.flags.entry(account).or_default();
            own.reads |= theirs.reads;
            own.writes |= theirs.writes;
            own.kms |= theirs.kms;
        }
    }

    pub(super) fn finish(self) -> Observation {
        let mut observation = Observation::default();
        for ((account, region), seen) in self.regions {
            let span = observation.span.map_or(seen.span, |span| widened(span, seen.span));
            observation.span = Some(span);
            let (region, kind) = match region.split_once('\0') {
                Some((region, kind)) => (Text::from(region), Some(Text::from(kind))),
                None => (region, None),
            };
            if let Some(kind) = kind {
                let kinds = observation.data_events.entry(account.clone()).or_default();
                let seen_here = kinds.entry(kind).or_default().entry(region.clone()).or_default();
                seen_here.days.extend(seen.hours.iter().map(|hour| hour.div_euclid(24)));
                seen_here.reads |= seen.reads;
                seen_here.writes |= seen.writes;
            }
            let all = observation.regions.entry(account).or_default().entry(region).or_default();
            all.span = Some(all.span.map_or(seen.span, |span| widened(span, seen.span)));
            all.hours.extend(seen.hours);
        }
        for (account, data_type) in self.data_types {
            observation.data_types.entry(account).or_default().insert(data_type);
        }
        let with = |flag: fn(&Flags) -> bool| -> BTreeSet<Text> {
            self.flags.iter().filter(|(_, flags)| flag(flags)).map(|(account, _)| account.clone()).collect()
        };
        observation.management_reads = with(|flags| flags.reads);
        observation.management_writes = with(|flags| flags.writes);
        observation.kms = with(|flags| flags.kms);
        observation
    }
}

fn widened(a: (Time, Time), b: (Time, Time)) -> (Time, Time) {
    (a.0.min(b.0), a.1.max(b.1))
}
