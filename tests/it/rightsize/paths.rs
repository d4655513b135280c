//! Ways from some permissions to more, as others have listed them.

use leastwise::eval::{Truth, action_matches};
use leastwise::policy::{ActionElement, Effect, Policy, PolicyKind, parse_value};
use leastwise::rightsize::ESCALATION_PATHS;
use serde_json::Value;

use crate::conformance::Suite;
use crate::support::policy_cases;

/// The names of the paths whose every action is in one of the patterns.
fn opened(patterns: &[String]) -> Vec<&'static str> {
    let element = ActionElement::Only(patterns.to_vec());
    let holds = |action: &&&str| action_matches(&element, action) == Truth::True;
    let open = |path: &&leastwise::rightsize::EscalationPath| {
        path.actions.iter().filter(holds).count() == path.actions.len()
    };
    ESCALATION_PATHS.iter().filter(open).map(|path| path.name).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn paths_of_pathfinding() {
    let Some((mut suite, cases)) = Suite::open("risk/privesc_paths_pathfinding") else { return };
    for case in &cases {
        let required = case["required"].as_array().unwrap().iter();
        let required: Vec<String> =
            required.map(|one| one["permission"].as_str().unwrap().to_owned()).collect();
        suite.score(case["id"].as_str().unwrap(), true, !opened(&required).is_empty(), false, |_| false);
    }
    suite.close(&[(
        "sts-001",
        "assuming a role is what the role's trust policy admits; the report shows the chains themselves",
    )]);
}

#[test]
fn combinations_of_prowler() {
    let Some(cases) = policy_cases() else { return };
    let text = std::fs::read_to_string(cases.join("risk/privesc_prowler.json")).unwrap();
    let combinations: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    let missed: Vec<&String> = combinations
        .iter()
        .filter(|(_, actions)| opened(&texts(actions)).is_empty())
        .map(|(name, _)| name)
        .collect();
    eprintln!(
        "risk/privesc_prowler: {} of {}, not: {missed:?}",
        combinations.len() - missed.len(),
        combinations.len()
    );
    assert!(missed.is_empty());
}

#[test]
fn ways_to_more_of_primeharbor_and_cloudsplaining() {
    let Some(cases) = policy_cases() else { return };
    let text = std::fs::read_to_string(cases.join("risk/sensitive_actions.json")).unwrap();
    let lists: Value = serde_json::from_str(&text).unwrap();
    // One action: it is a way by itself, or a step of one.
    let exceptions = [
        ("codestar:AssociateTeamMember", "AWS closed CodeStar in July 2024"),
        ("iam:CreateServiceLinkedRole", "only the service itself can take the role"),
        ("iam:CreateVirtualMFADevice", "a further factor gives no permission"),
        ("iam:EnableMFADevice", "a further factor gives no permission"),
        ("iam:ResyncMFADevice", "a further factor gives no permission"),
        ("kms:CreateGrant", "counted among what changes who may reach a resource"),
    ];
    let is_step = |action: &str| {
        ESCALATION_PATHS.iter().any(|path| path.actions.iter().any(|step| step.eq_ignore_ascii_case(action)))
    };
    let actions = texts(&lists["primeharbor"]["PrivEsc"]);
    let missed: Vec<&String> = actions.iter().filter(|action| !is_step(action)).collect();
    eprintln!(
        "risk/sensitive_actions primeharbor PrivEsc: {} of {}, exceptions: {exceptions:?}",
        actions.len() - missed.len(),
        actions.len()
    );
    assert_eq!(missed, exceptions.map(|(action, _)| action));

    let methods = lists["cloudsplaining"]["PRIVILEGE_ESCALATION_METHODS"].as_object().unwrap();
    let missed: Vec<&String> = methods
        .iter()
        .filter(|(_, actions)| opened(&texts(actions)).is_empty())
        .map(|(name, _)| name)
        .collect();
    eprintln!(
        "risk/sensitive_actions cloudsplaining PRIVILEGE_ESCALATION_METHODS: {} of {}, not: {missed:?} (an empty pipeline runs nothing)",
        methods.len() - missed.len(),
        methods.len()
    );
    assert_eq!(missed, ["PassExistingRoleToNewDataPipeline"]);
}

/// The actions a policy allows somewhere; denies are not looked at.
fn allowed(policy: &Policy) -> Vec<String> {
    let allows = policy.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    allows
        .filter_map(|statement| match &statement.action {
            ActionElement::Only(patterns) => Some(patterns.clone()),
            ActionElement::Except(_) => None,
        })
        .flatten()
        .collect()
}

#[test]
fn escalations_of_cloudsplaining() {
    let Some((mut suite, cases)) = Suite::open("cloudsplaining/unit_tests") else { return };
    for case in &cases {
        for assert in case["asserts"].as_array().into_iter().flatten() {
            let asked = assert["args"][0]["$expr"].as_str().unwrap_or_default();
            let Some(expected) =
                assert["args"][1].as_array().filter(|_| asked.ends_with("allows_privilege_escalation"))
            else {
                suite.skip("exposure by that program's own lists, or its own types");
                continue;
            };
            let made = case["calls"].as_array().into_iter().flatten().rfind(|call| {
                call["fn"] == "PolicyDocument" && call["seq"].as_u64() < assert["seq"].as_u64()
            });
            let Some(made) = made else {
                suite.skip("the policy is kept as source text");
                continue;
            };
            if expected.is_empty() && made["args"][0].to_string().contains("arn:aws") {
                suite.skip("that program takes a named resource for safe");
                continue;
            }
            if expected.is_empty() && made["args"][0].to_string().contains("\"Condition\"") {
                suite.skip("that program takes any condition for safe");
                continue;
            }
            let policy = parse_value(&made["args"][0], PolicyKind::Identity).unwrap();
            let found = !opened(&allowed(&policy)).is_empty();
            let name = format!("{} {}", case["test"].as_str().unwrap(), assert["seq"]);
            suite.score(&name, !expected.is_empty(), found, false, |_| false);
        }
    }
    suite.close(&[]);
}
