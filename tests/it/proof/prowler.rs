//! Prowler's policy library: each of its questions is one of inclusion, and put to the prover.

use leastwise::eval::{Principal, Reach, reach};
use leastwise::policy::{PolicyKind, PrincipalElement, parse_value};
use leastwise::proof::{Settings, Verdict, no_new_access};
use serde_json::{Value, json};

use crate::conformance::Suite;

/// Whether everything one set of statements allows is allowed by another.
fn is_within(inner: Vec<Value>, outer: Vec<Value>, kind: PolicyKind) -> Option<Verdict> {
    let read = |statements: Vec<Value>| {
        parse_value(&json!({"Version": "2012-10-17", "Statement": statements}), kind).ok()
    };
    let (inner, outer) = (read(inner)?, read(outer)?);
    Some(no_new_access(&[&outer], &[&inner], &Settings::identity_layer()).verdict)
}

fn when(condition: Value) -> Value {
    json!({"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": condition})
}

/// What limits a caller, or what it acts for, to one account.
fn of_account(account: &str) -> Vec<Value> {
    let id = [
        "aws:SourceAccount",
        "aws:SourceOwner",
        "aws:PrincipalAccount",
        "aws:ResourceAccount",
        "s3:ResourceAccount",
        "kms:CallerAccount",
    ];
    let arn = ["aws:SourceArn", "aws:PrincipalArn"];
    id.into_iter()
        .map(|key| when(json!({"StringEquals": {key: account}})))
        .chain(arn.into_iter().map(|key| when(json!({"StringLike": {key: format!("*:*:*:*:{account}:*")}}))))
        .collect()
}

/// The networks that are nobody's on the Internet.
const PRIVATE: [&str; 9] = [
    "192.0.2.0/24",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "2001:db8::/32",
];

fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    }
}

/// The answer to one call, `None` when it asks something else.
fn answer(function: &str, args: &[Value], options: &Value) -> Option<Result<bool, &'static str>> {
    let within = |inner: Vec<Value>, outer: Vec<Value>| {
        // What cannot be read does nothing.
        Some(Ok(is_within(inner, outer, PolicyKind::Identity) == Some(Verdict::Proven)))
    };
    let ips = |ips: Value| vec![when(json!({"IpAddress": {"aws:SourceIp": ips}}))];
    match function {
        "is_condition_block_restrictive" => {
            if args.len() > 2 || options["is_cross_account_allowed"] == true {
                return Some(Err("several accounts may be trusted there"));
            }
            within(vec![when(args[0].clone())], of_account(args[1].as_str()?))
        }
        "is_condition_block_restrictive_organization" => {
            let organization = json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}});
            within(vec![when(args[0].clone())], vec![when(organization)])
        }
        "is_condition_restricting_from_private_ip" => {
            if args[0].as_object()?.is_empty() {
                return Some(Ok(false));
            }
            within(vec![when(args[0].clone())], ips(json!(PRIVATE)))
        }
        "is_condition_restricting_to_trusted_ips" => {
            let trusted = args.get(1).cloned().unwrap_or_else(|| json!([]));
            within(vec![when(args[0].clone())], ips(trusted))
        }
        "check_admin_access" => {
            let admin = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            within(vec![admin], statements(&args[0]))
        }
        "check_full_service_access" => {
            let full =
                json!({"Effect": "Allow", "Action": format!("{}:*", args[0].as_str()?), "Resource": "*"});
            within(vec![full], statements(&args[1]))
        }
        "policy_allows_marketplace_subscribe_on_all_resources" => {
            let none = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
            let Some(Ok(nothing)) = within(statements(&args[0]), vec![none]) else { return None };
            Some(Ok(!nothing))
        }
        "has_public_principal" => {
            let mut statement = args[0].clone();
            statement["Effect"] = "Allow".into();
            statement["Action"] = "a:B".into();
            let document = json!({"Version": "2012-10-17", "Statement": statement});
            let Ok(policy) = parse_value(&document, PolicyKind::Resource) else { return Some(Ok(false)) };
            let element: &PrincipalElement = policy.statements[0].principal.as_ref()?;
            Some(Ok(reach(element, &Principal::Anonymous).sure != Reach::None))
        }
        "is_policy_public" => {
            let plain = options.as_object().is_none_or(|all| {
                all.iter().all(|(name, value)| name == "is_cross_account_allowed" && *value == true)
            });
            if !plain {
                return Some(Err("an option of that program's checks"));
            }
            let account = args[1].as_str()?;
            let mut outer = of_account(account);
            outer.extend(ips(json!(PRIVATE)));
            for (operator, keys) in [
                ("StringLike", json!({"aws:SourceVpc": "*"})),
                ("StringLike", json!({"aws:SourceOrgID": "*"})),
                ("StringLike", json!({"aws:PrincipalOrgID": "*"})),
                ("StringLike", json!({"lambda:EventSourceToken": "*"})),
                ("StringLike", json!({"kms:ViaService": "*"})),
            ] {
                outer.push(when(json!({operator: keys})));
            }
            for statement in &mut outer {
                statement["Action"] = "*".into();
                statement["Principal"] = "*".into();
            }
            // Whoever is named is not everybody, and a service neither.
            let inner = statements(&args[0]);
            let services = inner.iter().filter_map(|s| s["Principal"].get("Service"));
            let services = services.map(|service| json!({"Service": service}));
            for named in services.chain([json!({"AWS": account})]) {
                outer.push(json!({"Effect": "Allow", "Principal": named, "Action": "*", "Resource": "*"}));
            }
            Some(match is_within(inner, outer, PolicyKind::Resource) {
                Some(verdict) => Ok(verdict != Verdict::Proven),
                None => Err("not a policy"),
            })
        }
        _ => None,
    }
}

#[test]
fn questions_of_prowler() {
    let Some((mut suite, cases)) = Suite::open("prowler/unit_tests") else { return };
    for case in &cases {
        let name = case["test"].as_str().unwrap().rsplit('.').next().unwrap();
        for (at, assert) in case["asserts"].as_array().into_iter().flatten().enumerate() {
            let call = if assert["call"].is_object() { &assert["call"] } else { &assert["left_call"] };
            let (Some(function), Some(args)) = (call["fn"].as_str(), call["args"].as_array()) else {
                suite.skip("the call is kept as source text");
                continue;
            };
            let expected = assert["true"].as_bool().or(assert["right"].as_bool());
            let Some(expected) = expected else {
                suite.skip("answered with names of that program's");
                continue;
            };
            if args.iter().any(|arg| arg.get("$expr").is_some()) {
                suite.skip("the call is kept as source text");
                continue;
            }
            match answer(function, args, &call["kw"]) {
                Some(Ok(found)) => suite.score(&format!("{name} {at}"), expected, found, false, |_| false),
                Some(Err(reason)) => suite.skip(reason),
                None => suite.skip("about names of services and repositories"),
            }
        }
    }
    let less = "something is left out, so it is not everything; that program weighs what";
    let pattern =
        "an ARN with a wildcard is no pattern in a principal (reference_policies_elements_principal)";
    suite.close(&[
        ("test_check_admin_access_not_action 0", less),
        ("test_check_admin_access_not_action_with_random_action 0", less),
        ("test_check_admin_access_not_resource_with_random_resource 0", less),
        ("test_has_public_principal_root_arn_string 0", pattern),
        ("test_has_public_principal_aws_dict_root_arn 0", pattern),
        ("test_has_public_principal_aws_list_root_arn 0", pattern),
        (
            "test_has_public_principal_canonical_user_wildcard 0",
            "a canonical user is named by id, never by `*` (same page)",
        ),
        ("test_has_public_principal_canonical_user_root_arn 0", pattern),
        ("test_has_public_principal_mixed_principals 0", pattern),
    ]);
}
