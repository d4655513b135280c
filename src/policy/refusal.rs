//! Why AWS would not save a document.
//!
//! Reading is tolerant because AWS has been; what this program writes must pass today's checks. The rules are those whose messages are on
//! record; a document that passes here may still be refused by a service's own rules.

use super::error::shorten;
use super::{
    ActionElement, Comparison, Effect, Operator, Policy, PolicyKind, PrincipalElement, PrincipalPattern,
    ResourceElement, Statement, Version, instant,
};
use crate::ident::{Arn, is_account_id};

const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// First segments of IAM's resource parts, as the refusal itself lists them.
const IAM_TYPES: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// Reasons for which AWS would refuse to save `policy` as a policy of `kind`, each with a JSON pointer; empty when none is known.
///
/// Not asked here: spelling and repetition of elements (see [`Policy::lints`]), quotas (see [`size`](super::size)), and that a managed policy
/// must be of version 2012-10-17 while an inline one need not.
pub fn refusals(policy: &Policy, kind: PolicyKind) -> Vec<String> {
    let mut found: Vec<String> =
        policy.unknown.iter().map(|at| format!("{at}: IAM defines no such element, or not twice")).collect();
    if policy.statements.is_empty() {
        found.push("/Statement: there is no statement".to_owned());
    }
    if matches!(kind, PolicyKind::Rcp | PolicyKind::Boundary) && policy.version != Version::V2012 {
        found.push("/Version: must be `2012-10-17`".to_owned());
    }
    for (index, statement) in policy.statements.iter().enumerate() {
        let at = format!("/Statement/{index}");
        if let Some(sid) = statement.sid.as_deref().filter(|sid| !sid.is_empty()) {
            let earlier = policy.statements.iter().take(index);
            if earlier.filter_map(|other| other.sid.as_deref()).any(|other| other == sid) {
                found.push(format!("{at}/Sid: `{}` stands twice", shorten(sid)));
            }
            // Other services allow more.
            if kind != PolicyKind::Resource && !sid.chars().all(|c| c.is_ascii_alphanumeric()) {
                found.push(format!("{at}/Sid: `{}` is not of letters and digits", shorten(sid)));
            }
        }
        elements(statement, kind, &at, &mut found);
    }
    found
}

fn elements(statement: &Statement, kind: PolicyKind, at: &str, found: &mut Vec<String>) {
    let (name, patterns) = match &statement.action {
        ActionElement::Only(patterns) => ("Action", patterns),
        ActionElement::Except(patterns) => ("NotAction", patterns),
    };
    if patterns.is_empty() {
        found.push(format!("{at}/{name}: there is no action"));
    }
    let reasons = patterns.iter().filter_map(|pattern| Some((pattern, action(pattern)?)));
    found.extend(reasons.map(|(pattern, reason)| format!("{at}/{name}: `{}` {reason}", shorten(pattern))));
    if let Some(element) = &statement.resource {
        let (name, patterns) = match element {
            ResourceElement::Only(patterns) => ("Resource", patterns),
            ResourceElement::Except(patterns) => ("NotResource", patterns),
        };
        if kind == PolicyKind::Trust {
            found.push(format!("{at}/{name}: a trust policy has none"));
        }
        if patterns.is_empty() {
            found.push(format!("{at}/{name}: there is no resource"));
        }
        let reasons = patterns.iter().filter_map(|pattern| Some((pattern, resource(pattern)?)));
        found
            .extend(reasons.map(|(pattern, reason)| format!("{at}/{name}: `{}` {reason}", shorten(pattern))));
    }
    principal(statement, kind, at, found);
    if kind == PolicyKind::Rcp {
        if statement.effect == Effect::Allow {
            found.push(format!("{at}/Effect: a resource control policy only denies"));
        }
        match &statement.action {
            ActionElement::Except(_) => {
                found.push(format!("{at}/NotAction: a resource control policy has none"));
            }
            ActionElement::Only(patterns) if patterns.iter().any(|pattern| pattern == "*") => {
                found.push(format!("{at}/Action: a resource control policy names services"));
            }
            ActionElement::Only(_) => {}
        }
    }
    for condition in &statement.conditions {
        let at = format!("{at}/Condition/{}", condition.operator);
        match Operator::parse(&condition.operator) {
            None => found.push(format!("{at}: IAM knows no such operator")),
            Some(Operator { base: Comparison::Date(_), .. }) => {
                for value in condition.values.iter().filter(|value| instant(value).is_none()) {
                    found.push(format!("{at}/{}: `{}` is no date", condition.key, shorten(value)));
                }
            }
            Some(_) => {}
        }
    }
}

fn principal(statement: &Statement, kind: PolicyKind, at: &str, found: &mut Vec<String>) {
    let patterns = match &statement.principal {
        None if kind == PolicyKind::VpcEndpoint => {
            found.push(format!("{at}: `Principal` is missing"));
            return;
        }
        None => return,
        Some(PrincipalElement::Except(_)) if matches!(kind, PolicyKind::Rcp | PolicyKind::Trust) => {
            found.push(format!("{at}/NotPrincipal: cannot stand in this kind of policy"));
            return;
        }
        Some(PrincipalElement::Only(patterns) | PrincipalElement::Except(patterns)) => patterns,
    };
    if patterns.is_empty() {
        found.push(format!("{at}/Principal: nobody is named"));
    }
    if kind == PolicyKind::Rcp && !matches!(&**patterns, [PrincipalPattern::Everyone { .. }]) {
        found.push(format!("{at}/Principal: must be `*` in a resource control policy"));
    }
    for pattern in patterns {
        let names_one = match pattern {
            PrincipalPattern::Aws(text) => is_aws_principal(text),
            PrincipalPattern::Service(text) => text.contains('.'),
            PrincipalPattern::CanonicalUser(text) => {
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
            }
            PrincipalPattern::Federated(text) => !text.is_empty(),
            PrincipalPattern::Everyone { .. } => true,
        };
        if !names_one {
            let (name, text) = pattern.written();
            found.push(format!("{at}/Principal/{name}: `{}` names no principal", shorten(text)));
        }
    }
}

/// An account id, an ARN of a principal, or the unique id AWS puts in place of a deleted one. Wildcards have no meaning here.
fn is_aws_principal(text: &str) -> bool {
    match Arn::parse(text) {
        Some(arn) => {
            let is_named = arn.resource.split_once('/').is_none_or(|(_, name)| !name.is_empty());
            // CloudFront's origin access identities are written with the account `cloudfront` and blanks in their name.
            let of_cloudfront = arn.account == "cloudfront";
            is_named
                && (is_account_id(arn.account) || of_cloudfront)
                && !text.contains(['*', '?'])
                && (of_cloudfront || !text.contains(' '))
        }
        None => is_account_id(text) || (text.len() >= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric())),
    }
}

fn action(pattern: &str) -> Option<&'static str> {
    if pattern == "*" {
        return None;
    }
    let Some((service, name)) = pattern.split_once(':') else {
        return Some("has no service prefix");
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if service.is_empty() || !service.chars().all(plain) {
        Some("has a service prefix that is none")
    } else if name.contains(':') {
        Some("has more than one colon")
    } else if name.is_empty() {
        Some("has no name")
    } else {
        None
    }
}

fn resource(pattern: &str) -> Option<&'static str> {
    if pattern == "*" {
        return None;
    }
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let [arn, partition, rest @ ..] = &*parts else {
        return Some("is neither an ARN nor `*`");
    };
    let open = |part: &str| part.contains(['*', '?', '$']);
    if *arn != "arn" {
        return Some("is neither an ARN nor `*`");
    }
    if !PARTITIONS.contains(partition) && !open(partition) {
        return Some("has a partition that is none");
    }
    let (Some(service), region) = (rest.first(), rest.get(1).copied().unwrap_or_default()) else {
        return Some("names no service");
    };
    if service.is_empty() {
        return Some("names no service");
    }
    let account = rest.get(2).copied().unwrap_or_default();
    let Some(resource) = rest.get(3) else {
        let is_account = account.is_empty() || open(account) || account.bytes().all(|b| b.is_ascii_digit());
        return (!is_account).then_some("lacks a part");
    };
    match *service {
        "iam" if !region.is_empty() && !open(region) => Some("has a Region, which IAM resources have not"),
        "iam" if *resource != "root" && !IAM_TYPES.iter().any(|kind| may_begin(resource, kind)) => {
            Some("is of no type IAM has")
        }
        "s3" if !region.is_empty() && account.is_empty() && !open(region) => {
            Some("has a Region, which buckets and objects have not")
        }
        _ => None,
    }
}

/// Whether `pattern` begins with `prefix`, or has a wildcard before the prefix ends.
fn may_begin(pattern: &str, prefix: &str) -> bool {
    for (found, wanted) in pattern.chars().zip(prefix.chars()) {
        if matches!(found, '*' | '?' | '$') {
            return true;
        }
        if found != wanted {
            return false;
        }
    }
    pattern.len() >= prefix.len()
}
