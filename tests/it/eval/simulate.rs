//! The raw facts of iam-simulate's own unit tests, as far as they speak of what policies mean.

use leastwise::eval::Truth::{self, Unknown};
use leastwise::eval::{Context, ContextValue, Principal, action_matches, conditions_hold, resource_matches};
use leastwise::ident::glob::{Colons, Glob, ShortArn};
use leastwise::policy::{ActionElement, Condition, Effect, PolicyKind, ResourceElement, Template, Version};
use leastwise::policy::{Statement, parse_value};
use serde_json::{Value, json};

use super::suites::{
    conditions, context_of, context_value, reach_named, reach_of, resource_of, text, texts, truth,
};
use crate::conformance::Suite;
use leastwise::eval::RequestResource;

/// The first argument of the call of a function.
fn argument<'c>(case: &'c Value, function: &str) -> Option<&'c Value> {
    let mut calls = case["calls"].as_array().into_iter().flatten();
    calls.find(|call| call["fn"] == function).map(|call| &call["args"][0])
}

/// What a case expects of an expression that ends so.
fn expected<'c>(case: &'c Value, of: &str) -> Option<&'c Value> {
    let mut all = case["expect"].as_array().into_iter().flatten();
    all.find(|one| one["of"]["$expr"].as_str().is_some_and(|expression| expression.ends_with(of)))
}

/// The request of a case: principal, resource, action and context of its first `AwsRequestImpl`.
fn request(case: &Value) -> Option<&Value> {
    let given = case["let"].as_object().into_iter().flat_map(|all| all.values());
    let made = case["calls"].as_array().into_iter().flatten().flat_map(|call| {
        call["args"].as_array().into_iter().flatten().chain(std::iter::once(&call["args"][0]))
    });
    given.chain(made).find(|value| value["$new"] == "AwsRequestImpl").map(|value| &value["args"])
}

/// The context keys a case's request holds.
fn keys(case: &Value) -> Value {
    let of_request = request(case).map(|request| request[3]["args"][0].clone());
    let of_helper = ["requestWithContext", "testRequestWithContext"].iter().find_map(|f| argument(case, f));
    of_request.or_else(|| of_helper.cloned()).unwrap_or_else(|| json!({}))
}

/// The first statement of the policy a case loads, made whole.
fn statement(case: &Value) -> Option<Value> {
    let document = argument(case, "loadPolicy")?;
    let statement = match &document["Statement"] {
        Value::Array(all) => all.first()?.clone(),
        one => one.clone(),
    };
    statement.is_object().then_some(statement)
}

/// `None`: refused when it is read, so that it allows nothing.
fn parsed(mut statement: Value) -> Option<Statement> {
    statement["Resource"] = json!("*");
    let document = json!({"Version": "2012-10-17", "Statement": statement});
    parse_value(&document, PolicyKind::Identity).ok().map(|mut policy| policy.statements.remove(0))
}

fn score_condition(suite: &mut Suite, name: &str, case: &Value) {
    // Either a policy is loaded, or the condition is given with its effect.
    let given = case["calls"].as_array().unwrap().iter().find(|call| call["fn"] == "conditionsFor");
    let element = match given {
        Some(call) => call["args"][1].clone(),
        None => match statement(case) {
            Some(statement) => statement["Condition"].clone(),
            None => return suite.skip("the policy is kept as source text"),
        },
    };
    let judge = case["calls"].as_array().unwrap().iter().find(|call| {
        ["requestMatchesConditions", "singleConditionMatchesRequest"].iter().any(|name| call["fn"] == *name)
    });
    let Some(judge) = judge else { return suite.skip("the call is kept as source text") };
    let mode = judge["args"].as_array().unwrap().last().unwrap();
    let mode = if mode["$expr"] == "simParams" { &case["let"]["simParams"] } else { mode };
    let keys = keys(case);
    let mut context = Context::closed();
    if mode["simulationMode"] == "Strict" {
        context = context_of(&keys, context);
    } else {
        // Nothing is known but of the keys named.
        context = Context::open();
        let constraint = mode["$expr"].as_str().map(|call| {
            let inner = call.trim_start_matches("discoveryWithConstraint(").trim_end_matches(')');
            let parts: Vec<&str> = inner.split(", ").collect();
            (parts[0].trim_matches('\'').to_owned(), parts[1] == "true", parts[2] == "true")
        });
        let listed =
            mode["discoveryContextKeyConstraints"]["args"][0].as_array().cloned().unwrap_or_default();
        let listed = listed.iter().map(|one| {
            (text(&one["keyName"]).to_owned(), one["presenceIsKnown"] == true, one["valueIsKnown"] == true)
        });
        for (key, presence, value) in listed.chain(constraint) {
            let found = keys.as_object().unwrap().iter().find(|(name, _)| name.eq_ignore_ascii_case(&key));
            match found {
                Some((_, found)) if presence && value => context.set(&key, context_value(found)),
                None if presence => context.set(&key, ContextValue::Absent),
                _ => {}
            }
        }
    }
    let found = conditions_hold(&conditions(&element), Version::V2012, &context);
    let is_open = expected(case, ".ignoredConditions")
        .or_else(|| expected(case, "conditionKey())"))
        .is_some_and(|one| one["matcher"] != "toBeUndefined");
    let answer = &expected(case, ".matches").unwrap()["value"];
    let wanted = match answer {
        _ if is_open => Unknown,
        Value::Bool(value) => (*value).into(),
        answer => (answer == "Match").into(),
    };
    suite.score(name, wanted, found, Unknown, truth);
}

fn score_resource(suite: &mut Suite, case: &Value) {
    let asked = text(&case["resource"]["resource"]);
    let resource = match resource_of(asked) {
        RequestResource::None if case["wildcardOnlyAction"] == true => RequestResource::None,
        RequestResource::None | RequestResource::Pattern(_) => {
            return suite.skip("the request itself holds wildcards, a feature of that simulator");
        }
        resource => resource,
    };
    let element = match case.get("resourceStatements") {
        Some(patterns) => ResourceElement::Only(texts(patterns)),
        None => ResourceElement::Except(texts(&case["notResourceStatements"])),
    };
    let kind = match case["policyType"].as_str() {
        None | Some("identity") => PolicyKind::Identity,
        Some("resource") => PolicyKind::Resource,
        Some("scp") => PolicyKind::Scp,
        Some("rcp") => PolicyKind::Rcp,
        Some("session") => PolicyKind::Session,
        Some("pb") => PolicyKind::Boundary,
        Some("vpce") => PolicyKind::VpcEndpoint,
        Some(other) => panic!("policy type {other}"),
    };
    let context = context_of(&case["context"], Context::closed());
    let found = resource_matches(&element, kind, Version::V2012, &resource, &context);
    suite.score(text(&case["name"]), truth(&case["expectMatch"]), found, Unknown, truth);
}

/// A text with variables against the texts a regular expression of it is tried on.
fn score_variables(suite: &mut Suite, name: &str, case: &Value) {
    let value = text(&case["let"]["value"]).to_owned();
    let context = context_of(&keys(case), Context::closed());
    let element = ResourceElement::Only(vec![value]);
    let mut tried = 0;
    for one in case["expect"].as_array().unwrap() {
        let of = one["of"]["$expr"].as_str().unwrap_or_default();
        let (asked, wanted) = if let Some(rest) = of.strip_prefix("result.pattern.exec('") {
            (rest.strip_suffix("')").unwrap().to_owned(), one["matcher"] == "toBeTruthy")
        } else if of == "result" && one["matcher"] == "toBe" && !text(&one["value"]).contains("${") {
            // Made into a text: which the pattern then takes.
            (text(&one["value"]).to_owned(), true)
        } else {
            continue;
        };
        tried += 1;
        let resource = RequestResource::Arn(asked.clone());
        let found = resource_matches(&element, PolicyKind::Identity, Version::V2012, &resource, &context);
        suite.score(&format!("{name}: {asked}"), Truth::from(wanted), found, Unknown, truth);
    }
    if tried == 0 {
        suite.skip("the text of that program's regular expression");
    }
}

#[test]
fn unit_tests_of_iam_simulate() {
    let Some((mut suite, cases)) = Suite::open_with_disputes_of(
        "iam-simulate/unit_tests",
        &["iam-simulate/condition_operators", "iam-simulate/resource_match"],
    ) else {
        return;
    };
    for case in &cases {
        let file = text(&case["file"]);
        let stem = file.rsplit('/').next().unwrap().trim_end_matches(".test.ts");
        let (row, raw) = (&case["case"], case["name"].as_str().unwrap_or_default());
        match (stem, case["table"].as_str()) {
            (operator, Some(_)) if file.starts_with("src/condition/") => {
                let key = "test:key".to_owned();
                let values = texts(&row["policyValues"]);
                let condition = Condition { operator: operator.to_owned(), key, values };
                let mut context = context_of(&row["requestContext"], Context::closed());
                context.set("test:key", context_value(&row["testValue"]));
                let found = conditions_hold(&[condition], Version::V2012, &context);
                let name = format!("{operator}: {}", text(&row["name"]));
                suite.score(&name, truth(&row["expected"]), found, Unknown, truth);
            }
            ("resource", Some(_)) => score_resource(&mut suite, row),
            ("resourceStrings", Some(_)) => {
                let glob = |name: &str| Glob::arn(text(&row[name]), Colons::Stop, ShortArn::Pad);
                let found = glob("patternA").zip(glob("patternB")).is_some_and(|(a, b)| a.overlaps(&b));
                suite.score(text(&row["name"]), row["overlaps"] == true, found, false, |_| false);
            }
            ("policyResources", Some("statementAllowsActionTests")) => {
                let found = parsed(row["statement"].clone()).is_some_and(|statement| {
                    statement.effect == Effect::Allow
                        && action_matches(&statement.action, text(&row["action"])) == Truth::True
                });
                suite.score(text(&row["name"]), row["expected"] == true, found, false, |_| false);
            }
            ("action", None) => {
                let Some(statement) = statement(case).and_then(parsed) else {
                    suite.skip("no policy in it");
                    continue;
                };
                let action: ActionElement = statement.action;
                let found = action_matches(&action, text(&request(case).unwrap()[2]));
                let wanted = expected(case, ".matches").map(|one| truth(&one["value"])).unwrap();
                suite.score(raw, wanted, found, Unknown, truth);
            }
            ("condition", None) => score_condition(&mut suite, raw, case),
            ("principal", None) if argument(case, "loadPolicy").is_some() => {
                let Some(statement) = statement(case) else {
                    suite.skip("the policy is kept as source text");
                    continue;
                };
                if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
                    suite.skip("a statement without principal is refused when it is read");
                    continue;
                }
                let is_discovery = case.to_string().contains(r#""simulationMode":"Discovery""#);
                let found = reach_of(&statement, &request(case).unwrap()[0], is_discovery);
                let answer = [".matches", "result", "matches"].iter().find_map(|of| expected(case, of));
                let Some(answer) = answer.filter(|one| one["value"].is_string()) else {
                    suite.skip("asks for a note of that program's, not for an answer");
                    continue;
                };
                suite.score(raw, Some(reach_named(text(&answer["value"]))), found, None, |_| None);
            }
            ("requestPrincipal", None) if case["let"]["principalInput"].is_string() => {
                let found = Principal::from_arn(text(&case["let"]["principalInput"]));
                let found = found.as_ref().and_then(Principal::account).map(str::to_owned);
                let wanted = &expected(case, ".accountId()").unwrap()["value"];
                suite.score(raw, wanted.as_str().map(str::to_owned), found, None, |_| None);
            }
            ("resource", None) => {
                let policy = Glob::new(text(&case["let"]["policyResource"]));
                let asked = Glob::new(text(&case["let"]["wildcardRequestResource"]));
                let found = match (policy.subsumes(&asked), policy.overlaps(&asked)) {
                    (true, _) => "policy_is_superset",
                    (false, true) => "overlap",
                    (false, false) => "none",
                };
                let wanted = text(&expected(case, "result").unwrap()["value"]);
                suite.score(raw, wanted, found, "unknown", |_| "unknown");
            }
            ("util", None) if case["suite"][0] == "convertIamString" => {
                score_variables(&mut suite, raw, case);
            }
            ("util", None) if case["suite"][0] == "getVariablesFromString" => {
                let template = Template::parse(text(&case["let"]["value"]), Version::V2012);
                let found: Vec<String> = template.variables().map(|variable| variable.key.clone()).collect();
                let wanted = texts(&expected(case, "result").unwrap()["value"]);
                let wanted: Vec<String> = wanted.iter().map(|key| key.to_lowercase()).collect();
                suite.score(raw, wanted, found, Vec::new(), |_| Vec::new());
            }
            ("util", None) => suite.skip("a helper of that program about S3's ARNs"),
            ("policyResources" | "resourceTypes", _) => {
                suite.skip("which kinds of resource that simulator asks about");
            }
            ("contextKeys" | "contextKeyTypes" | "findContextKeys" | "discoveryContextKeyConstraints", _) => {
                suite.skip("that program's list of condition keys");
            }
            ("principal" | "requestPrincipal", None) => suite.skip("a helper of that program"),
            ("S3ServiceAuthorizer" | "s3BlockPublicAccess", None) => {
                suite.skip("the cases are kept as source text");
            }
            (other, table) => panic!("{other} {table:?}"),
        }
    }
    let open = "nothing is known of the key's presence or value, so nothing is claimed";
    suite.close(&[
        (
            "should not match a wildcard service in the policy",
            "seen in deployed policies; read as one glob over `service:Name`, and proven under no other reading \
             (reference_policies_elements_action allows wildcards and does not say where)",
        ),
        (
            "should return no match if the base operation is not found",
            "AWS refuses an operator it does not know (reference_policies_elements_condition_operators); of one \
             that is stored nothing is claimed",
        ),
        (
            "should treat ForAnyValue:Null the same as Null",
            "Access Analyzer's policy check reference says it never holds: the two contradict each other",
        ),
        ("Should not match if none of the keys match", open),
        ("should evaluate Null false from known presence even when value is unknown", open),
        ("should not ignore Null true when presence is known and the key is present", open),
        ("presence is unknown and the key is absent but the condition matches", open),
        ("presence is unknown and the key is present but the condition matches", open),
        (
            "for assumed-role principal and request with different session name",
            "two sessions of a role are two principals (reference_policies_elements_principal)",
        ),
        (
            "should treat question marks in request patterns as literals instead of regex quantifiers",
            "a pattern is a pattern on either side",
        ),
    ]);
}
