//! Evaluations and expansions in the unit tests of PMapper, Arsenal, iam-expand, iam-shrink, parliament and policyuniverse.

use leastwise::catalog::Catalog;
use leastwise::eval::Truth::{self, Unknown};
use leastwise::eval::{
    Context, Layer, Layers, Principal, Request, RequestResource, Verdict, action_matches, complete_context,
    decide, match_statement, resource_matches,
};
use leastwise::ident::glob::{Colons, Glob, ShortArn};
use leastwise::policy::{
    ActionElement, Policy, PolicyKind, PrincipalElement, ResourceElement, Version, parse, parse_value,
};
use serde_json::{Value, json};

use super::suites::{context_of, policy_of, resource_of, text, truth};
use crate::conformance::Suite;

/// Text as Python writes it, without its quotes.
fn plain(text: &str) -> &str {
    text.trim().trim_matches(['\'', '"'])
}

/// The last value a test gave a variable before an assertion.
fn given<'c>(case: &'c Value, variable: &str, before: &Value) -> Option<&'c Value> {
    let calls = case["calls"].as_array()?;
    calls.iter().rfind(|call| call["var"] == variable && call["seq"].as_u64() < before.as_u64())
}

/// A user or role that a test of PMapper builds: its ARN, policies and boundary.
struct Node {
    principal: Principal,
    identity: Vec<Policy>,
    boundary: Option<Policy>,
}

fn node(case: &Value, name: &str, before: &Value) -> Option<Node> {
    let built = given(case, name, before)?;
    if built["fn"] != "_build_user_with_policy" {
        return None;
    }
    let user = built["kw"]["user_name"].as_str().or_else(|| built["args"][2].as_str()).unwrap_or("asdf");
    let boundary = given(case, &format!("{name}.permissions_boundary"), before);
    let boundary = boundary.and_then(|set| given(case, set["expr"].as_str()?, before));
    Some(Node {
        principal: Principal::from_arn(&format!("arn:aws:iam::000000000000:user/{user}")).unwrap(),
        identity: vec![policy_of(&built["args"][0], PolicyKind::Identity)],
        boundary: boundary.map(|made| policy_of(&made["args"][2], PolicyKind::Boundary)),
    })
}

fn statement_matches(statement: &Value, action: &str, resource: RequestResource, context: Context) -> Truth {
    let mut statement = statement.clone();
    for (name, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        if statement.get(name).is_none() && statement.get(other).is_none() {
            statement[name] = "*".into();
        }
    }
    let document = json!({"Version": "2012-10-17", "Statement": statement});
    let policy = parse_value(&document, PolicyKind::Identity).unwrap();
    let principal = Principal::from_arn("arn:aws:iam::000000000000:user/asdf").unwrap();
    let request = Request { principal, action: action.to_owned(), resource, resource_account: None, context };
    match_statement(&policy.statements[0], PolicyKind::Identity, policy.version, &request).applies()
}

#[test]
fn unit_tests_of_pmapper() {
    let Some((mut suite, cases)) = Suite::open("pmapper/unit_tests") else { return };
    for case in &cases {
        let test = text(&case["test"]).rsplit('.').next().unwrap();
        for assert in case["asserts"].as_array().unwrap() {
            let wanted = assert["fn"] == "self.assertTrue";
            let Some(call) = assert["arg_calls"].as_array().and_then(|calls| calls.first()) else {
                suite.skip("asks for that program's own values");
                continue;
            };
            let args = call["args"].as_array().unwrap();
            let closed = |value: &Value| context_of(value, Context::closed());
            let found = match text(&call["fn"]) {
                "_statement_matches_action"
                    if args.len() == 2 && args[0].is_object() && args[1].is_string() =>
                {
                    statement_matches(&args[0], text(&args[1]), resource_of("*"), Context::closed())
                }
                "_matches_after_expansion" => {
                    let expression = args[2]["$expr"].as_str().unwrap_or_default();
                    let Some((key, value)) = expression.split_once("({").and_then(|(_, rest)| {
                        rest.trim_end_matches("})").split_once("':").map(|(k, v)| (plain(k), plain(v)))
                    }) else {
                        suite.skip("the call is kept as source text");
                        continue;
                    };
                    let context = Context::closed().with(key, value);
                    let element = ResourceElement::Only(vec![text(&args[1]).to_owned()]);
                    let resource = RequestResource::Arn(text(&args[0]).to_owned());
                    resource_matches(&element, PolicyKind::Identity, Version::V2012, &resource, &context)
                }
                "local_check_authorization" | "local_check_authorization_full" => {
                    let Some(node) =
                        node(case, args[0]["$expr"].as_str().unwrap_or_default(), &assert["seq"])
                    else {
                        suite.skip("the principal is kept as source text");
                        continue;
                    };
                    if args.iter().skip(1).any(|arg| arg.to_string().contains("$expr")) || args.len() > 6 {
                        suite.skip("the call is kept as source text");
                        continue;
                    }
                    let mut context = closed(&args[3]);
                    complete_context(&mut context, &node.principal);
                    let trust = args.get(4).filter(|policy| policy.is_object());
                    let trust = trust.map(|policy| parse_value(policy, PolicyKind::Resource).unwrap());
                    let request = Request {
                        principal: node.principal,
                        action: text(&args[1]).to_owned(),
                        resource: resource_of(text(&args[2])),
                        resource_account: Some("000000000000".to_owned()),
                        context,
                    };
                    let layers = Layers {
                        identity: Layer::of(&node.identity),
                        boundary: node.boundary.as_ref().map(|policy| Layer::of([policy])),
                        resource: trust.as_ref().map(|policy| Layer::of([policy])),
                        ..Layers::default()
                    };
                    match decide(&request, &layers).verdict {
                        Verdict::Allowed => Truth::True,
                        Verdict::ExplicitDeny | Verdict::ImplicitDeny => Truth::False,
                        Verdict::Unknown => Unknown,
                    }
                }
                _ => {
                    suite.skip("the call is kept as source text");
                    continue;
                }
            };
            let name = format!("{test} {}", assert["seq"]);
            suite.score(&name, Truth::from(wanted), found, Unknown, truth);
        }
    }
    let sets = "a set operator over `Null`: the pages contradict each other, so nothing is claimed";
    let word = "a word that is neither `true` nor `false` does not match (reference_policies_elements_condition_operators)";
    suite.close(&[
        (
            "test_arn_condition 9",
            "a negated operator over what is no ARN: not documented, so nothing is claimed",
        ),
        (
            "test_null_condition_handling 1",
            "a key with an empty value is there; that tool takes it for absent",
        ),
        ("test_null_condition_handling 10", sets),
        ("test_null_condition_handling 11", sets),
        ("test_null_condition_handling 16", sets),
        ("test_null_condition_handling 17", sets),
        ("test_datetime_condition_handling 2", "epoch time is whole seconds (same page as below)"),
        ("test_bool_condition_handling 9", word),
        ("test_bool_condition_handling 10", word),
    ]);
}

#[test]
fn unit_tests_of_arsenal() {
    let Some((mut suite, cases)) = Suite::open("arsenal/unit_tests") else { return };
    for case in &cases {
        let row = &case["case"];
        if case["table"].is_null() {
            suite.skip("the document is kept as source text; the same documents are in policy_validation");
            continue;
        }
        if row["caseSensitive"] != true {
            suite.skip("AWS compares ARNs with case");
            continue;
        }
        let glob = Glob::arn(text(&row["policyArn"]), Colons::Stop, ShortArn::Pad);
        let found = glob.is_some_and(|glob| glob.matches(text(&row["requestArn"])));
        let name = format!("{} {}", row["policyArn"], row["requestArn"]);
        suite.score(&name, row["isMatch"] == true, found, false, |_| false);
    }
    suite.close(&[]);
}

/// The embedded catalog's expansion of a pattern, in lower case and sorted.
fn expansion(pattern: &str) -> Vec<String> {
    let catalog = Catalog::embedded();
    let mut all: Vec<String> = catalog
        .expand(pattern)
        .into_iter()
        .filter_map(|id| Some(catalog.info(id)?.action().as_str().to_ascii_lowercase()))
        .collect();
    all.sort();
    all
}

fn lowered(list: &Value) -> Vec<String> {
    let mut all: Vec<String> =
        list.as_array().into_iter().flatten().map(|one| text(one).to_ascii_lowercase()).collect();
    all.sort();
    all
}

/// Patterns that another one of the list makes superfluous are left out.
fn consolidated(suite: &mut Suite, title: &str, case: &Value) {
    let patterns: Vec<&str> = case["let"]["actions"].as_array().unwrap().iter().map(text).collect();
    let is_extra = |one: &&&str| {
        patterns.iter().any(|other| other != *one && Glob::new(other).subsumes(&Glob::new(one)))
    };
    let mut found: Vec<String> =
        patterns.iter().filter(|one| !is_extra(one)).map(|one| (*one).to_owned()).collect();
    let value = &case["expect"][0]["value"];
    let mut wanted: Vec<String> = match value["$expr"].as_str() {
        Some(source) => source.split('\'').skip(1).step_by(2).map(str::to_owned).collect(),
        None => value.as_array().unwrap().iter().map(|one| text(one).to_owned()).collect(),
    };
    found.sort();
    wanted.sort();
    suite.score(title, wanted, found, Vec::new(), |_| Vec::new());
}

#[test]
fn unit_tests_of_iam_expand_and_iam_shrink() {
    for name in ["iam-expand/unit_tests", "iam-shrink/unit_tests"] {
        let Some((mut suite, cases)) = Suite::open(name) else { return };
        for case in &cases {
            let Some(title) = case["name"].as_str() else {
                suite.skip("that program's command line");
                continue;
            };
            if case["suite"][1] == "consolidateWildcardPatterns" {
                consolidated(&mut suite, title, case);
                continue;
            }
            let mocked = case.to_string().contains("vi.mocked");
            let call = case["calls"].as_array().and_then(|calls| calls.last());
            let Some((call, want)) = call.zip(case["expect"].as_array().and_then(|all| all.first())) else {
                suite.skip("the call is kept as source text");
                continue;
            };
            let args = &call["args"];
            if mocked || want["value"].get("$expr").is_some() || want["of"]["$expr"] != "result" {
                suite.skip(match mocked || case.to_string().contains("mockExpand") {
                    true => "answers are put in its catalog's mouth",
                    false => "the answer is kept as source text",
                });
                continue;
            }
            match call["fn"].as_str().unwrap_or_default() {
                "actionMatchesPattern" | "wildcardMatches" => {
                    let (action, pattern) = if call["fn"] == "actionMatchesPattern" {
                        (&args[0], &args[1])
                    } else {
                        (&args[1], &args[0])
                    };
                    let (Some(pattern), Some(action)) = (pattern.as_str(), action.as_str()) else {
                        suite.skip("the call is kept as source text");
                        continue;
                    };
                    let found = action_matches(&ActionElement::Only(vec![pattern.to_owned()]), action);
                    let wanted = want["value"].as_bool().unwrap_or(want["matcher"] == "toBeTruthy");
                    suite.score(title, Truth::from(wanted), found, Unknown, truth);
                }
                // Names of actions without their service, which is the same on both sides.
                "wildcardActionMatchesAnyString" => {
                    let pattern = ActionElement::Only(vec![format!("s3:{}", text(&args[0]))]);
                    let mut names = args[1].as_array().unwrap().iter();
                    let found = names
                        .any(|name| action_matches(&pattern, &format!("s3:{}", text(name))) == Truth::True);
                    suite.score(title, want["value"] == true, found, false, |_| false);
                }
                "matchesAnyAction" if args[0].is_string() => {
                    let found = !expansion(text(&args[0])).is_empty();
                    suite.score(title, want["value"] == true, found, false, |_| false);
                }
                "splitActionIntoParts"
                | "countSubstrings"
                | "findCommonSequences"
                | "consolidateStringWithCounts" => {
                    suite.skip("a step of that program's way to a shorter list")
                }
                _ => suite.skip("how that program writes its answer"),
            }
        }
        suite.close(&[]);
    }
}

#[test]
fn findings_and_expansions_of_parliament() {
    let Some((mut suite, cases)) = Suite::open("parliament/findings") else { return };
    for (at, case) in cases.iter().enumerate() {
        let Some(ids) = case["finding_ids"]["$set"].as_array() else {
            suite.skip("counts findings");
            continue;
        };
        let source = case["policy_text"].as_str();
        let whole = source.map_or_else(|| case["policy"].to_string(), str::to_owned);
        let principal = whole.contains("\"Principal\"") || whole.contains("\"NotPrincipal\"");
        let kind = if principal { PolicyKind::Resource } else { PolicyKind::Identity };
        let broken = ["MALFORMED", "MALFORMED_JSON", "INVALID_SID", "DUPLICATE_SID"];
        let wanted = ids.iter().any(|id| broken.contains(&text(id)));
        // The rest is advice about policies that AWS takes.
        let found = match parse(&whole, kind) {
            Err(_) => true,
            Ok(policy) => !leastwise::policy::refusals(&policy, kind).is_empty(),
        };
        let name = format!("#{at} {}", text(&case["test"]).rsplit('.').next().unwrap());
        suite.score(&name, wanted, found, false, |_| false);
    }
    suite.close(&[
        (
            "#15 test_condition_multiple",
            "AWS refuses a date that is none, as moto's record of its answers shows",
        ),
        ("#19 test_condition_operator", "AWS refuses an operator it does not know (same record)"),
        ("#48 test_resource_with_sub", "a function of CloudFormation is no resource; IAM never sees it"),
    ]);

    let Some((mut suite, cases)) = Suite::open("parliament/unit_tests") else { return };
    for case in &cases {
        let name = text(&case["test"]).rsplit('.').next().unwrap();
        if name == "test_is_glob_match" {
            for pair in case["let"]["tests"].as_array().unwrap() {
                let found = Glob::new(text(&pair[0])).overlaps(&Glob::new(text(&pair[1])));
                let title = format!("{name} {} {}", text(&pair[0]), text(&pair[1]));
                suite.score(&title, pair[2] == true, found, false, |_| false);
            }
            continue;
        }
        if name.contains("arn_match") {
            for assert in case["asserts"].as_array().unwrap() {
                let side = |at: usize| {
                    let pattern = text(&assert["call"]["args"][at]);
                    Glob::arn(pattern, Colons::Stop, ShortArn::Pad).unwrap()
                };
                let title = format!("{name} {}", assert["seq"]);
                suite.score(&title, assert["true"] == true, side(1).overlaps(&side(2)), false, |_| false);
            }
            continue;
        }
        let call = case["calls"].as_array().and_then(|calls| calls.first());
        let Some(call) = call.filter(|call| call["fn"] == "expand_action" && call["args"][0].is_string())
        else {
            let is_finding = case["asserts"].to_string().contains("finding_ids");
            suite.skip(match (is_finding, text(&case["file"])) {
                (true, _) => "asserted from parliament/findings",
                (_, file) if file.contains("action_expansion") => "an error of that program's own",
                (_, file) if file.contains("privilege_data") => "what that program's own catalog holds",
                (_, file) if file.contains("resource_formatting") => {
                    "which texts of ARNs that program finds well written"
                }
                _ => "that program's own types, or how many findings it has",
            });
            continue;
        };
        let Some(list) =
            case["asserts"][0]["right"]["$expr"].as_str().filter(|list| list.contains("'service'"))
        else {
            suite.skip("asks only how many there are");
            continue;
        };
        let parts: Vec<&str> = list.split('\'').collect();
        let after = |name: &str| -> Vec<String> {
            let places = parts.iter().enumerate().filter(|(_, part)| **part == name);
            places.filter_map(|(at, _)| Some(parts.get(at + 2)?.to_ascii_lowercase())).collect()
        };
        let wanted = after("service").into_iter().zip(after("action")).map(|(s, a)| format!("{s}:{a}"));
        let mut wanted: Vec<String> = wanted.collect();
        wanted.sort();
        let found = expansion(text(&call["args"][0]));
        suite.score(name, wanted, found, Vec::new(), |_| Vec::new());
    }
    let empty =
        "that program wants something in a part that its format has `*` for; a `*` matches nothing as well";
    suite.close(&[
        ("test_arn_match_iam_emptysegments 0", empty),
        ("test_arn_match_apigw_emptysegments 0", empty),
    ]);
}

#[test]
fn unit_tests_of_policyuniverse() {
    let Some((mut suite, cases)) = Suite::open("policyuniverse/unit_tests") else { return };
    let constants: Vec<(&str, &Value)> =
        cases.iter().filter_map(|case| Some((case["const"].as_str()?, &case["value"]))).collect();
    let constant = |name: &str| constants.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
    for case in &cases {
        if case["const"].is_string() {
            continue;
        }
        let test = text(&case["test"]).rsplit('.').next().unwrap();
        for (at, assert) in case["asserts"].as_array().into_iter().flatten().enumerate() {
            let name = format!("{test} {at}");
            let (asked, wanted) = (&assert["args"][0]["$expr"], &assert["args"][1]);
            let mut before = case["calls"].as_array().into_iter().flatten();
            let call = before.rfind(|call| call["seq"].as_u64() < assert["seq"].as_u64());
            let asked = asked.as_str().unwrap_or_default();
            if let Some(pattern) = call
                .filter(|call| call["fn"] == "_expand_wildcard_action" && wanted.is_array())
                .map(|call| &call["args"][0])
            {
                let pattern = pattern.as_str().unwrap_or_else(|| text(&pattern[0]));
                let found = expansion(pattern);
                if found.is_empty() {
                    suite.skip("a pattern that names nothing is left as it is there");
                    continue;
                }
                // Catalogs are of different dates.
                let missing: Vec<String> =
                    lowered(wanted).into_iter().filter(|a| !found.contains(a)).collect();
                suite.score(&name, Vec::<String>::new(), missing, Vec::new(), |_| Vec::new());
            } else if let Some(inner) = asked.strip_prefix("Statement(") {
                let (constant_name, method) = inner.split_once(").").unwrap_or_default();
                let Some(statement) = constant(constant_name) else {
                    suite.skip("the call is kept as source text");
                    continue;
                };
                if method != "is_internet_accessible()" {
                    suite.skip("that program's own types");
                    continue;
                }
                let mut statement = statement.clone();
                if statement["Principal"].is_string() && statement["Principal"] != "*" {
                    statement["Principal"] = json!({"AWS": statement["Principal"]});
                }
                let document = json!({"Version": "2012-10-17", "Statement": statement});
                let Ok(policy) = parse_value(&document, PolicyKind::Resource) else {
                    suite.skip("a statement that is refused when it is read");
                    continue;
                };
                // Somebody nobody has heard of, from somewhere.
                let request = Request {
                    principal: Principal::Anonymous,
                    action: "none:None".to_owned(),
                    resource: RequestResource::Unknown,
                    resource_account: None,
                    context: Context::open(),
                };
                let found =
                    match_statement(&policy.statements[0], PolicyKind::Resource, policy.version, &request);
                let limited = !policy.statements[0].conditions.is_empty();
                if limited {
                    suite.skip("which conditions keep the Internet out is asserted with Prowler's cases");
                    continue;
                }
                let allows = statement["Effect"] == "Allow";
                let found = allows && found.principal.unwrap().truth() == Truth::True;
                suite.score(&name, assert["fn"] == "self.assertTrue", found, false, |_| false);
            } else if let Some(statement) = call
                .filter(|call| call["fn"] == "Statement" && call["args"][0].get("Effect").is_some())
                .map(|call| &call["args"][0])
                .filter(|_| asked == "statement.principals" || asked == "statement.uses_not_principal()")
            {
                let mut statement = statement.clone();
                if statement["Principal"].is_string() && statement["Principal"] != "*" {
                    statement["Principal"] = json!({"AWS": statement["Principal"]});
                }
                let document = json!({"Version": "2012-10-17", "Statement": statement});
                let policy = parse_value(&document, PolicyKind::Resource).unwrap();
                let (excepts, found) = principals(policy.statements[0].principal.as_ref());
                if asked == "statement.principals" {
                    let mut wanted: Vec<String> =
                        wanted["$set"].as_array().unwrap().iter().map(|one| text(one).to_owned()).collect();
                    wanted.sort();
                    suite.score(&name, wanted, found, Vec::new(), |_| Vec::new());
                } else {
                    suite.score(&name, assert["fn"] == "self.assertTrue", excepts, false, |_| false);
                }
            } else {
                suite.skip(match text(&case["test"]).split('.').next().unwrap() {
                    "ARNTestCase" => "accessors of that program's ARNs",
                    "OrganizationTestCase" => "accessors of that program's paths of organizations",
                    "CommonTestCase" => "a helper about lists",
                    "ActionGroupTestCase" => {
                        "its names of access levels; the levels are asserted with policy_sentry's cases"
                    }
                    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
                    "PolicyTestCase" => "versions and principals that AWS does not take",
                    "StatementTestCase" => "values of conditions, whatever their operators say",
                    _ => {
                        "its own minimiser and expander, which the minimiser of the proposals is held against"
                    }
                });
            }
        }
    }
    suite.close(&[(
        "test_statement_principals 5",
        "the element is taken out of the statement first, which the case does not tell",
    )]);
}

/// Whether the element excludes, and the names in it, sorted.
fn principals(element: Option<&PrincipalElement>) -> (bool, Vec<String>) {
    let (excepts, patterns) = match element {
        None => return (false, Vec::new()),
        Some(PrincipalElement::Only(patterns)) => (false, patterns),
        Some(PrincipalElement::Except(patterns)) => (true, patterns),
    };
    let mut names: Vec<String> = patterns.iter().map(|pattern| pattern.written().1.to_owned()).collect();
    names.sort();
    (excepts, names)
}
