//! Granted against used: one verdict for each granted action.

use std::collections::{BTreeMap, BTreeSet};

use super::effective::{EffectiveGrant, Surroundings, effective};
use super::grant::{Expander, Grant};
use super::named::Named;
use super::pattern::{Asked, Reach};
use super::witness::Witness;
use super::{AccountCoverage, ActionSet, ActionVerdict, Blind, Comparison, GrantedBy, UsedAction};
use crate::attribution::{PrincipalAccess, Use};
use crate::catalog::{ActionId, Catalog, Resource, ShownBy, hides_parameters};
use crate::ident::{Action, Time};
use crate::policy::ActionElement;

/// Services whose resources can carry policies of their own, so that a call may succeed without the role's policies.
///
/// `sts` stands for trust policies of roles, which are resource policies too.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const RESOURCE_POLICIES: &[&str] = &[
    "acm-pca",
    "backup",
    "cloudtrail",
    "codeartifact",
    "codebuild",
    "dynamodb",
    "ecr",
    "ecr-public",
    "elasticfilesystem",
    "es",
    "events",
    "execute-api",
    "glacier",
    "glue",
    "imagebuilder",
    "iot",
    "kafka",
    "kinesis",
    "kms",
    "lambda",
    "lex",
    "logs",
    "mediastore",
    "network-firewall",
    "oam",
    "organizations",
    "redshift-serverless",
    "rekognition",
    "s3",
    "s3-object-lambda",
    "s3-outposts",
    "s3express",
    "s3tables",
    "schemas",
    "secretsmanager",
    "serverlessrepo",
    "ses",
    "signer",
    "sns",
    "sqs",
    "ssm",
    "ssm-contacts",
    "ssm-incidents",
    "sts",
    "vpc-lattice",
    "vpc-lattice-svcs",
];

/// Compares what the policies grant with what was used.
pub(super) fn compare(
    grant: Option<&Grant<'_>>,
    around: &Surroundings<'_>,
    access: Option<&PrincipalAccess>,
    coverage: &AccountCoverage,
    created: Option<Time>,
    witness: &Witness<'_>,
    expander: &Expander<'_>,
) -> Comparison {
    let catalog = expander.catalog;
    let uses = access.map_or(&[][..], |access| &access.uses);
    let mut comparison = Comparison {
        in_snapshot: grant.is_some(),
        used: access.map_or_else(Vec::new, |access| used_actions(access, grant, catalog)),
        not_covered: not_covered(coverage, created),
        ..Comparison::default()
    };
    let Some(grant) = grant else { return comparison };
    comparison.grant_unknown.clone_from(&grant.unknown);
    comparison.unknown_patterns = unknown_patterns(grant, expander);

    let granted = grant.actions();
    let seen: ActionSet = uses.iter().filter_map(|used| catalog.find(used.action.as_str())).collect();
    let EffectiveGrant { blocked, blocked_by, statements, unsure, n_untold } =
        effective(grant, around, expander);
    for mut by in blocked_by {
        // A call that was seen shows that it was not so all the time.
        by.actions.remove_all(&seen);
        if !by.actions.is_empty() {
            comparison.blocked_by.push(by);
        }
    }
    comparison.effective = statements;
    if !unsure.is_empty() {
        comparison.partly_blind.push(format!(
            "Of {} granted actions it could not be told whether denies and limits leave anything; they are not called blocked.",
            unsure.len()
        ));
    }
    if n_untold > 0 {
        comparison.partly_blind.push(format!(
            "More takes parts of its statements away than is listed: {n_untold} denies and limits beyond those named."
        ));
    }
    let mut blind = BTreeSet::new();
    let hidden = hidden(access, catalog, &mut comparison);
    let beside = beside(&seen, uses, catalog);
    let named = Named::new(grant, catalog);
    for id in granted.iter() {
        let patterns = || named.of(id);
        let verdict = if seen.contains(id) {
            if let Some(why) = coverage.blind_to_on(id, &patterns, catalog).filter(|why| why.is_partial()) {
                blind.insert(why);
                comparison.used_partly.insert(id);
            }
            ActionVerdict::Used
        } else if blocked.contains(id) {
            ActionVerdict::Blocked
        } else if hidden.contains(id) {
            ActionVerdict::Undetermined
        } else {
            let why = coverage.blind_to_on(id, &patterns, catalog);
            let verdict = match unseen(why, comparison.not_covered.is_empty(), &mut blind) {
                ActionVerdict::Unused if beside.contains_key(&id) => ActionVerdict::Unobservable,
                verdict => verdict,
            };
            match verdict {
                ActionVerdict::Undetermined => ActionVerdict::Undetermined,
                // The second witness saw what the logs do not show.
                verdict => match catalog.info(id).and_then(|info| witness.saw(info.action())) {
                    Some((name, at)) => {
                        comparison.last_accessed.insert(name, at);
                        ActionVerdict::Undetermined
                    }
                    None => verdict,
                },
            }
        };
        match verdict {
            ActionVerdict::Unobservable if beside.contains_key(&id) => comparison.beside.insert(id),
            ActionVerdict::Used if beside.contains_key(&id) => comparison.used_beside.insert(id),
            _ => {}
        }
        comparison.granted.entry(verdict).or_default().insert(id);
    }
    let kept = kept_keys(&named, &mut comparison, catalog);
    comparison.partly_blind.extend(kept);
    comparison.partly_blind.extend(beside_sentence(&comparison.beside, &beside, catalog));
    if !comparison.last_accessed.is_empty() {
        comparison.partly_blind.push(
            "IAM's last accessed data tell of attempts that the logs do not show (refused ones count there too); nothing they may stand for is called unused."
                .to_owned(),
        );
    }
    comparison.partly_blind.extend(blind.into_iter().map(|blind| blind.sentence().to_owned()));
    comparison.unused_services = unused_services(&comparison, catalog);
    comparison
}

/// The actions that calls of unknown need may have used: they succeeded, so something that was granted allowed them.
fn hidden(access: Option<&PrincipalAccess>, catalog: &Catalog, comparison: &mut Comparison) -> ActionSet {
    let mut hidden = ActionSet::default();
    for ((source, name), calls) in access.iter().flat_map(|access| &access.unknown_actions) {
        let candidates = catalog.candidates(source, name);
        comparison.unknown_services.extend(candidates.services);
        hidden.extend(&candidates.actions.into_iter().collect());
        comparison.partly_blind.push(format!(
            "It is not known which action {calls} {} of {source} {name} used, so none that it may have used is called unused.",
            if *calls == 1 { "call" } else { "calls" }
        ));
    }
    hidden
}

/// The actions that calls of the used ones may have needed without anything to show it, each with the first of those. What parameters
/// would show is among them where an event leaves its parameters out.
fn beside(seen: &ActionSet, uses: &[Use], catalog: &Catalog) -> BTreeMap<ActionId, ActionId> {
    let left_out = uses.iter().filter(|one| hides_parameters(&one.action, &one.resource));
    let left_out: ActionSet = left_out.filter_map(|one| catalog.find(one.action.as_str())).collect();
    let mut all = BTreeMap::new();
    for used in seen.iter() {
        for beside in catalog.beside(used) {
            let is_hidden = match beside.shown_by {
                ShownBy::OwnEvent => false,
                ShownBy::Parameters => left_out.contains(used),
                ShownBy::Nothing => true,
            };
            if is_hidden {
                all.entry(beside.id).or_insert(used);
            }
        }
    }
    all
}

/// Names them, a few at most.
fn beside_sentence(
    kept: &ActionSet,
    beside: &BTreeMap<ActionId, ActionId>,
    catalog: &Catalog,
) -> Option<String> {
    const SHOWN: usize = 3;
    let name = |id: &ActionId| catalog.info(*id).map(|info| info.action().as_str());
    let pairs = kept.iter().filter_map(|id| Some((name(&id)?, name(beside.get(&id)?)?)));
    let mut shown: Vec<_> = pairs.map(|(action, of)| format!("{action} by {of}")).collect();
    let n = shown.len();
    if n > SHOWN {
        shown.truncate(SHOWN);
        shown.push("…".to_owned());
    }
    let actions = if n == 1 { "1 granted action".to_owned() } else { format!("{n} granted actions") };
    (n > 0).then(|| {
        format!(
            "{actions} may have been needed inside calls of used ones ({}), which no event shows, so none of them is called unused.",
            shown.join(", ")
        )
    })
}

/// Services keep KMS's data keys for a while, so that calls they make for the role need a key without an event of KMS: where the role used
/// such a service, or may have done so unseen, the absence of these actions, or of further keys, proves nothing.
fn kept_keys(named: &Named<'_>, comparison: &mut Comparison, catalog: &Catalog) -> Option<String> {
    let granted = &mut comparison.granted;
    let is = |granted: &BTreeMap<ActionVerdict, ActionSet>, id, verdicts: &[ActionVerdict]| {
        verdicts.iter().any(|verdict| granted.get(verdict).is_some_and(|set| set.contains(id)))
            && !named.of(id).is_empty()
    };
    let maybe = [ActionVerdict::Used, ActionVerdict::Undetermined, ActionVerdict::Unobservable];
    let (mut services, mut actions) = (BTreeSet::new(), Vec::new());
    for (key, mut through) in catalog.kept_keys() {
        let is_used = is(granted, key, &[ActionVerdict::Used]);
        if !is_used && !is(granted, key, &[ActionVerdict::Unused]) {
            continue;
        }
        through.retain(|id| is(granted, *id, &maybe));
        if through.is_empty() {
            continue;
        }
        if is_used {
            comparison.used_partly.insert(key);
        } else if let Some(unused) = granted.get_mut(&ActionVerdict::Unused) {
            unused.remove_all(&ActionSet::from_iter([key]));
            if unused.is_empty() {
                granted.remove(&ActionVerdict::Unused);
            }
            granted.entry(ActionVerdict::Undetermined).or_default().insert(key);
        }
        let name = |id: ActionId| catalog.info(id).map(|info| info.action());
        services.extend(through.into_iter().filter_map(name).map(|action| action.service()));
        actions.extend(name(key).map(|action| action.as_str()));
    }
    (!actions.is_empty()).then(|| {
        format!(
            "Calls of {} may have needed {} without an event of KMS, because data keys are kept for a while (S3 bucket keys, data key reuse): that the logs show none, or only some keys, proves nothing.",
            services.into_iter().collect::<Vec<_>>().join(", "),
            actions.join(" and ")
        )
    })
}

/// The verdict on an action that was not seen and that nothing blocks; `why` its absence may prove nothing.
fn unseen(why: Option<Blind>, covered: bool, blind: &mut BTreeSet<Blind>) -> ActionVerdict {
    match why {
        Some(why) => {
            blind.insert(why);
            if why.is_missing_log() { ActionVerdict::Undetermined } else { ActionVerdict::Unobservable }
        }
        None if !covered => ActionVerdict::Undetermined,
        None => ActionVerdict::Unused,
    }
}

fn not_covered(coverage: &AccountCoverage, created: Option<Time>) -> Vec<String> {
    let mut reasons = coverage.not_covered.clone();
    if let (Some(window), Some(created)) = (coverage.window, created)
        && created > window.from
    {
        reasons.push(format!("The role was created at {created}, after the window began."));
    }
    reasons
}

fn used_actions(access: &PrincipalAccess, grant: Option<&Grant<'_>>, catalog: &Catalog) -> Vec<UsedAction> {
    let mut by_action: BTreeMap<&Action, Vec<&Use>> = BTreeMap::new();
    for one in &access.uses {
        by_action.entry(&one.action).or_default().push(one);
    }
    let used = |(action, uses): (&Action, Vec<&Use>)| {
        let calls = access.calls_by_action.get(action).copied();
        used_action(&uses, calls, grant, catalog)
    };
    by_action.into_iter().filter_map(used).collect()
}

fn used_action(
    uses: &[&Use],
    calls: Option<u64>,
    grant: Option<&Grant<'_>>,
    catalog: &Catalog,
) -> Option<UsedAction> {
    let earliest = uses.iter().min_by_key(|one| (one.first, &one.sample))?;
    Some(UsedAction {
        action: earliest.action.clone(),
        evidence: uses.iter().map(|one| one.evidence).min().unwrap_or(earliest.evidence),
        // A call on several resources is a use of each; where the number of calls is not told, the busiest resource's is a
        // lower bound.
        calls: calls.or(uses.iter().map(|one| one.calls).max()).unwrap_or(0),
        resources: uses
            .iter()
            .filter_map(|one| match &one.resource {
                Resource::Arn(arn) => Some(arn.clone()),
                _ => None,
            })
            .collect(),
        first: earliest.first,
        last: uses.iter().map(|one| one.last).max().unwrap_or(earliest.last),
        workloads: uses.iter().flat_map(|one| one.workloads.iter().cloned()).collect(),
        granted_by: uses
            .iter()
            .map(|one| granted_by(one, grant, catalog))
            .min()
            .unwrap_or(GrantedBy::Unknown),
        sample: earliest.sample.clone(),
    })
}

/// Which policy allowed this use, as far as the snapshot tells.
fn granted_by(one: &Use, grant: Option<&Grant<'_>>, catalog: &Catalog) -> GrantedBy {
    let Some(grant) = grant else { return GrantedBy::Unknown };
    let id = catalog.find(one.action.as_str());
    let asked = Asked::new(&one.resource);
    let reaches = |statement: &super::grant::GrantedStatement<'_>| {
        statement.names(&one.action, id) && statement.resources.reach(&asked) > Reach::No
    };
    if grant.allows.iter().any(reaches) {
        GrantedBy::Identity
    } else if !grant.unknown.is_empty() {
        GrantedBy::Unknown
    } else if has_resource_policy(one) {
        GrantedBy::ResourcePolicy
    } else {
        GrantedBy::NotGranted
    }
}

/// Whether the resource's own policy can have allowed the use.
pub(super) fn has_resource_policy(one: &Use) -> bool {
    let service = one.action.service();
    one.resource != Resource::None
        && RESOURCE_POLICIES.iter().any(|known| known.eq_ignore_ascii_case(service))
}

/// Patterns of Allow statements that name no action of the catalog.
fn unknown_patterns(grant: &Grant<'_>, expander: &Expander<'_>) -> Vec<String> {
    let mut unknown = BTreeSet::new();
    for allow in &grant.allows {
        if let ActionElement::Only(patterns) = &allow.statement.action {
            let names_nothing = |pattern: &&String| {
                expander.expand_pattern(pattern).is_empty() && !expander.needs_no_permission(pattern)
            };
            unknown.extend(patterns.iter().filter(names_nothing).cloned());
        }
    }
    unknown.into_iter().collect()
}

/// Services with granted actions, all of them unused.
fn unused_services(comparison: &Comparison, catalog: &Catalog) -> Vec<String> {
    let only_unused = |verdicts: &BTreeMap<ActionVerdict, usize>| {
        verdicts.keys().all(|verdict| *verdict == ActionVerdict::Unused)
    };
    let services = comparison.by_service(catalog);
    services
        .iter()
        .filter(|(_, verdicts)| only_unused(verdicts))
        .map(|(service, _)| (*service).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_services_with_resource_policies_is_sorted_and_known() {
        assert!(RESOURCE_POLICIES.is_sorted());
        let unknown: Vec<_> =
            RESOURCE_POLICIES.iter().filter(|service| !Catalog::embedded().has_service(service)).collect();
        assert_eq!(unknown, [&""; 0]);
    }
}
