//! The evaluator as judge of a witness.

use std::collections::BTreeMap;

use super::key::{self, Kind};
use super::witness::Witness;
use crate::catalog::{Catalog, filled};
use crate::eval::{Context, ContextValue, Principal, Request, RequestResource, Truth, match_statement};
use crate::ident::is_name_char;
use crate::policy::{ActionElement, Effect, Policy, PolicyKind, Statement};

/// The request, shortened, if the evaluator says for sure that `these` allow it and `those` do not.
pub(super) fn only(witness: &Witness, these: &[&Policy], those: &[&Policy]) -> Option<Witness> {
    let holds = |witness: &Witness| {
        request(witness)
            .is_some_and(|request| allows(these, &request).is_true() && allows(those, &request).is_false())
    };
    if !holds(witness) {
        return None;
    }
    let mut shortest = witness.clone();
    for key in witness.context.keys() {
        let mut shorter = shortest.clone();
        shorter.context.remove(key);
        if holds(&shorter) {
            shortest = shorter;
        }
    }
    shortest.action = as_written(&shortest.action, these);
    if let Some(real) = real_action(&shortest, these, holds) {
        shortest.action = real;
    }
    if let Some(resource) = real_resource(&shortest, holds) {
        shortest.resource = resource;
    }
    if let Some(principal) = real_principal(&shortest, holds) {
        shortest.principal = Some(principal);
    }
    Some(shortest)
}

/// A resource of a kind the action works on, with the names AWS's own examples have, that shows the same as a made-up one (`arn:aws:x::::`).
/// `None` when the witness names such a resource already, or none will do.
fn real_resource(witness: &Witness, holds: impl Fn(&Witness) -> bool) -> Option<String> {
    let catalog = Catalog::embedded();
    let info = catalog.info(catalog.find(&witness.action)?)?;
    let kinds = || info.resource_types().map(|one| one.kind);
    if witness.resource == "*" || kinds().any(|kind| kind.is_of(&witness.resource)) {
        return None;
    }
    let mut examples: Vec<String> =
        kinds().flat_map(|kind| &kind.formats).map(|format| example(format)).collect();
    if examples.is_empty() {
        examples.push("*".to_owned());
    }
    examples.into_iter().find(|resource| holds(&Witness { resource: resource.clone(), ..witness.clone() }))
}

/// An ARN of a format: `arn:${Partition}:sqs:${Region}:${Account}:${QueueName}`.
fn example(format: &str) -> String {
    filled(format, |variable| match variable {
        "Partition" => "aws",
        "Region" => "us-east-1",
        "Account" => "111122223333",
        _ => "example",
    })
}

/// A role with a name that IAM would take in place of one it would not (`role/:`), if it shows the same.
fn real_principal(witness: &Witness, holds: impl Fn(&Witness) -> bool) -> Option<String> {
    let (account, name) = witness.principal.as_deref()?.split_once(":role/")?;
    if !name.is_empty() && name.chars().all(|c| c == '/' || is_name_char(c)) {
        return None;
    }
    let real = format!("{account}:role/example");
    holds(&Witness { principal: Some(real.clone()), ..witness.clone() }).then_some(real)
}

/// Actions tried in place of a made-up one.
const REAL_ACTIONS: usize = 512;

/// An action AWS has that shows the same as the witness's made-up one (`s3:x`); one that works on the witness's kind of resource is
/// preferred. `None` when the witness names a real action already, or no real one will do.
fn real_action(witness: &Witness, these: &[&Policy], holds: impl Fn(&Witness) -> bool) -> Option<String> {
    let catalog = Catalog::embedded();
    if catalog.find(&witness.action).is_some() {
        return None;
    }
    let service = witness.action.split(':').next().unwrap_or_default();
    let statements = these.iter().flat_map(|policy| &policy.statements);
    let patterns = statements.flat_map(|statement| match &statement.action {
        ActionElement::Only(patterns) if statement.effect == Effect::Allow => patterns.clone(),
        ActionElement::Except(_) if statement.effect == Effect::Allow => vec![format!("{service}:*")],
        _ => Vec::new(),
    });
    let mut any = None;
    for id in patterns.flat_map(|pattern| catalog.expand(&pattern)).take(REAL_ACTIONS) {
        let Some(info) = catalog.info(id) else { continue };
        let real = Witness { action: info.action().to_string(), ..witness.clone() };
        let fits = info.resource_types().any(|one| one.kind.is_of(&witness.resource))
            || (witness.resource == "*" && info.resource_types().next().is_none());
        if (fits || any.is_none()) && holds(&real) {
            if fits {
                return Some(real.action);
            }
            any = Some(real.action);
        }
    }
    any
}

/// The first statement of a set of policies that denies a request for sure: policy and statement.
pub(super) fn denied_by(witness: &Witness, policies: &[&Policy]) -> Option<(usize, usize)> {
    let request = request(witness)?;
    let denies = policies.iter().enumerate().flat_map(|(at, policy)| {
        let statements = policy.statements.iter().enumerate();
        statements.map(move |(number, statement)| ((at, number), policy.version, statement))
    });
    denies
        .filter(|(.., statement)| statement.effect == Effect::Deny)
        .find(|(_, version, statement)| {
            match_statement(statement, kind_of(statement), *version, &request).applies().is_true()
        })
        .map(|(place, ..)| place)
}

/// A statement that names principals stands at a resource.
fn kind_of(statement: &Statement) -> PolicyKind {
    if statement.principal.is_some() { PolicyKind::Resource } else { PolicyKind::Identity }
}

/// Whether a set of policies allows a request: some statement allows it and none denies it.
fn allows(policies: &[&Policy], request: &Request) -> Truth {
    let (mut allow, mut deny) = (Truth::False, Truth::False);
    for policy in policies {
        for statement in &policy.statements {
            let applies = match_statement(statement, kind_of(statement), policy.version, request).applies();
            match statement.effect {
                Effect::Allow => allow = allow.or(applies),
                Effect::Deny => deny = deny.or(applies),
            }
        }
    }
    allow.and(!deny)
}

fn request(witness: &Witness) -> Option<Request> {
    let principal = match witness.principal.as_deref() {
        None => Principal::Role { arn: "arn:aws:iam::111122223333:role/example".to_owned() },
        Some(text) => match text.split_once(':')? {
            ("AWS", arn) => Principal::from_arn(arn)?,
            ("Service", name) => Principal::Service(name.to_owned()),
            ("Federated", provider) => Principal::Federated(provider.to_owned()),
            ("CanonicalUser", id) => Principal::CanonicalUser(id.to_owned()),
            _ => return None,
        },
    };
    let resource = match witness.resource.as_str() {
        "*" => RequestResource::None,
        arn => RequestResource::Arn(arn.to_owned()),
    };
    Some(Request {
        principal,
        action: witness.action.clone(),
        resource,
        resource_account: None,
        context: context(&witness.context),
    })
}

fn context(keys: &BTreeMap<String, Vec<String>>) -> Context {
    let mut context = Context::closed();
    for (key, values) in keys {
        let value = match values.as_slice() {
            [one] if key::kind(key) != Kind::List => ContextValue::One(one.clone()),
            values => ContextValue::Many(values.to_vec()),
        };
        context.set(key, value);
    }
    context
}

/// The action as some policy spells it, where one names it.
fn as_written(action: &str, policies: &[&Policy]) -> String {
    policies
        .iter()
        .flat_map(|policy| &policy.statements)
        .flat_map(|statement| match &statement.action {
            ActionElement::Only(patterns) | ActionElement::Except(patterns) => patterns,
        })
        .find(|pattern| pattern.eq_ignore_ascii_case(action))
        .map_or_else(|| action.to_owned(), Clone::clone)
}
