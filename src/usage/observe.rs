//! What could have been seen, gathered record by record.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};

use super::text::{Pair, Texts, limited};
use super::{Observation, Text};
use crate::ident::{Time, spanning};
use crate::record::{Category, Event};

/// Stands where a record names no account or Region.
const UNKNOWN: &str = "unknown";

/// A worker's part of an [`Observation`]. Sets and extremes only, so that deliveries in any order and number give the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    seen: Vec<Seen>,
    /// By account and place, a Region, or a Region and a kind of data event (see [`Observer::place`]): where in `seen` it is.
    regions: HashMap<(Text, Text), usize>,
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

/// What of one record the observer looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    /// The one whose trail delivered, else the caller's.
    pub(super) account: Option<&'a str>,
    pub(super) region: &'a str,
    pub(super) source: &'a str,
    /// Of a data event.
    pub(super) data_type: Option<&'a str>,
    pub(super) is_management: bool,
    pub(super) read_only: Option<bool>,
    pub(super) time: Time,
}

impl<'a> Sight<'a> {
    fn of(event: &Event<'a>, data_type: Option<&'a str>) -> Self {
        Self {
            account: event.recipient_account.or(event.identity.account_id),
            region: event.region,
            source: event.source,
            data_type,
            is_management: event.category == Category::Management,
            read_only: event.read_only,
            time: event.time,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    reads: bool,
    writes: bool,
    kms: bool,
}

impl Seen {
    fn new(time: Time) -> Self {
        let hour = hour_of(time);
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
    /// Takes in one record of the window; gives the number of its place, for [`Observer::again`].
    pub(super) fn see<'a>(
        &mut self,
        event: &Event<'a>,
        data_type: Option<&'a str>,
        texts: &mut Texts,
    ) -> usize {
        self.look(&Sight::of(event, data_type), texts)
    }

    /// [`Observer::see`], of what a ledger keeps of a record.
    pub(super) fn look(&mut self, sight: &Sight<'_>, texts: &mut Texts) -> usize {
        let Sight { region, source, data_type, is_management, read_only, time, .. } = *sight;
        let account = sight.account.unwrap_or(UNKNOWN);
        let region = if region.is_empty() { UNKNOWN } else { region };
        let (account, region) = (limited(account), limited(region));
        let flags = match self.flags.get_mut(account) {
            Some(flags) => flags,
            None => self.flags.entry(texts.intern(account)).or_default(),
        };
        if is_management {
            flags.reads |= read_only == Some(true);
            flags.writes |= read_only == Some(false);
        }
        flags.kms |= source == "kms.amazonaws.com";
        if let Some(data_type) = data_type.map(limited)
            && !self.data_types.contains(&Pair(account, data_type))
        {
            self.data_types.insert((texts.intern(account), texts.intern(data_type)));
        }
        let region = Self::place(&mut self.place, region, data_type.map(limited));
        let place = match self.regions.get(&Pair(account, region)) {
            Some(place) => *place,
            None => {
                let place = self.seen.len();
                self.seen.push(Seen::new(kept(time)));
                self.regions.insert((texts.intern(account), texts.intern(region)), place);
                place
            }
        };
        if let Some(seen) = self.seen.get_mut(place) {
            seen.reads |= read_only != Some(false);
            seen.writes |= read_only != Some(true);
        }
        self.again(place, time);
        place
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

    /// Takes in one record more that differs in its time only.
    pub(super) fn again(&mut self, place: usize, time: Time) {
        let Some(seen) = self.seen.get_mut(place) else { return };
        let time = kept(time);
        let hour = hour_of(time);
        seen.span = spanning(seen.span, (time, time));
        if seen.last != hour {
            seen.last = hour;
            seen.hours.insert(hour);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, place) in other.regions {
            let Some(theirs) = other.seen.get(place) else { continue };
            match self.regions.get(&key).and_then(|own| self.seen.get_mut(*own)) {
                Some(own) => {
                    own.span = spanning(own.span, theirs.span);
                    own.hours.extend(&theirs.hours);
                    own.reads |= theirs.reads;
                    own.writes |= theirs.writes;
                }
                None => {
                    self.regions.insert(key, self.seen.len());
                    self.seen.push(theirs.clone());
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
        for ((account, region), place) in self.regions {
            let Some(seen) = self.seen.get(place) else { continue };
            let span = observation.span.map_or(seen.span, |span| spanning(span, seen.span));
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
            all.span = Some(all.span.map_or(seen.span, |span| spanning(span, seen.span)));
            all.hours.extend(&seen.hours);
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

/// A time as the log of events keeps it, from which an observation can be worked out again.
fn kept(time: Time) -> Time {
    Time::from_unix(time.unix().clamp(0, i64::from(u32::MAX)))
}

fn hour_of(time: Time) -> i64 {
    time.unix().div_euclid(3_600)
}
