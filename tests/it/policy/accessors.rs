//! What iam-policy's unit tests read from documents, asked of this program's types.

use leastwise::eval::action_glob;
use leastwise::policy::{
    ActionElement, Effect, Policy, PolicyKind, PrincipalElement, PrincipalPattern, ResourceElement,
    Statement, Template, TemplatePiece, Version, parse_value, render,
};
use serde_json::{Map, Value, json};

use super::suites::is_valid;

/// The expectations of a case that can be asked here: what is wanted, and what is found. Or why there are none.
pub(super) fn expectations(case: &Value) -> Result<Vec<(Value, Value)>, &'static str> {
    let file = case["file"].as_str().unwrap().rsplit('/').next().unwrap();
    if file == "utils.test.ts" {
        return Err("helpers over texts");
    }
    let mut pairs = Vec::new();
    for expect in case["expect"].as_array().unwrap() {
        let throws = expect["matcher"].as_str().is_some_and(|matcher| matcher.starts_with("toThrow"));
        let expression = expect["of"]["$expr"].as_str().unwrap_or_default();
        let wanted = match expect["value"]["$expr"].as_str() {
            _ if throws => Value::Null,
            // The document's own member.
            Some(text) => text
                .strip_prefix("policyObject.")
                .map_or(Value::Null, |name| argument(case).unwrap()[name].clone()),
            None => expect["value"].clone(),
        };
        let found = match file {
            "actions.test.ts" | "resource.test.ts" if expression.ends_with("path()") => place(case, &wanted),
            "actions.test.ts" => of_action(case, expression),
            "resource.test.ts" => of_resource(case, expression),
            "validatedPolicy.test.ts" | "validate.test.ts" if expression.ends_with("errors") => {
                validity(case)
                    .map(|valid| if valid == (wanted == json!([])) { wanted.clone() } else { json!(valid) })
            }
            _ if expression.ends_with("path()") => place(case, &wanted),
            _ => of_policy(case, expression),
        };
        pairs.extend(found.map(|found| (wanted, found)));
    }
    if pairs.is_empty() { Err(reason(case)) } else { Ok(pairs) }
}

/// Why nothing can be asked.
fn reason(case: &Value) -> &'static str {
    let text = case.to_string();
    let has = |word: &str| text.contains(word);
    if has("IsArray()") || has("TypeIsArray") || has("hasSingle") {
        "which of two ways to write the same was taken"
    } else if has(".path()") || has("KeyPath()") {
        "paths into a document that is not there, or of that program's own form"
    } else if has("metadata") || has("alidatedPolicy") {
        "what that program's own objects carry along"
    } else if has("ction.service()") || has("ction.action()") {
        "halves of an action's text, which is compared whole"
    } else if has(r#""Action":{}"#)
        || has(r#""Resource":{}"#)
        || has(r#""NotAction":{}"#)
        || has(r#""NotResource":{}"#)
    {
        "an object where IAM takes texts: refused"
    } else {
        "tables and answers kept as source text"
    }
}

/// The object under test: what `new` was called with, or the last document loaded.
fn argument(case: &Value) -> Option<&Value> {
    let made =
        case["let"].as_object().into_iter().flat_map(Map::values).find(|value| value.get("$new").is_some());
    made.map(|made| &made["args"][0]).or_else(|| {
        let calls = case["calls"].as_array()?.iter();
        calls.map(|call| &call["args"][0]).find(|document| document.is_object())
    })
}

/// A whole policy around a piece of one; what is missing is filled in with what was not asked for.
fn policy(piece: &Value, asked: &str) -> Option<Policy> {
    let mut document =
        match piece.get("Statement").is_some() || piece.get("Id").is_some() || piece.get("Version").is_some()
        {
            true => piece.clone(),
            false => json!({"Version": "2012-10-17", "Statement": piece}),
        };
    document.as_object_mut()?.entry("Statement").or_insert_with(|| json!([]));
    let fill = |statement: &mut Value| {
        let Some(members) = statement.as_object_mut() else { return };
        members.entry("Effect").or_insert_with(|| json!("Allow"));
        for (only, except) in [("Action", "NotAction"), ("Resource", "NotResource")] {
            if !members.contains_key(only) && !members.contains_key(except) {
                let negated = asked.to_lowercase().contains(&except.to_lowercase());
                members.insert((if negated { only } else { except }).to_owned(), json!("a:B"));
            }
        }
    };
    match &mut document["Statement"] {
        Value::Array(statements) => statements.iter_mut().for_each(fill),
        one => fill(one),
    }
    let kind = if document.to_string().contains("Principal\":") {
        PolicyKind::Resource
    } else {
        PolicyKind::Identity
    };
    parse_value(&document, kind).ok()
}

/// `Statement[0].Action[1]` is where the reader finds fault when something else stands there.
fn place(case: &Value, wanted: &Value) -> Option<Value> {
    let pointer =
        format!("/{}", wanted.as_str()?.replace("].", "/").replace(['.', '['], "/").replace(']', ""));
    let mut document = argument(case)?.clone();
    *document.pointer_mut(&pointer)? =
        json!(if pointer.contains("Statement/0/") { json!({}) } else { json!(7) });
    let error = parse_value(&document, PolicyKind::Identity).err()?.to_string();
    Some(if error.contains(&format!("`{pointer}`")) { wanted.clone() } else { error.into() })
}

fn validity(case: &Value) -> Option<bool> {
    argument(case).map(|document| is_valid(document, None, PolicyKind::Identity))
}

fn of_action(case: &Value, expression: &str) -> Option<Value> {
    let text = argument(case)?.as_str()?;
    let is_everything = action_glob(text).is_some_and(|glob| glob.is_everything());
    Some(match expression {
        "action.type()" => json!(if is_everything { "wildcard" } else { "service" }),
        "action.isWildcardAction()" => json!(is_everything),
        "action.isServiceAction()" => json!(!is_everything),
        "action.value()" | "action.wildcardValue()" => {
            let policy = policy(&json!({"Action": text}), "")?;
            render(&policy)["Statement"][0]["Action"].clone()
        }
        _ => return None,
    })
}

fn of_resource(case: &Value, expression: &str) -> Option<Value> {
    let text = argument(case)?.as_str()?;
    let parts = Template::parse(text, Version::V2012).arn_parts();
    let part = |index: usize| {
        let text = |pieces: &Vec<TemplatePiece>| {
            pieces
                .iter()
                .map(|piece| match piece {
                    TemplatePiece::Plain(leastwise::ident::glob::Piece::Char(c)) => *c,
                    _ => '*',
                })
                .collect::<String>()
        };
        if parts.len() == 6 { json!(text(&parts[index])) } else { Value::Null }
    };
    Some(match expression.trim_start_matches("() => ") {
        "resource.value()" => {
            let policy = policy(&json!({"Resource": text}), "")?;
            render(&policy)["Statement"][0]["Resource"].clone()
        }
        "resource.isAllResources()" => json!(parts.len() == 1 && text == "*"),
        "resource.isArnResource()" => json!(parts.len() == 6),
        "resource.partition()" => part(1),
        "resource.service()" => part(2),
        "resource.region()" => part(3),
        "resource.account()" => part(4),
        "resource.resource()" => part(5),
        _ => return None,
    })
}

fn of_policy(case: &Value, expression: &str) -> Option<Value> {
    let piece = argument(case)?;
    let expression = expression.trim_start_matches("() => ");
    let policy = policy(piece, expression)?;
    let (index, question) = if let Some(question) = expression.strip_prefix("statement.") {
        (0, question.to_owned())
    } else if let Some((index, question)) =
        expression.strip_prefix("policy.statements()[").and_then(|rest| rest.split_once("]."))
    {
        (index.parse().ok()?, question.to_owned())
    } else if expression.starts_with("actions") {
        (0, expression.replacen("actions", "actions()", 1))
    } else {
        return Some(match expression.split_once('.')?.1 {
            "version()" => render(&policy)["Version"].clone(),
            "id()" => json!(policy.id),
            "statements().length" | "statements()" => json!(policy.statements.len()),
            "toJSON()" => same_meaning(piece, &render(&policy)),
            _ => return None,
        });
    };
    of_statement(piece, &policy, policy.statements.get::<usize>(index)?, index, &question)
}

/// What was read, when it renders to the same policy; else what it renders to.
fn same_meaning(document: &Value, rendered: &Value) -> Value {
    let kind = PolicyKind::Identity;
    let same = parse_value(document, kind).map(|policy| policy.statements)
        == parse_value(rendered, kind).map(|policy| policy.statements);
    if same { document.clone() } else { rendered.clone() }
}

fn of_statement(
    piece: &Value,
    policy: &Policy,
    statement: &Statement,
    index: usize,
    question: &str,
) -> Option<Value> {
    let (only, except) = match &statement.principal {
        None => (None, None),
        Some(PrincipalElement::Only(all)) => {
            (Some(all.iter().map(PrincipalPattern::written).collect::<Vec<_>>()), None)
        }
        Some(PrincipalElement::Except(all)) => {
            (None, Some(all.iter().map(PrincipalPattern::written).collect()))
        }
    };
    let (actions, not_actions) = match &statement.action {
        ActionElement::Only(texts) => (texts_alone(texts), None),
        ActionElement::Except(texts) => (None, texts_alone(texts)),
    };
    let (resources, not_resources) = match statement.resource.as_ref()? {
        ResourceElement::Only(texts) => (texts_alone(texts), None),
        ResourceElement::Except(texts) => (None, texts_alone(texts)),
    };
    let is_allow = statement.effect == Effect::Allow;
    let simple = match question {
        "sid()" => json!(statement.sid),
        "index()" => json!(index + 1),
        "effect()" => json!(if is_allow { "Allow" } else { "Deny" }),
        "isAllow()" => json!(is_allow),
        "isDeny()" => json!(!is_allow),
        "isPrincipalStatement()" => json!(only.is_some()),
        "isNotPrincipalStatement()" => json!(except.is_some()),
        "isActionStatement()" => json!(actions.is_some()),
        "isNotActionStatement()" => json!(not_actions.is_some()),
        "isResourceStatement()" => json!(resources.is_some()),
        "isNotResourceStatement()" => json!(not_resources.is_some()),
        "toJSON()" => same_meaning(&json!({"Statement": piece}), &render(policy))["Statement"].clone(),
        "conditionMap()" => condition_map(statement),
        _ => Value::Null,
    };
    if !simple.is_null() || question == "conditionMap()" {
        return Some(simple);
    }
    let (list, rest) = question.split_once("()")?;
    if list == "conditions" {
        return of_conditions(statement, rest);
    }
    let list = match list {
        "principals" => only,
        "notPrincipals" => except,
        "actions" => actions,
        "notActions" => not_actions,
        "resources" => resources,
        "notResources" => not_resources,
        _ => return None,
    };
    let Some(list) = list else { return Some(Value::Null) };
    if rest == ".length" {
        return Some(json!(list.len()));
    }
    let (at, question) = rest.strip_prefix('[')?.split_once("].")?;
    let (kind, text) = list.get(at.parse::<usize>().ok()?)?;
    let is_everything = || action_glob(text).is_some_and(|glob| glob.is_everything());
    Some(match question {
        "type()" => json!(kind),
        "value()" => json!(text),
        "isWildcardAction()" => json!(is_everything()),
        "isServiceAction()" => json!(!is_everything()),
        _ => return None,
    })
}

/// Texts that are of no type.
fn texts_alone(texts: &[String]) -> Option<Vec<(&str, &str)>> {
    Some(texts.iter().map(|text| ("", text.as_str())).collect())
}

fn of_conditions(statement: &Statement, rest: &str) -> Option<Value> {
    if rest.is_empty() || rest == ".length" {
        let n = statement.conditions.len();
        return Some(if rest.is_empty() && n == 0 { json!([]) } else { json!(n) });
    }
    let (at, question) = rest.strip_prefix('[')?.split_once("].")?;
    let condition = statement.conditions.get(at.parse::<usize>().ok()?)?;
    Some(match question {
        "operation().value()" => json!(condition.operator),
        "conditionKey()" => json!(condition.key),
        "conditionValues()" => json!(condition.values),
        _ => return None,
    })
}

fn condition_map(statement: &Statement) -> Value {
    let mut map = Map::new();
    for condition in &statement.conditions {
        let keys = map.entry(condition.operator.clone()).or_insert_with(|| json!({}));
        keys[&condition.key] = json!(condition.values);
    }
    if map.is_empty() { Value::Null } else { map.into() }
}
