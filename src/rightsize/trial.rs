//! The trial before a removal: what would go is denied first, by something that one call puts on and another takes off.
//!
//! A removal that turns out wrong is undone by remembering what was there. A trial changes none of the role's own policies: an inline
//! policy that only denies, else a managed one, else a permissions boundary that allows what the proposal does, else a deny of as much as
//! there is room for. Each is proven before it is offered: under it everything proposed, and everything seen, stays allowed.

mod running;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use running::{Judge, find, without_trial};
pub use running::{Running, TrialDenial, TrialSeen, TrialVerdict, trials};

use super::assemble::Piece;
use super::compress::{Press, SHORTEST};
use super::effort::Effort;
use super::grant::{Expander, Grant, works_without_permission};
use super::propose::{blame, describe, observed};
use super::{ActionSet, Attach, Proposal, ProposalVerdict, Replay, Settings};
use crate::attribution::Use;
use crate::catalog::ActionId;
use crate::inventory::{AttachedKind, Role};
use crate::policy::{ActionElement, Effect, Policy, ResourceElement, Statement, Version, size};
use crate::proof::{self, Budget, Observed, Proof, Retained, Verdict};

/// How policies of trials are called: this alone where it is inline, else with a hyphen and the role's name behind it.
pub use crate::catalog::TRIAL_NAME;

/// How the identifiers of their statements begin; the days to watch follow.
const SID: &str = "LeastwiseTrial";

/// What holds of every deny.
const AGAINST_RESOURCES: &str = "A deny also holds against what the policies of resources grant to the role.";

/// What a trial does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TrialKind {
    /// Denies what would go.
    Deny,
    /// Denies everything: the role would be deleted.
    DenyAll,
    /// Limits the role to what is proposed.
    Boundary,
}

impl TrialKind {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::DenyAll => "deny-all",
            Self::Boundary => "boundary",
        }
    }
}

/// A trial that can be begun.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trial {
    /// See [`TrialKind`].
    pub kind: TrialKind,
    /// Inline, or a customer managed policy (a boundary always is one).
    pub attach: Attach,
    /// The policy's name.
    pub name: String,
    /// The policy.
    pub document: Policy,
    /// The size IAM counts.
    pub characters: usize,
    /// Whether it leaves nothing but what is proposed; if not, the trial tries less than the removal takes away.
    pub is_exact: bool,
    /// Whether everything proposed stays allowed under it.
    pub proof: Proof,
    /// Whether everything seen stays allowed under it.
    pub replay: Replay,
    /// What else it does, each a sentence.
    pub notes: Vec<String>,
}

/// How a removal is made in stages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stage {
    /// Days to watch.
    pub watch_days: u64,
    /// `None` when a trial is under way, when there is nothing to take away, or when none can be made.
    pub trial: Option<Trial>,
    /// Why there is none, or why not another one; each a sentence.
    pub reasons: Vec<String>,
    /// The trial under way.
    pub running: Option<Running>,
}

/// What a trial is made for.
pub(super) struct Ground<'g> {
    pub(super) role: &'g Role,
    pub(super) grant: &'g Grant<'g>,
    pub(super) uses: &'g [Use],
    pub(super) expander: &'g Expander<'g>,
    pub(super) settings: &'g Settings,
    pub(super) effort: &'g Effort<'g>,
}

/// Why a trial cannot be made in one way.
struct NotSo {
    /// Characters there is no room for; 0 where room is not the reason.
    characters: usize,
    /// A sentence.
    reason: String,
}

/// How a deny names what goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Each action that goes.
    Named,
    /// All but the actions that stay.
    Rest,
}

impl Ground<'_> {
    /// The first trial, of those that take away most, that is proven and that there is room for; with what speaks against the others.
    pub(super) fn plan(&self, proposal: &Proposal) -> (Option<Trial>, Vec<String>) {
        match proposal.verdict {
            ProposalVerdict::DeleteRole => self.deny_all(),
            ProposalVerdict::Replace => {
                let new: Vec<&Policy> = proposal.policies.iter().map(|policy| &policy.document).collect();
                self.replacement(&new)
            }
            ProposalVerdict::Keep | ProposalVerdict::CannotTell => (None, Vec::new()),
        }
    }

    fn deny_all(&self) -> (Option<Trial>, Vec<String>) {
        let everything = |element: &str| vec![element.to_owned()];
        let document = self.document(vec![deny(
            ActionElement::Only(everything("*")),
            ResourceElement::Only(everything("*")),
        )]);
        let proof = Proof {
            verdict: Verdict::Proven,
            reasons: vec!["no role is to be left, and nobody was seen to use it".to_owned()],
            ..Proof::default()
        };
        match self.place(&document) {
            Ok(attach) => {
                let trial = self.trial(TrialKind::DenyAll, attach, document);
                (Some(Trial { is_exact: true, proof, ..trial }), Vec::new())
            }
            Err(not) => (None, vec![not.reason]),
        }
    }

    fn replacement(&self, new: &[&Policy]) -> (Option<Trial>, Vec<String>) {
        let mut reasons = Vec::new();
        // Of the ways there is no room for, the one that needs least.
        let mut least: Option<NotSo> = None;
        let kept = Kept::of(new, self.expander);
        let mut removed = self.grant.actions();
        removed.remove_all(&kept.actions);
        for (form, narrow) in [(Form::Named, true), (Form::Rest, true)]
            .into_iter()
            .chain([(Form::Named, false), (Form::Rest, false)])
        {
            if let Err(stopped) = self.effort.go_on() {
                reasons.push(format!("No trial was worked out: {stopped}."));
                return (None, reasons);
            }
            if !narrow
                && form == Form::Named
                && let Some(trial) = self.boundary(new, &mut reasons)
            {
                return (Some(trial), told(least, reasons));
            }
            match self.denying(form, narrow, &kept, &removed, new) {
                Ok(Some(trial)) => return (Some(trial), told(least, reasons)),
                Ok(None) => {}
                Err(not) if not.characters > 0 => {
                    least = Some(match least {
                        Some(known) if known.characters <= not.characters => known,
                        _ => not,
                    });
                }
                Err(not) => {
                    if !reasons.contains(&not.reason) {
                        reasons.push(not.reason);
                    }
                }
            }
        }
        let mut reasons = told(least, reasons);
        if let Some(trial) = self.part(&kept, &removed, new) {
            return (Some(trial), reasons);
        }
        if reasons.is_empty() {
            reasons.push("What the proposal takes away cannot be told by a deny.".to_owned());
        }
        (None, reasons)
    }

    /// Where there is no room for all: a deny of as much of what goes as there is room for, by service, those first of which most actions
    /// go for each character.
    fn part(&self, kept: &Kept, removed: &ActionSet, new: &[&Policy]) -> Option<Trial> {
        let catalog = self.expander.catalog;
        let service = |id: ActionId| catalog.info(id).map(|info| info.action().service().to_owned());
        let mut going: BTreeMap<String, ActionSet> = BTreeMap::new();
        for id in removed.iter() {
            going.entry(service(id)?).or_default().insert(id);
        }
        let mut staying: BTreeSet<String> = kept.actions.iter().filter_map(service).collect();
        let otherwise = self.granted_otherwise();
        staying.extend(otherwise.iter().filter_map(|action| Some(action.split_once(':')?.0.to_owned())));
        let mut parts: Vec<(ActionSet, Vec<String>)> = Vec::new();
        for (service, actions) in going {
            let patterns = if staying.contains(&service) {
                self.shortest(&actions)
            } else {
                vec![format!("{service}:*")]
            };
            parts.push((actions, patterns));
        }
        let characters =
            |patterns: &[String]| patterns.iter().map(|text| text.len() + 3).sum::<usize>().max(1);
        // Shares compared crosswise, so that nothing is rounded; the patterns make the order whole.
        parts.sort_by(|(a, of_a), (b, of_b)| {
            (b.len() * characters(of_a)).cmp(&(a.len() * characters(of_b))).then_with(|| of_a.cmp(of_b))
        });
        let document = |patterns: &[String]| {
            let everywhere = ResourceElement::Only(vec!["*".to_owned()]);
            self.document(vec![deny(ActionElement::Only(patterns.to_vec()), everywhere)])
        };
        let (mut tried, mut patterns, mut n_services) = (ActionSet::empty(), Vec::new(), 0);
        for (actions, more) in parts {
            let longer = [patterns.as_slice(), more.as_slice()].concat();
            if self.place(&document(&longer)).is_ok() {
                patterns = longer;
                tried.extend(&actions);
                n_services += 1;
            }
        }
        if patterns.is_empty() {
            return None;
        }
        patterns.sort();
        let trial = self.proven(document(&patterns), new, "A policy that denies a part of what goes").ok()?;
        let services = if n_services == 1 { "service" } else { "services" };
        let scope = format!(
            "There is room for a part only: it tries {} of {} actions that go, of {n_services} {services}; the others go untried.",
            tried.len(),
            removed.len()
        );
        let notes = [
            scope,
            AGAINST_RESOURCES.to_owned(),
            "It denies actions of these services, too, that the role's own policies do not grant.".to_owned(),
        ];
        Some(Trial { is_exact: false, notes: notes.into(), ..trial })
    }

    fn denying(
        &self,
        form: Form,
        narrow: bool,
        kept: &Kept,
        removed: &ActionSet,
        new: &[&Policy],
    ) -> Result<Option<Trial>, NotSo> {
        let mut statements = Vec::new();
        let everywhere = || ResourceElement::Only(vec!["*".to_owned()]);
        if !removed.is_empty() {
            let actions = match form {
                Form::Named => ActionElement::Only(self.shortest(removed)),
                Form::Rest => {
                    let Some(patterns) = &kept.patterns else { return Ok(None) };
                    let mut patterns = patterns.clone();
                    patterns.extend(self.granted_otherwise());
                    ActionElement::Except(patterns.into_iter().collect())
                }
            };
            statements.push(deny(actions, everywhere()));
        } else if form == Form::Rest {
            return Ok(None);
        }
        if narrow {
            for (patterns, actions) in kept.by_resources() {
                let patterns = ResourceElement::Except(patterns.iter().cloned().collect());
                statements.push(deny(ActionElement::Only(self.shortest(&actions)), patterns));
            }
        }
        if statements.is_empty() {
            return Ok(None);
        }
        let what = match form {
            Form::Named => "A policy that denies what goes",
            Form::Rest => "A policy that denies all but what stays",
        };
        let trial = self.proven(self.document(statements), new, what)?;
        let mut notes = vec![AGAINST_RESOURCES.to_owned()];
        if form == Form::Rest {
            notes.push("It denies actions, too, that the role's own policies do not grant.".to_owned());
        }
        notes.extend(beyond(trial.is_exact));
        Ok(Some(Trial { notes, ..trial }))
    }

    /// A trial by a policy that denies, if there is room for it and it leaves alone what stays and what was seen; without notes.
    fn proven(&self, document: Policy, new: &[&Policy], what: &str) -> Result<Trial, NotSo> {
        let attach = self.place(&document)?;
        let mut under: Vec<&Policy> = self.grant.policies.clone();
        under.push(&document);
        let layer = proof::Settings::identity_layer();
        let proof = proof::no_new_access(&under, new, &layer);
        let replay = self.replay(&under, &document);
        if proof.verdict != Verdict::Proven || !replay.lost.is_empty() {
            let reason = format!("{what} could not be shown to leave alone what stays.");
            return Err(NotSo { characters: 0, reason });
        }
        let is_exact = proof::no_new_access(new, &under, &layer).verdict == Verdict::Proven;
        let trial = self.trial(TrialKind::Deny, attach, document);
        Ok(Trial { is_exact, proof, replay, ..trial })
    }

    /// A permissions boundary that allows what is proposed.
    fn boundary(&self, new: &[&Policy], reasons: &mut Vec<String>) -> Option<Trial> {
        if let Some(own) = &self.role.boundary {
            reasons.push(format!("The role has a permissions boundary already, {}.", own.name));
            return None;
        }
        if new.is_empty() || new.iter().any(|policy| policy.version != Version::V2012) {
            return None;
        }
        let statements = new.iter().flat_map(|policy| &policy.statements).cloned();
        let document = self.document(statements.collect());
        let characters = size(&document);
        if characters > self.settings.quotas.managed {
            reasons.push(format!(
                "A permissions boundary would need {characters} characters, and IAM takes {}.",
                self.settings.quotas.managed
            ));
            return None;
        }
        let proof = proof::no_new_access(&[&document], new, &proof::Settings::identity_layer());
        // A boundary limits what the policies of resources grant to the role, too.
        let open = open();
        let mut replay = Replay::default();
        let mut prover = proof::Replay::new(&[&open], &[&document], Budget::default());
        for request in self.requests() {
            replay.requests += 1;
            match prover.retained(&request) {
                Retained::Kept => replay.allowed += 1,
                other => {
                    let blame = match other {
                        Retained::Unknown { reason } => reason,
                        _ => "the boundary does not allow it".to_owned(),
                    };
                    replay.lose(describe(&request), blame);
                }
            }
        }
        if proof.verdict != Verdict::Proven || !replay.lost.is_empty() {
            reasons
                .push("A permissions boundary could not be shown to leave alone what was seen.".to_owned());
            return None;
        }
        let notes =
            vec!["A boundary also limits what the policies of resources grant to the role.".to_owned()];
        let trial = self.trial(TrialKind::Boundary, Attach::Managed, document);
        Some(Trial { is_exact: true, proof, replay, notes, ..trial })
    }

    fn requests(&self) -> BTreeSet<Observed> {
        self.uses.iter().map(observed).collect()
    }

    /// What was seen, under the role's own policies with the trial's: what those granted must stay granted, and what something else
    /// granted must not be denied.
    fn replay(&self, under: &[&Policy], document: &Policy) -> Replay {
        let open = open();
        let mut own = proof::Replay::new(&self.grant.policies, under, Budget::default());
        let mut others = proof::Replay::new(&[&open], &[&open, document], Budget::default());
        let mut replay = Replay::default();
        for request in self.requests() {
            if works_without_permission(&request.action) {
                replay.granted_otherwise += 1;
                continue;
            }
            let retained = own.retained(&request);
            match &retained {
                Retained::Kept => {
                    replay.requests += 1;
                    replay.allowed += 1;
                }
                Retained::NotGrantedByIdentity => {
                    replay.granted_otherwise += 1;
                    let other = others.retained(&request);
                    if other != Retained::Kept {
                        replay.lose(describe(&request), blame(&other, self.grant, &[&open, document]));
                    }
                }
                Retained::Lost { .. } | Retained::Unknown { .. } => {
                    replay.requests += 1;
                    replay.lose(describe(&request), blame(&retained, self.grant, under));
                }
            }
        }
        replay
    }

    /// Actions seen that the role's own policies do not grant.
    fn granted_otherwise(&self) -> BTreeSet<String> {
        let policies = &self.grant.policies;
        let mut own = proof::Replay::new(policies, policies, Budget::default());
        let requests = self.requests().into_iter();
        requests
            .filter(|request| own.retained(request) == Retained::NotGrantedByIdentity)
            .map(|request| request.action.to_string())
            .collect()
    }

    /// Actions in the fewest characters that name no other action of the catalog.
    fn shortest(&self, actions: &ActionSet) -> Vec<String> {
        let catalog = self.expander.catalog;
        let names = actions.iter().filter_map(|id| Some(catalog.info(id)?.action().to_string()));
        let names: Vec<String> = names.collect();
        let open = open();
        let everything = Grant::of([&open], self.expander);
        let Some(statement) = open.statements.first() else { return names };
        let statement = Statement { action: ActionElement::Only(names.clone()), ..statement.clone() };
        let pieces = [Piece { version: Version::V2012, statement }];
        // Without the steps to shorten them they stay whole, and there may be no room for them.
        let Ok(press) = Press::new(&pieces, &everything, self.expander, self.effort) else { return names };
        let (short, _) = press.pieces(SHORTEST);
        match short.into_iter().next().map(|piece| piece.statement.action) {
            Some(ActionElement::Only(texts)) => texts,
            _ => names,
        }
    }

    /// Statements as a document whose statements tell that they are a trial's.
    fn document(&self, statements: Vec<Statement>) -> Policy {
        let days = days(self.settings.watch);
        let named = statements
            .into_iter()
            .zip(1..)
            .map(|(statement, number)| Statement { sid: Some(format!("{SID}{days}d{number}")), ..statement });
        Policy::of(Version::V2012, named.collect())
    }

    /// Where there is room for a policy.
    fn place(&self, document: &Policy) -> Result<Attach, NotSo> {
        let quotas = &self.settings.quotas;
        let characters = size(document);
        let of = |kind: AttachedKind| self.role.policies.iter().filter(move |one| one.kind == kind);
        let inline =
            of(AttachedKind::Inline).filter_map(|one| one.document.as_ref()).map(size).sum::<usize>();
        if inline + characters <= quotas.inline_total {
            return Ok(Attach::Inline);
        }
        let n_managed = of(AttachedKind::Managed).count() + of(AttachedKind::AwsManaged).count();
        if characters <= quotas.managed && n_managed < quotas.managed_policies {
            return Ok(Attach::Managed);
        }
        let reason = format!(
            "A policy that denies all of it needs {characters} characters; inline {} are free, and a managed one takes {} of which {} may be attached more.",
            quotas.inline_total.saturating_sub(inline),
            quotas.managed,
            quotas.managed_policies.saturating_sub(n_managed)
        );
        Err(NotSo { characters, reason })
    }

    fn trial(&self, kind: TrialKind, attach: Attach, document: Policy) -> Trial {
        let name = match attach {
            Attach::Inline => TRIAL_NAME.to_owned(),
            Attach::Managed => format!("{TRIAL_NAME}-{}", self.role.name),
        };
        Trial {
            kind,
            attach,
            name,
            characters: size(&document),
            document,
            is_exact: false,
            proof: Proof::default(),
            replay: Replay::default(),
            notes: Vec::new(),
        }
    }
}

/// What speaks against the ways that were not taken.
fn told(least: Option<NotSo>, reasons: Vec<String>) -> Vec<String> {
    least.map(|not| not.reason).into_iter().chain(reasons).collect()
}

fn beyond(is_exact: bool) -> Option<String> {
    let note = "Proven for what it names: actions the catalog does not know, and what the proposal limits by conditions, go untried.";
    (!is_exact).then(|| note.to_owned())
}

/// Whole days of a time in seconds, at least one.
pub(super) fn days(seconds: i64) -> u64 {
    u64::try_from(seconds / 86_400).unwrap_or(0).max(1)
}

fn deny(action: ActionElement, resource: ResourceElement) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Deny,
        principal: None,
        action,
        resource: Some(resource),
        conditions: Vec::new(),
        has_unknown: false,
    }
}

/// Allows everything.
pub(super) fn open() -> Policy {
    let all = || vec!["*".to_owned()];
    let statement = deny(ActionElement::Only(all()), ResourceElement::Only(all()));
    Policy::of(Version::V2012, vec![Statement { effect: Effect::Allow, ..statement }])
}

/// What the proposed policies allow.
#[derive(Default)]
struct Kept {
    actions: ActionSet,
    /// The resources of each action; `None` is every resource, or what no list of patterns tells.
    resources: BTreeMap<ActionId, Option<BTreeSet<String>>>,
    /// The patterns of actions, as written; `None` where a statement says which it does not mean.
    patterns: Option<BTreeSet<String>>,
}

impl Kept {
    fn of(new: &[&Policy], expander: &Expander<'_>) -> Self {
        let mut kept = Self { patterns: Some(BTreeSet::new()), ..Self::default() };
        for allow in &Grant::of(new.iter().copied(), expander).allows {
            kept.actions.extend(&allow.actions);
            match &allow.statement.action {
                ActionElement::Only(patterns) => {
                    if let Some(all) = &mut kept.patterns {
                        all.extend(patterns.iter().cloned());
                    }
                }
                ActionElement::Except(_) => kept.patterns = None,
            }
            // In a document of 2008 `${…}` is plain text, and in the trial's it would not be.
            let as_written = |text: &String| allow.version == Version::V2012 || !text.contains("${");
            let patterns = match &allow.statement.resource {
                Some(ResourceElement::Only(patterns))
                    if patterns.iter().all(|text| text != "*" && as_written(text)) =>
                {
                    Some(patterns)
                }
                _ => None,
            };
            for id in allow.actions.iter() {
                let entry = kept.resources.entry(id).or_insert_with(|| Some(BTreeSet::new()));
                match patterns {
                    Some(patterns) => {
                        if let Some(all) = entry {
                            all.extend(patterns.iter().cloned());
                        }
                    }
                    None => *entry = None,
                }
            }
        }
        kept
    }

    /// Actions by the resources they stay on, where those are told.
    fn by_resources(&self) -> BTreeMap<&BTreeSet<String>, ActionSet> {
        let mut groups: BTreeMap<&BTreeSet<String>, ActionSet> = BTreeMap::new();
        for (id, patterns) in &self.resources {
            if let Some(patterns) = patterns {
                groups.entry(patterns).or_default().insert(*id);
            }
        }
        groups
    }
}
