//! What is said where log and snapshot each know a part, and where a user asks in other words than AWS's.

use leastwise::inventory;
use serde_json::{Value, json};

use super::{ISSUER, account, anything, ask, assumption, of_record, provider, refused, role, run, trusts};

const ON: &str = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k";

#[test]
fn a_deny_that_the_log_names_is_not_taken_for_the_allow_that_the_snapshot_lacks() {
    let nothing = json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"});
    let inventory = account(json!([role("app", json!([]), nothing)]), json!([]));
    for (tail, layer, agreement, said) in [
        (
            "with an explicit deny in an identity-based policy: arn:aws:iam::111111111111:policy/guard",
            "identity",
            "differ",
            "By the log, a statement of the caller's identity policies (`arn:aws:iam::111111111111:policy/guard`) denies `s3:GetObject`.",
        ),
        (
            "with an explicit deny in an identity policy. Go to https://console.aws.amazon.com/iam/home#/access-troubleshooter for complete details",
            "identity",
            "differ",
            "By the log, a statement of the caller's identity policies denies `s3:GetObject`.",
        ),
        ("with an explicit deny", "unknown", "one-witness", "The message speaks of an explicit deny"),
    ] {
        let found = of_record(
            &refused("s3.amazonaws.com", "GetObject", "AccessDenied", &format!("{ON} {tail}")),
            &inventory,
        );
        let word = serde_json::to_value(found.agreement).unwrap();
        assert_eq!(
            (found.layer.as_str(), found.explicit, found.cause.as_str(), word.as_str().unwrap()),
            (layer, true, "explicit-deny", agreement),
            "{tail}\n{found:#?}"
        );
        assert!(found.reason.starts_with(said), "{tail}\n{found:#?}");
        let lacks = "The snapshot's policies would refuse as well: No statement of the identity policies of `app` allows";
        assert!(found.notes.iter().any(|note| note.starts_with(lacks)), "{tail}\n{found:#?}");
        // What is missing would not help.
        assert!(found.suggestion.is_none_or(|one| one.change.contains("except")), "{tail}");
    }

    let apps = json!([{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:role/apps"}, "Action": "sts:AssumeRole"}]);
    let inventory =
        account(json!([role("app", json!([]), anything()), role("target", apps, anything())]), json!([]));
    let message = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/target";
    for (tail, explicit, cause, agreement) in [
        ("because no role trust policy allows the sts:AssumeRole action", false, "principal", "agree"),
        ("with an explicit deny in the role trust policy", true, "explicit-deny", "differ"),
    ] {
        let record = refused("sts.amazonaws.com", "AssumeRole", "AccessDenied", &format!("{message} {tail}"));
        let found = of_record(&record, &inventory);
        let word = serde_json::to_value(found.agreement).unwrap();
        assert_eq!(
            (found.layer.as_str(), found.explicit, found.cause.as_str(), word.as_str().unwrap()),
            ("trust", explicit, cause, agreement),
            "{tail}\n{found:#?}"
        );
        assert!(!found.notes.iter().any(|note| note.contains("admits the caller")), "{found:#?}");
    }
}

#[test]
fn a_refusal_at_an_endpoint_stands_in_no_other_event_and_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = refused(
        "secretsmanager.amazonaws.com",
        "GetSecretValue",
        "VpceAccessDenied",
        "The request was denied due to a VPC endpoint policy",
    );
    record["eventType"] = json!("AwsVpceEvent");
    record["eventCategory"] = json!("NetworkActivity");
    record["vpcEndpointId"] = json!("vpce-0123456789abcdef0");
    let alone = dir.path().join("event.json");
    std::fs::write(&alone, record.to_string()).unwrap();
    // The same as a trail delivers it.
    let folder = dir.path().join("AWSLogs/111111111111/CloudTrail-NetworkActivity/eu-west-1/2026/03/01");
    std::fs::create_dir_all(&folder).unwrap();
    let name = "111111111111_CloudTrail-NetworkActivity_eu-west-1_20260301T1005Z_abcdefghijklmnop.json";
    std::fs::write(folder.join(name), json!({"Records": [record]}).to_string()).unwrap();
    for source in [alone.as_path(), &dir.path().join("AWSLogs")] {
        let (exit, out, err) = run(&["explain", source.to_str().unwrap(), "--format", "json"]);
        assert_eq!(exit, 0, "{err}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (&told["layer"], &told["cause"], &told["action"]),
            (&json!("vpc-endpoint"), &json!("guardrail"), &json!("secretsmanager:GetSecretValue")),
            "{told:#}"
        );
        assert!(told["suggestion"]["change"].as_str().unwrap().contains("whoever runs the network"));
    }
}

#[test]
fn a_service_account_may_be_named_as_people_name_it() {
    let trust = json!([trusts("StringEquals", "system:serviceaccount:shop:api")]);
    let inventory = account(json!([role("app", trust, anything())]), json!([]));
    for (subject, verdict, note) in [
        ("shop/api", "allowed", true),
        ("shop/apy", "denied", true),
        ("system:serviceaccount:shop:api", "allowed", false),
        ("repo:shop/api:ref:refs/heads/main", "denied", false),
        ("org/1/project/2", "denied", false),
    ] {
        let found = assumption(&ask("app", subject), &inventory);
        assert_eq!(serde_json::to_value(found.verdict).unwrap(), json!(verdict), "{subject}\n{found:#?}");
        let said = found.notes.iter().any(|note| note.contains("is taken for ServiceAccount shop/"));
        assert_eq!(said, note, "{subject}\n{found:#?}");
    }
    let near = assumption(&ask("app", "shop/apy"), &inventory);
    assert_eq!(near.failed_conditions[0].nearest.as_ref().unwrap().difference, "one-letter");
}

#[test]
fn a_misspelt_issuer_or_role_is_told_beside_the_proposal() {
    let trust = json!([trusts("StringEquals", "system:serviceaccount:shop:checkout")]);
    let mut roles = json!([role("checkout", trust, anything())]);
    roles[0]["Path"] = json!("/team/");
    roles[0]["Arn"] = json!("arn:aws:iam::111111111111:role/team/checkout");
    let inventory = account(roles, json!([]));
    let issuer = ISSUER.replace("DDDD", "DDDE");
    let question = super::Assumption {
        provider: Some(issuer),
        ..ask("checkout", "system:serviceaccount:shop:checkout")
    };
    let found = assumption(&question, &inventory);
    assert_eq!(found.cause, "issuer");
    let right = provider("111111111111", ISSUER);
    assert!(
        found.notes.iter().any(|note| note.contains(&format!("correct it to `{right}` instead"))),
        "{found:#?}"
    );
    // Neither path nor name is right.
    let found = assumption(
        &ask("arn:aws:iam::111111111111:role/chekcout", "system:serviceaccount:shop:checkout"),
        &inventory,
    );
    assert_eq!(found.cause, "role-missing");
    let change = found.suggestion.unwrap().change;
    assert_eq!(change, "Ask for `arn:aws:iam::111111111111:role/team/checkout`.");
}

#[test]
fn a_missing_provider_is_named_by_the_message_when_nothing_else_names_it() {
    let inventory = account(
        json!([]),
        json!([{"Arn": provider("111111111111", ISSUER), "ClientIDList": ["sts.amazonaws.com"]}]),
    );
    let issuer = ISSUER.replace("DDDD", "DDDE");
    let mut record = refused(
        "sts.amazonaws.com",
        "AssumeRoleWithWebIdentity",
        "InvalidIdentityToken",
        &format!("No OpenIDConnect provider found in your account for https://{issuer}"),
    );
    record["userIdentity"] = json!({"type": "WebIdentityUser"});
    let found = of_record(&record, &inventory);
    assert_eq!((found.layer.as_str(), found.cause.as_str()), ("identity-provider", "provider-missing"));
    assert_eq!(
        found.reason,
        format!(
            "The account has no OIDC provider for `{issuer}`. The nearest one that it has is `{ISSUER}`: the issuer is one letter off."
        )
    );
}

#[test]
fn a_role_that_does_not_let_pod_identity_in_is_found_among_the_associations() {
    let pods = |actions: Value| json!([{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": actions}]);
    let both = || pods(json!(["sts:AssumeRole", "sts:TagSession"]));
    let record = {
        let mut record = refused(
            "eks-auth.amazonaws.com",
            "AssumeRoleForPodIdentity",
            "AccessDeniedException",
            "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
        );
        record["requestParameters"] =
            json!({"clusterName": "apps", "token": "HIDDEN_DUE_TO_SECURITY_REASONS"});
        record
    };
    let own = "eks-auth:AssumeRoleForPodIdentity";
    for (second, cause, action, is_named) in [
        (both(), "no-statement", own, false),
        (pods(json!("sts:AssumeRole")), "no-statement", "sts:TagSession", true),
        (json!([trusts("StringEquals", "system:serviceaccount:n:two")]), "principal", own, true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("account.json");
        let roles = json!([role("one", both(), anything()), role("two", second, anything())]);
        let page =
            json!({"RoleDetailList": roles, "UserDetailList": [], "GroupDetailList": [], "Policies": []});
        let cluster =
            json!({"cluster": {"name": "apps", "arn": "arn:aws:eks:eu-west-1:111111111111:cluster/apps"}});
        let bound = |name: &str| {
            json!({"namespace": "n", "serviceAccount": name, "roleArn": format!("arn:aws:iam::111111111111:role/{name}"),
            "clusterName": "apps", "associationArn": format!("arn:aws:eks:eu-west-1:111111111111:podidentityassociation/apps/a-{name}")})
        };
        let bound = json!({"associations": [bound("one"), bound("two")]});
        std::fs::write(&file, format!("{page}\n{cluster}\n{bound}")).unwrap();
        let inventory = inventory::read(&[file], &[]).unwrap();
        let found = of_record(&record, &inventory);
        assert_eq!(
            (found.layer.as_str(), found.cause.as_str(), found.action.as_deref()),
            ("trust", cause, Some(action)),
            "{found:#?}"
        );
        let suggestion = found.suggestion.as_ref().unwrap();
        assert_eq!(suggestion.target, "trust-policy");
        match is_named {
            true => {
                assert_eq!(
                    suggestion.arn.as_deref(),
                    Some("arn:aws:iam::111111111111:role/two"),
                    "{found:#?}"
                );
                assert!(suggestion.checked, "{found:#?}");
            }
            false => {
                let document = suggestion.document.as_ref().unwrap();
                assert_eq!(document["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
                assert!(found.notes.iter().any(|note| note.contains("was changed since")), "{found:#?}");
            }
        }
    }
}
