//! One role, from its two sides to all that is said about it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::compare::compare;
use super::effective::{Surroundings, effective, facts};
use super::effort::Effort;
use super::grant::{Expander, Grant};
use super::limit::{Limit, Source, relevant};
use super::measure::{Yardstick, weight};
use super::open_paths::{Passable, Passing, open_paths};
use super::propose::Start;
use super::trial::{Ground, Judge, Stage, TrialSeen, days, find, without_trial};
use super::trust::narrower_trust;
use super::witness::Witness;
use super::{
    ActionSet, ActionVerdict, Comparison, Coverage, EscalationPath, Privilege, ProofCoverage, Proposal,
    ProposalVerdict, Settings, SplitNames,
};
use crate::attribution::PrincipalAccess;
use crate::catalog::Catalog;
use crate::ident::Arn;
use crate::inventory::{Inventory, LastAccessed, Role};
use crate::proof::Verdict;
use crate::usage::{IssuanceFacts, Usage};

/// One role as the snapshot and the logs know it.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// With path.
    pub arn: &'a str,
    /// `None` when the snapshot lacks the role.
    pub role: Option<&'a Role>,
    /// `None` when no session of the role is in the logs.
    pub access: Option<&'a PrincipalAccess>,
    /// Calls that issued credentials of the role, refused ones left out; see [`issuances_by_role`].
    pub issuances: &'a [&'a IssuanceFacts],
    /// Who is bound to the role and may come although the logs do not show it.
    pub expected: &'a [Expected],
    /// Every level of the organization's service control policies that binds the role. The boundary is taken from the role.
    pub limits: Vec<Limit<'a>>,
    /// Every level of the organization's resource control policies; see [`resource_limits`](super::resource_limits).
    pub resource_limits: &'a [Limit<'a>],
    /// The roles of its account that can be passed to services; `None` when they are not known, and any may be there.
    pub passable: Option<&'a Passable>,
    /// The id of the organization the role's account is in, when it is known.
    pub organization: Option<&'a str>,
    /// What IAM last saw the role do.
    pub last_accessed: Option<&'a LastAccessed>,
    /// What the logs show about the role's trial, where it has one; see [`trials`](super::trials).
    pub trial: Option<&'a TrialSeen<'a>>,
}

impl<'a> Subject<'a> {
    /// The account the role belongs to.
    pub fn account(&self) -> &'a str {
        Arn::parse(self.arn).map_or("", |arn| arn.account)
    }

    /// Whether somebody was seen to hold credentials of the role.
    pub fn was_assumed(&self) -> bool {
        !self.issuances.is_empty()
            || self.access.is_some_and(|access| access.calls > 0 || !access.workloads.is_empty())
    }
}

/// Somebody bound to a role by an annotation or an association.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Expected {
    /// A ServiceAccount annotated with the role.
    Web {
        /// The cluster's issuer, when it is known.
        issuer: Option<String>,
        /// `system:serviceaccount:…`.
        subject: String,
    },
    /// A ServiceAccount with a Pod Identity association.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        service_account: String,
        /// The association passes no session tags, so no condition on them may be set.
        without_tags: bool,
    },
}

/// Who is bound to each role.
pub fn expected_by_role(inventory: &Inventory) -> BTreeMap<String, Vec<Expected>> {
    let mut by_role: BTreeMap<String, Vec<Expected>> = BTreeMap::new();
    for account in &inventory.service_accounts {
        let Some(role) = &account.role_arn else { continue };
        let issuer = account
            .cluster
            .as_deref()
            .filter(|cluster| cluster.contains('.') && Arn::parse(cluster).is_none());
        by_role.entry(role.clone()).or_default().push(Expected::Web {
            issuer: issuer.map(str::to_owned),
            subject: format!("system:serviceaccount:{}:{}", account.namespace, account.name),
        });
    }
    for values in &inventory.helm_values {
        let (Some(namespace), Some(name)) = (&values.namespace, &values.name) else { continue };
        by_role.entry(values.role_arn.clone()).or_default().push(Expected::Web {
            issuer: None,
            subject: format!("system:serviceaccount:{namespace}:{name}"),
        });
    }
    for association in inventory.clusters.values().flat_map(|cluster| &cluster.associations) {
        by_role.entry(association.role_arn.clone()).or_default().push(Expected::Pod {
            namespace: association.namespace.clone(),
            service_account: association.service_account.clone(),
            without_tags: association.session_tags_disabled,
        });
    }
    by_role
}

/// The calls that issued credentials, by the role they were issued for; refused calls are left out.
pub fn issuances_by_role(usage: &Usage) -> BTreeMap<&str, Vec<&IssuanceFacts>> {
    let mut by_role: BTreeMap<&str, Vec<&IssuanceFacts>> = BTreeMap::new();
    for issuance in usage.issuances.iter().filter(|issuance| !issuance.denied) {
        if let Some(role) = &issuance.role_arn {
            by_role.entry(role).or_default().push(issuance);
        }
    }
    by_role
}

/// Everything said about one role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RightSized {
    /// See [`Comparison`].
    pub comparison: Comparison,
    /// See [`Proposal`].
    pub proposal: Proposal,
    /// See [`Privilege`].
    pub privilege: Privilege,
    /// See [`Stage`].
    pub stage: Stage,
}

/// Right-sizes roles; made once for all of them, because roles share patterns. May be used from several threads.
#[derive(Debug)]
pub struct RightSizer<'c> {
    expander: Expander<'c>,
    yardstick: Yardstick,
    settings: Settings,
    split_names: SplitNames,
    cancel: Option<&'c AtomicBool>,
}

impl<'c> RightSizer<'c> {
    /// Over this catalog.
    pub fn new(catalog: &'c Catalog, settings: Settings) -> Self {
        let (expander, yardstick) = (Expander::new(catalog), Yardstick::new(catalog));
        Self { expander, yardstick, settings, split_names: SplitNames::default(), cancel: None }
    }

    /// With other names for roles that are split off.
    #[must_use]
    pub fn with_split_names(self, split_names: SplitNames) -> Self {
        Self { split_names, ..self }
    }

    /// Asks this flag while it works: raised, what is left to be worked out is left out, and the reasons say so.
    #[must_use]
    pub fn with_cancel(self, cancel: &'c AtomicBool) -> Self {
        Self { cancel: Some(cancel), ..self }
    }

    /// Compares and proposes. What a trial denies for a while counts as granted all the same.
    pub fn right_size(&self, subject: &Subject<'_>, coverage: &Coverage<'_>) -> RightSized {
        let own = subject.role.map(without_trial);
        let found = subject.role.and_then(find);
        let subject = &Subject { role: own.as_deref(), ..subject.clone() };
        let account = coverage.account(subject.account());
        let grant = subject.role.map(|role| Grant::new(role, &self.expander));
        let around = self.surroundings(subject);
        let created = subject.role.and_then(|role| role.created);
        let witness = Witness::new(subject.last_accessed, subject.access, account.window);
        let mut comparison =
            compare(grant.as_ref(), &around, subject.access, &account, created, &witness, &self.expander);
        if subject.role.is_some_and(Role::is_service_linked) {
            leave_to_aws(&mut comparison);
        }
        let effort = Effort::new(self.settings.steps, self.cancel);
        let start = Start {
            subject,
            comparison: &comparison,
            coverage: &account,
            settings: &self.settings,
            split_names: &self.split_names,
            expander: &self.expander,
            effort: &effort,
        };
        let mut proposal = start.propose(grant.as_ref());
        if comparison.not_covered.is_empty() && proposal.verdict != ProposalVerdict::DeleteRole {
            proposal.trust = narrower_trust(subject, &account, &self.settings.quotas);
        }
        let privilege = self.privilege(subject, &comparison, &proposal, grant.as_ref(), &around, &effort);
        let mut stage = Stage { watch_days: days(self.settings.watch), ..Stage::default() };
        if let (Some(role), Some(grant)) = (subject.role, &grant) {
            match found {
                Some(found) => {
                    let nothing = TrialSeen::default();
                    let seen = subject.trial.unwrap_or(&nothing);
                    let judge = Judge {
                        subject,
                        seen,
                        grant,
                        comparison: &comparison,
                        proposal: &proposal,
                        coverage: &account,
                    };
                    stage.running = Some(judge.judge(&found));
                }
                None => {
                    let uses = subject.access.map_or(&[][..], |access| &access.uses);
                    let (expander, settings) = (&self.expander, &self.settings);
                    let effort = &effort.again();
                    let ground = Ground { role, grant, uses, expander, settings, effort };
                    (stage.trial, stage.reasons) = ground.plan(&proposal);
                }
            }
        }
        RightSized { comparison, proposal, privilege, stage }
    }

    /// The boundary and the levels above it. One whose text is missing limits nothing for sure, and is left out. Nothing of an
    /// organization binds a service-linked role.
    fn surroundings<'a>(&self, subject: &Subject<'a>) -> Surroundings<'a> {
        let boundary = subject.role.and_then(|role| role.boundary.as_ref());
        let boundary = boundary.and_then(|attached| Some((attached, attached.document.as_ref()?)));
        let boundary = boundary.map(|(attached, document)| Limit {
            layer: "boundary",
            name: format!("the permissions boundary {}", attached.name),
            policies: vec![Source { name: &attached.name, origin: Some(&attached.origin), document }],
            is_whole: true,
            of_account: None,
        });
        let bound = !subject.role.is_some_and(Role::is_service_linked);
        let levels = subject.limits.iter().filter(|_| bound).cloned();
        let resources = subject.role.filter(|_| bound).map(|role| relevant(subject.resource_limits, role));
        Surroundings {
            limits: boundary.into_iter().chain(levels).chain(resources.into_iter().flatten()).collect(),
            facts: facts(subject.arn, subject.organization),
        }
    }

    fn privilege(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison,
        proposal: &Proposal,
        grant: Option<&Grant<'_>>,
        around: &Surroundings<'_>,
        effort: &Effort<'_>,
    ) -> Privilege {
        let catalog = self.expander.catalog;
        let granted_actions = comparison.n_granted();
        let n_unused = comparison.n_with(ActionVerdict::Unused);
        let used = comparison.with_verdict(ActionVerdict::Used);
        let seen = (used, comparison.with_verdict(ActionVerdict::Unused));
        let passing = Passing { role: subject.arn, passable: subject.passable };
        let measure = |grant: &Grant<'_>, live: &ActionSet| {
            let paths = open_paths(grant, live, around, passing, &self.expander, effort);
            self.yardstick.measure(grant, live, seen, paths, catalog)
        };
        // What is blocked is not power.
        let mut live = comparison.all_granted();
        live.remove_all(comparison.with_verdict(ActionVerdict::Blocked));
        let before = grant.map(|grant| measure(grant, &live)).unwrap_or_default();
        let after = match proposal.verdict {
            ProposalVerdict::Replace => {
                let documents = proposal.policies.iter().map(|policy| &policy.document);
                let grant = Grant::of(documents, &self.expander);
                let mut live = grant.actions();
                live.remove_all(&effective(&grant, around, &self.expander).blocked);
                Some(measure(&grant, &live))
            }
            ProposalVerdict::DeleteRole => Some(measure(&Grant::default(), &ActionSet::empty())),
            ProposalVerdict::Keep | ProposalVerdict::CannotTell => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "numbers of actions")]
        let unused_ratio = if granted_actions == 0 { 0.0 } else { n_unused as f64 / granted_actions as f64 };
        let is_closed = |path: &&&EscalationPath| {
            let in_doubt =
                |after: &super::Power| after.undetermined_paths.iter().any(|(other, _)| other == *path);
            after.as_ref().is_some_and(|after| !after.escalation_paths.contains(*path) && !in_doubt(after))
        };
        Privilege {
            granted_actions,
            used_actions: used.len(),
            unused_ratio,
            unused_weight: comparison
                .with_verdict(ActionVerdict::Unused)
                .iter()
                .filter_map(|id| catalog.info(id))
                .map(|info| weight(info.levels()))
                .sum(),
            escalation_paths: before.escalation_paths.iter().map(|path| path.name).collect(),
            escalation_paths_undetermined: before
                .undetermined_paths
                .iter()
                .map(|(path, reason)| (path.name, reason.clone()))
                .collect(),
            escalation_paths_removed: before
                .escalation_paths
                .iter()
                .filter(is_closed)
                .map(|path| path.name)
                .collect(),
            before,
            after,
            under_privilege: under_privilege(proposal),
            proof: proof_coverage(proposal),
        }
    }
}

/// The share of the last fifth's requests that a policy learned before, at the proposal's level of resources, would have refused.
fn under_privilege(proposal: &Proposal) -> Option<f64> {
    let check = proposal.held_out.as_ref().filter(|check| check.requests > 0)?;
    let level = check.levels.iter().find(|level| level.resources == proposal.resources)?;
    #[expect(clippy::cast_precision_loss, reason = "numbers of distinct requests of one role")]
    let share = check.requests.saturating_sub(level.retained) as f64 / check.requests as f64;
    Some(share)
}

/// How much of a proposal is proven and replayed; `None` where nothing is proposed.
fn proof_coverage(proposal: &Proposal) -> Option<ProofCoverage> {
    let statements = || proposal.policies.iter().flat_map(|policy| &policy.document.statements);
    (proposal.verdict == ProposalVerdict::Replace).then(|| ProofCoverage {
        statements: statements().count(),
        proven: if proposal.proof.verdict == Verdict::Proven { statements().count() } else { 0 },
        requests: proposal.replay.requests,
        allowed: proposal.replay.allowed,
        granted_otherwise: proposal.replay.granted_otherwise,
    })
}

/// What a service does with its service-linked role is counted as AWS's own calls, so the role's calls are no measure of its use:
/// nothing it is granted is called unused.
fn leave_to_aws(comparison: &mut Comparison) {
    if let Some(unused) = comparison.granted.remove(&ActionVerdict::Unused) {
        comparison.granted.entry(ActionVerdict::Undetermined).or_default().extend(&unused);
        comparison.unused_services.clear();
        let why = "AWS uses and owns a service-linked role; its calls are counted as AWS's own.";
        comparison.partly_blind.push(why.to_owned());
    }
}
