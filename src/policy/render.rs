//! [`Policy`] to canonical JSON, and its size as the quotas count it.

use serde_json::{Map, Value};

use super::{
    ActionElement, Effect, Policy, PrincipalElement, PrincipalPattern, ResourceElement, Statement, Version,
};

/// The canonical JSON form.
///
/// Elements stand in AWS's order with AWS's spelling; `Statement` is always a list; any other list of one value is written as the plain
/// value, which is shorter and means the same. A `Version` is written exactly when the document wrote one: adding it would switch policy
/// variables on. Parsing the result gives the same statements back, except for members IAM does not define, which are not
/// rendered.
pub fn render(policy: &Policy) -> Value {
    let mut document = Map::new();
    if policy.version_written || policy.version == Version::V2012 {
        let version = match policy.version {
            Version::V2008 => "2008-10-17",
            Version::V2012 => "2012-10-17",
        };
        document.insert("Version".to_owned(), version.into());
    }
    if let Some(id) = &policy.id {
        document.insert("Id".to_owned(), id.as_str().into());
    }
    document.insert("Statement".to_owned(), policy.statements.iter().map(statement).collect());
    Value::Object(document)
}

/// Characters of the document without white space outside strings, as IAM counts managed, inline and trust policies.
///
/// Service and resource control policies are counted as uploaded, white space included; what this returns is then their least size.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub fn size(policy: &Policy) -> usize {
    render(policy).to_string().chars().count()
}

fn statement(statement: &Statement) -> Value {
    let mut members = Map::new();
    if let Some(sid) = &statement.sid {
        members.insert("Sid".to_owned(), sid.as_str().into());
    }
    let effect = match statement.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    members.insert("Effect".to_owned(), effect.into());
    if let Some(element) = &statement.principal {
        let (name, patterns) = match element {
            PrincipalElement::Only(patterns) => ("Principal", patterns),
            PrincipalElement::Except(patterns) => ("NotPrincipal", patterns),
        };
        members.insert(name.to_owned(), principals(patterns));
    }
    let (name, patterns) = match &statement.action {
        ActionElement::Only(patterns) => ("Action", patterns),
        ActionElement::Except(patterns) => ("NotAction", patterns),
    };
    members.insert(name.to_owned(), one_or_many(patterns));
    if let Some(element) = &statement.resource {
        let (name, patterns) = match element {
            ResourceElement::Only(patterns) => ("Resource", patterns),
            ResourceElement::Except(patterns) => ("NotResource", patterns),
        };
        members.insert(name.to_owned(), one_or_many(patterns));
    }
    if !statement.conditions.is_empty() {
        members.insert("Condition".to_owned(), conditions(statement));
    }
    Value::Object(members)
}

fn one_or_many(texts: &[String]) -> Value {
    match texts {
        [only] => only.as_str().into(),
        texts => texts.iter().map(String::as_str).collect(),
    }
}

fn principals(patterns: &[PrincipalPattern]) -> Value {
    if let [PrincipalPattern::Everyone { written_as_aws: false }] = patterns {
        return "*".into();
    }
    let mut by_type: Vec<(&str, Vec<String>)> = Vec::new();
    for pattern in patterns {
        let (name, text) = pattern.written();
        match by_type.iter_mut().find(|(known, _)| *known == name) {
            Some((_, texts)) => texts.push(text.to_owned()),
            None => by_type.push((name, vec![text.to_owned()])),
        }
    }
    by_type.into_iter().map(|(name, texts)| (name.to_owned(), one_or_many(&texts))).collect()
}

fn conditions(statement: &Statement) -> Value {
    let mut operators = Map::new();
    for condition in &statement.conditions {
        let keys = operators.entry(condition.operator.clone()).or_insert_with(|| Map::new().into());
        if let Value::Object(keys) = keys {
            keys.insert(free_spelling(keys, &condition.key), one_or_many(&condition.values));
        }
    }
    Value::Object(operators)
}

/// `key`, or the key in another case when the object has it already: JSON has no room for two equal keys, and IAM compares them
/// without case, so both conditions stay in force.
fn free_spelling(taken: &Map<String, Value>, key: &str) -> String {
    let swapped = |n: usize| {
        let swap = |(index, c): (usize, char)| match c {
            c if index != n => c,
            c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
            c => c.to_ascii_lowercase(),
        };
        key.chars().enumerate().map(swap).collect::<String>()
    };
    std::iter::once(key.to_owned())
        .chain((0..key.chars().count()).map(swapped))
        .find(|spelling| !taken.contains_key(spelling))
        .unwrap_or_else(|| key.to_owned())
}
