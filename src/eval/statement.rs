//! Which elements of one statement apply to a request.

use super::condition::conditions_hold;
use super::principal::{Principal, PrincipalMatch, Reach, reach};
use super::request::{Context, Request, RequestResource};
use super::truth::Truth;
use super::value::{Replaced, replace};
use crate::ident::glob::{Colons, Glob, Piece, ShortArn};
use crate::policy::{ActionElement, PolicyKind, ResourceElement, Statement, Template, Version};

/// Which elements of a statement apply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StatementMatch {
    /// How the `Principal` element reaches who asks; `None` when the statement has none: it holds for whoever it is attached to.
    pub principal: Option<PrincipalMatch>,
    /// `Action` or `NotAction`.
    pub action: Truth,
    /// `Resource` or `NotResource`; true when the statement has none.
    pub resource: Truth,
    /// All conditions together.
    pub conditions: Truth,
    /// Whether the statement has members IAM does not define, whose effect nobody knows.
    pub has_unknown: bool,
}

impl StatementMatch {
    /// Whether the statement applies at all.
    pub fn applies(&self) -> Truth {
        self.reaches(Reach::Account)
    }

    /// Whether the statement applies and reaches the principal at least as far as `reach`.
    pub fn reaches(&self, reach: Reach) -> Truth {
        let principal = self.principal.map_or(Truth::True, |principal| principal.at_least(reach));
        let elements = Truth::all([principal, self.action, self.resource, self.conditions]);
        if !self.has_unknown {
            return elements;
        }
        // The unknown member may stand for any of the elements but those that were read and say no.
        if self.action.is_false() || self.resource.is_false() { Truth::False } else { Truth::Unknown }
    }
}

/// Matches one statement of a policy of `kind` and `version` with a request.
pub fn match_statement(
    statement: &Statement,
    kind: PolicyKind,
    version: Version,
    request: &Request,
) -> StatementMatch {
    StatementMatch {
        principal: statement.principal.as_ref().map(|element| reach(element, &request.principal)),
        action: action_matches(&statement.action, &request.action),
        resource: statement.resource.as_ref().map_or(Truth::True, |element| {
            resource_matches(element, kind, version, &request.resource, &request.context)
        }),
        conditions: conditions_hold(&statement.conditions, version, &request.context),
        has_unknown: statement.has_unknown,
    }
}

/// Whether an `Action` or `NotAction` element covers `action`, written `service:Name`.
pub fn action_matches(element: &ActionElement, action: &str) -> Truth {
    let listed = |patterns: &[String]| {
        patterns.iter().filter_map(|pattern| action_glob(pattern)).any(|glob| glob.matches(action))
    };
    match element {
        ActionElement::Only(patterns) => listed(patterns),
        // An empty list takes the statement out of force, whichever way round it is written.
        ActionElement::Except(patterns) => !patterns.is_empty() && !listed(patterns),
    }
    .into()
}

/// The glob of an action pattern; `None` for a text that can match no action.
///
/// A wildcard in the service prefix is not documented, but seen; it is read as part of one glob.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
pub fn action_glob(pattern: &str) -> Option<Glob> {
    let glob = Glob::ignoring_case(pattern);
    if glob.is_everything() {
        return Some(glob);
    }
    let (service, name) = pattern.split_once(':')?;
    let broken = |part: &str| part.is_empty() || part.contains([' ', ',']);
    (!broken(service) && !broken(name)).then_some(glob)
}

/// What a pattern of fewer than six parts means in a policy of `kind`.
pub fn short_arn(kind: PolicyKind) -> ShortArn {
    match kind {
        PolicyKind::Identity | PolicyKind::Boundary | PolicyKind::Session => ShortArn::Pad,
        PolicyKind::Trust | PolicyKind::Resource | PolicyKind::VpcEndpoint => ShortArn::PadIfWildcard,
        PolicyKind::Scp => ShortArn::PadAfterStar,
        PolicyKind::Rcp => ShortArn::Refuse,
    }
}

/// Whether a `Resource` or `NotResource` element covers `resource`.
pub fn resource_matches(
    element: &ResourceElement,
    kind: PolicyKind,
    version: Version,
    resource: &RequestResource,
    context: &Context,
) -> Truth {
    match element {
        ResourceElement::Only(patterns) => Truth::any(
            patterns.iter().map(|pattern| one_pattern(pattern, kind, version, resource, context).truth),
        ),
        ResourceElement::Except(patterns) => {
            if patterns.is_empty() {
                return Truth::False;
            }
            Truth::all(patterns.iter().map(|pattern| {
                let found = one_pattern(pattern, kind, version, resource, context);
                // A pattern that cannot be read, because a variable has no value or because it is no whole ARN, takes the statement out
                // of force; its failure to match is not turned round.
                if found.unusable && !found.truth.is_true() { Truth::False } else { !found.truth }
            }))
        }
    }
}

struct PatternMatch {
    truth: Truth,
    /// The pattern is short, or a variable in it has no value.
    unusable: bool,
}

fn one_pattern(
    pattern: &str,
    kind: PolicyKind,
    version: Version,
    resource: &RequestResource,
    context: &Context,
) -> PatternMatch {
    let parts = Template::parse(pattern, version).arn_parts();
    // In resource policies a short text without wildcards is an ordinary text that no ARN equals.
    let is_plain = short_arn(kind) == ShortArn::PadIfWildcard && !pattern.contains(['*', '?']);
    let is_short = parts.len() < 6 && pattern.chars().any(|c| c != '*') && !is_plain;
    let mut replaced: Vec<Vec<Piece>> = Vec::with_capacity(parts.len());
    for part in &parts {
        match replace(part, context) {
            Replaced::Value(pieces) => replaced.push(pieces),
            Replaced::NoValue => return PatternMatch { truth: Truth::False, unusable: true },
            Replaced::Unknown => return PatternMatch { truth: Truth::Unknown, unusable: is_short },
        }
    }
    let Some(glob) = Glob::from_arn_parts(replaced, Colons::Stop, short_arn(kind)) else {
        return PatternMatch { truth: Truth::False, unusable: is_short };
    };
    let truth = match resource {
        RequestResource::Arn(arn) => glob.matches(arn).into(),
        // The request resource of an action without resource types is the character `*`.
        RequestResource::None => glob.is_everything().into(),
        RequestResource::Pattern(requested) => {
            // What the event leaves open may hold any character, colons included.
            let requested = Glob::new(requested);
            if glob.subsumes(&requested) {
                Truth::True
            } else if glob.overlaps(&requested) {
                Truth::Unknown
            } else {
                Truth::False
            }
        }
        RequestResource::Unknown if glob.is_everything() => Truth::True,
        RequestResource::Unknown => Truth::Unknown,
    };
    PatternMatch { truth, unusable: is_short }
}

/// Keys that follow from who asks, where AWS always sends them: added to a context that does not mention them.
pub fn complete_context(context: &mut Context, principal: &Principal) {
    use super::request::ContextValue;
    let mut tell = |key: &str, value: ContextValue| {
        if !context.mentions(key) {
            context.set(key, value);
        }
    };
    let one = |text: &str| ContextValue::One(text.to_owned());
    if let Some(account) = principal.account() {
        tell("aws:PrincipalAccount", one(account));
    }
    match principal {
        Principal::User { arn } => {
            tell("aws:PrincipalArn", one(arn));
            tell("aws:PrincipalType", one("User"));
            tell("aws:username", arn.rsplit('/').next().map_or(ContextValue::Unknown, one));
        }
        Principal::Role { arn } => {
            tell("aws:PrincipalArn", one(arn));
            tell("aws:PrincipalType", one("AssumedRole"));
            tell("aws:username", ContextValue::Absent);
        }
        Principal::Session { .. } => {
            tell("aws:PrincipalType", one("AssumedRole"));
            tell("aws:username", ContextValue::Absent);
        }
        Principal::Root { .. } => tell("aws:PrincipalType", one("Account")),
        Principal::FederatedUser { .. } => tell("aws:PrincipalType", one("FederatedUser")),
        Principal::Anonymous
        | Principal::Service(_)
        | Principal::Federated(_)
        | Principal::CanonicalUser(_) => {}
    }
}
