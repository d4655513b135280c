//! Remembers callers and calls as they were written, so that a record which repeats them is not parsed at all.

use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use super::Agents;
use super::objects::ObjectCall;
use crate::ident::Time;
use crate::record::{RawKey, RawObject, RawRecord, Seeds, UserIdentity};

/// What became of a call met before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// In the ledger's table of calls.
    pub(super) call: u32,
    /// In the observer's list of places.
    pub(super) place: usize,
    /// The fingerprint of the content without the caller.
    pub(super) print: u64,
}

/// A caller met before; made by a ledger, for that ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownCaller {
    /// In the ledger's table of sessions.
    pub(super) session: u32,
    /// What a call's needs may rest on besides the call itself: for IAM's own calls, and for all others.
    relevant: [u64; 2],
}

/// Calls and callers met before the older half of those remembered is forgotten, which costs time only.
const MOST_CALLS: usize = 1 << 13;
const MOST_CALLERS: usize = 1 << 11;
/// Each takes some 2 KB.
const MOST_OBJECT_CALLS: usize = 1 << 9;

/// What was met lately, in two generations: what is met again stays.
#[derive(Clone, Debug)]
struct Lately<V> {
    most: usize,
    young: HashMap<RawKey, V>,
    old: HashMap<RawKey, V>,
}

impl<V: Clone> Lately<V> {
    fn new(most: usize) -> Self {
        Self { most, young: HashMap::new(), old: HashMap::new() }
    }

    fn get(&mut self, key: RawKey) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(value.clone());
        }
        let value = self.old.remove(&key)?;
        self.put(key, value.clone());
        Some(value)
    }

    fn put(&mut self, key: RawKey, value: V) {
        if self.young.len() >= self.most {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(key, value);
    }
}

/// Bytes of a time as CloudTrail writes it, with its quotes.
const TIME: usize = 22;

/// Callers and calls met lately.
#[derive(Clone, Debug)]
pub(super) struct Memo {
    callers: Lately<KnownCaller>,
    calls: Lately<Known>,
    object_calls: Lately<Arc<ObjectCall>>,
    seed: DefaultHashBuilder,
    seeds: Seeds,
    /// Neighbouring records often have one caller.
    last_caller: Option<(RawKey, KnownCaller)>,
    /// The last user agent that told nothing.
    last_agent: RawKey,
    /// The last time that was told, and how it was written.
    last_time: Option<([u8; TIME], Time)>,
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            callers: Lately::new(MOST_CALLERS),
            calls: Lately::new(MOST_CALLS),
            object_calls: Lately::new(MOST_OBJECT_CALLS),
            seed: DefaultHashBuilder::default(),
            seeds: Seeds::default(),
            last_caller: None,
            last_agent: RawKey::default(),
            last_time: None,
        }
    }
}

impl Memo {
    /// The key of a record's call, by a caller met before.
    pub(super) fn call_key(raw: &RawRecord<'_>, caller: KnownCaller) -> RawKey {
        let [iam, other] = caller.relevant;
        RawKey::of(if raw.is_about_its_caller() { iam } else { other }).then(raw.call_key())
    }

    /// Whether a user agent may tell anything.
    pub(super) fn agent_may_tell(&mut self, raw: &RawRecord<'_>) -> bool {
        if self.last_agent == raw.agent_key() {
            return false;
        }
        let may_tell = Agents::may_tell(raw.user_agent());
        if !may_tell {
            self.last_agent = raw.agent_key();
        }
        may_tell
    }

    /// The time of a record, if it is plainly written.
    pub(super) fn time(&mut self, raw: &RawRecord<'_>) -> Option<Time> {
        let text = raw.time_text();
        if let Some((known, time)) = &self.last_time
            && known == text
        {
            return Some(*time);
        }
        let time = raw.time()?;
        self.last_time = text.try_into().ok().map(|text| (text, time));
        Some(time)
    }

    /// A caller met before.
    pub(super) fn caller(&mut self, raw: &RawRecord<'_>) -> Option<KnownCaller> {
        let key = raw.caller_key();
        if let Some((last, known)) = self.last_caller
            && last == key
        {
            return Some(known);
        }
        let known = self.callers.get(key)?;
        self.last_caller = Some((key, known));
        Some(known)
    }

    /// Remembers a caller.
    pub(super) fn put_caller(
        &mut self,
        raw: &RawRecord<'_>,
        identity: &UserIdentity<'_>,
        session: u32,
    ) -> KnownCaller {
        // What `Catalog::needs` and the observer look at of a caller; see there.
        let arn = identity.arn.unwrap_or_default();
        let issuer = identity.session.issuer_arn.unwrap_or_default();
        let partition = |arn: &str| arn.split(':').nth(1).unwrap_or_default().to_owned();
        let other =
            (identity.kind, identity.account_id, identity.invoked_by, partition(arn), partition(issuer));
        let relevant = [self.seed.hash_one((&other, arn, issuer)), self.seed.hash_one(&other)];
        let known = KnownCaller { session, relevant };
        self.callers.put(raw.caller_key(), known);
        self.last_caller = Some((raw.caller_key(), known));
        known
    }

    /// Forgets all callers: their numbers are no longer good.
    pub(super) fn forget_callers(&mut self) {
        self.callers = Lately::new(MOST_CALLERS);
        self.last_caller = None;
    }

    pub(super) fn call(&mut self, key: RawKey) -> Option<Known> {
        self.calls.get(key)
    }

    pub(super) fn put_call(&mut self, key: RawKey, known: Known) {
        self.calls.put(key, known);
    }

    /// The object a record is about, and the key of everything else it says of its call.
    pub(super) fn object<'t>(
        &self,
        raw: &RawRecord<'t>,
        caller: KnownCaller,
    ) -> Option<(RawObject<'t>, RawKey)> {
        if raw.is_about_its_caller() {
            return None;
        }
        let object = raw.object(&self.seeds)?;
        let [_, other] = caller.relevant;
        Some((object, RawKey::of(other).then(object.rest)))
    }

    /// A call on an object, met before on another.
    pub(super) fn object_call(&mut self, key: RawKey) -> Option<Arc<ObjectCall>> {
        self.object_calls.get(key)
    }

    pub(super) fn put_object_call(&mut self, key: RawKey, call: ObjectCall) {
        self.object_calls.put(key, Arc::new(call));
    }
}
