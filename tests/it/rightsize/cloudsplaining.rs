//! cloudsplaining's own unit tests, as far as they ask what this program answers as well.

use std::collections::BTreeSet;

use leastwise::catalog::{ActionId, Catalog, Levels};
use leastwise::eval::Principal;
use leastwise::eval::trust::{Caller, admits};
use leastwise::policy::{Effect, Policy, PolicyKind, PrincipalElement, parse_value};
use leastwise::rightsize::Sensitive;
use serde_json::{Value, json};

use super::paths::open_to;
use super::{attached, right_size, role};
use crate::conformance::Suite;

/// What the suite asks of something it made.
struct Asked<'a> {
    made: &'a Value,
    property: &'a str,
}

/// The value behind `NAME.PROPERTY`, or behind a variable that holds one.
fn asked<'a>(case: &'a Value, assert: &'a Value) -> Option<Asked<'a>> {
    let calls = || case["calls"].as_array().into_iter().flatten();
    let before = |name: &str, seq: &Value| {
        calls().rfind(|call| call["var"] == name && call["seq"].as_u64() < seq.as_u64())
    };
    let (mut text, mut seq) =
        (assert["args"].as_array()?.iter().find_map(|arg| arg["$expr"].as_str())?, &assert["seq"]);
    if !text.contains('.') {
        let held = before(text, seq)?;
        (text, seq) = (held["expr"].as_str()?, &held["seq"]);
    }
    let (name, property) = text.split_once('.')?;
    Some(Asked { made: before(name, seq)?, property })
}

/// A statement, or a document, as a document.
fn document(made: &Value, kind: PolicyKind) -> Option<Policy> {
    let argument = &made["args"][0];
    let whole = match argument.get("Statement") {
        Some(_) => argument.clone(),
        None if argument.get("Effect").is_some() => json!({"Version": "2012-10-17", "Statement": [argument]}),
        None => return None,
    };
    parse_value(&whole, kind).ok()
}

/// Of the catalog, what a document leaves of its grant after its own denies.
fn live(policy: &Policy) -> BTreeSet<ActionId> {
    let mut own = role(&[]);
    own.policies = vec![attached("policy", policy.clone())];
    let found = right_size(&own, &[]).comparison;
    found.effective.iter().flat_map(|statement| statement.actions.iter()).collect()
}

fn names<'a>(actions: impl IntoIterator<Item = &'a ActionId>) -> BTreeSet<String> {
    let catalog = Catalog::embedded();
    actions.into_iter().map(|id| catalog.info(*id).unwrap().action().as_str().to_lowercase()).collect()
}

/// The names of the principals of the statements that allow.
fn principals(policy: &Policy) -> BTreeSet<String> {
    let allows = policy.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    let elements = allows.filter_map(|statement| statement.principal.as_ref());
    elements
        .flat_map(|element| match element {
            PrincipalElement::Only(patterns) | PrincipalElement::Except(patterns) => patterns,
        })
        .map(|pattern| pattern.written().1.to_owned())
        .collect()
}

/// Whether somebody of an account may take the role.
fn admits_account(trust: &Policy, account: &str) -> bool {
    let caller = Caller::Aws(Principal::Role { arn: format!("arn:aws:iam::{account}:role/caller") });
    !admits(trust, &caller).is_false()
}

/// Where things run, by that program's list.
const COMPUTE: [&str; 4] = ["ec2", "ecs-tasks", "eks", "lambda"];

#[test]
fn unit_tests_of_cloudsplaining() {
    let Some((mut suite, cases)) = Suite::open("cloudsplaining/unit_tests") else { return };
    let catalog = Catalog::embedded();
    let none = BTreeSet::new;
    for case in &cases {
        for assert in case["asserts"].as_array().into_iter().flatten() {
            let title = format!("{} {}", case["test"].as_str().unwrap(), assert["seq"]);
            let Some(Asked { made, property }) = asked(case, assert) else {
                suite.skip("a whole report of that program, or a count in one");
                continue;
            };
            let literal = assert["args"].as_array().unwrap().iter().find(|arg| arg.get("$expr").is_none());
            let Some(expected) = literal.and_then(Value::as_array) else {
                suite.skip("the answer is kept as source text, or is one of that program's own objects");
                continue;
            };
            let texts: BTreeSet<String> =
                expected.iter().map(|one| one.as_str().unwrap_or_default().to_lowercase()).collect();
            let trusts = made["fn"].as_str().is_some_and(|name| name.starts_with("AssumeRole"));
            let kind = if trusts { PolicyKind::Trust } else { PolicyKind::Identity };
            let kind = if property == "principals" { PolicyKind::Resource } else { kind };
            let Some(policy) = document(made, kind) else {
                suite.skip("the policy is kept as source text, or is none to AWS");
                continue;
            };
            if made["kw"].is_object() {
                suite.skip("accounts that program is told to leave out");
                continue;
            }
            match property {
                "principals" => suite.score(&title, texts, principals(&policy), none(), |_| none()),
                "role_assumable_by_compute_services" => {
                    let admitted = COMPUTE.iter().filter(|name| {
                        let service = format!("{name}.amazonaws.com");
                        !admits(&policy, &Caller::Service(service)).is_false()
                    });
                    suite.score(
                        &title,
                        texts,
                        admitted.map(|name| (*name).to_owned()).collect(),
                        none(),
                        |_| none(),
                    );
                }
                "role_assumable_by_cross_account_principals" => {
                    // An account that is named nowhere, and those that are.
                    assert!(!admits_account(&policy, "999999999999"), "{title}");
                    let named = |text: &String| admits_account_of(&policy, text);
                    let found: BTreeSet<String> = principals(&policy)
                        .into_iter()
                        .filter(named)
                        .map(|text| text.to_lowercase())
                        .collect();
                    suite.score(&title, texts, found, none(), |_| none());
                }
                "role_assumable_by_any_principal" | "role_assumable_by_any_principal_with_conditions" => {
                    if principals(&policy).iter().any(|text| text.starts_with("arn:") && text.contains('*')) {
                        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
                        suite.skip("AWS takes no wildcard inside a principal's ARN");
                        continue;
                    }
                    let is_limited = policy.statements.iter().any(|one| !one.conditions.is_empty());
                    let is_asked = property.ends_with("conditions") == is_limited;
                    let found = is_asked && admits_account(&policy, "999999999999");
                    suite.score(&title, !texts.is_empty(), found, false, |_| false);
                }
                "allows_privilege_escalation" => {
                    if texts.is_empty() && !expected.is_empty() || expected.is_empty() && is_named(&policy) {
                        suite.skip("that program takes a named resource or any condition for safe");
                        continue;
                    }
                    let found = !open_to(policy, None).is_empty();
                    suite.score(&title, !expected.is_empty(), found, false, |_| false);
                }
                "all_allowed_actions" => {
                    suite.score(&title, texts, names(&live(&policy)), none(), |_| none());
                }
                "actions" => {
                    let missing = texts.difference(&names(&live(&policy))).cloned().collect();
                    suite.score(&title, none(), missing, none(), |_| none());
                }
                "services_in_use" => {
                    let services = names(&live(&policy));
                    let services = services.iter().map(|name| name.split(':').next().unwrap().to_owned());
                    suite.score(&title, texts, services.collect(), none(), |_| none());
                }
                "credentials_exposure"
                | "allows_data_exfiltration_actions"
                | "permissions_management_without_constraints"
                | "permissions_management_actions_without_constraints"
                | "write_actions_without_constraints"
                | "tagging_actions_without_constraints"
                | "infrastructure_modification" => {
                    if expected.is_empty() {
                        suite.skip("that program takes a named resource or any condition for safe");
                        continue;
                    }
                    let live = live(&policy);
                    let of_level = |level: Levels| -> BTreeSet<String> {
                        names(live.iter().filter(|id| catalog.info(**id).unwrap().levels().contains(level)))
                    };
                    let found = match property {
                        "credentials_exposure" => names(
                            live.iter().filter(|id| Sensitive::Credentials.actions(catalog).contains(**id)),
                        ),
                        "allows_data_exfiltration_actions" => {
                            names(live.iter().filter(|id| Sensitive::Data.actions(catalog).contains(**id)))
                        }
                        "write_actions_without_constraints" => of_level(Levels::WRITE),
                        "tagging_actions_without_constraints" => of_level(Levels::TAGGING),
                        "infrastructure_modification" => names(
                            live.iter().filter(|id| !catalog.info(**id).unwrap().levels().is_read_only()),
                        ),
                        _ => of_level(Levels::PERMISSIONS_MANAGEMENT),
                    };
                    let missing = texts.difference(&found).cloned().collect();
                    suite.score(&title, none(), missing, none(), |_| none());
                }
                _ => suite.skip("what that program calls unrestricted, or its own types"),
            }
        }
    }
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    let write = "AWS classifies it as Write; that program has a list of its own";
    suite.close(&[
        ("test_allows_specific_actions 8", write),
        ("test_allows_specific_actions 14", "a secret is counted among credentials"),
        ("test_gh_278_all_issue_types_respect_conditions_on_policy 3", "AWS classifies s3:GetObject as Read"),
        ("test_gh_278_all_issue_types_respect_conditions_on_policy 5", write),
        ("test_actions_without_constraints 2", write),
    ]);
}

/// Whether the account a principal names may take the role.
fn admits_account_of(trust: &Policy, principal: &str) -> bool {
    let caller = match principal.split(':').nth(4) {
        Some(_) if principal.contains(":user/") => Principal::from_arn(principal).map(Caller::Aws),
        Some(_) if principal.contains(":role/") => {
            Some(Caller::Aws(Principal::Role { arn: principal.to_owned() }))
        }
        Some(account) => return admits_account(trust, account),
        None => return admits_account(trust, principal),
    };
    caller.is_some_and(|caller| !admits(trust, &caller).is_false())
}

/// Whether a statement that allows names a resource, or has a condition.
fn is_named(policy: &Policy) -> bool {
    let text = format!("{:?}", policy.statements);
    text.contains("arn:aws") || policy.statements.iter().any(|statement| !statement.conditions.is_empty())
}
