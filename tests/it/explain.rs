//! Why calls are refused: on the sample, on real logs, and by questions as a user would put them.

mod corpus;
mod decoded;
mod live;
mod organization;
mod said;
mod session;
mod stored;

use std::path::Path;
use std::process::{Command, Stdio};

use leastwise::catalog::Catalog;
use leastwise::explain::{Assumption, Explanation, Refusals, assumption, explain};
use leastwise::inventory::{self, Inventory};
use leastwise::record::{Event, with_json};
use serde_json::{Value, json};

use crate::support::root;

/// The snapshot of the sample, with or without its manifests.
fn sample(manifests: bool) -> Inventory {
    let logs = root().join("sample-logs");
    let kubernetes = if manifests { vec![logs.join("kubernetes")] } else { Vec::new() };
    inventory::read(&[logs.join("iam")], &kubernetes).unwrap()
}

/// The explanations of some records.
fn of_records(records: &[Value], inventory: &Inventory) -> Vec<Explanation> {
    let mut refusals = Refusals::default();
    for record in records {
        with_json(&record.to_string(), |json| {
            refusals.add(&Event::parse(json).unwrap(), Catalog::embedded())
        })
        .unwrap();
    }
    refusals.into_list().iter().map(|refusal| explain(refusal, inventory)).collect()
}

fn of_record(record: &Value, inventory: &Inventory) -> Explanation {
    let mut found = of_records(std::slice::from_ref(record), inventory);
    assert_eq!(found.len(), 1, "{record}");
    found.remove(0)
}

/// An inventory of one account with these roles (in AWS's shape) and OIDC providers.
fn account(roles: Value, providers: Value) -> Inventory {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("account.json");
    let page = json!({"RoleDetailList": roles, "UserDetailList": [], "GroupDetailList": [], "Policies": []});
    let providers = json!({"OpenIDConnectProviderList": providers});
    std::fs::write(&file, format!("{page}\n{providers}")).unwrap();
    inventory::read(&[file], &[]).unwrap()
}

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/AAAABBBBCCCCDDDD";

fn provider(account: &str, issuer: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{issuer}")
}

/// A role whose trust policy holds these statements and whose inline policy these.
fn role(name: &str, trust: Value, allowed: Value) -> Value {
    json!({"Path": "/", "RoleName": name, "RoleId": format!("AROA{name}"), "Arn": format!("arn:aws:iam::111111111111:role/{name}"),
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust},
        "RolePolicyList": [{"PolicyName": "inline", "PolicyDocument": {"Version": "2012-10-17", "Statement": allowed}}],
        "AttachedManagedPolicies": [], "InstanceProfileList": []})
}

/// A trust statement for one subject of [`ISSUER`], compared with `operator`.
fn trusts(operator: &str, subject: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"Federated": provider("111111111111", ISSUER)}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"}, operator: {format!("{ISSUER}:sub"): subject}}})
}

fn anything() -> Value {
    json!({"Effect": "Allow", "Action": "*", "Resource": "*"})
}

fn ask(role: &str, subject: &str) -> Assumption {
    Assumption { role: role.to_owned(), subject: subject.to_owned(), ..Assumption::default() }
}

fn run(args: &[&str]) -> (i32, String, String) {
    run_with(args, &[])
}

fn run_with(args: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leastwise"));
    command.args(args).current_dir(root()).env_clear().stdin(Stdio::null());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Every refusal of the sample: event, action, layer, explicit, cause, the policy that holds the statement, its number, agreement, calls.
const SAMPLE: &[&str] = &[
    "GetParameter ssm:GetParameter identity false no-allow `catalog` 3 agree 1",
    "DeleteObject s3:DeleteObject identity true explicit-deny `catalog` 2 agree 3",
    "PutSecretValue secretsmanager:PutSecretValue boundary false no-allow `northwind-workload-boundary` 0 agree 2",
    "AssumeRole sts:AssumeRole trust false principal `trust policy of northwind-deploy-infra` 0 one-witness 1",
    "TerminateInstances ec2:TerminateInstances identity false no-allow `support` 0 agree 1",
    "DescribeVpcs ec2:DescribeVpcs identity false no-allow `support` 0 one-witness 1",
    "GetObject s3:GetObject identity false no-allow `exports` 0 one-witness 4",
    "CreateDBInstance rds:CreateDBInstance scp true guardrail `AdministratorAccess` 0 one-witness 1",
    "AssumeRoleWithWebIdentity sts:AssumeRoleWithWebIdentity trust false subject `trust policy of northwind-checkout` 0 agree 3",
];

#[test]
fn every_refusal_of_the_sample_is_explained() {
    let (exit, out, err) = run(&[
        "explain",
        "sample-logs",
        "--iam",
        "sample-logs/iam",
        "--kubernetes",
        "sample-logs/kubernetes",
        "--format",
        "json",
    ]);
    // One object of the sample was cut off.
    assert_eq!(exit, 4, "{err}");
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    let row = |one: &Value| {
        let text = |pointer: &str| one.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
        let number = |pointer: &str| one.pointer(pointer).and_then(Value::as_i64).unwrap_or(-1);
        format!(
            "{} {} {} {} {} `{}` {} {} {}",
            text("/event/name"),
            text("/action"),
            text("/layer"),
            one["explicit"],
            text("/cause"),
            text("/statement/policy"),
            number("/statement/index"),
            text("/agreement"),
            number("/event/calls")
        )
    };
    let found: Vec<String> = found.iter().map(row).collect();
    assert_eq!(found, SAMPLE);
}

#[test]
fn explanations_keep_to_their_schema() {
    let (_, schema, _) = run(&["schema", "explanation"]);
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let (_, out, _) = run(&["explain", "sample-logs", "--iam", "sample-logs/iam", "--format", "json"]);
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(found.len(), SAMPLE.len());
    for one in &found {
        let errors: Vec<String> = validator.iter_errors(one).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(one["suggestion"]["is_proposal"], json!(true));
    }
}

#[test]
fn a_service_account_one_letter_off_is_found_as_a_user_would_ask() {
    let args = [
        "explain",
        "--role",
        "northwind-checkout",
        "--subject",
        "system:serviceaccount:shop:chekout",
        "--iam",
        "sample-logs/iam",
    ];
    let (exit, out, err) = run(&args);
    assert_eq!((exit, err.as_str()), (0, ""));
    for part in [
        "denied by the role's trust policy, implicitly (subject)",
        "the ServiceAccount is one letter off: `chekout` for `checkout`",
        "/AssumeRolePolicyDocument/Statement/0",
        "A proposal",
        "correct it to `system:serviceaccount:shop:checkout` instead",
    ] {
        assert!(out.contains(part), "`{part}` in\n{out}");
    }
    // The manifests know which of the two exists: then nothing in IAM has to change.
    let with = [&args[..], &["--kubernetes", "sample-logs/kubernetes", "--format", "json"]].concat();
    let (_, out, _) = run(&with);
    let one: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(one["suggestion"]["target"], "request");
    let change = one["suggestion"]["change"].as_str().unwrap();
    assert!(change.contains("`checkout` of namespace `shop`"), "{change}");
    let condition = &one["failed_conditions"][0];
    assert_eq!(condition["expected"], json!(["system:serviceaccount:shop:checkout"]));
    assert_eq!(condition["actual"], json!(["system:serviceaccount:shop:chekout"]));
    assert_eq!(condition["nearest"]["difference"], "one-letter");
}

#[test]
fn questions_about_the_sample_have_the_right_answer() {
    let inventory = sample(true);
    let sa = |text: &str| format!("system:serviceaccount:{text}");
    let base = "northwind-checkout";
    let with = |change: fn(&mut Assumption)| {
        let mut question = ask(base, "system:serviceaccount:shop:checkout");
        change(&mut question);
        question
    };
    for (question, verdict, layer, cause, difference) in [
        (ask(base, &sa("shop:checkout")), "allowed", "none", "admitted", None),
        (
            ask("arn:aws:iam::210920738480:role/workloads/northwind-checkout", &sa("shop:checkout")),
            "allowed",
            "none",
            "admitted",
            None,
        ),
        (ask(base, &sa("shop:checkuot")), "denied", "trust", "subject", Some("one-letter")),
        (ask(base, &sa("payments:checkout")), "denied", "trust", "subject", Some("namespace")),
        (ask(base, &sa("shop:catalog")), "denied", "trust", "subject", Some("service-account")),
        (with(|one| one.audience = Some("openshift".to_owned())), "denied", "trust", "audience", None),
        (
            with(|one| one.provider = Some("northwind-data".to_owned())),
            "denied",
            "trust",
            "issuer",
            Some("issuer"),
        ),
        (
            with(|one| {
                one.provider = Some(
                    "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF".to_owned(),
                )
            }),
            "denied",
            "trust",
            "issuer",
            Some("issuer"),
        ),
        (
            ask("northwind-chekout", &sa("shop:checkout")),
            "denied",
            "trust",
            "role-missing",
            Some("one-letter"),
        ),
        (
            ask("arn:aws:iam::210920738480:role/northwind-checkout", &sa("shop:checkout")),
            "denied",
            "trust",
            "role-missing",
            Some("path"),
        ),
        (
            ask("arn:aws:iam::999999999999:role/x", &sa("shop:checkout")),
            "unknown",
            "unknown",
            "account-not-in-snapshot",
            None,
        ),
        (ask("northwind-payments-api", &sa("payments:payments-api")), "allowed", "none", "admitted", None),
        (
            ask("northwind-payments-api", &sa("payments:payment-api")),
            "denied",
            "trust",
            "no-association",
            None,
        ),
        (ask("northwind-payments-api", "pods.eks.amazonaws.com"), "allowed", "none", "admitted", None),
        (ask("northwind-payments-api", "ec2.amazonaws.com"), "denied", "trust", "principal", None),
        (
            ask("northwind-dag-orders", "arn:aws:iam::210920738480:role/northwind-airflow-worker"),
            "allowed",
            "none",
            "admitted",
            None,
        ),
        (
            ask("northwind-deploy-infra", "arn:aws:iam::210920738480:role/northwind-airflow-worker"),
            "denied",
            "trust",
            "principal",
            None,
        ),
        (
            ask("northwind-deploy-infra", "repo:northwind/infra:environment:production"),
            "denied",
            "trust",
            "subject",
            Some("immutable-subject"),
        ),
        (
            ask("northwind-deploy-infra", "repo:northwind@5539426/infra@930916773:pull_request"),
            "denied",
            "trust",
            "subject",
            Some("ref"),
        ),
    ] {
        let found = assumption(&question, &inventory);
        let verdict_word = serde_json::to_value(found.verdict).unwrap();
        assert_eq!(
            (verdict_word.as_str().unwrap(), found.layer.as_str(), found.cause.as_str()),
            (verdict, layer, cause),
            "{question:?}\n{found:#?}"
        );
        let nearest = found
            .failed_conditions
            .iter()
            .filter_map(|one| one.nearest.as_ref())
            .chain(found.mismatches.iter().filter_map(|one| one.nearest.as_ref()))
            .next()
            .map(|near| near.difference.clone());
        assert_eq!(nearest.as_deref(), difference, "{question:?}\n{found:#?}");
        assert_eq!(found.suggestion.is_none(), verdict != "denied", "{question:?}\n{found:#?}");
    }
}

#[test]
fn a_proposed_trust_policy_admits_the_caller_and_nobody_else() {
    let roles = json!([
        role("exact", json!([trusts("StringEquals", "system:serviceaccount:shop:api")]), anything()),
        role("literal", json!([trusts("StringEquals", "system:serviceaccount:shop:*")]), anything()),
        role("like", json!([trusts("StringLike", "system:serviceaccount:shop:web-*")]), anything()),
        role(
            "other-issuer",
            json!([{"Effect": "Allow", "Principal": {"Federated": provider("111111111111", "oidc.eks.eu-west-1.amazonaws.com/id/9999")},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"oidc.eks.eu-west-1.amazonaws.com/id/9999:sub": "system:serviceaccount:shop:api"}}}]),
            anything()
        ),
    ]);
    let inventory = account(roles, json!([]));
    for (role, cause) in
        [("exact", "subject"), ("literal", "subject"), ("like", "subject"), ("other-issuer", "issuer")]
    {
        let question =
            Assumption { provider: Some(ISSUER.to_owned()), ..ask(role, "system:serviceaccount:shop:apis") };
        let found = assumption(&question, &inventory);
        assert_eq!(found.cause, cause, "{role}: {found:#?}");
        let suggestion = found.suggestion.unwrap();
        assert!(suggestion.checked, "{role}");
        let document = suggestion.document.unwrap();
        let new = leastwise::policy::parse_value(&document, leastwise::policy::PolicyKind::Trust).unwrap();
        let admits = |subject: &str| {
            let caller = leastwise::eval::trust::Caller::WebIdentity {
                provider: provider("111111111111", ISSUER),
                subject: subject.to_owned(),
                audience: Some("sts.amazonaws.com".to_owned()),
            };
            leastwise::eval::trust::admits(&new, &caller).is_true()
        };
        assert!(admits("system:serviceaccount:shop:apis"), "{role}");
        assert!(!admits("system:serviceaccount:shop:apix"), "{role}");
    }
    let found = assumption(
        &Assumption { provider: Some(ISSUER.to_owned()), ..ask("literal", "system:serviceaccount:shop:api") },
        &inventory,
    );
    assert_eq!(found.failed_conditions[0].nearest.as_ref().unwrap().difference, "literal-wildcard");
}

#[test]
fn a_provider_that_is_missing_or_registers_another_audience_is_found_before_the_trust_policy() {
    let roles =
        json!([role("app", json!([trusts("StringEquals", "system:serviceaccount:n:s")]), anything())]);
    let providers = |issuer: &str, audience: &str| json!([{"Arn": provider("111111111111", issuer), "ClientIDList": [audience]}]);
    let other = "oidc.eks.eu-west-1.amazonaws.com/id/AAAABBBBCCCCDDD0";
    for (issuer, audience, subject, cause, layer) in [
        (ISSUER, "sts.amazonaws.com", "n:s", "admitted", "none"),
        (ISSUER, "openshift", "n:s", "audience-not-registered", "identity-provider"),
        (other, "sts.amazonaws.com", "n:s", "provider-missing", "identity-provider"),
        // Both stand in the way: the provider comes first, the trust policy is noted.
        (other, "sts.amazonaws.com", "n:t", "provider-missing", "identity-provider"),
    ] {
        let inventory = account(roles.clone(), providers(issuer, audience));
        let found = assumption(&ask("app", &format!("system:serviceaccount:{subject}")), &inventory);
        assert_eq!((found.cause.as_str(), found.layer.as_str()), (cause, layer), "{found:#?}");
        let noted = found.notes.iter().any(|note| note.contains("would refuse as well"));
        assert_eq!(noted, subject == "n:t", "{found:#?}");
        if cause == "provider-missing" {
            assert!(found.reason.contains("one letter off"), "{}", found.reason);
        }
    }
}

/// One record of a session of role `app`, refused.
fn refused(source: &str, name: &str, code: &str, message: &str) -> Value {
    json!({"eventVersion": "1.11", "eventTime": "2026-03-01T10:00:00Z", "eventSource": source, "eventName": name, "awsRegion": "eu-west-1",
        "eventID": format!("{name}-{}", message.len()), "recipientAccountId": "111111111111", "errorCode": code, "errorMessage": message,
        "requestParameters": null, "responseElements": null, "sourceIPAddress": "192.0.2.1", "eventType": "AwsApiCall",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAapp:s", "arn": "arn:aws:sts::111111111111:assumed-role/app/s",
            "accountId": "111111111111", "accessKeyId": "ASIAEXAMPLE0000000001", "sessionContext": {"sessionIssuer": {"type": "Role",
            "principalId": "AROAapp", "arn": "arn:aws:iam::111111111111:role/app", "accountId": "111111111111", "userName": "app"}}}})
}

#[test]
fn every_documented_message_names_its_layer() {
    let inventory = account(json!([role("app", json!([]), anything())]), json!([]));
    let on = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k";
    for (tail, layer, explicit, cause, agreement) in [
        (
            "because no identity-based policy allows the s3:GetObject action",
            "identity",
            false,
            "admitted",
            "differ",
        ),
        (
            "with an explicit deny in an identity-based policy: arn:aws:iam::111111111111:policy/p",
            "identity",
            true,
            "admitted",
            "differ",
        ),
        (
            "because no permissions boundary allows the s3:GetObject action",
            "boundary",
            false,
            "no-allow",
            "one-witness",
        ),
        ("with an explicit deny in a permissions boundary", "boundary", true, "explicit-deny", "one-witness"),
        (
            "because no session policy allows the s3:GetObject action",
            "session",
            false,
            "no-allow",
            "one-witness",
        ),
        ("with an explicit deny in a session policy", "session", true, "explicit-deny", "one-witness"),
        (
            "because no resource-based policy allows the s3:GetObject action",
            "resource",
            false,
            "no-allow",
            "one-witness",
        ),
        (
            "with an explicit deny in a resource-based policy",
            "resource",
            true,
            "explicit-deny",
            "one-witness",
        ),
        (
            "because no service control policy allows the s3:GetObject action",
            "scp",
            false,
            "guardrail",
            "one-witness",
        ),
        ("with an explicit deny in a service control policy", "scp", true, "guardrail", "one-witness"),
        ("with an explicit deny in a resource control policy", "rcp", true, "guardrail", "one-witness"),
        (
            "because no VPC endpoint policy allows the s3:GetObject action",
            "vpc-endpoint",
            false,
            "guardrail",
            "one-witness",
        ),
        ("with an explicit deny in a VPC endpoint policy", "vpc-endpoint", true, "guardrail", "one-witness"),
        ("with an explicit deny", "unknown", true, "explicit-deny", "one-witness"),
        ("", "unknown", false, "not-told", "one-witness"),
    ] {
        let message = format!("{on} {tail}");
        let found = of_record(
            &refused("s3.amazonaws.com", "GetObject", "AccessDenied", message.trim_end()),
            &inventory,
        );
        let agreement_word = serde_json::to_value(found.agreement).unwrap();
        assert_eq!(
            (found.layer.as_str(), found.explicit, agreement_word.as_str().unwrap()),
            (layer, explicit, agreement),
            "{tail}\n{found:#?}"
        );
        assert_eq!(found.cause, cause, "{tail}\n{found:#?}");
        assert_eq!(found.action.as_deref(), Some("s3:GetObject"), "{tail}");
        assert!(!found.reason.is_empty(), "{tail}");
    }
}

#[test]
fn encoded_messages_say_what_decoding_needs() {
    let inventory = account(
        json!([role(
            "app",
            json!([]),
            json!({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"})
        )]),
        json!([]),
    );
    let blob = "x".repeat(900);
    for (message, cut) in [
        (
            format!(
                "You are not authorized to perform this operation. Encoded authorization failure message: {blob}"
            ),
            false,
        ),
        (
            format!(
                "You are not authorized to perform this operation. Encoded authorization failure message: {blob}..."
            ),
            true,
        ),
    ] {
        let found = of_record(
            &refused("ec2.amazonaws.com", "StopInstances", "Client.UnauthorizedOperation", &message),
            &inventory,
        );
        assert_eq!(
            (found.layer.as_str(), found.action.as_deref()),
            ("identity", Some("ec2:StopInstances")),
            "{found:#?}"
        );
        let note = found.notes.iter().find(|note| note.contains("sts:DecodeAuthorizationMessage")).unwrap();
        assert_eq!(note.contains("cut it off at 1 KB"), cut);
        assert!(!serde_json::to_string(&found).unwrap().contains(&blob), "the blob is not repeated");
    }
    let trailer = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject because no identity-based policy allows the s3:GetObject action. Go to https://console.aws.amazon.com/iam/home#/access-troubleshooter for complete details, or call the iam:GetAuthorizationDetails API with the following authorization id: 01234567-89ab-cdef-0123-456789abcdef";
    let found = of_record(&refused("s3.amazonaws.com", "GetObject", "AccessDenied", trailer), &inventory);
    assert!(
        found.notes.iter().any(|note| note.contains("01234567-89ab-cdef-0123-456789abcdef")),
        "{found:#?}"
    );
}

#[test]
fn conditions_that_do_not_hold_are_shown_with_both_values() {
    let allowed = json!({"Sid": "OnlyHere", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}});
    let inventory = account(json!([role("app", json!([]), allowed)]), json!([]));
    let message = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no identity-based policy allows the s3:GetObject action";
    let found = of_record(&refused("s3.amazonaws.com", "GetObject", "AccessDenied", message), &inventory);
    assert_eq!(
        (found.cause.as_str(), found.statement.unwrap().sid.as_deref()),
        ("condition", Some("OnlyHere"))
    );
    let failed = &found.failed_conditions[0];
    assert_eq!(
        (failed.expected.as_slice(), failed.actual.as_slice()),
        (&["eu-central-1".to_owned()][..], &["eu-west-1".to_owned()][..])
    );
}

#[test]
fn tokens_that_sts_does_not_accept_are_told_apart() {
    let inventory = account(
        json!([role("app", json!([trusts("StringEquals", "system:serviceaccount:n:s")]), anything())]),
        json!([]),
    );
    for (code, message, layer, cause) in [
        (
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/X",
            "identity-provider",
            "provider-missing",
        ),
        (
            "InvalidIdentityTokenException",
            "Incorrect token audience",
            "identity-provider",
            "audience-not-registered",
        ),
        (
            "InvalidIdentityToken",
            "Missing a required claim: aud",
            "identity-provider",
            "audience-not-registered",
        ),
        (
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
            "identity-provider",
            "token-refused",
        ),
        (
            "ExpiredTokenException",
            "Token expired: current date/time 1 must be before the expiration date/time 0",
            "identity-provider",
            "token-expired",
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "trust",
            "session-too-long",
        ),
        ("AccessDenied", "An unknown error occurred", "trust", "subject"),
    ] {
        let record = json!({"eventVersion": "1.08", "eventTime": "2026-03-01T10:00:00Z", "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRoleWithWebIdentity", "awsRegion": "eu-west-1", "eventID": "e", "recipientAccountId": "111111111111",
            "errorCode": code, "errorMessage": message, "responseElements": null,
            "requestParameters": {"roleArn": "arn:aws:iam::111111111111:role/app", "roleSessionName": "x"},
            "userIdentity": {"type": "WebIdentityUser", "userName": "system:serviceaccount:n:z",
                "principalId": format!("{}:sts.amazonaws.com:system:serviceaccount:n:z", provider("111111111111", ISSUER)),
                "identityProvider": provider("111111111111", ISSUER)}});
        let found = of_record(&record, &inventory);
        assert_eq!((found.layer.as_str(), found.cause.as_str()), (layer, cause), "{message}\n{found:#?}");
        // The same with everything that AWS may leave out.
        let mut bare = record.clone();
        bare["requestParameters"] = Value::Null;
        bare["userIdentity"] = Value::Null;
        let found = of_record(&bare, &inventory);
        assert_eq!(found.layer, layer, "{message}\n{found:#?}");
    }
}

#[test]
fn a_refused_assume_role_without_parameters_is_traced_by_its_message() {
    let trust =
        |who: &str| json!([{"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"}]);
    let only = |resource: &str| json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource});
    let message = |target: &str| {
        format!(
            "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/{target}"
        )
    };
    let inventory = account(
        json!([
            role("app", json!([]), only("arn:aws:iam::111111111111:role/target")),
            role("target", trust("arn:aws:iam::111111111111:role/apps"), anything()),
            role("open", trust("arn:aws:iam::111111111111:root"), anything()),
            role("named", trust("arn:aws:iam::111111111111:role/app"), anything()),
        ]),
        json!([]),
    );
    for (target, layer, cause) in [
        // The trust policy names a role one letter longer.
        ("target", "trust", "principal"),
        // The account is trusted; the caller's own policy does not allow it.
        ("open", "identity", "no-allow"),
        // The role itself is trusted, which suffices within an account.
        ("named", "unknown", "admitted"),
        ("tarqet", "trust", "role-missing"),
    ] {
        let found = of_record(
            &refused("sts.amazonaws.com", "AssumeRole", "AccessDenied", &message(target)),
            &inventory,
        );
        assert_eq!((found.layer.as_str(), found.cause.as_str()), (layer, cause), "{target}\n{found:#?}");
    }
}

#[test]
fn alike_refusals_are_counted_once_each_whatever_the_order() {
    let one = |id: &str, time: &str| {
        let mut record = refused("s3.amazonaws.com", "GetObject", "AccessDenied", "Access Denied");
        record["eventID"] = json!(id);
        record["eventTime"] = json!(time);
        record
    };
    let records = [
        one("b", "2026-03-01T10:00:01Z"),
        one("a", "2026-03-01T10:00:01Z"),
        one("c", "2026-03-01T11:00:00Z"),
        one("a", "2026-03-01T10:00:01Z"),
    ];
    let add = |all: &mut Refusals, record: &Value| {
        with_json(&record.to_string(), |json| all.add(&Event::parse(json).unwrap(), Catalog::embedded()))
            .unwrap();
    };
    for split in 0..records.len() {
        let (mut left, mut right) = (Refusals::default(), Refusals::default());
        records[..split].iter().for_each(|record| add(&mut left, record));
        records[split..].iter().for_each(|record| add(&mut right, record));
        for merged in [left.clone().merge(right.clone()), right.merge(left)] {
            let list = merged.into_list();
            assert_eq!(list.len(), 1);
            let event = explain(&list[0], &Inventory::default()).event.unwrap();
            assert_eq!(
                (event.id.as_str(), event.calls, event.last.as_str()),
                ("a", 3, "2026-03-01T11:00:00Z")
            );
        }
    }
}

#[test]
fn the_command_line_refuses_what_makes_no_sense() {
    for (args, exit, said) in [
        (&["explain"][..], 2, "there is nothing to explain"),
        (&["explain", "--role", "r"], 2, "--subject"),
        (
            &["explain", "sample-logs", "--role", "r", "--subject", "s", "--iam", "sample-logs/iam"],
            2,
            "--role asks about a role without a log",
        ),
        (&["explain", "--event", "no-such-event"], 2, "no file of that name"),
        (
            &["explain", "sample-logs", "--event", "no-such-event", "--iam", "sample-logs/iam"],
            3,
            "no event has the id",
        ),
        (&["explain", "missing", "--iam", "sample-logs/iam"], 3, "cannot read `missing`"),
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str()), (exit, ""), "{args:?}\n{err}");
        assert!(err.contains(said), "{args:?}\n{err}");
    }
}

#[test]
fn text_from_a_log_is_shown_and_not_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("event.json");
    let mut record = refused("s3.amazonaws.com", "GetObject", "AccessDenied", "Access Denied \u{1b}[31m");
    record["eventID"] = json!("e\u{1b}[2J");
    std::fs::write(&file, record.to_string()).unwrap();
    for format in ["text", "json"] {
        let (exit, out, _) = run(&["explain", path(&file), "--format", format]);
        assert_eq!(exit, 0);
        assert!(!out.contains('\u{1b}'), "{out}");
    }
}

/// As many ServiceAccounts as a trust policy of 8 KB can list, and one that is a letter off the last.
#[test]
fn a_trust_policy_of_8_kb_is_looked_through_to_its_end() {
    let subjects: Vec<String> =
        (0..150).map(|n| format!("system:serviceaccount:namespace-{n:03}:account-{n:03}")).collect();
    let mut statement = trusts("StringEquals", "");
    statement["Condition"]["StringEquals"][format!("{ISSUER}:sub")] = json!(subjects);
    assert!(statement.to_string().len() > 7_500);
    let inventory = account(json!([role("app", json!([statement]), anything())]), json!([]));
    let found = assumption(&ask("app", &subjects[149]), &inventory);
    assert_eq!(found.cause, "admitted", "{found:#?}");
    let found = assumption(&ask("app", "system:serviceaccount:namespace-149:acount-149"), &inventory);
    assert_eq!((found.layer.as_str(), found.cause.as_str()), ("trust", "subject"));
    let nearest = found.failed_conditions.iter().find_map(|one| one.nearest.as_ref()).unwrap();
    assert_eq!(nearest.value, subjects[149], "{found:#?}");
    // Shown in full it would fill the screen.
    let shown = serde_json::to_string(&found).unwrap();
    assert!(shown.len() < 60_000, "{}", shown.len());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
