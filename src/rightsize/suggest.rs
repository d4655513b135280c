//! What the logs show beyond the proposal, offered in words: conditions on what was passed or called through, and what is missing to
//! judge it. Nothing here is in the proposed policies.

use std::collections::{BTreeMap, BTreeSet};

use super::grant::Grant;
use crate::attribution::Use;
use crate::catalog::{Catalog, Resource};

const PASSED_TO: &str = "iam:PassedToService";
const VIA_SERVICE: &str = "kms:ViaService";
const SOURCE_VPCE: &str = "aws:SourceVpce";
/// Actions of one sentence.
const MOST_ACTIONS: usize = 12;

/// Sentences, the most useful first.
pub(super) fn suggestions(uses: &[Use], grant: &Grant<'_>, catalog: &Catalog) -> Vec<String> {
    let mut found = Vec::new();
    let passes: Vec<&Use> =
        uses.iter().filter(|one| one.action.as_str().eq_ignore_ascii_case("iam:PassRole")).collect();
    if let Some(services) = all_shown(&passes, PASSED_TO)
        && !is_limited("iam:PassRole", PASSED_TO, grant, catalog)
    {
        found.push(format!(
            "Limit `iam:PassRole` by `{PASSED_TO}` to {}: no other service was seen to receive a role.",
            listed(&services)
        ));
    }
    found.extend(via_service(uses, grant, catalog));
    found.extend(source_vpce(uses, grant, catalog));
    found.extend(unresolved(&passes));
    found
}

/// KMS calls that services made with the role's permissions, and nothing else made: forward access.
///
/// See: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
fn via_service(uses: &[Use], grant: &Grant<'_>, catalog: &Catalog) -> Vec<String> {
    let mut by_action: BTreeMap<&str, Vec<&Use>> = BTreeMap::new();
    for one in uses.iter().filter(|one| one.action.service().eq_ignore_ascii_case("kms")) {
        by_action.entry(one.action.as_str()).or_default().push(one);
    }
    let mut by_services: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for (action, uses) in by_action {
        if let Some(services) = all_shown(&uses, VIA_SERVICE)
            && !is_limited(action, VIA_SERVICE, grant, catalog)
        {
            by_services.entry(services).or_default().push(action);
        }
    }
    let sentences = by_services.into_iter().map(|(services, actions)| {
        let actions: Vec<_> = actions.into_iter().map(|action| format!("`{action}`")).collect();
        format!(
            "Limit {} by `{VIA_SERVICE}` to {}: all calls seen were made by {} for the role.",
            actions.join(", "),
            listed(&services),
            if services.len() == 1 { "that service" } else { "these services" }
        )
    });
    sentences.collect()
}

/// Actions whose every call came through the same VPC endpoints.
///
/// See: <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
fn source_vpce(uses: &[Use], grant: &Grant<'_>, catalog: &Catalog) -> Vec<String> {
    let mut by_action: BTreeMap<&str, Vec<&Use>> = BTreeMap::new();
    for one in uses {
        by_action.entry(one.action.as_str()).or_default().push(one);
    }
    let n_actions = by_action.len();
    let mut by_endpoints: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for (action, uses) in by_action {
        if let Some(endpoints) = all_shown(&uses, SOURCE_VPCE)
            && !is_limited(action, SOURCE_VPCE, grant, catalog)
        {
            by_endpoints.entry(endpoints).or_default().push(action);
        }
    }
    let sentences = by_endpoints.into_iter().map(|(endpoints, actions)| {
        let more = actions.len().saturating_sub(MOST_ACTIONS);
        let mut what = actions
            .iter()
            .take(MOST_ACTIONS)
            .map(|action| format!("`{action}`"))
            .collect::<Vec<_>>()
            .join(", ");
        if actions.len() == n_actions {
            what = "every action used".to_owned();
        } else if more > 0 {
            what.push_str(&format!(" and {more} more"));
        }
        format!(
            "Limit {what} by `{SOURCE_VPCE}` to {}: all calls seen came through {}.",
            listed(&endpoints),
            if endpoints.len() == 1 { "that VPC endpoint" } else { "these VPC endpoints" }
        )
    });
    sentences.collect()
}

/// Roles that were passed by way of something the snapshot does not resolve.
fn unresolved(passes: &[&Use]) -> Vec<String> {
    let (mut profiles, mut templates) = (BTreeSet::new(), BTreeSet::new());
    for one in passes {
        match &one.resource {
            Resource::InstanceProfile(profile) => _ = profiles.insert(profile.as_str()),
            Resource::LaunchTemplate(template) => _ = templates.insert(template.as_str()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if !profiles.is_empty() {
        found.push(format!(
            "`iam:PassRole` keeps its resources: the snapshot does not tell the role of {} {}.",
            if profiles.len() == 1 { "instance profile" } else { "instance profiles" },
            listed(&profiles)
        ));
    }
    if !templates.is_empty() {
        found.push(format!(
            "`iam:PassRole` keeps its resources: no event tells the role of {} {}; what `aws ec2 describe-launch-template-versions` \
             prints, beside the snapshot, does.",
            if templates.len() == 1 { "launch template" } else { "launch templates" },
            listed(&templates)
        ));
    }
    found
}

/// The values of a condition key, when every call of every use shows one.
fn all_shown<'u>(uses: &[&'u Use], key: &str) -> Option<BTreeSet<&'u str>> {
    let mut all = BTreeSet::new();
    for one in uses {
        all.extend(one.shown.get(key)?.iter().map(String::as_str));
    }
    (!all.is_empty()).then_some(all)
}

/// Whether every statement that allows the action limits it by the key already.
fn is_limited(action: &str, key: &str, grant: &Grant<'_>, catalog: &Catalog) -> bool {
    let Some(id) = catalog.find(action) else { return true };
    let mut allows = grant.allows.iter().filter(|allow| allow.actions.contains(id)).peekable();
    allows.peek().is_some()
        && allows.all(|allow| allow.statement.conditions.iter().any(|one| one.key.eq_ignore_ascii_case(key)))
}

/// The first ten of them, and how many more.
fn listed(texts: &BTreeSet<&str>) -> String {
    const MOST: usize = 10;
    let mut text = texts.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if texts.len() > MOST {
        text.push_str(&format!(" and {} more", texts.len() - MOST));
    }
    text
}
