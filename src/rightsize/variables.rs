//! Variables that tags prove, offered in words: the same policy would then do for roles and pods of other teams.

use std::collections::{BTreeMap, BTreeSet};

use super::Subject;
use crate::attribution::Use;
use crate::catalog::Resource;
use crate::ident::Arn;

/// Characters of a tag's value before a name that holds it is taken for more than chance.
const MIN_TAG: usize = 3;

/// Sentences; those about the role's own tags first.
pub(super) fn variables(subject: &Subject<'_>, uses: &[Use]) -> Vec<String> {
    let mut all = role_tags(subject, uses);
    all.extend(pod_tags(subject, uses));
    all
}

/// Whether a name holds a text as a whole word.
fn holds(name: &str, text: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    name.match_indices(text).any(|(at, _)| {
        let before = name.get(..at).and_then(|before| before.chars().next_back());
        let after = name.get(at + text.len()..).and_then(|after| after.chars().next());
        is_edge(before) && is_edge(after)
    })
}

/// Names of the resources used, by service. IAM's own ARNs name principals, not what is shared out among them.
fn names(uses: &[Use]) -> BTreeMap<&str, Vec<(&str, &Use)>> {
    let mut by_service: BTreeMap<&str, Vec<(&str, &Use)>> = BTreeMap::new();
    for one in uses {
        if let Resource::Arn(arn) = &one.resource
            && let Some(parsed) = Arn::parse(arn)
            && !matches!(parsed.service, "iam" | "sts" | "kms")
        {
            by_service.entry(parsed.service).or_default().push((parsed.resource, one));
        }
    }
    by_service
}

/// A tag of the role whose value is in the name of everything it used of a service: a variable could stand for it, and the same policy
/// would do for roles with other values.
fn role_tags(subject: &Subject<'_>, uses: &[Use]) -> Vec<String> {
    let Some(role) = subject.role else { return Vec::new() };
    let by_service = names(uses);
    let mut all = Vec::new();
    for (key, value) in role.tags.iter().filter(|(_, value)| value.chars().count() >= MIN_TAG) {
        let fits = |names: &&Vec<(&str, &Use)>| names.iter().all(|(name, _)| holds(name, value));
        let services: Vec<&str> =
            by_service.iter().filter(|(_, names)| fits(names)).map(|(service, _)| *service).collect();
        if !services.is_empty() {
            all.push(format!(
                "`${{aws:PrincipalTag/{key}}}` could stand for `{value}` in the resources of {}: the role's tag has that value, and every one of them names it.",
                services.join(", ")
            ));
        }
    }
    all
}

/// Pods of several namespaces or service accounts that each keep to resources named after their own: EKS Pod Identity puts both into
/// the session's tags.
///
/// See: <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>
fn pod_tags(subject: &Subject<'_>, uses: &[Use]) -> Vec<String> {
    let is_tagged = |tag: &str| {
        let mut issuances = subject.issuances.iter();
        !subject.issuances.is_empty() && issuances.all(|one| one.tags.iter().any(|(key, _)| **key == *tag))
    };
    let by_service = names(uses);
    let mut all = Vec::new();
    for (tag, from_end) in [("kubernetes-namespace", 1), ("kubernetes-service-account", 0)] {
        if !is_tagged(tag) {
            continue;
        }
        let mut services = Vec::new();
        for (service, names) in &by_service {
            let mut values = BTreeSet::new();
            let fits = names.iter().all(|(name, one)| {
                let mut ids = one.workloads.iter();
                // A resource several of them share is nobody's own.
                let (Some(id), None) = (ids.next(), ids.next()) else { return false };
                let value = id.strip_prefix("kubernetes:").and_then(|id| id.rsplit('/').nth(from_end));
                value.is_some_and(|value| {
                    values.insert(value);
                    holds(name, value)
                })
            });
            if fits && values.len() > 1 {
                services.push(*service);
            }
        }
        if !services.is_empty() {
            all.push(format!(
                "`${{aws:PrincipalTag/{tag}}}` could stand for that part of the resources of {}: each pod was seen to use only those named after its own.",
                services.join(", ")
            ));
        }
    }
    all
}
