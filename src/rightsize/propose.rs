//! The smaller policy: planned, clipped, written, proven, replayed; and tried again wider when a step fails.

use std::collections::{BTreeMap, BTreeSet};

use super::assemble::{Piece, assemble};
use super::compress::{GENTLE, PRESSURES, Press, SHORTEST};
use super::draft::{Draft, Plan, Told, clip};
use super::effort::{Effort, Stopped};
use super::grant::{Expander, Grant, works_without_permission};
use super::held_out::held_out;
use super::life_cycle::life_cycles;
use super::pack::{Document, TooLarge, pack};
use super::split::Shared;
use super::suggest::suggestions;
use super::variables::variables;
use super::witness::Witness;
use super::{
    AccountCoverage, ActionNames, ActionVerdict, Attach, Comparison, Proposal, ProposalVerdict,
    ProposedPolicy, Replay, ResourceLevel, Settings, SplitNames, Subject, Unobservable,
};
use crate::attribution::Use;
use crate::catalog::{Evidence, Visibility};
use crate::inventory::{AttachedKind, Role};
use crate::policy::Policy;
use crate::proof::{self, Budget, Observed, ObservedResource, Proof, Retained, Verdict};

/// Resource patterns of all Allow statements of a role, beyond which no smaller policy is worked out: each is held against each. Ten managed
/// policies of the longest kind have room for some two thousand.
const MOST_PATTERNS: usize = 2_500;

/// What a proposal starts from.
pub(super) struct Start<'s> {
    pub(super) subject: &'s Subject<'s>,
    pub(super) comparison: &'s Comparison,
    pub(super) coverage: &'s AccountCoverage,
    pub(super) settings: &'s Settings,
    pub(super) split_names: &'s SplitNames,
    pub(super) expander: &'s Expander<'s>,
    pub(super) effort: &'s Effort<'s>,
}

impl Start<'_> {
    /// What to do about the role's own policies; trust and splitting are worked out elsewhere.
    pub(super) fn propose(&self, grant: Option<&Grant<'_>>) -> Proposal {
        let (Some(role), Some(grant)) = (self.subject.role, grant) else {
            return undecided("The role is not in the snapshot, so what it was granted is not known.");
        };
        if role.is_service_linked() {
            return kept("AWS owns the policies of a service-linked role.");
        }
        if let Some(verdict) = self.unused_role(role) {
            return verdict;
        }
        if role.is_permission_set() {
            return kept(
                "The role belongs to a permission set of Identity Center and is changed there only.",
            );
        }
        if let Some(reason) = grant.unknown.first() {
            return undecided(reason.clone());
        }
        if !self.comparison.not_covered.is_empty() {
            let mut proposal = undecided("Absence of use proves nothing here, so nothing can be taken away.");
            proposal.reasons.extend(self.comparison.not_covered.iter().cloned());
            return proposal;
        }
        if grant.allows.is_empty() {
            return kept("The role's own policies allow nothing.");
        }
        let n_patterns: usize = grant.allows.iter().map(|allow| allow.resources.patterns.len().max(1)).sum();
        if n_patterns > MOST_PATTERNS {
            return undecided(format!(
                "The role's policies name {n_patterns} resources in {} statements; smaller ones are worked out for at most {MOST_PATTERNS}.",
                grant.allows.len()
            ));
        }
        self.smaller(role, grant).unwrap_or_else(|stopped| not_worked_out(stopped, grant, n_patterns))
    }

    /// Deletion, when nothing was done with the role and nobody could have assumed it unseen: all calls that issue credentials are
    /// read-only management events, so a trail without those could hide any use.
    fn unused_role(&self, role: &Role) -> Option<Proposal> {
        let calls = self.subject.access.map_or(0, |access| access.calls);
        if calls > 0 || self.subject.was_assumed() || !self.comparison.not_covered.is_empty() {
            return None;
        }
        if !self.coverage.shows_assumptions() {
            return None;
        }
        let window = self.coverage.window?;
        if let Some(used) = role.last_used.filter(|used| *used >= window.from) {
            return Some(undecided(match window.contains(used) {
                true => format!(
                    "The logs show no use of the role, and IAM says that it was last used at {used}, inside the window: logs are missing."
                ),
                false => format!(
                    "The logs show no use of the role; IAM says that it was used at {used}, after the window."
                ),
            }));
        }
        let witness = Witness::new(self.subject.last_accessed, self.subject.access, Some(window));
        if let Some((service, at)) = witness.last() {
            return Some(undecided(format!(
                "The logs show no use of the role, and IAM's last accessed data tell of an attempt at {service} at {at}: logs are missing, or the window ends too early."
            )));
        }
        let mut reasons = vec![format!(
            "Between {} and {} nobody assumed the role and it made no call; the account's logs cover that time.",
            window.from, window.to
        )];
        if self.comparison.n_with(ActionVerdict::Unobservable) > 0 {
            reasons.push(
                "Some of its actions never show in the logs, but without a session nobody could have used them."
                    .to_owned(),
            );
        }
        let proof = Proof {
            verdict: Verdict::Proven,
            reasons: vec!["no role, no access".to_owned()],
            ..Proof::default()
        };
        Some(Proposal { verdict: ProposalVerdict::DeleteRole, proof, reasons, ..Proposal::default() })
    }

    /// Which granted actions stay, and how.
    fn plan(&self, uses: &[Use]) -> Plan {
        let keep = self.settings.unobservable == Unobservable::Keep;
        let mut plan = Plan {
            keep_unknown: keep,
            unknown_services: self.comparison.unknown_services.clone(),
            ..Plan::default()
        };
        plan.whole.extend(self.comparison.with_verdict(ActionVerdict::Undetermined));
        // What a used action may need beside it stays whatever is asked: without it calls that were seen may fail.
        plan.whole.extend(&self.comparison.beside);
        if keep {
            plan.whole.extend(self.comparison.with_verdict(ActionVerdict::Unobservable));
        }
        let catalog = self.expander.catalog;
        let inferred: BTreeSet<&str> = uses
            .iter()
            .filter(|one| one.evidence == Evidence::Inferred)
            .map(|one| one.action.as_str())
            .collect();
        for id in self.comparison.with_verdict(ActionVerdict::Used).iter() {
            // What shows only by chance may have been used on more than was seen; what is inferred follows from events that are
            // recorded whenever it happens.
            let by_chance = matches!(
                catalog.visibility(id),
                Visibility::NoPublicOperation | Visibility::NeverLogged { .. }
            );
            let is_inferred = catalog.info(id).is_some_and(|info| inferred.contains(info.action().as_str()));
            let is_open =
                self.comparison.used_beside.contains(id) || self.comparison.used_partly.contains(id);
            if is_open || (by_chance && !is_inferred && keep) {
                plan.whole.insert(id);
            } else {
                plan.narrow.insert(id);
            }
        }
        plan
    }

    fn smaller(&self, role: &Role, grant: &Grant<'_>) -> Result<Proposal, Stopped> {
        let uses = self.subject.access.map_or(&[][..], |access| &access.uses);
        let plan = self.plan(uses);
        let told = Told::new(uses, grant, self.expander.catalog, self.effort)?;
        let mut reasons = self.plan_reasons();
        let mut last = Proposal::default();
        let mut fits = false;
        for level in ladder(self.settings.resources) {
            let draft = clip(grant, &plan, &told, level, self.expander, self.effort)?;
            let written = match write(&draft, grant, self.expander, self.settings, self.effort)? {
                Ok(written) => written,
                Err(too_large) => {
                    last.reasons.push(format!("{}: {too_large}.", level_name(level)));
                    continue;
                }
            };
            fits = true;
            let new: Vec<&Policy> = written.documents.iter().map(|document| &document.policy).collect();
            let proof = proof::no_new_access(&grant.policies, &new, &proof::Settings::default());
            if proof.verdict != Verdict::Proven {
                last.reasons.push(format!(
                    "{}: that nothing new is allowed is {}.",
                    level_name(level),
                    if proof.verdict == Verdict::Refuted { "refuted" } else { "not proven" }
                ));
                last.proof = proof;
                continue;
            }
            let replay = replay(grant, &new, uses, self.effort)?;
            if !replay.lost.is_empty() {
                last.reasons.push(format!("{}: observed requests would be refused.", level_name(level)));
                last = Proposal { proof, replay, ..last };
                continue;
            }
            reasons.extend(last.reasons);
            reasons.extend(written.notes);
            reasons.extend(draft.notes);
            if replay.granted_otherwise > 0 {
                reasons.push(format!(
                    "{} observed requests were not granted by the role's own policies and do not depend on them.",
                    replay.granted_otherwise
                ));
            }
            let shared = Shared {
                subject: self.subject,
                grant,
                plan: &plan,
                settings: self.settings,
                names: self.split_names,
                expander: self.expander,
                effort: &self.effort.again(),
            };
            let (split, not_split) = match shared.split() {
                Ok(parts) => (parts, None),
                Err(reason) => (Vec::new(), Some(reason)),
            };
            let untraced: u64 =
                self.subject.access.iter().flat_map(|access| access.unattributed.values()).sum();
            if !split.is_empty() && untraced > 0 {
                let calls = if untraced == 1 { "1 call".to_owned() } else { format!("{untraced} calls") };
                reasons.push(format!(
                    "{calls} could not be traced to a workload; what they used stays in every role that is split off."
                ));
            }
            let nothing_dropped = self.nothing_dropped();
            if nothing_dropped
                && proof::no_new_access(&new, &grant.policies, &proof::Settings::default()).verdict
                    == Verdict::Proven
            {
                reasons.insert(0, "Everything granted was used or cannot be judged.".to_owned());
                return Ok(Proposal {
                    verdict: ProposalVerdict::Keep,
                    proof,
                    replay,
                    split,
                    not_split,
                    reasons,
                    ..Proposal::default()
                });
            }
            if nothing_dropped {
                reasons.insert(
                    0,
                    "Every granted action stays; the resources are limited to those seen.".to_owned(),
                );
            }
            let kept = kept_name(&written.documents, role);
            let window = self.coverage.window;
            let effort = self.effort.again();
            let held_out = window.map(|window| held_out(grant, &plan, uses, window, self.expander, &effort));
            let held_out = match held_out.transpose() {
                Ok(held_out) => held_out.flatten(),
                Err(stopped) => {
                    reasons.push(format!(
                        "How it would have done on the end of the window was not worked out: {stopped}."
                    ));
                    None
                }
            };
            return Ok(Proposal {
                verdict: ProposalVerdict::Replace,
                policies: named(written.documents, &role.name, kept),
                split,
                not_split,
                proof,
                resources: level,
                replay,
                held_out,
                generalised: draft.generalised.into_iter().collect(),
                suggestions: self.offers(uses, grant),
                reasons,
                ..Proposal::default()
            });
        }
        let summary = if fits {
            "No smaller policy could be shown to be safe."
        } else {
            "A policy that keeps all that must stay does not fit into IAM's quotas, and nothing is dropped to make it fit."
        };
        last.reasons.insert(0, summary.to_owned());
        last.verdict = ProposalVerdict::CannotTell;
        Ok(last)
    }

    /// What is offered and not done.
    fn offers(&self, uses: &[Use], grant: &Grant<'_>) -> Vec<String> {
        let catalog = self.expander.catalog;
        let mut all = suggestions(uses, grant, catalog);
        all.extend(variables(self.subject, uses));
        all.extend(life_cycles(self.comparison, catalog));
        all
    }

    fn nothing_dropped(&self) -> bool {
        self.comparison.n_with(ActionVerdict::Unused) == 0
            && self.comparison.n_with(ActionVerdict::Blocked) == 0
            && (self.settings.unobservable == Unobservable::Keep || self.n_unobservable_alone() == 0)
    }

    /// Granted actions whose use could not show, but for those that used ones may need beside them.
    fn n_unobservable_alone(&self) -> usize {
        self.comparison.n_with(ActionVerdict::Unobservable) - self.comparison.beside.len()
    }

    fn plan_reasons(&self) -> Vec<String> {
        let n = |verdict| self.comparison.n_with(verdict);
        let mut reasons = Vec::new();
        if n(ActionVerdict::Unused) > 0 {
            reasons.push(format!("{} granted actions were not used and go.", n(ActionVerdict::Unused)));
        }
        if n(ActionVerdict::Blocked) > 0 {
            reasons.push(format!(
                "{} granted actions go because another layer takes every request away.",
                n(ActionVerdict::Blocked)
            ));
        }
        if !self.comparison.beside.is_empty() {
            reasons.push(format!(
                "{} granted actions stay as they were granted because calls that were seen may need them, which no event shows.",
                self.comparison.beside.len()
            ));
        }
        if !self.comparison.used_partly.is_empty() {
            reasons.push(format!(
                "{} used actions keep the resources they were granted on because the logs may not show all of those they were used on.",
                self.comparison.used_partly.len()
            ));
        }
        match (self.n_unobservable_alone(), self.settings.unobservable) {
            (0, _) => {}
            (n, Unobservable::Keep) => reasons.push(format!(
                "{n} granted actions stay as they were granted because the logs could not have shown their use; `--unobservable drop` removes them."
            )),
            (n, Unobservable::Drop) => reasons.push(format!(
                "{n} granted actions go although the logs could not have shown their use."
            )),
        }
        if n(ActionVerdict::Undetermined) > 0 {
            reasons.push(format!(
                "{} granted actions stay as they were granted because their absence from the logs proves nothing.",
                n(ActionVerdict::Undetermined)
            ));
        }
        reasons
    }
}

/// The attempts, from what was asked for to what changes least.
fn ladder(asked: ResourceLevel) -> Vec<Option<ResourceLevel>> {
    let mut levels = vec![Some(asked)];
    // Type-level patterns are shorter, exact ones surer; resources as granted come last.
    let others = [Some(ResourceLevel::Type), Some(ResourceLevel::Exact), None];
    levels.extend(others.into_iter().filter(|level| *level != Some(asked)));
    levels
}

fn level_name(level: Option<ResourceLevel>) -> &'static str {
    match level {
        Some(ResourceLevel::Exact) => "With the resources seen",
        Some(ResourceLevel::Prefix) => "With prefixes of the resources seen",
        Some(ResourceLevel::Type) => "With all resources of a type",
        None => "With the resources as granted",
    }
}

/// Documents, and what had to be done to make them fit.
pub(super) struct Written {
    pub(super) documents: Vec<Document>,
    pub(super) notes: Vec<String>,
}

/// Writes a draft in the fewest characters that let nothing in: a prefix stands for an action, or for several, where it begins the name of no
/// other action of the catalog and lies inside what was granted. With [`ActionNames::Whole`] it stands for several only, unless that
/// does not fit into one document. Where IAM's quotas leave no choice, prefixes let in up to [`Settings::max_excess`] actions nobody asked for but the old policies
/// granted; without that it does not fit, and the error says how many it would take.
pub(super) fn write(
    draft: &Draft,
    grant: &Grant<'_>,
    expander: &Expander<'_>,
    settings: &Settings,
    effort: &Effort<'_>,
) -> Result<Result<Written, TooLarge>, Stopped> {
    let pieces: Vec<Piece> = assemble(draft, grant);
    let quotas = &settings.quotas;
    let press = Press::new(&pieces, grant, expander, effort)?;
    if settings.action_names == ActionNames::Whole {
        let (readable, _) = press.pieces(GENTLE);
        // What several documents hold nobody reads name by name: fewer of them are better.
        if let Ok(documents) = pack(&readable, quotas)
            && documents.len() <= 1
        {
            return Ok(Ok(Written { notes: shortened(&readable, &pieces), documents }));
        }
    }
    let (shortest, _) = press.pieces(SHORTEST);
    let too_large = match pack(&shortest, quotas) {
        Ok(documents) => return Ok(Ok(Written { notes: shortened(&shortest, &pieces), documents })),
        Err(too_large) => too_large,
    };
    for pressure in PRESSURES {
        let (shorter, excess) = press.pieces(pressure);
        if let Ok(documents) = pack(&shorter, quotas) {
            if excess > settings.max_excess {
                return Ok(Err(TooLarge { fits_with: Some(excess), ..too_large }));
            }
            let note = format!(
                "{excess} granted actions that were not used stay (`--max-excess {}`), or the lists would not fit IAM's quotas.",
                settings.max_excess
            );
            return Ok(Ok(Written { documents, notes: vec![note] }));
        }
    }
    Ok(Err(too_large))
}

/// What there is to say when lists are not as they were asked for.
fn shortened(written: &[Piece], asked: &[Piece]) -> Vec<String> {
    let actions =
        |pieces: &[Piece]| -> Vec<_> { pieces.iter().map(|piece| piece.statement.action.clone()).collect() };
    let is_shorter = actions(written) != actions(asked);
    let note = "Names of actions are shortened by wildcards that name no other action of the catalog.";
    is_shorter.then(|| note.to_owned()).into_iter().collect()
}

/// Replays every distinct request.
pub(super) fn replay(
    old: &Grant<'_>,
    new: &[&Policy],
    uses: &[Use],
    effort: &Effort<'_>,
) -> Result<Replay, Stopped> {
    let mut prover = proof::Replay::new(&old.policies, new, Budget::default());
    let mut result = Replay::default();
    let mut lost = BTreeMap::new();
    let distinct: BTreeSet<Observed> = uses.iter().map(observed).collect();
    for request in &distinct {
        effort.go_on()?;
        if works_without_permission(&request.action) {
            result.granted_otherwise += 1;
            continue;
        }
        let retained = prover.retained(request);
        match &retained {
            Retained::Kept => result.allowed += 1,
            Retained::NotGrantedByIdentity => {
                result.granted_otherwise += 1;
                continue;
            }
            Retained::Lost { .. } | Retained::Unknown { .. } => {
                lost.insert(describe(request), blame(&retained, old, new));
            }
        }
        result.requests += 1;
    }
    (result.lost, result.blame) = lost.into_iter().unzip();
    Ok(result)
}

/// Why a request is no longer allowed, in words.
pub(super) fn blame(retained: &Retained, old: &Grant<'_>, new: &[&Policy]) -> String {
    let sid = |policy: Option<&&Policy>, statement: usize| {
        let sid = policy.and_then(|policy| policy.statements.get(statement)?.sid.as_deref());
        sid.map_or_else(String::new, |sid| format!(" (`{sid}`)"))
    };
    match retained {
        Retained::Lost { denied_by: Some((policy, statement)), .. } => format!(
            "statement {statement}{} of new policy {policy} denies it",
            sid(new.get(*policy), *statement)
        ),
        Retained::Lost { statement: (policy, statement), .. } => format!(
            "statement {statement}{} of `{}` allowed it, and no new statement does",
            sid(old.policies.get(*policy), *statement),
            old.sources.get(*policy).map_or("", |source| source.name)
        ),
        Retained::Unknown { reason } => reason.clone(),
        Retained::Kept => "still allowed".to_owned(),
        Retained::NotGrantedByIdentity => "the role's own policies did not allow it".to_owned(),
    }
}

/// The request behind a use: what the events do not tell stays open.
pub(super) fn observed(one: &Use) -> Observed {
    let context = one.context.iter().map(|(key, value)| (key.clone(), vec![value.clone()])).collect();
    Observed { action: one.action.clone(), resource: ObservedResource::from(&one.resource), context }
}

pub(super) fn describe(request: &Observed) -> String {
    match &request.resource {
        ObservedResource::Arn(text) | ObservedResource::Pattern(text) => {
            format!("{} on {text}", request.action)
        }
        ObservedResource::None => format!("{} on *", request.action),
        ObservedResource::Unknown => format!("{} on an unknown resource", request.action),
    }
}

/// The name to keep: when one inline policy replaces one inline policy.
fn kept_name(documents: &[Document], role: &Role) -> Option<String> {
    match (role.policies.as_slice(), documents) {
        ([old], [new]) if old.kind == AttachedKind::Inline && new.attach == Attach::Inline => {
            Some(old.name.clone())
        }
        _ => None,
    }
}

/// Gives the documents names.
pub(super) fn named(documents: Vec<Document>, role: &str, kept: Option<String>) -> Vec<ProposedPolicy> {
    let single = documents.len() == 1;
    let name = |number: usize| match &kept {
        Some(name) => name.clone(),
        None if single => format!("{role}-rightsized"),
        None => format!("{role}-rightsized-{number}"),
    };
    documents
        .into_iter()
        .zip(1..)
        .map(|(document, number)| ProposedPolicy {
            name: name(number),
            attach: document.attach,
            characters: document.characters,
            document: document.policy,
        })
        .collect()
}

fn undecided(reason: impl Into<String>) -> Proposal {
    Proposal { verdict: ProposalVerdict::CannotTell, reasons: vec![reason.into()], ..Proposal::default() }
}

/// There is no proposal because working it out was given up.
fn not_worked_out(stopped: Stopped, grant: &Grant<'_>, n_patterns: usize) -> Proposal {
    let of = match stopped {
        Stopped::Spent(_) => format!(
            " for {n_patterns} resources and {} actions in {} statements",
            grant.actions().len(),
            grant.allows.len()
        ),
        Stopped::Cancelled => String::new(),
    };
    undecided(format!("Smaller policies were not worked out: {stopped}{of}."))
}

fn kept(reason: &str) -> Proposal {
    let proof =
        Proof { verdict: Verdict::Proven, reasons: vec!["nothing changes".to_owned()], ..Proof::default() };
    Proposal {
        verdict: ProposalVerdict::Keep,
        proof,
        reasons: vec![reason.to_owned()],
        ..Proposal::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::policy::{PolicyKind, parse};

    #[test]
    fn who_is_to_blame_is_told_by_policy_statement_and_sid() {
        let policy = |statements: &str| {
            parse(&format!(r#"{{"Statement":[{statements}]}}"#), PolicyKind::Identity).unwrap()
        };
        let allow = r#"{"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#;
        let deny = r#"{"Sid":"Stop","Effect":"Deny","Action":"s3:GetObject","Resource":"*"}"#;
        let (old, none, denied) = (policy(allow), policy(""), policy(&format!("{allow},{deny}")));
        let expander = Expander::new(Catalog::embedded());
        let grant = Grant::of([&old], &expander);
        let request = Observed {
            action: "s3:GetObject".parse().unwrap(),
            resource: ObservedResource::Arn("arn:aws:s3:::b/k".to_owned()),
            context: Vec::new(),
        };
        let told = |new: &Policy| {
            let retained = proof::retained(&request, &[&old], &[new], Budget::default());
            blame(&retained, &grant, &[new])
        };
        assert_eq!(told(&none), "statement 0 (`Read`) of `` allowed it, and no new statement does");
        assert_eq!(told(&denied), "statement 1 (`Stop`) of new policy 0 denies it");
        assert_eq!(told(&old), "still allowed");
    }
}
