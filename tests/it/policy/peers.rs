//! The unit tests of iam-policy, moto and policy_sentry that speak of documents, operators and principals.

use leastwise::ident::is_account_id;
use leastwise::policy::{
    Operator, PolicyKind, PrincipalElement, PrincipalPattern, SetQualifier, parse_value, refusals,
};
use serde_json::{Value, json};

use super::accessors::expectations;
use super::suites::is_valid;
use crate::conformance::Suite;

/// The one principal a type and a text make.
fn pattern(kind: &str, text: &str) -> Option<PrincipalPattern> {
    let document = json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Principal": {kind: text}, "Action": "a:B", "Resource": "*"}});
    let policy = parse_value(&document, PolicyKind::Resource).ok()?;
    match policy.statements.into_iter().next()?.principal? {
        PrincipalElement::Only(mut all) => all.pop(),
        PrincipalElement::Except(_) => None,
    }
}

/// What one of the questions about a principal comes to.
fn principal_is(question: &str, pattern: &PrincipalPattern) -> Option<bool> {
    let aws = |test: &dyn Fn(&str) -> bool| match pattern {
        PrincipalPattern::Aws(text) => test(text),
        _ => false,
    };
    let is_account = |text: &str| {
        let id = text.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next()).unwrap_or(text);
        is_account_id(id)
    };
    Some(match question {
        "isWildcardPrincipal" => matches!(pattern, PrincipalPattern::Everyone { .. }),
        "isServicePrincipal" => matches!(pattern, PrincipalPattern::Service(_)),
        "isFederatedPrincipal" => matches!(pattern, PrincipalPattern::Federated(_)),
        "isCanonicalUserPrincipal" => matches!(pattern, PrincipalPattern::CanonicalUser(_)),
        "isAwsPrincipal" => aws(&|text| text.starts_with("arn:") && !is_account(text)),
        "isAccountPrincipal" => aws(&is_account),
        "isUniqueIdPrincipal" => aws(&|text| text.starts_with('A') && !text.contains(':')),
        _ => return None,
    })
}

/// What a question after a principal's text finds; `None` when the principal is of another kind.
fn principal_value(question: &str, pattern: &PrincipalPattern) -> Option<String> {
    let text = pattern.written().1.to_owned();
    let (kind, value) = match question {
        "accountId" => {
            let account =
                text.split(':').nth(4).filter(|_| text.ends_with(":root")).unwrap_or(&text).to_owned();
            ("isAccountPrincipal", account)
        }
        "uniqueId" => ("isUniqueIdPrincipal", text),
        "arn" => ("isAwsPrincipal", text),
        "service" => ("isServicePrincipal", text),
        "federated" => ("isFederatedPrincipal", text),
        "canonicalUser" => ("isCanonicalUserPrincipal", text),
        "wildcard" => ("isWildcardPrincipal", text),
        _ => return None,
    };
    principal_is(kind, pattern)?.then_some(value)
}

#[test]
fn unit_tests_of_iam_policy() {
    let Some((mut suite, cases)) = Suite::open("iam-policy/unit_tests") else { return };
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let call = case["calls"].as_array().and_then(|calls| calls.last());
        let (function, wanted) =
            (call.and_then(|call| call["fn"].as_str()).unwrap_or_default(), &case["expect"][0]["value"]);
        match function.split_once('.') {
            Some(("conditionOp", question)) => {
                let text = case["let"]["conditionOp"]["args"][0].as_str().unwrap();
                let found = Operator::parse(text).and_then(|operator| match question {
                    "setOperator" => Some(match operator.set {
                        None => Value::Null,
                        Some(SetQualifier::ForAllValues) => json!("ForAllValues"),
                        Some(SetQualifier::ForAnyValue) => json!("ForAnyValue"),
                    }),
                    "isIfExists" => Some(json!(operator.if_exists)),
                    // The base operator is the same operator without its ends.
                    "baseOperator" => Operator::parse(wanted.as_str()?).map(|base| {
                        let same = (base.base, base.negated) == (operator.base, operator.negated);
                        if same { wanted.clone() } else { Value::Null }
                    }),
                    _ => None,
                });
                let Some(found) = found else {
                    suite.skip("that program's text of an operator");
                    continue;
                };
                let wanted = if wanted.get("$undefined").is_some() { Value::Null } else { wanted.clone() };
                suite.score(&format!("{name} {text}"), wanted, found, Value::Null, Value::clone);
            }
            _ if case["let"].get("principal").is_some() => {
                let args = &case["let"]["principal"]["args"];
                let pattern = pattern(args[0].as_str().unwrap(), args[1].as_str().unwrap()).unwrap();
                // Where that program throws, the principal is of another kind.
                let throws = case["expect"][0]["matcher"] == "toThrowError";
                let expression = call.and_then(|call| call["fn"].as_str().or_else(|| call["expr"].as_str()));
                let question =
                    expression.map_or("type", |text| text.rsplit('.').next().unwrap().trim_end_matches("()"));
                let (kind, text) = pattern.written();
                let found = match question {
                    "type" => json!(kind),
                    question => match (principal_is(question, &pattern), principal_value(question, &pattern))
                    {
                        (Some(is), _) => json!(is),
                        (None, value) => json!(value),
                    },
                };
                let wanted = if throws { &Value::Null } else { wanted };
                let whole = question != "type" || case["expect"][1]["value"] == text;
                suite.score(
                    &format!("{question}: {name}"),
                    (wanted.clone(), true),
                    (found, whole),
                    (Value::Null, true),
                    |_| (Value::Null, true),
                );
            }
            _ if ["findDuplicateSids", "findEmptyActions", "lintPolicy", "lintResourcePolicy"]
                .contains(&function) =>
            {
                let document = &call.unwrap()["args"][0];
                let kind = if function == "lintResourcePolicy" {
                    PolicyKind::Resource
                } else {
                    PolicyKind::Identity
                };
                let (true, Ok(policy)) = (document.is_object(), parse_value(document, kind)) else {
                    suite.skip("no document, or a piece of one");
                    continue;
                };
                if wanted.get("$expr").is_some() {
                    suite.skip("the answer is kept as source text");
                    continue;
                }
                let found = !refusals(&policy, kind).is_empty();
                let wanted = wanted.as_array().is_some_and(|errors| !errors.is_empty());
                suite.score(&format!("{function}: {name}"), wanted, found, false, |_| false);
            }
            _ => match expectations(case) {
                Err(reason) => suite.skip(reason),
                Ok(pairs) => {
                    let (wanted, found): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
                    let group = case["suite"].as_array().unwrap().last().unwrap().as_str().unwrap();
                    suite.score(&format!("{group}: {name}"), wanted, found, Vec::new(), |_| Vec::new());
                }
            },
        }
    }
    let blanks = "a name with blanks is saved, as moto's record of AWS's answers shows, and matches nothing";
    suite.close(&[
        ("lintPolicy: should return empty action lint error for a whitespace-only action", blanks),
        ("lintPolicy: should return whitespace lint error for an action with trailing whitespace", blanks),
        ("findEmptyActions: should detect a whitespace-only action string", blanks),
        ("findEmptyActions: should detect a whitespace-only action in an array", blanks),
        ("findEmptyActions: should detect an action with trailing whitespace", blanks),
        ("findEmptyActions: should detect an action with leading whitespace", blanks),
        ("findEmptyActions: should detect actions with whitespace in an array", blanks),
        (
            "isWildcardPrincipal: returns true if the principal is multiple wildcards",
            "only `*` stands for everyone (reference_policies_elements_principal)",
        ),
    ]);
}

#[test]
fn unit_tests_of_moto() {
    let Some((mut suite, cases)) = Suite::open("moto/unit_tests") else { return };
    for case in &cases {
        let Some(table) = case["table"].as_str() else {
            suite.skip("calls of an AWS client");
            continue;
        };
        let refused = table == "invalid_policy_document_test_cases";
        let document = if refused { &case["case"]["document"] } else { &case["case"] };
        let found = is_valid(document, document.as_str(), PolicyKind::Identity);
        let name = format!("{} {}", if refused { "refused" } else { "taken" }, case["index"]);
        suite.score(&name, !refused, found, false, |_| false);
    }
    // As in `policy_document_validation`, which is made of the same cases.
    suite.close(&[
        ("refused 1", "a managed policy must be of version 2012-10-17, an inline one need not"),
        ("refused 2", "as above"),
        ("taken 30", "`01T` is no date by any documented form"),
        ("taken 36", "an hour of one digit is no documented form"),
        ("taken 39", "AWS's message for a Sid asks for letters and digits"),
        ("taken 40", "as above"),
        ("taken 41", "read, but what a null in a list means is not documented: marked as not understood"),
    ]);
}
