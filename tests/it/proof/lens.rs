//! The permission algebra of iam-lens: its written unions, intersections and differences, compared as sets with the prover.

use leastwise::eval::{
    Context, Principal, Reach, Request, RequestResource, Truth, complete_context, match_statement,
};
use leastwise::policy::{Effect, Policy, PolicyKind};
use leastwise::proof::{Settings, Verdict, no_new_access};
use serde_json::{Map, Value, json};

use super::policy;
use crate::conformance::Suite;

/// A permission of the tables as a statement.
fn statement(permission: &Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    for (from, to) in [
        ("effect", "Effect"),
        ("action", "Action"),
        ("resource", "Resource"),
        ("conditions", "Condition"),
        ("principal", "Principal"),
        ("notPrincipal", "NotPrincipal"),
    ] {
        if let Some(part) = permission.get(from) {
            statement[to] = part.clone();
        }
    }
    if let Some(except) = permission.get("notResource") {
        statement.as_object_mut().unwrap().remove("Resource");
        statement["NotResource"] = except.clone();
    }
    if statement["Principal"].get("wildcard").is_some() {
        statement["Principal"] = json!("*");
    }
    statement
}

fn set_of(statements: Vec<Value>) -> Policy {
    let resource = statements.iter().any(|s| s.get("Principal").or(s.get("NotPrincipal")).is_some());
    let kind = if resource { PolicyKind::Resource } else { PolicyKind::Identity };
    policy(&json!({"Version": "2012-10-17", "Statement": statements}), kind)
}

fn permissions(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all.iter().flat_map(permissions).collect(),
        Value::Object(_) => vec![statement(value)],
        _ => Vec::new(),
    }
}

/// How what is written stands to what is true.
fn compared(written: &Policy, truth: &Policy) -> &'static str {
    let within = |a: &Policy, b: &Policy| no_new_access(&[b], &[a], &Settings::identity_layer()).verdict;
    match (within(written, truth), within(truth, written)) {
        (Verdict::Proven, Verdict::Proven) => "equal",
        (Verdict::Refuted, Verdict::Proven) => "larger",
        (Verdict::Proven, Verdict::Refuted) => "smaller",
        (Verdict::Refuted, Verdict::Refuted) => "another",
        _ => "unknown",
    }
}

/// The exact opposite of one condition, as conditions that must all hold: what AWS's pages say of absent keys, and no more.
fn opposite(operator: &str, key: &str, values: &Value) -> Vec<(String, Value)> {
    let lower = operator.to_ascii_lowercase();
    if lower == "null" {
        let flipped = if values == "true" || values[0] == "true" { "false" } else { "true" };
        return vec![("Null".to_owned(), json!({key: flipped}))];
    }
    let (quantifier, base) = lower.split_once(':').map_or(("", lower.as_str()), |(q, b)| (q, b));
    let (base, if_exists) = base.strip_suffix("ifexists").map_or((base, false), |base| (base, true));
    if base == "bool" {
        let wanted = values.as_str().or_else(|| values[0].as_str()).unwrap();
        let flipped = if wanted == "true" { "false" } else { "true" };
        let name = if if_exists { "Bool" } else { "BoolIfExists" };
        return vec![(name.to_owned(), json!({key: flipped}))];
    }
    let pairs = [
        ("stringequals", "stringnotequals"),
        ("stringlike", "stringnotlike"),
        ("stringequalsignorecase", "stringnotequalsignorecase"),
        ("arnlike", "arnnotlike"),
        ("arnequals", "arnnotequals"),
        ("ipaddress", "notipaddress"),
        ("numericequals", "numericnotequals"),
        ("dateequals", "datenotequals"),
        ("numericlessthan", "numericgreaterthanequals"),
        ("numericlessthanequals", "numericgreaterthan"),
        ("datelessthan", "dategreaterthanequals"),
        ("datelessthanequals", "dategreaterthan"),
    ];
    let other = pairs
        .iter()
        .find_map(|(a, b)| if *a == base { Some(*b) } else { (*b == base).then_some(*a) })
        .unwrap_or_else(|| panic!("{operator}"));
    let quantifier = match quantifier {
        "forallvalues" => "ForAnyValue:",
        "foranyvalue" => "ForAllValues:",
        _ => "",
    };
    // True without the key: what is said of an absent key turns around, too.
    let ordered = base.contains("than");
    let absent = if_exists || (quantifier.is_empty() && base.contains("not") && !ordered);
    let mut all = Vec::new();
    if quantifier.is_empty() && absent {
        // `Not…` is true without the key, its opposite is false.
        all.push(("Null".to_owned(), json!({key: "false"})));
        all.push((other.to_owned(), json!({key: values})));
    } else if quantifier.is_empty() && ordered {
        all.push((format!("{other}IfExists"), json!({key: values})));
    } else {
        all.push((format!("{quantifier}{other}"), json!({key: values})));
    }
    all
}

fn joined(conditions: Vec<(String, Value)>) -> Value {
    let mut block = Map::new();
    for (operator, keys) in conditions {
        block.insert(operator, keys);
    }
    Value::Object(block)
}

/// Statements that together allow what the one statement does not.
fn complement(of: &Value) -> Vec<Value> {
    let everything = || json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let mut all = vec![json!({"Effect": "Allow", "NotAction": of["Action"], "Resource": "*"})];
    if let Some(resource) = of.get("Resource") {
        all.push(json!({"Effect": "Allow", "Action": "*", "NotResource": resource}));
    }
    if let Some(resource) = of.get("NotResource") {
        all.push(json!({"Effect": "Allow", "Action": "*", "Resource": resource}));
    }
    for (operator, keys) in of["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().unwrap() {
            let mut statement = everything();
            statement["Condition"] = joined(opposite(operator, key, values));
            all.push(statement);
        }
    }
    if let Some(principal) = of.get("Principal") {
        for statement in &mut all {
            statement["Principal"] = json!("*");
        }
        all.push(json!({"Effect": "Allow", "NotPrincipal": principal, "Action": "*", "Resource": "*"}));
    }
    if let Some(principal) = of.get("NotPrincipal") {
        for statement in &mut all {
            statement["Principal"] = json!("*");
        }
        all.push(json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}));
    }
    all
}

/// Whether what is written is the intersection of two single statements: within both, and all that is in both.
fn is_intersection(written: Vec<Value>, a: &Value, b: &Value) -> &'static str {
    let within = |inner: Vec<Value>, outer: Vec<Value>| {
        no_new_access(&[&set_of(outer)], &[&set_of(inner)], &Settings::identity_layer()).verdict
    };
    let mut rest = complement(b);
    rest.extend(written.clone());
    let sides = [
        within(written.clone(), vec![a.clone()]),
        within(written, vec![b.clone()]),
        within(vec![a.clone()], rest),
    ];
    match sides {
        [Verdict::Proven, Verdict::Proven, Verdict::Proven] => "equal",
        [Verdict::Unknown, ..] | [_, Verdict::Unknown, _] | [.., Verdict::Unknown] => "unknown",
        [Verdict::Proven, Verdict::Proven, _] => "smaller",
        [.., Verdict::Proven] => "larger",
        _ => "another",
    }
}

fn conditional(conditions: &Value) -> Value {
    json!({"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": conditions})
}

/// What the tables of resource policies ask: whether allows reach the principal itself, its account, or denies reach it.
fn reached(principal: &str, resources: &Value, kind: PolicyKind) -> Vec<&'static str> {
    let mut kinds = std::collections::BTreeSet::new();
    for resource in resources.as_array().unwrap() {
        if resource["policy"].is_null() {
            continue;
        }
        let document = policy(&resource["policy"], kind);
        for statement in &document.statements {
            let (principal, mut context) = (Principal::from_arn(principal).unwrap(), Context::open());
            complete_context(&mut context, &principal);
            let arn = resource["arn"].as_str().unwrap();
            let request = Request {
                principal,
                // Which of the actions matters not.
                action: "none:None".to_owned(),
                resource: if arn.contains(":s3:::") {
                    RequestResource::Pattern(format!("{arn}*"))
                } else {
                    RequestResource::Arn(arn.to_owned())
                },
                resource_account: None,
                context,
            };
            let found = match_statement(statement, kind, document.version, &request);
            if found.resource == Truth::False || found.conditions == Truth::False {
                continue;
            }
            let reach = found.principal.unwrap().possible;
            kinds.extend(match (statement.effect, reach) {
                (_, Reach::None) => None,
                (Effect::Deny, _) => Some("denied"),
                (Effect::Allow, Reach::Account) => Some("account"),
                (Effect::Allow, _) => Some("principal"),
            });
        }
    }
    kinds.into_iter().collect()
}

#[test]
fn permission_algebra_of_iam_lens() {
    let Some((mut suite, cases)) = Suite::open("iam-lens/unit_tests") else { return };
    for row in &cases {
        let Some(table) = row["table"].as_str() else {
            suite.skip("calls of that program's own types");
            continue;
        };
        let case = &row["case"];
        let name = format!("{table}: {}", case["name"].as_str().unwrap());
        let both = |a: &Value, b: &Value| {
            let mut all = permissions(a);
            all.extend(permissions(b));
            set_of(all)
        };
        let names =
            |side: &str| ["principal", "notPrincipal"].iter().any(|name| case[side].get(name).is_some());
        if table.starts_with("principal") && (!names("permission") || !names("otherPermission")) {
            suite.skip("a side without any principal, a notion of that program's");
            continue;
        }
        let found = match table {
            "permissionIncludesTests" | "principalIncludesTests" => {
                suite.skip("asserted by a test of its own");
                continue;
            }
            "subtractTests" if case.get("allowPermissions").is_some() => {
                let truth = both(&case["allowPermissions"], &case["denyPermissions"]);
                compared(&both(&case["expectedAllow"], &case["expectedDeny"]), &truth)
            }
            "subtractTests" | "applyDenyConditionsToAllowTests" => {
                compared(&set_of(permissions(&case["expected"])), &both(&case["allow"], &case["deny"]))
            }
            "principalSubtractTests" => {
                let mut deny = case["otherPermission"].clone();
                deny["effect"] = "Deny".into();
                compared(&set_of(permissions(&case["expected"])), &both(&case["permission"], &deny))
            }
            "permissionUnionTests" if case["merged"].is_object() => {
                compared(&set_of(permissions(&case["merged"])), &both(&case["first"], &case["second"]))
            }
            "permissionUnionTests" => {
                suite.skip("says only that two permissions cannot be written as one");
                continue;
            }
            "principalUnionTests" => compared(
                &set_of(permissions(&case["expected"])),
                &both(&case["permission"], &case["otherPermission"]),
            ),
            "addPermissionTests" => {
                compared(&set_of(permissions(&case["expected"])), &set_of(permissions(&case["permissions"])))
            }
            "addAllTests" => compared(
                &set_of(permissions(&case["expected"])),
                &both(&case["basePermissions"], &case["permissionSetsToAdd"]),
            ),
            "toPolicyStatementsTests" | "toPolicyStatementTests" => {
                let statements = case["expectedStatements"].as_array().unwrap().clone();
                if statements.iter().all(|s| s["Effect"] == "Deny") {
                    suite.skip("denies alone allow nothing");
                    continue;
                }
                compared(&set_of(statements), &set_of(permissions(&case["permissions"])))
            }
            "statementConversionTests" | "policyConversionTests" => {
                if case["permissionSetEffect"] == "Deny" || case["expected"] == json!([]) {
                    suite.skip("denies alone allow nothing");
                    continue;
                }
                if case["options"]["includePrincipals"] != true {
                    suite.skip("that program leaves principals out unless told");
                    continue;
                }
                compared(&set_of(permissions(&case["expected"])), &set_of(vec![case["rawStatement"].clone()]))
            }
            "intersectionTests" if case.get("permissions1").is_some() => {
                let (first, second) =
                    (permissions(&case["permissions1"]), permissions(&case["permissions2"]));
                let ([a], [b]) = (first.as_slice(), second.as_slice()) else {
                    suite.skip("an intersection of several permissions each");
                    continue;
                };
                is_intersection(permissions(&case["expected"]), a, b)
            }
            "intersectionTests" => is_intersection(
                permissions(&case["intersection"]),
                &statement(&case["permission"]),
                &statement(&case["otherPermission"]),
            ),
            "principalIntersectionTests" => is_intersection(
                permissions(&case["expected"]),
                &statement(&case["permission"]),
                &statement(&case["otherPermission"]),
            ),
            "intersectConditionsTests" => {
                let written = match &case["expected"] {
                    Value::Null => Vec::new(),
                    conditions => vec![conditional(conditions)],
                };
                is_intersection(written, &conditional(&case["initialA"]), &conditional(&case["initialB"]))
            }
            "invertConditionsTests" => {
                let mut deny = conditional(&case["initial"]);
                deny["Effect"] = "Deny".into();
                let all = json!({"Effect": "Allow", "Action": "a:B", "Resource": "*"});
                compared(&set_of(vec![conditional(&case["expected"])]), &set_of(vec![all, deny]))
            }
            "iamRolesSameAccountTests"
            | "kmsKeysSameAccountTests"
            | "s3BucketsSameAccountTests"
            | "s3BucketCrossAccountTests" => {
                let (resources, kind) = match table {
                    "iamRolesSameAccountTests" => (&case["roles"], PolicyKind::Trust),
                    "kmsKeysSameAccountTests" => (&case["keys"], PolicyKind::Resource),
                    _ => (&case["buckets"], PolicyKind::Resource),
                };
                if case["rcps"].as_array().is_some_and(|rcps| !rcps.is_empty()) {
                    suite.skip("RCPs written as permissions of that program's");
                    continue;
                }
                let holds = |name: &str| case[name].as_array().is_some_and(|all| !all.is_empty());
                let found = reached(case["principal"].as_str().unwrap(), resources, kind);
                let mut wanted = Vec::new();
                for (field, kind) in [
                    ("expectedAccountAllows", "account"),
                    ("expectedDenies", "denied"),
                    ("expectedPrincipalAllows", "principal"),
                ] {
                    wanted.extend(holds(field).then_some(kind));
                }
                if table.starts_with("s3") {
                    // There, allows that reach the account and the principal are one list.
                    let mut found: Vec<&str> = found
                        .iter()
                        .map(|kind| if *kind == "denied" { "denied" } else { "allowed" })
                        .collect();
                    found.sort_unstable();
                    found.dedup();
                    let mut wanted: Vec<&str> =
                        holds("expectedAllows").then_some("allowed").into_iter().collect();
                    wanted.extend(holds("expectedDenies").then_some("denied"));
                    suite.score(&name, wanted, found, Vec::new(), |_| Vec::new());
                } else {
                    suite.score(&name, wanted, found, Vec::new(), |_| Vec::new());
                }
                continue;
            }
            "principalCanIntegrationTests" => {
                suite.skip("its data sets lie elsewhere");
                continue;
            }
            other => panic!("table {other}"),
        };
        suite.score(&name, "equal", found, "unknown", |reading| {
            if reading.to_string().contains("smaller") { "smaller" } else { "larger" }
        });
    }
    let absent = "smaller: what is true without the key is false without it in the opposite, which needs `IfExists` \
                  (reference_policies_condition-logic-multiple-context-keys-or-values, missing keys)";
    let kept = "larger: the opposite of an `IfExists` operator must be false without the key (same page)";
    let free = "a `ForAnyValue` over a negated operator without the key: the page's rule and its tables differ, so \
                nothing is claimed";
    let left_out = "that program lists a deny only beside an allow it cuts";
    suite.close(&[
        (
            "subtractTests: Allow.NotResource & Deny.NotResource - Wildcard patterns",
            "where `*` crosses colons an ARN may be of both patterns; AWS's pages differ on that",
        ),
        ("invert Bool condition remains same", absent),
        ("invert Bool false to true", absent),
        ("invert ForAllValues:NumericGreaterThan", absent),
        ("inverts deny conditions while preserving matched principal constraints", absent),
        ("invert ForAllValues:StringEqualsIfExists", kept),
        ("invert ForAnyValue:StringLikeIfExists", kept),
        ("invert IpAddressIfExists", kept),
        ("should iteratively subtract deny permissions from allow permissions", kept),
        ("invert ForAllValues:StringEquals", free),
        ("Apply deny with ForAllValues:StringEquals condition", free),
        (
            "intersect NotIpAddress with same key - common CIDRs",
            "larger: both exclusions hold, so all three blocks are excluded",
        ),
        (
            "intersect ForAnyValue:StringLike with same key - common values",
            "smaller: `env-a` beside `team-a` satisfies both",
        ),
        (
            "Deny without conditions returns allow unchanged",
            "larger: the caller of that function is to drop the allow",
        ),
        (
            "Intersecting permissions with different conditions",
            "smaller: the two conditions of the case are the same",
        ),
        (
            "with kms:ViaService condition should be ignored",
            "that program sets such statements aside on purpose",
        ),
        ("bucket with deny statement for cross-account principal without corresponding allow", left_out),
        ("bucket with both allow and deny for cross-account principal", left_out),
    ]);
}
