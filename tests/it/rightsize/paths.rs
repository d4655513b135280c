//! Ways from some permissions to more, as others have listed them.

use std::sync::OnceLock;

use leastwise::catalog::Catalog;
use leastwise::inventory::{Account, Role};
use leastwise::policy::{Policy, PolicyKind, parse_value};
use leastwise::rightsize::{Coverage, ESCALATION_PATHS, Losses, Passable, RightSizer, Settings, Subject};
use serde_json::{Value, json};

use super::{ACCOUNT, ROLE, S3, attached, observation, role};
use crate::conformance::Suite;
use crate::support::policy_cases;

/// The names of the paths that a policy opens, where these roles are there to be passed; `None`: any may be.
pub(super) fn open_to(policy: Policy, others: Option<&[Role]>) -> Vec<&'static str> {
    static SIZER: OnceLock<RightSizer<'static>> = OnceLock::new();
    let sizer = SIZER.get_or_init(|| RightSizer::new(Catalog::embedded(), Settings::default()));
    let mut own = role(&[]);
    own.policies = vec![attached("policy", policy)];
    let passable = others.map(|others| {
        let roles = others.iter().chain([&own]).map(|role| (role.arn.clone(), role.clone())).collect();
        Passable::of(&Account { roles, ..Account::default() })
    });
    let subject = Subject { arn: ROLE, role: Some(&own), passable: passable.as_ref(), ..Subject::default() };
    let (losses, settings, observed) = (Losses::default(), Settings::default(), observation(S3));
    sizer.right_size(&subject, &Coverage::new(&observed, &losses, &settings)).privilege.escalation_paths
}

fn document(statements: Value) -> Policy {
    parse_value(&json!({"Version": "2012-10-17", "Statement": statements}), PolicyKind::Identity).unwrap()
}

/// The names of the paths that these actions on everything open.
fn opened(patterns: &[String]) -> Vec<&'static str> {
    open_to(document(json!({"Effect": "Allow", "Action": patterns, "Resource": "*"})), None)
}

/// Another role of the account, with what it is granted and the service it trusts.
fn other(name: &str, service: &str, policies: &[&str]) -> Role {
    let mut other = role(policies);
    other.arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    other.name = name.to_owned();
    let kind = if service.starts_with("cognito-identity") { "Federated" } else { "Service" };
    let trust = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {kind: service},
        "Action": "sts:AssumeRole"}});
    other.trust = Some(parse_value(&trust, PolicyKind::Trust).unwrap());
    other
}

const SOMETHING: &[&str] = &[r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#];

#[test]
fn a_role_must_be_there_to_be_passed_and_trust_the_service() {
    let lambda = "iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction";
    let ec2 = "iam:PassRole + ec2:RunInstances";
    let policy = |pass: Value| {
        document(
            json!([{"Effect": "Allow", "Action": ["lambda:CreateFunction", "lambda:InvokeFunction", "ec2:RunInstances"], "Resource": "*"}, pass]),
        )
    };
    let pass = |resource: &str| json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": resource});
    let (worker, machine) = (
        other("worker", "lambda.amazonaws.com", SOMETHING),
        other("machine", "ec2.amazonaws.com", SOMETHING),
    );
    let both = [worker.clone(), machine.clone()];
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let none = [""; 0];
    assert_eq!(open_to(policy(pass("*")), None), [ec2, lambda], "any role may be there");
    assert_eq!(open_to(policy(pass("*")), Some(&both)), [ec2, lambda]);
    assert_eq!(open_to(policy(pass(&arn("worker"))), Some(&both)), [lambda]);
    assert_eq!(open_to(policy(pass(&arn("mach*"))), Some(&both)), [ec2]);
    assert_eq!(open_to(policy(pass("*")), Some(&[machine])), [ec2]);
    assert_eq!(open_to(policy(pass("*")), Some(&[])), none, "itself it has");
    assert_eq!(
        open_to(policy(pass("*")), Some(&[other("empty", "ec2.amazonaws.com", &[])])),
        none,
        "it gives nothing"
    );
    assert_eq!(open_to(policy(pass("arn:aws:s3:::bucket")), None), none, "no role");
    let only = |service: &str| json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": service}}});
    assert_eq!(open_to(policy(only("ec2.amazonaws.com")), None), [ec2]);
    assert_eq!(open_to(policy(only("glue.amazonaws.com")), None), none);
    let mut everybody = worker;
    everybody.trust = Some(parse_value(&json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}), PolicyKind::Trust).unwrap());
    assert_eq!(open_to(policy(pass("*")), Some(&[everybody])), [ec2, lambda]);
}

#[test]
fn what_is_changed_must_be_what_is_started() {
    let policy = |changed: &str, started: &str| {
        let machine = |name: &str| format!("arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:{name}");
        document(json!([
            {"Effect": "Allow", "Action": "states:UpdateStateMachine", "Resource": machine(changed)},
            {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine(started)}]))
    };
    assert_eq!(open_to(policy("a*", "ab"), None), ["states:UpdateStateMachine + states:StartExecution"]);
    assert_eq!(open_to(policy("a", "b"), None), [""; 0]);
}

#[test]
fn denies_and_conditions_close_what_they_surely_close() {
    let with = |deny: Value| {
        open_to(
            document(json!([{"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "*"}, deny])),
            None,
        )
    };
    let deny = |resource: &str| json!({"Effect": "Deny", "Action": "iam:*", "Resource": resource});
    assert_eq!(with(deny("arn:aws:iam::*:role/*")), [""; 0]);
    assert_eq!(with(deny("arn:aws:iam::*:role/admin")), ["iam:PutRolePolicy"]);
    let mut without_mfa = deny("*");
    without_mfa["Condition"] = json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}});
    assert_eq!(with(without_mfa), ["iam:PutRolePolicy"]);
    let mut others = deny("*");
    others["Condition"] = json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}});
    assert_eq!(with(others), [""; 0], "it is not that role");
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn paths_of_pathfinding() {
    let Some((mut suite, cases)) = Suite::open("risk/privesc_paths_pathfinding") else { return };
    let (mut n_trusted, mut distrusted) = (0, Vec::new());
    for case in &cases {
        let required = case["required"].as_array().unwrap().iter();
        let required: Vec<String> =
            required.map(|one| one["permission"].as_str().unwrap().to_owned()).collect();
        let name = case["id"].as_str().unwrap();
        suite.score(name, true, !opened(&required).is_empty(), false, |_| false);
        // Where a role is passed, the list tells whom it must trust.
        if required.iter().any(|action| action == "iam:PassRole") {
            let told = case["prerequisites"].to_string();
            let trusted = told.split(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c));
            let trusted = trusted.map(|word| word.trim_end_matches('.'));
            let trusted: Vec<&str> = trusted.filter(|word| word.ends_with(".amazonaws.com")).collect();
            let policy = || document(json!({"Effect": "Allow", "Action": required, "Resource": "*"}));
            let open = |service: &str| {
                let paths = open_to(policy(), Some(&[other("passed", service, SOMETHING)]));
                paths.iter().any(|path| path.contains("iam:PassRole"))
            };
            if !trusted.is_empty() && !trusted.iter().any(|service| open(service)) {
                distrusted.push(format!("{name} {trusted:?}"));
            }
            n_trusted += usize::from(!trusted.is_empty());
            assert!(!open("nobody.amazonaws.com"), "{name}: a role nobody may be given opens nothing");
        }
    }
    eprintln!("  of {n_trusted} that tell whom the passed role must trust, not so here: {distrusted:?}");
    assert!(n_trusted > 15 && distrusted.is_empty());
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
