//! The table of distinct calls: what records say besides who called, when, and under which id.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;

use super::fold::Folds;
use super::text::Texts;
use super::{CallOutcome, DenialFacts, Text};
use crate::catalog::Needs;

/// An outcome without owning it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum OutcomeView<'a> {
    Used(Option<&'a str>),
    Denied(&'a str, Option<&'a str>),
    Unproven(&'a str),
}

/// A call, borrowed from a record or from the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallView<'a> {
    pub(super) source: &'a str,
    pub(super) name: &'a str,
    pub(super) region: &'a str,
    pub(super) recipient_account: Option<&'a str>,
    pub(super) data_type: Option<&'a str>,
    pub(super) read_only: Option<bool>,
    pub(super) outcome: OutcomeView<'a>,
    pub(super) needs: &'a Needs,
    pub(super) vpc_endpoint: Option<&'a str>,
}

/// One distinct call: what a [`super::Row`] says besides session, number, times and sample. Calls are many, and most differ in what they
/// needed alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// All else that it says; its members are the call's.
    pub kind: Arc<CallKind>,
    /// What the call needed (for a denied call: what it would have needed by its name and parameters).
    pub needs: Arc<Needs>,
}

/// What a call says besides what it needed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallKind {
    /// `eventSource`.
    pub source: Text,
    /// `eventName`.
    pub name: Text,
    /// `awsRegion`.
    pub region: Text,
    /// `recipientAccountId`.
    pub recipient_account: Option<Text>,
    /// A data event's `resources[].type` (an object's rather than its container's) or, when untold, its `eventSource`.
    pub data_type: Option<Text>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// See [`CallOutcome`].
    pub outcome: CallOutcome,
    /// `vpcEndpointId`.
    pub vpc_endpoint: Option<Text>,
}

impl Deref for Call {
    type Target = CallKind;

    fn deref(&self) -> &CallKind {
        &self.kind
    }
}

impl<'a> From<&'a CallOutcome> for OutcomeView<'a> {
    fn from(outcome: &'a CallOutcome) -> Self {
        match outcome {
            CallOutcome::Used { failed } => Self::Used(failed.as_deref()),
            CallOutcome::Denied(DenialFacts { code, message }) => Self::Denied(code, message.as_deref()),
            CallOutcome::Unproven(code) => Self::Unproven(code),
        }
    }
}

impl CallKind {
    fn with<'a>(&'a self, needs: &'a Needs) -> CallView<'a> {
        CallView {
            source: &self.source,
            name: &self.name,
            region: &self.region,
            recipient_account: self.recipient_account.as_deref(),
            data_type: self.data_type.as_deref(),
            read_only: self.read_only,
            outcome: (&self.outcome).into(),
            needs,
            vpc_endpoint: self.vpc_endpoint.as_deref(),
        }
    }
}

impl OutcomeView<'_> {
    fn to_owned(self, texts: &mut Texts) -> CallOutcome {
        match self {
            Self::Used(failed) => CallOutcome::Used { failed: texts.option(failed) },
            Self::Denied(code, message) => {
                // Messages may differ from call to call; one that folding drops must not stay behind among the texts.
                CallOutcome::Denied(DenialFacts {
                    code: texts.intern(code),
                    message: message.map(Text::from),
                })
            }
            Self::Unproven(code) => CallOutcome::Unproven(texts.intern(code)),
        }
    }
}

impl Call {
    pub(super) fn view(&self) -> CallView<'_> {
        self.kind.with(&self.needs)
    }

    /// Brings the call into the present folded form; true when that is another.
    pub(super) fn fold(&mut self, folds: &Folds) -> bool {
        let needs = folds.needs(&self.needs);
        let outcome = folds.outcome((&*self.source, &*self.name), &self.outcome);
        let changed = needs.is_some() || outcome.is_some();
        if let Some(needs) = needs {
            self.needs = Arc::new(needs);
        }
        if let Some(outcome) = outcome {
            self.kind = Arc::new(CallKind { outcome, ..CallKind::clone(&self.kind) });
        }
        changed
    }
}

impl CallView<'_> {
    /// Of what differs between calls besides their needs; the rest is left to [`CallView::is_same`].
    fn hash_kind(&self, hasher: &DefaultHashBuilder) -> u64 {
        let Self { source, name, region, outcome, vpc_endpoint, .. } = self;
        hasher.hash_one((source, name, region, outcome, vpc_endpoint))
    }

    /// Equal to the byte: `Needs` compare actions without case, and which spelling a report shows must not depend on
    /// which record came first.
    pub(super) fn is_same(&self, other: &CallView<'_>) -> bool {
        self.is_same_kind(other) && are_same(self.needs, other.needs)
    }

    fn is_same_kind(&self, other: &CallView<'_>) -> bool {
        self.name == other.name
            && self.source == other.source
            && self.region == other.region
            && self.recipient_account == other.recipient_account
            && self.data_type == other.data_type
            && self.read_only == other.read_only
            && self.outcome == other.outcome
            && self.vpc_endpoint == other.vpc_endpoint
    }
}

impl CallView<'_> {
    /// An owned copy.
    pub(super) fn to_call(self, needs: Arc<Needs>, texts: &mut Texts) -> Call {
        Call { kind: Arc::new(self.to_kind(texts)), needs }
    }

    fn to_kind(self, texts: &mut Texts) -> CallKind {
        CallKind {
            source: texts.intern(self.source),
            name: texts.intern(self.name),
            region: texts.intern(self.region),
            recipient_account: texts.option(self.recipient_account),
            data_type: texts.option(self.data_type),
            read_only: self.read_only,
            outcome: self.outcome.to_owned(texts),
            vpc_endpoint: texts.option(self.vpc_endpoint),
        }
    }
}

fn hash_needs(needs: &Needs, hasher: &DefaultHashBuilder) -> u64 {
    let mut state = hasher.build_hasher();
    for need in &needs.needs {
        // Calls keep spellings apart, and whole texts hash faster than letters without case.
        need.action.as_str().hash(&mut state);
        need.resources.hash(&mut state);
        need.context.hash(&mut state);
    }
    state.finish()
}

/// Whether needs are equal and spell their actions alike.
fn are_same(a: &Needs, b: &Needs) -> bool {
    a == b && a.needs.iter().zip(&b.needs).all(|(a, b)| a.action.as_str() == b.action.as_str())
}

/// Values kept once each, with their hashes.
type Once<T> = HashTable<(u64, Arc<T>)>;

/// The one copy of a value.
fn once<T>(
    all: &mut Once<T>,
    hash: u64,
    is_same: impl Fn(&T) -> bool,
    make: impl FnOnce() -> Arc<T>,
) -> Arc<T> {
    let entry = all.entry(hash, |(of, known)| *of == hash && is_same(known), |(hash, _)| *hash);
    let (_, known) = entry.or_insert_with(|| (hash, make())).into_mut();
    Arc::clone(known)
}

/// The distinct calls one ledger met. A number once given stays good: calls that folding made equal share one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    all: Vec<Call>,
    /// Where the call of a number is now.
    places: Vec<u32>,
    table: HashTable<Slot>,
    /// What calls need, once each: the same by several names, in several Regions, granted or refused.
    needs: Once<Needs>,
    /// What calls say otherwise, once each.
    kinds: Once<CallKind>,
    hasher: DefaultHashBuilder,
}

/// A call's place in the table. The hash is kept: it spares reading the call's texts when the table grows or hashes collide.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    place: u32,
    number: u32,
}

impl Calls {
    fn find(&self, hash: u64, call: &CallView<'_>) -> Option<Slot> {
        let same = |slot: &Slot| {
            slot.hash == hash
                && self.all.get(slot.place as usize).is_some_and(|known| known.view().is_same(call))
        };
        self.table.find(hash, same).copied()
    }

    /// The number of a call borrowed from a record.
    pub(super) fn number(&mut self, call: &CallView<'_>, texts: &mut Texts) -> u32 {
        // A copy takes no more room than it must.
        self.slot(call, || Arc::new(call.needs.clone()), || Arc::new(call.to_kind(texts))).number
    }

    /// The number of a call.
    pub(super) fn intern(&mut self, call: Call) -> u32 {
        self.slot_of(&call).number
    }

    fn slot_of(&mut self, call: &Call) -> Slot {
        self.slot(&call.view(), || Arc::clone(&call.needs), || Arc::clone(&call.kind))
    }

    /// The place of a call, which is made of its two parts if it is new.
    fn slot(
        &mut self,
        call: &CallView<'_>,
        needs: impl FnOnce() -> Arc<Needs>,
        kind: impl FnOnce() -> Arc<CallKind>,
    ) -> Slot {
        let (of_needs, of_kind) = (hash_needs(call.needs, &self.hasher), call.hash_kind(&self.hasher));
        let hash = self.hasher.hash_one((of_needs, of_kind));
        if let Some(slot) = self.find(hash, call) {
            return slot;
        }
        let needs = once(&mut self.needs, of_needs, |known| are_same(known, call.needs), needs);
        let kind = once(&mut self.kinds, of_kind, |known| known.with(call.needs).is_same_kind(call), kind);
        self.insert(hash, Call { kind, needs })
    }

    fn insert(&mut self, hash: u64, call: Call) -> Slot {
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let slot = Slot { hash, place, number };
        self.table.insert_unique(hash, slot, |slot| slot.hash);
        self.all.push(call);
        self.places.push(place);
        slot
    }

    /// Brings all calls into their present folded form; those that are equal then become one.
    pub(super) fn fold(&mut self, folds: &Folds) {
        // What was needed goes when nobody needs it in that form any more.
        self.needs = HashTable::new();
        let changed: Vec<bool> = self.all.par_iter_mut().map(|call| call.fold(folds)).collect();
        // What stays as it is keeps its place in the table, and is there when others become equal to it.
        let mut kept = 0..;
        let mut moved: Vec<u32> = Vec::with_capacity(changed.len());
        moved.extend(
            changed.iter().map(|changed| if *changed { None } else { kept.next() }.unwrap_or(u32::MAX)),
        );
        let mut flags = changed.iter();
        let others: Vec<Call> =
            self.all.extract_if(.., |_| flags.next().copied().unwrap_or_default()).collect();
        for Call { needs, .. } in &self.all {
            let hash = hash_needs(needs, &self.hasher);
            once(&mut self.needs, hash, |known| are_same(known, needs), || Arc::clone(needs));
        }
        self.table.retain(|slot| {
            slot.place = moved.get(slot.place as usize).copied().unwrap_or(u32::MAX);
            slot.place != u32::MAX
        });
        let places = std::mem::take(&mut self.places);
        let gone = moved.iter_mut().filter(|new| **new == u32::MAX);
        for (new, call) in gone.zip(others) {
            *new = self.slot_of(&call).place;
        }
        self.kinds.retain(|(_, kind)| Arc::strong_count(kind) > 1);
        self.places =
            places.iter().map(|old| moved.get(*old as usize).copied().unwrap_or_default()).collect();
        // Numbers in the table were those of a moment ago; any number that leads to the place will do.
        let mut numbers = vec![0; self.all.len()];
        for (place, number) in self.places.iter().zip(0_u32..) {
            if let Some(slot) = numbers.get_mut(*place as usize) {
                *slot = number;
            }
        }
        for slot in &mut self.table {
            slot.number = numbers.get(slot.place as usize).copied().unwrap_or_default();
        }
    }

    /// Number of distinct calls.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Call> {
        self.all.get(self.place(number) as usize)
    }

    /// Where the call of a number is among all; nowhere for an unknown number.
    pub(super) fn place(&self, number: u32) -> u32 {
        self.places.get(number as usize).copied().unwrap_or(u32::MAX)
    }

    /// All distinct calls; see [`Calls::place`].
    pub(super) fn all(&self) -> &[Call] {
        &self.all
    }

    /// The places of all calls, in the order of what these say.
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0_u32..).zip(&self.all).map(|(place, _)| place).collect();
        let call = |place: &u32| self.all.get(*place as usize);
        order.par_sort_unstable_by(|a, b| match (call(a), call(b)) {
            (Some(a), Some(b)) => call_order(a, b),
            _ => Ordering::Equal,
        });
        order
    }

    /// The calls in an order that [`Calls::order`] gave.
    pub(super) fn sorted(self, order: &[u32]) -> Vec<Call> {
        let mut all: Vec<Option<Call>> = self.all.into_iter().map(Some).collect();
        order.iter().filter_map(|place| all.get_mut(*place as usize)?.take()).collect()
    }

    /// The calls, and where the call of each number is.
    pub(super) fn into_parts(self) -> (Vec<Call>, Vec<u32>) {
        (self.all, self.places)
    }
}

/// Total over everything that tells two calls apart.
fn call_order(a: &Call, b: &Call) -> Ordering {
    // Mostly the same text, kept once.
    let text = |a: &Text, b: &Text| if Arc::ptr_eq(a, b) { Ordering::Equal } else { a.cmp(b) };
    let option = |a: &Option<Text>, b: &Option<Text>| match (a, b) {
        (Some(a), Some(b)) => text(a, b),
        _ => a.cmp(b),
    };
    fn tail(call: &Call) -> (Option<bool>, &CallOutcome, &Option<Text>, &Needs) {
        (call.read_only, &call.outcome, &call.vpc_endpoint, &call.needs)
    }
    let spelling = |call: &Call| -> Vec<String> {
        call.needs.needs.iter().map(|need| need.action.as_str().to_owned()).collect()
    };
    text(&a.source, &b.source)
        .then_with(|| text(&a.name, &b.name))
        .then_with(|| text(&a.region, &b.region))
        .then_with(|| option(&a.recipient_account, &b.recipient_account))
        .then_with(|| option(&a.data_type, &b.data_type))
        .then_with(|| tail(a).cmp(&tail(b)))
        .then_with(|| spelling(a).cmp(&spelling(b)))
}
