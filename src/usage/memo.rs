//! Remembers callers and calls as they were written, so that a record which repeats them is not parsed at all.

use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::{BuildHasher, Hasher};

use super::Agents;
use crate::record::{RawRecord, UserIdentity};

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

type SeededHasher = <DefaultHashBuilder as BuildHasher>::Hasher;

/// Two hashes under random seeds, so that nobody can write records which are taken for others, and no accident does.
type Key = (u64, u64);

/// Calls remembered; then all are forgotten, which costs time only.
const MOST_CALLS: usize = 1 << 15;
/// Callers remembered.
const MOST_CALLERS: usize = 1 << 14;

/// Callers and calls met lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Memo {
    callers: HashMap<Key, KnownCaller>,
    calls: HashMap<Key, Known>,
    seeds: [DefaultHashBuilder; 2],
    /// Neighbouring records often have one caller: how it was written.
    last_identity: Vec<u8>,
    last_caller: Option<KnownCaller>,
    /// The last user agent that told nothing.
    last_agent: Vec<u8>,
}

impl Memo {
    fn key(&self, write: impl Fn(&mut SeededHasher)) -> Key {
        let [a, b] = self.seeds.each_ref().map(|seed| {
            let mut hasher = seed.build_hasher();
            write(&mut hasher);
            hasher.finish()
        });
        (a, b)
    }

    fn caller_key(&self, identity: &[u8]) -> Key {
        self.key(|hasher| hasher.write(identity))
    }

    /// The key of a record's call, by a caller met before.
    pub(super) fn call_key(&self, raw: &RawRecord<'_>, caller: KnownCaller) -> Key {
        let [iam, other] = caller.relevant;
        let is_iam = raw.is_about_its_caller();
        self.key(|hasher| {
            hasher.write_u64(if is_iam { iam } else { other });
            for (member, piece) in raw.call() {
                hasher.write_u64((piece.len() as u64) << 8 | u64::from(member));
                hasher.write(piece);
            }
        })
    }

    /// Whether a user agent may tell anything.
    pub(super) fn agent_may_tell(&mut self, agent: &[u8]) -> bool {
        if self.last_agent == agent {
            return false;
        }
        let may_tell = Agents::may_tell(agent);
        if !may_tell {
            self.last_agent.clear();
            self.last_agent.extend_from_slice(agent);
        }
        may_tell
    }

    /// A caller met before.
    pub(super) fn caller(&mut self, raw: &RawRecord<'_>) -> Option<KnownCaller> {
        let identity = raw.identity();
        if self.last_caller.is_some() && self.last_identity == identity {
            return self.last_caller;
        }
        let known = *self.callers.get(&self.caller_key(identity))?;
        self.remember_last(identity, known);
        Some(known)
    }

    fn remember_last(&mut self, identity: &[u8], known: KnownCaller) {
        self.last_identity.clear();
        self.last_identity.extend_from_slice(identity);
        self.last_caller = Some(known);
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
        let [seed, _] = &self.seeds;
        let known =
            KnownCaller { session, relevant: [seed.hash_one((&other, arn, issuer)), seed.hash_one(&other)] };
        if self.callers.len() >= MOST_CALLERS {
            self.callers.clear();
        }
        self.callers.insert(self.caller_key(raw.identity()), known);
        self.remember_last(raw.identity(), known);
        known
    }

    pub(super) fn call(&self, key: Key) -> Option<Known> {
        self.calls.get(&key).copied()
    }

    pub(super) fn put_call(&mut self, key: Key, known: Known) {
        if self.calls.len() >= MOST_CALLS {
            self.calls.clear();
        }
        self.calls.insert(key, known);
    }
}
