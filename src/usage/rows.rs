//! The table of distinct call contents.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::fold::Folds;
use super::session::SessionView;
use super::text::{Fingerprint, Texts};
use super::{CallOutcome, DenialFacts, Text};
use crate::catalog::{Needs, Resource};

/// An outcome without owning it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum OutcomeView<'a> {
    Used(Option<&'a str>),
    Denied(&'a str, Option<&'a str>),
    Unproven(&'a str),
}

/// Everything a row says but the session's facts, borrowed from a record or from a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallView<'a> {
    /// In the ledger's own table of sessions.
    pub(super) session: u32,
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

/// One distinct content.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) session: u32,
    pub(super) source: Text,
    pub(super) name: Text,
    pub(super) region: Text,
    pub(super) recipient_account: Option<Text>,
    pub(super) data_type: Option<Text>,
    pub(super) read_only: Option<bool>,
    pub(super) outcome: CallOutcome,
    pub(super) needs: Arc<Needs>,
    pub(super) vpc_endpoint: Option<Text>,
    /// The fingerprint of the record's content; `None` when records of several contents were folded together.
    pub(super) exact: Option<u64>,
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

impl Content {
    pub(super) fn view(&self) -> CallView<'_> {
        CallView {
            session: self.session,
            source: &self.source,
            name: &self.name,
            region: &self.region,
            recipient_account: self.recipient_account.as_deref(),
            data_type: self.data_type.as_deref(),
            read_only: self.read_only,
            outcome: (&self.outcome).into(),
            needs: &self.needs,
            vpc_endpoint: self.vpc_endpoint.as_deref(),
        }
    }

    /// Brings the content into the present folded form.
    pub(super) fn fold(&mut self, folds: &Folds) {
        let needs = folds.needs(&self.needs).map(Arc::new);
        let outcome = folds.outcome((&self.source, &self.name), &self.outcome);
        if needs.is_some() || outcome.is_some() {
            self.exact = None;
        }
        if let Some(needs) = needs {
            self.needs = needs;
        }
        if let Some(outcome) = outcome {
            self.outcome = outcome;
        }
    }
}

impl CallView<'_> {
    /// Of what differs between calls; the rest is left to [`CallView::is_same`].
    fn hash(&self, state: &mut impl Hasher) {
        let Self { session, source, name, region, outcome, needs, vpc_endpoint, .. } = self;
        (session, source, name, region, outcome, vpc_endpoint).hash(state);
        for need in &needs.needs {
            // Rows keep spellings apart, and whole texts hash faster than letters without case.
            need.action.as_str().hash(state);
            need.resources.hash(state);
            need.context.hash(state);
        }
    }

    /// Equal to the byte: `Needs` compare actions without case, and which spelling a report shows must not depend on
    /// which record came first.
    pub(super) fn is_same(&self, other: &CallView<'_>) -> bool {
        self.session == other.session
            && self.name == other.name
            && self.source == other.source
            && self.region == other.region
            && self.recipient_account == other.recipient_account
            && self.data_type == other.data_type
            && self.read_only == other.read_only
            && self.outcome == other.outcome
            && self.vpc_endpoint == other.vpc_endpoint
            && self.needs == other.needs
            && same_spelling(self.needs, other.needs)
    }

    /// See [`Fingerprint`].
    pub(super) fn fingerprint(&self, session: &SessionView<'_>) -> u64 {
        let mut print = Fingerprint::new();
        session.fingerprint(&mut print);
        for text in [self.source, self.name, self.region] {
            print.text(text);
        }
        for text in [self.recipient_account, self.data_type, self.vpc_endpoint] {
            print.option(text);
        }
        print.number(self.read_only.map_or(2, u64::from));
        match self.outcome {
            OutcomeView::Used(code) => print.option(code),
            OutcomeView::Denied(code, message) => {
                print.number(1);
                print.text(code);
                print.option(message);
            }
            OutcomeView::Unproven(code) => {
                print.number(2);
                print.text(code);
            }
        }
        print.number(self.needs.verdict as u64);
        print.text(self.needs.rule);
        for need in &self.needs.needs {
            print.text(need.action.as_str());
            print.number(need.evidence as u64);
            print.number(need.resources.len() as u64);
            for resource in &need.resources {
                let (kind, text) = match resource {
                    Resource::Arn(arn) => (0, arn.as_str()),
                    Resource::None => (1, ""),
                    Resource::Unknown(reason) => (2, *reason),
                    Resource::InstanceProfile(name) => (3, name.as_str()),
                    Resource::LaunchTemplate(name) => (4, name.as_str()),
                };
                print.number(kind);
                print.text(text);
            }
            for (key, value) in &need.context {
                print.text(key);
                print.text(value);
            }
        }
        print.value()
    }
}

/// Whether equal needs also spell their actions alike.
fn same_spelling(a: &Needs, b: &Needs) -> bool {
    a.needs.iter().zip(&b.needs).all(|(a, b)| a.action.as_str() == b.action.as_str())
}

/// The distinct contents one ledger met, numbered in order of appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    contents: Vec<Content>,
    table: HashTable<Slot>,
    hasher: DefaultHashBuilder,
}

/// A row's place in the table. The hash is kept: it spares reading the row's texts when the table grows or hashes collide.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    row: u32,
}

impl Rows {
    fn hash_of(&self, call: &CallView<'_>) -> u64 {
        let mut state = self.hasher.build_hasher();
        call.hash(&mut state);
        state.finish()
    }

    /// The row of an unfolded content met before, with its fingerprint.
    pub(super) fn find_exact(&self, call: &CallView<'_>) -> Option<(u32, u64)> {
        let index = self.find(call, |content| content.exact.is_some())?;
        Some((index, self.contents.get(index as usize)?.exact?))
    }

    /// The row of a folded content met before.
    pub(super) fn find_folded(&self, call: &CallView<'_>) -> Option<u32> {
        self.find(call, |content| content.exact.is_none())
    }

    fn find(&self, call: &CallView<'_>, is_meant: impl Fn(&Content) -> bool) -> Option<u32> {
        let hash = self.hash_of(call);
        let same = |slot: &Slot| {
            let known = || self.contents.get(slot.row as usize);
            slot.hash == hash && known().is_some_and(|known| is_meant(known) && known.view().is_same(call))
        };
        self.table.find(hash, same).map(|slot| slot.row)
    }

    /// The row of a content. Folded and exact contents that look alike stay apart until the end.
    pub(super) fn intern(&mut self, content: Content) -> u32 {
        let view = content.view();
        let hash = self.hash_of(&view);
        let same = |slot: &Slot| {
            let known = || self.contents.get(slot.row as usize);
            slot.hash == hash
                && known().is_some_and(|known| known.exact == content.exact && known.view().is_same(&view))
        };
        if let Some(slot) = self.table.find(hash, same) {
            return slot.row;
        }
        let row = u32::try_from(self.contents.len()).unwrap_or(u32::MAX);
        self.table.insert_unique(hash, Slot { hash, row }, |slot| slot.hash);
        self.contents.push(content);
        row
    }

    /// An owned content of a borrowed call.
    pub(super) fn content(call: &CallView<'_>, exact: u64, texts: &mut Texts) -> Content {
        Content {
            session: call.session,
            source: texts.intern(call.source),
            name: texts.intern(call.name),
            region: texts.intern(call.region),
            recipient_account: texts.option(call.recipient_account),
            data_type: texts.option(call.data_type),
            read_only: call.read_only,
            outcome: call.outcome.to_owned(texts),
            needs: Arc::new(call.needs.clone()),
            vpc_endpoint: texts.option(call.vpc_endpoint),
            exact: Some(exact),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.contents.len()
    }

    pub(super) fn contents(&self) -> &[Content] {
        &self.contents
    }

    pub(super) fn into_contents(self) -> Vec<Content> {
        self.contents
    }
}
