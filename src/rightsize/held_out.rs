//! How a proposal learned earlier would have done: the last fifth of the window against a policy made from the rest.
//!
//! The ledger keeps the first and the last time of each distinct request (an action on a resource with the conditions told), and
//! that is what the check rests on: a request first seen in the first four fifths is *learned*; one last seen in the last fifth is
//! *replayed*, and it is *new* when it was first seen there. It says how often the role does what it had not done before, and what
//! each way of generalising resources makes of that. It cannot say how many calls would have failed (requests are counted, not
//! calls), nothing about requests of the last fifth that did not succeed, and nothing about what comes after the window.

use std::collections::BTreeSet;

use super::assemble::assemble;
use super::draft::{Plan, Told, clip};
use super::effort::{Effort, Stopped};
use super::grant::{Expander, Grant, works_without_permission};
use super::pack::by_version;
use super::propose::observed;
use super::{ActionSet, HeldOut, HeldOutLevel, ResourceLevel};
use crate::attribution::Use;
use crate::ident::{Time, TimeRange};
use crate::policy::Policy;
use crate::proof::{Budget, Replay, Retained};

/// Of the window, the share that is learned from, in fifths.
const LEARNED_FIFTHS: i64 = 4;

/// The levels tried, narrowest first; `None` leaves resources as they were granted.
const LEVELS: [Option<ResourceLevel>; 4] =
    [Some(ResourceLevel::Exact), Some(ResourceLevel::Prefix), Some(ResourceLevel::Type), None];

/// Learns on the first four fifths of the window and replays the last. `None` when the window has no length.
pub(super) fn held_out(
    grant: &Grant<'_>,
    plan: &Plan,
    uses: &[Use],
    window: TimeRange,
    expander: &Expander<'_>,
    effort: &Effort<'_>,
) -> Result<Option<HeldOut>, Stopped> {
    let (from, to) = (window.from.unix(), window.to.unix());
    let Some(length) = to.checked_sub(from).filter(|length| *length > 0) else { return Ok(None) };
    let learned_until = Time::from_unix(from + length * LEARNED_FIFTHS / 5);
    let learned: Vec<Use> = uses.iter().filter(|one| one.first < learned_until).cloned().collect();
    let mut known = BTreeSet::new();
    let mut replayed = BTreeSet::new();
    for one in uses.iter().filter(|one| !works_without_permission(&one.action)) {
        let request = observed(one);
        if one.first < learned_until {
            known.insert(request.clone());
        }
        if one.last >= learned_until {
            replayed.insert(request);
        }
    }
    let mut result = HeldOut { learned_until, requests: 0, first_seen: 0, levels: Vec::new() };
    let plan = learned_plan(plan, &learned, expander);
    let told = Told::new(&learned, grant, expander.catalog, effort)?;
    for level in LEVELS {
        let draft = clip(grant, &plan, &told, level, expander, effort)?;
        // Whether the documents fit is another question.
        let policies: Vec<Policy> = by_version(&assemble(&draft, grant));
        let new: Vec<&Policy> = policies.iter().collect();
        let mut prover = Replay::new(&grant.policies, &new, Budget::default());
        let mut count = Count::default();
        for request in &replayed {
            effort.go_on()?;
            count.add(&prover.retained(request), known.contains(request));
        }
        (result.requests, result.first_seen) = (count.requests, count.first_seen);
        result.levels.push(HeldOutLevel {
            resources: level,
            retained: count.retained,
            first_seen_retained: count.first_seen_retained,
        });
    }
    Ok(Some(result))
}

/// The plan as it would have been: actions first used later were unused then.
fn learned_plan(plan: &Plan, learned: &[Use], expander: &Expander<'_>) -> Plan {
    let seen: ActionSet =
        learned.iter().filter_map(|one| expander.catalog.find(one.action.as_str())).collect();
    Plan { narrow: plan.narrow.intersection(&seen), ..plan.clone() }
}

#[derive(Default)]
struct Count {
    requests: usize,
    retained: usize,
    first_seen: usize,
    first_seen_retained: usize,
}

impl Count {
    fn add(&mut self, outcome: &Retained, is_known: bool) {
        let kept = match outcome {
            // Not by the role's own policies: they cannot lose it.
            Retained::NotGrantedByIdentity => return,
            Retained::Kept => 1,
            Retained::Lost { .. } | Retained::Unknown { .. } => 0,
        };
        self.requests += 1;
        self.retained += kept;
        if !is_known {
            self.first_seen += 1;
            self.first_seen_retained += kept;
        }
    }
}
