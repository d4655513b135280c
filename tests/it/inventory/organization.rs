//! An organization, IAM's last accessed data, ECS and the rest of a snapshot's folder; and what an audit makes of them.

use std::fs;
use std::process::{Command, Stdio};

use leastwise::inventory::Guardrail;
use serde_json::{Value, json};

use super::{folder, logs, problems, read};

const PAGE: &str = r#"{"UserDetailList":[],"GroupDetailList":[],"Policies":[],"RoleDetailList":[]}"#;
const ACCOUNT: &str = "111122223333";

fn scp(id: &str, content: Option<Value>, targets: &[&str]) -> Value {
    guardrail(id, "SERVICE_CONTROL_POLICY", content, targets)
}

fn guardrail(id: &str, kind: &str, content: Option<Value>, targets: &[&str]) -> Value {
    let targets: Vec<Value> =
        targets.iter().map(|id| json!({"TargetId": id, "Name": "x", "Type": "ROOT"})).collect();
    let mut entry = json!({"PolicySummary": {"Id": id, "Arn": format!("arn:aws:organizations::999999999999:policy/o-1/x/{id}"),
        "Name": id, "Type": kind, "AwsManaged": false}, "Targets": targets});
    if let Some(content) = content {
        // AWS prints the text of a policy as a string.
        entry["Content"] = Value::String(content.to_string());
    }
    entry
}

fn statements(list: Value) -> Option<Value> {
    Some(json!({"Version": "2012-10-17", "Statement": list}))
}

fn organization(policies: &[Value]) -> Value {
    json!({
        "Organization": {"Id": "o-1", "MasterAccountId": "999999999999", "FeatureSet": "ALL"},
        "Roots": [{"Id": "r-1", "Arn": "arn:aws:organizations::999999999999:root/o-1/r-1", "Name": "Root", "PolicyTypes": [
            {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}, {"Type": "RESOURCE_CONTROL_POLICY", "Status": "ENABLED"}]}],
        "OrganizationalUnits": [{"Id": "ou-1-work", "Arn": "arn:aws:organizations::999999999999:ou/o-1/ou-1-work", "Name": "work", "ParentId": "r-1"}],
        "Accounts": [{"Id": "999999999999", "Name": "main", "Status": "ACTIVE", "ParentId": "r-1"},
            {"Id": ACCOUNT, "Name": "shop", "Status": "ACTIVE", "ParentId": "ou-1-work"}],
        "Policies": policies,
    })
}

/// The account of the logs, whose role `app` is granted more than it used.
fn account() -> String {
    let actions = [
        "s3:GetObject",
        "ec2:DescribeInstances",
        "ec2:RunInstances",
        "ec2:StopInstances",
        "ec2:StartInstances",
        "iam:PassRole",
        "iam:GetRole",
        "sqs:CreateQueue",
        "sqs:PurgeQueue",
    ];
    json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [{
        "Path": "/", "RoleName": "app", "RoleId": "AROAEXAMPLE", "Arn": format!("arn:aws:iam::{ACCOUNT}:role/app"),
        "CreateDate": "2025-01-01T00:00:00Z", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": "*"}]}}],
        "AttachedManagedPolicies": [], "InstanceProfileList": [], "Tags": []}]})
    .to_string()
}

/// Audits two weeks of the role `app`.
fn audit(beside: &[(&str, &str)], options: &[&str]) -> (i32, Value, String) {
    let own = account();
    let dir = folder(&[&[("iam/account.json", own.as_str())], beside].concat());
    fs::write(dir.path().join("log.json"), logs()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(["audit", "log.json", "--iam", "iam", "--format", "json", "--role", "app"])
        .args(options)
        .current_dir(dir.path())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report, String::from_utf8(output.stderr).unwrap())
}

fn granted(report: &Value) -> &Value {
    &report["roles"][0]["granted"]
}

fn levels(files: &[(&str, &str)], account: &str, kind: Guardrail) -> (Vec<String>, Vec<String>) {
    let inventory = read(files).unwrap();
    let organization = inventory.organization.as_ref().unwrap();
    let levels = organization.levels(account, kind);
    let line = |level: &leastwise::inventory::Level<'_>| {
        let names: Vec<&str> = level.policies.iter().map(|policy| policy.name.as_str()).collect();
        let whole = if level.is_whole() { "" } else { " (not whole)" };
        format!("{}: {}{whole}", level.target.title(), names.join(" "))
    };
    (levels.iter().map(line).collect(), problems_of(&inventory))
}

fn problems_of(inventory: &leastwise::inventory::Inventory) -> Vec<String> {
    inventory.problems.iter().map(|problem| problem.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn a_tree_is_read_from_one_file_or_several_and_nested_or_flat() {
    let full = scp("p-FullAWSAccess", None, &["r-1", "ou-1-work", ACCOUNT]);
    let deny = scp(
        "p-deny",
        statements(json!([{"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}])),
        &["ou-1-work"],
    );
    let whole = organization(&[full.clone(), deny.clone()]);
    let expected = [
        "root r-1: p-FullAWSAccess".to_owned(),
        "unit ou-1-work (work): p-FullAWSAccess p-deny".to_owned(),
        format!("account {ACCOUNT} (shop): p-FullAWSAccess"),
    ];
    let none: Vec<String> = Vec::new();
    let text = whole.to_string();
    let read_as = |files: &[(&str, &str)]| levels(files, ACCOUNT, Guardrail::Scp);
    assert_eq!(read_as(&[("organization.json", &text)]), (expected.to_vec(), none.clone()));
    // The management account is bound by none, and there are no resource control policies.
    assert_eq!(levels(&[("o.json", &text)], "999999999999", Guardrail::Scp), (none.clone(), none.clone()));
    assert_eq!(levels(&[("o.json", &text)], ACCOUNT, Guardrail::Rcp), (none.clone(), none.clone()));

    // The same in pieces, as single calls give it, in another order.
    let mut parts = Vec::new();
    for member in ["Policies", "Accounts", "OrganizationalUnits", "Roots", "Organization"] {
        parts.push(match member {
            "Policies" => format!("{}\n{}", json!({"Policy": full}), json!({"Policy": deny})),
            _ => json!({member: whole[member]}).to_string(),
        });
    }
    let files: Vec<(String, &str)> =
        parts.iter().enumerate().map(|(n, part)| (format!("{n}.json"), part.as_str())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    assert_eq!(read_as(&files), (expected.to_vec(), none.clone()));

    // Nested: a root with children, documents as objects.
    let policy = |id: &str, content: Value| json!({"Id": id, "Name": id, "Type": "SERVICE_CONTROL_POLICY", "Content": content});
    let all = policy(
        "p-FullAWSAccess",
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
    );
    let no_sqs = policy(
        "p-deny",
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}]}),
    );
    let nested = json!({"Id": "r-1", "Arn": "arn:aws:organizations::999999999999:root/o-1/r-1", "Name": "Root",
        "PolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}], "Policies": [all],
        "Children": [{"Id": "ou-1-work", "Name": "work", "Type": "OrganizationalUnit", "Policies": [all, no_sqs],
            "Children": [{"Id": ACCOUNT, "Name": "shop", "Type": "Account", "Policies": [all]}]}]});
    assert_eq!(read_as(&[("tree.json", &nested.to_string())]), (expected.to_vec(), none));
}

#[test]
fn what_is_missing_or_broken_in_an_organization_is_named_and_limits_nothing_for_sure() {
    let policies = [
        scp("p-FullAWSAccess", None, &["r-1", ACCOUNT]),
        scp("p-textless", None, &["ou-1-work"]),
        scp("p-broken", Some(json!("not a policy")), &["ou-1-work"]),
        guardrail("p-tags", "TAG_POLICY", Some(json!({"tags": {}})), &["r-1"]),
        json!({"Targets": []}),
    ];
    let (levels, problems) =
        levels(&[("o.json", &organization(&policies).to_string())], ACCOUNT, Guardrail::Scp);
    assert_eq!(levels[1], "unit ou-1-work (work): p-broken p-textless (not whole)");
    // A tag policy authorizes nothing, and is no gap.
    assert_eq!(problems.len(), 2, "{problems:?}");
    for said in ["text of policy `p-broken` cannot be read", "has no `Id`"] {
        assert!(problems.iter().any(|problem| problem.contains(said)), "{said}: {problems:?}");
    }
}

#[test]
fn an_audit_tells_what_each_level_takes_away() {
    let policies = [
        scp("p-FullAWSAccess", None, &["r-1", ACCOUNT]),
        scp(
            "p-no-purge",
            statements(json!([{"Effect": "Deny", "Action": "sqs:PurgeQueue", "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:StopInstances", "Resource": "*",
             "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}}])),
            &["r-1"],
        ),
        scp(
            "p-no-sqs",
            statements(json!([{"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"}])),
            &["ou-1-work"],
        ),
    ];
    let file = organization(&policies).to_string();
    let (exit, before, stderr) = audit(&[], &[]);
    assert_eq!(exit, 0, "{stderr}");
    let of = |list: &Value| {
        list.as_array()
            .map(|list| list.iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let unused = ["ec2:StartInstances", "ec2:StopInstances", "sqs:CreateQueue", "sqs:PurgeQueue"];
    assert_eq!(of(&before["roles"][0]["unused_actions"]).unwrap(), unused);
    // Beside the accounts' files, or named by itself.
    for (place, options) in
        [("iam/organization.json", &[][..]), ("o.json", &["--organization", "o.json"][..])]
    {
        let (exit, report, stderr) = audit(&[(place, &file)], options);
        assert_eq!(exit, 0, "{stderr}");
        assert_eq!(of(&granted(&report)["blocked_actions"]).unwrap(), ["sqs:CreateQueue", "sqs:PurgeQueue"]);
        assert_eq!(
            granted(&report)["blocked_by"],
            json!([{"layer": "scp", "name": "the service control policies of root r-1", "actions": ["sqs:PurgeQueue"],
                "statements": [{"layer": "scp", "policy": "p-no-purge", "file": place, "at": "/Policies/1", "statement": 0}]},
                {"layer": "scp", "name": "the service control policies of unit ou-1-work (work)", "actions": ["sqs:CreateQueue"]}])
        );
        // A Region is no whole action: it is told, with what it leaves.
        assert_eq!(
            granted(&report)["effective"],
            json!([{"from": {"layer": "identity", "policy": "p", "file": "iam/account.json", "at": "/RoleDetailList/0/RolePolicyList/0", "statement": 0},
                "actions": 7, "blocked": 2, "resources": ["*"],
                "limited_by": [{"layer": "scp", "name": "the service control policies of root r-1", "actions": 1,
                    "statement": {"layer": "scp", "policy": "p-no-purge", "file": place, "at": "/Policies/1", "statement": 1},
                    "conditions": [{"operator": "StringNotEquals", "key": "aws:RequestedRegion", "values": ["eu-west-1"]}]}]}])
        );
        assert_eq!(
            of(&report["roles"][0]["unused_actions"]).unwrap(),
            ["ec2:StartInstances", "ec2:StopInstances"]
        );
        assert_eq!(granted(&report)["verdicts"]["blocked"], 2);
        // What is blocked is no power.
        let actions = |report: &Value| report["roles"][0]["privilege"]["before"]["actions"].as_u64().unwrap();
        assert_eq!(actions(&report) + 2, actions(&before));
        assert!(
            report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "blocked-grant")
        );
    }
}

#[test]
fn an_organization_that_is_none_or_lacks_the_account_is_told() {
    let (exit, _, stderr) = audit(&[("o.json", PAGE)], &["--organization", "o.json"]);
    assert_eq!(exit, 1);
    assert!(stderr.contains("`o.json` is no organization"), "{stderr}");
    let (exit, _, stderr) = audit(&[], &["--organization", "missing.json"]);
    assert_eq!(exit, 1);
    assert!(stderr.contains("cannot read `missing.json`"), "{stderr}");
    let full = scp("p-FullAWSAccess", None, &["r-1"]);
    let other = organization(&[full]).to_string().replace(ACCOUNT, "444455556666");
    let (exit, report, _) = audit(&[("o.json", &other)], &["--organization", "o.json"]);
    assert_eq!(exit, 4);
    let told = report["coverage"]["grant_problems"].to_string();
    assert!(told.contains("account 111122223333 is not in the organization's files"), "{told}");
}

#[test]
fn what_iam_saw_and_the_logs_do_not_show_is_never_unused() {
    let seen = |arn: Option<&str>, status: &str| {
        let mut page = json!({"JobStatus": status, "IsTruncated": false, "ServicesLastAccessed": [
            {"ServiceName": "Amazon EC2", "ServiceNamespace": "ec2", "LastAuthenticated": "2026-03-09T10:00:00+00:00",
             "LastAuthenticatedEntity": format!("arn:aws:iam::{ACCOUNT}:role/app"), "TotalAuthenticatedEntities": 1,
             "TrackedActionsLastAccessed": [
                {"ActionName": "StopInstances", "LastAccessedTime": "2026-03-09T10:00:00+00:00"},
                {"ActionName": "StartInstances", "LastAccessedTime": "2026-02-09T10:00:00+00:00"}]},
            {"ServiceName": "Amazon SQS", "ServiceNamespace": "sqs", "LastAuthenticated": "2026-03-20T10:00:00+00:00", "TotalAuthenticatedEntities": 1}]});
        if let Some(arn) = arn {
            page["Arn"] = json!(arn);
        }
        page.to_string()
    };
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app");
    for arn in [Some(role.as_str()), None] {
        let (exit, report, stderr) = audit(&[("iam/last.json", &seen(arn, "COMPLETED"))], &[]);
        assert_eq!(exit, 0, "{stderr}");
        assert_eq!(
            report["roles"][0]["unused_actions"],
            json!(["ec2:StartInstances"]),
            "attempted before the window only"
        );
        assert_eq!(
            granted(&report)["undetermined_actions"],
            json!(["ec2:StopInstances", "sqs:CreateQueue", "sqs:PurgeQueue"]),
            "IAM tells no single actions of SQS, and the logs hold none of it"
        );
        assert_eq!(
            granted(&report)["last_accessed"],
            json!([{"name": "ec2:StopInstances", "at": "2026-03-09T10:00:00Z"}, {"name": "sqs", "at": "2026-03-20T10:00:00Z"}])
        );
        let proposed = report["roles"][0]["proposal"]["policies"].to_string();
        assert!(proposed.contains("StopInstances") && !proposed.contains("StartInstances"), "{proposed}");
    }
    // Of a job that failed nothing is taken, and that is told.
    let (exit, report, _) = audit(&[("iam/last.json", &seen(None, "FAILED"))], &[]);
    assert_eq!((exit, report["roles"][0]["unused_actions"].as_array().unwrap().len()), (4, 4));
}

#[test]
fn a_role_that_iam_saw_is_not_deleted() {
    let seen = json!({"Arn": format!("arn:aws:iam::{ACCOUNT}:role/idle"), "JobStatus": "COMPLETED", "ServicesLastAccessed": [
        {"ServiceNamespace": "s3", "LastAuthenticated": "2026-03-10T00:00:00Z", "TotalAuthenticatedEntities": 1}]})
    .to_string();
    let own = account()
        .replace("role/app", "role/idle")
        .replace("\"app\"", "\"idle\"")
        .replace("AROAEXAMPLE", "AROAIDLE");
    let verdict = |beside: &[(&str, &str)]| {
        let (_, report, stderr) =
            audit(&[&[("iam/idle.json", own.as_str())], beside].concat(), &["--role", "idle"]);
        let roles = report["roles"].as_array().unwrap_or_else(|| panic!("{stderr}"));
        let idle = roles.iter().find(|role| role["name"] == "idle").unwrap();
        idle["proposal"]["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(&[]), "delete-role");
    assert_eq!(verdict(&[("iam/last.json", &seen)]), "cannot-tell");
}

#[test]
fn the_other_files_of_a_snapshot_are_known() {
    let page = json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [{
        "RoleName": "web", "RoleId": "AROAWEB", "Arn": format!("arn:aws:iam::{ACCOUNT}:role/web"),
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}]})
    .to_string();
    let profiles = json!({"InstanceProfiles": [{"Arn": format!("arn:aws:iam::{ACCOUNT}:instance-profile/web"), "Path": "/",
        "InstanceProfileName": "web", "Roles": [{"Arn": format!("arn:aws:iam::{ACCOUNT}:role/web"), "RoleName": "web"}]}]})
    .to_string();
    let saml = json!({"SAMLProviderList": [{"Arn": format!("arn:aws:iam::{ACCOUNT}:saml-provider/Okta"), "ValidUntil": "2030-01-01T00:00:00Z"}]})
        .to_string();
    let keys = r#"{"PublicKeyList":[{"Value":"MIIB","Fingerprint":"00"}]}"#;
    let trail = r#"{"trailList":[{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main","IsLogging":false,"LogFileValidationEnabled":true}]}"#;
    let manifest = r#"{"leastwiseSnapshot":"v1","files":[]}"#;
    let failures = r#"{"leastwiseFailures":[{"what":"iam ListSAMLProviders of account 444455556666","error":"AccessDenied"}]}"#;
    let inventory = read(&[
        ("a.json", &page),
        ("profiles.json", &profiles),
        ("saml.json", &saml),
        ("keys.json", keys),
        ("trails.json", trail),
        ("snapshot.json", manifest),
        ("failures.json", failures),
    ])
    .unwrap();
    assert_eq!(
        problems(&inventory),
        [
            "failures.json: the snapshot could not read iam ListSAMLProviders of account 444455556666: AccessDenied"
        ]
    );
    let role = inventory.role_of_instance_profile("web", Some(ACCOUNT)).unwrap();
    assert_eq!(role.name, "web");
    assert!(inventory.accounts[ACCOUNT].saml_providers.iter().all(|arn| arn.ends_with("/Okta")));
    assert_eq!((inventory.trails[0].is_logging, inventory.trails[0].has_digests), (Some(false), Some(true)));
}

#[test]
fn ecs_workloads_are_told_by_their_service() {
    let definition = format!(
        r#"{{"taskDefinition":{{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/app:1","taskRoleArn":"arn:aws:iam::{ACCOUNT}:role/app"}}}}"#
    );
    let service = format!(
        r#"{{"services":[{{"serviceArn":"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/shop/api","taskDefinition":"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/app:1"}}]}}"#
    );
    let trust = r#""Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]"#;
    let own = account().replacen(r#""Statement":[]"#, trust, 1);
    let workload = |beside: &[(&str, &str)]| {
        let (_, report, stderr) = audit(&[&[("iam/account.json", own.as_str())], beside].concat(), &[]);
        report["workloads"][0]["id"].as_str().unwrap_or_else(|| panic!("{stderr}")).to_owned()
    };
    assert_eq!(workload(&[]), "ecs:app");
    assert_eq!(
        workload(&[("iam/ecs/definition.json", &definition), ("iam/ecs/services.json", &service)]),
        "ecs:app/shop/api"
    );
}

#[test]
fn levels_bind_the_accounts_below_them_and_the_management_account_not_at_all() {
    let lock = statements(
        json!([{"Sid": "Lock", "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}]),
    );
    let only = |actions: Value| statements(json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]));
    let organization = organization(&[
        scp("p-FullAWSAccess", None, &["r-1"]),
        scp("p-lock", lock, &["r-1"]),
        // A list of what is allowed at the unit, a shorter one at the account: both must allow.
        scp("p-unit", only(json!(["s3:*", "ec2:*", "iam:*", "sqs:*"])), &["ou-1-work"]),
        scp("p-account", only(json!(["s3:*", "ec2:*", "iam:Get*", "sns:*"])), &[ACCOUNT]),
    ]);
    let report = |organization: Value| {
        let (_, report, stderr) = audit(&[("iam/organization.json", &organization.to_string())], &[]);
        assert!(report.is_object(), "{stderr}");
        report
    };
    let member = report(organization.clone());
    // That `iam:PassRole` was used shows that it was not so all the time.
    assert_eq!(granted(&member)["blocked_actions"], json!(["sqs:CreateQueue", "sqs:PurgeQueue"]));
    let told = granted(&member)["blocked_by"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["name"], "the service control policies of account 111122223333 (shop)");
    let limited = &granted(&member)["effective"][0]["limited_by"];
    assert_eq!((&limited[0]["statement"]["sid"], &limited[0]["actions"]), (&json!("Lock"), &json!(5)));
    assert_eq!(limited.as_array().unwrap().len(), 1, "{limited}");
    // The same role in the management account is bound by nothing.
    let mut above = organization;
    above["Organization"]["MasterAccountId"] = json!(ACCOUNT);
    let above = report(above);
    assert_eq!(granted(&above)["blocked_actions"], json!([]));
    assert_eq!(granted(&above)["effective"][0].get("limited_by"), None);
}
