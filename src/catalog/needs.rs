//! The step from an event to the actions it needed.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};

use super::curated::Curated;
use super::index::{ActionId, Catalog};
use super::resource;
use super::{Evidence, Need, Needs, Verdict};
use crate::ident::Action;
use crate::record::{Event, IdentityType};

/// What all events of one source and name have in common.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) verdict: Verdict,
    pub(super) rule: &'static str,
    /// There when the verdict is `Mapped`.
    pub(super) primary: Option<(ActionId, Action)>,
}

/// Distinct (source, name) pairs remembered by a thread. AWS has some 20,000; more than this are invented.
const MOST_PLANS: usize = 32_768;

thread_local! {
    // Per thread, so that workers never wait for each other. `Catalog::embedded` is the only catalog there is.
    static PLANS: RefCell<HashMap<Pair, Arc<Plan>>> = RefCell::new(HashMap::new());
}

impl Catalog {
    /// The actions and resources one event needed, whatever became of the call: callers look at its outcome.
    pub fn needs(&self, event: &Event<'_>) -> Needs {
        let none = |verdict, rule| Needs { verdict, needs: Vec::new(), rule };
        if !event.is_api_call() {
            return none(Verdict::NoPermission, "not-an-api-call");
        }
        if matches!(event.identity.kind, IdentityType::AwsService) {
            return none(Verdict::NoPermission, "aws-service");
        }
        let plan = self.plan(event.source, event.name);
        let Some((id, action)) = &plan.primary else { return none(plan.verdict, plan.rule) };
        let resources = self.info(*id).map(|info| resource::of(event, &info)).unwrap_or_default();
        let need =
            Need { action: action.clone(), resources, evidence: Evidence::Observed, context: Vec::new() };
        Needs { verdict: Verdict::Mapped, needs: vec![need], rule: plan.rule }
    }

    /// The plan for a source and name, from this thread's memory or made now.
    fn plan(&self, source: &str, name: &str) -> Arc<Plan> {
        PLANS.with_borrow_mut(|plans| {
            if let Some(plan) = plans.get(&PairRef { source, name }) {
                return Arc::clone(plan);
            }
            let plan = Arc::new(self.make_plan(source, name));
            if plans.len() < MOST_PLANS {
                plans.insert(Pair { source: source.into(), name: name.into() }, Arc::clone(&plan));
            }
            plan
        })
    }

    fn make_plan(&self, source: &str, name: &str) -> Plan {
        let curated = Curated::embedded();
        let source = source.strip_suffix(".amazonaws.com").unwrap_or(source).to_ascii_lowercase();
        let lower = name.to_ascii_lowercase();
        let plain = |verdict, rule| Plan { verdict, rule, primary: None };
        if curated.is_without_permission(&source, &lower) {
            return plain(Verdict::NoPermission, "no-permission");
        }
        let prefix = curated.sources.get(source.as_str()).copied().unwrap_or(&source);
        let mapped = |id, rule| {
            let action = self.info(id).map(|info| info.action().clone());
            Plan { verdict: Verdict::Mapped, rule, primary: action.map(|action| (id, action)) }
        };
        let renamed = |lower: &str| self.find(curated.rename(&source, lower)?);
        if let Some(id) = renamed(&lower) {
            return mapped(id, "exception");
        }
        if let Some(id) = self.find_in(prefix, name) {
            return mapped(id, "same-name");
        }
        if let Some(bare) = without_api_version(&lower)
            && let Some(id) = self.find_in(prefix, bare).or_else(|| renamed(bare))
        {
            return mapped(id, "version-suffix");
        }
        plain(Verdict::Unknown, if self.has_service(prefix) { "unknown-event" } else { "unknown-service" })
    }
}

/// The name without the API version some services append: `listfunctions20150331`, `updatefunctioncode20150331v2`,
/// `createdistribution2020_05_31`. Digits that are no such date stay: `createenvironmentec2`.
fn without_api_version(lower: &str) -> Option<&str> {
    let mut rest = lower;
    if let Some((head, digits)) = rest.rsplit_once('v')
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && head.ends_with(|last: char| last.is_ascii_digit())
    {
        rest = head;
    }
    for (width, blank) in [(10, true), (8, false)] {
        let Some((head, date)) = rest.len().checked_sub(width).and_then(|at| rest.split_at_checked(at))
        else {
            continue;
        };
        let is_date = date.bytes().enumerate().all(|(place, byte)| {
            if blank && matches!(place, 4 | 7) { byte == b'_' } else { byte.is_ascii_digit() }
        });
        if is_date && date.starts_with("20") && !head.is_empty() {
            return Some(head.strip_suffix('_').unwrap_or(head));
        }
    }
    None
}

/// `eventSource` and `eventName`, owned.
struct Pair {
    source: Box<str>,
    name: Box<str>,
}

/// `eventSource` and `eventName`, borrowed, to look up a [`Pair`] without allocating.
struct PairRef<'a> {
    source: &'a str,
    name: &'a str,
}

impl Pair {
    fn as_ref(&self) -> PairRef<'_> {
        PairRef { source: &self.source, name: &self.name }
    }
}

impl Hash for PairRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
        self.name.hash(state);
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.name == other.name
    }
}

impl Eq for Pair {}

impl Equivalent<Pair> for PairRef<'_> {
    fn equivalent(&self, key: &Pair) -> bool {
        *self.source == *key.source && *self.name == *key.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_api_versions_are_taken_off() {
        for (name, bare) in [
            ("listfunctions20150331", Some("listfunctions")),
            ("updatefunctioncode20150331v2", Some("updatefunctioncode")),
            ("createdistribution2020_05_31", Some("createdistribution")),
            ("createenvironmentec2", None),
            ("getfindingsv2", None),
            ("20150331", None),
            ("listx19990101", None),
            ("é20", None),
        ] {
            assert_eq!(without_api_version(name), bare, "{name}");
        }
    }
}
