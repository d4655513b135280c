//! Trust policies of every form, limited to who came and who is bound.

use leastwise::attribution::{Labels, Opener};
use leastwise::rightsize::Expected;
use serde_json::Value;

use super::*;

fn policy(statements: &str) -> Policy {
    parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#), PolicyKind::Trust).unwrap()
}

/// An `AssumeRole` by this role or user, or by a service.
fn by(who: &str) -> IssuanceFacts {
    let mut issuance = assumed_by("-");
    issuance.kind = IssuanceKind::AssumeRole;
    (issuance.provider, issuance.subject, issuance.audience) = (None, None, None);
    let caller = &mut issuance.caller;
    match who {
        service if service.ends_with(".amazonaws.com") => {
            caller.kind = IdentityType::AwsService;
            caller.invoked_by = Some(service.into());
        }
        "another account" => caller.kind = IdentityType::AwsAccount,
        user if user.contains(":user/") => {
            caller.kind = IdentityType::IamUser;
            caller.arn = Some(user.into());
        }
        role => {
            caller.kind = IdentityType::AssumedRole;
            caller.issuer_arn = Some(role.into());
        }
    }
    issuance
}

fn pod(namespace: &str, account: &str) -> IssuanceFacts {
    let mut issuance = by("pods.eks.amazonaws.com");
    issuance.tags = vec![
        ("kubernetes-namespace".into(), namespace.into()),
        ("kubernetes-service-account".into(), account.into()),
    ];
    issuance
}

fn saml(provider: &str) -> IssuanceFacts {
    let mut issuance = by("-");
    issuance.kind = IssuanceKind::AssumeRoleWithSaml;
    issuance.provider = Some(provider.into());
    issuance.subject = Some("ann".into());
    issuance.audience = Some("https://signin.aws.amazon.com/saml".into());
    issuance
}

/// Statements and removed principals of the proposed trust policy; it is proven narrower.
fn narrowed(old: &str, issuances: &[IssuanceFacts], expected: &[Expected]) -> Option<(Value, Vec<String>)> {
    let mut role = role(&[r#"[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]"#]);
    let old = policy(old);
    role.trust = Some(old.clone());
    let issuances: Vec<&IssuanceFacts> = issuances.iter().collect();
    let (losses, settings, observation) = (Losses::default(), Settings::default(), observation(S3));
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject =
        Subject { arn: ROLE, role: Some(&role), issuances: &issuances, expected, ..Subject::default() };
    let trust =
        RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage).proposal.trust?;
    assert_eq!(trust.proof.verdict, Verdict::Proven);
    let back = proof::no_new_access(&[&trust.document], &[&old], &proof::Settings::default());
    assert_ne!(back.verdict, Verdict::Proven, "the proposal is smaller, not the same");
    Some((render(&trust.document)["Statement"].clone(), trust.removed))
}

const DEPLOY: &str = "arn:aws:iam::444455556666:role/deploy";

#[test]
fn accounts_are_limited_to_the_roles_that_came() {
    let old = r#"[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root","arn:aws:iam::111122223333:role/gone"]},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]"#;
    let (statements, removed) = narrowed(old, &[by(DEPLOY), by(DEPLOY)], &[]).unwrap();
    assert_eq!(removed, ["arn:aws:iam::111122223333:role/gone"]);
    assert_eq!(
        statements,
        json(&format!(
            r#"[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::444455556666:root"}},"Action":"sts:AssumeRole",
            "Condition":{{"StringEquals":{{"sts:ExternalId":"x"}},"ArnEquals":{{"aws:PrincipalArn":"{DEPLOY}"}}}}}}]"#
        ))
    );
    // A call of which only the owner's copy is here names nobody: then nobody may be left out.
    assert_eq!(narrowed(old, &[by(DEPLOY), by("another account")], &[]), None);
    assert_eq!(narrowed(old, &[], &[]), None);
    // All that are named came: nothing to do, and nothing to rewrite.
    let both = format!(
        r#"[{{"Effect":"Allow","Principal":{{"AWS":["{DEPLOY}","arn:aws:iam::444455556666:user/ann"]}},"Action":"sts:AssumeRole"}}]"#
    );
    assert_eq!(narrowed(&both, &[by(DEPLOY), by("arn:aws:iam::444455556666:user/ann")], &[]), None);
    let exact =
        format!(r#"[{{"Effect":"Allow","Principal":{{"AWS":"{DEPLOY}"}},"Action":"sts:AssumeRole"}}]"#);
    assert_eq!(narrowed(&exact, &[by(DEPLOY)], &[]), None);
}

#[test]
fn pod_identity_is_limited_by_the_tags_eks_sets() {
    let old = r#"[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]"#;
    let bound = |without_tags| Expected::Pod {
        namespace: "shop".into(),
        service_account: "new".into(),
        without_tags,
    };
    let (statements, removed) = narrowed(old, &[pod("shop", "api")], &[bound(false)]).unwrap();
    assert!(removed.is_empty());
    let tags: Vec<&Value> =
        statements.as_array().unwrap().iter().map(|one| &one["Condition"]["StringEquals"]).collect();
    assert_eq!(
        tags,
        [
            // The second one is bound and was not seen: expected all the same.
            &json(
                r#"{"aws:RequestTag/kubernetes-namespace":"shop","aws:RequestTag/kubernetes-service-account":["api","new"]}"#
            ),
        ]
    );
    // An association without tags, or a session without them, would be locked out.
    assert_eq!(narrowed(old, &[pod("shop", "api")], &[bound(true)]), None);
    assert_eq!(narrowed(old, &[pod("shop", "api"), by("pods.eks.amazonaws.com")], &[]), None);
}

#[test]
fn who_came_is_listed_as_far_as_the_quota_goes_then_by_namespace() {
    let came = |n: usize, long: usize| -> Vec<IssuanceFacts> {
        let account = |k: usize| format!("system:serviceaccount:team-{}:{}{k:02}", k % 3, "w".repeat(long));
        (0..n).map(|k| assumed_by(&account(k))).collect()
    };
    let wide = format!(
        r#"[{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"{ISSUER}:sub":"system:serviceaccount:*"}}}}}}]"#
    );
    let key = format!("{ISSUER}:sub");
    // More than a handful fit.
    let (statements, _) = narrowed(&wide, &came(30, 1), &[]).unwrap();
    assert_eq!(statements[0]["Condition"]["StringEquals"][&key].as_array().unwrap().len(), 30);
    // These do not: whole namespaces are named, which is still less than before.
    let (statements, removed) = narrowed(&wide, &came(60, 20), &[]).unwrap();
    assert_eq!(
        statements[0]["Condition"]["StringLike"],
        serde_json::json!({key: ["system:serviceaccount:team-0:*", "system:serviceaccount:team-1:*", "system:serviceaccount:team-2:*"]})
    );
    assert_eq!(removed, ["system:serviceaccount:*"]);
    // Subjects without such a part, or beyond any list of parts: nothing is proposed.
    let numbers: Vec<IssuanceFacts> = (0..100).map(|n| assumed_by(&format!("{n:030}"))).collect();
    let any = wide.replace("system:serviceaccount:*", "*");
    assert_eq!(narrowed(&any, &numbers, &[]), None);
    // Pods of many namespaces.
    let old = r#"[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]"#;
    let pods: Vec<IssuanceFacts> = (0..20).map(|n| pod(&format!("team-{n:02}"), "api")).collect();
    let (statements, _) = narrowed(old, &pods, &[]).unwrap();
    let namespaces = &statements[0]["Condition"]["StringEquals"]["aws:RequestTag/kubernetes-namespace"];
    assert_eq!((statements.as_array().unwrap().len(), namespaces.as_array().unwrap().len()), (1, 20));
}

#[test]
fn saml_providers_that_never_came_go_and_the_audience_is_asked_for() {
    let (okta, old_idp) =
        ("arn:aws:iam::111122223333:saml-provider/Okta", "arn:aws:iam::111122223333:saml-provider/Old");
    let old = format!(
        r#"[{{"Effect":"Allow","Principal":{{"Federated":["{okta}","{old_idp}"]}},"Action":"sts:AssumeRoleWithSAML"}}]"#
    );
    let (statements, removed) = narrowed(&old, &[saml(okta)], &[]).unwrap();
    assert_eq!(removed, [old_idp]);
    assert_eq!(statements[0]["Principal"]["Federated"], okta);
    assert_eq!(
        statements[0]["Condition"],
        json(r#"{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}"#)
    );
}

#[test]
fn a_bound_service_account_stays_although_it_never_came() {
    let wide = format!(
        r#"[{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"{ISSUER}:sub":"system:serviceaccount:shop:*"}}}}}}]"#
    );
    let bound = |issuer: Option<&str>, subject: &str| Expected::Web {
        issuer: issuer.map(str::to_owned),
        subject: subject.to_owned(),
    };
    let expected = [
        bound(Some(ISSUER), "system:serviceaccount:shop:cron"),
        bound(None, "system:serviceaccount:shop:batch"),
        // Of another cluster, and one that is not admitted today: a proposal adds nobody.
        bound(Some("oidc.example/other"), "system:serviceaccount:shop:foreign"),
        bound(None, "system:serviceaccount:pay:pay"),
    ];
    let (statements, _) =
        narrowed(&wide, &[assumed_by("system:serviceaccount:shop:api")], &expected).unwrap();
    assert_eq!(
        statements[0]["Condition"]["StringEquals"][format!("{ISSUER}:sub")],
        json(
            r#"["system:serviceaccount:shop:api","system:serviceaccount:shop:batch","system:serviceaccount:shop:cron"]"#
        )
    );
}

/// The trust of the first of two split roles, and what is to be changed.
fn split(old: &str, share: WorkloadShare) -> (Option<Value>, String) {
    let mut role = role(&[r#"[{"Effect":"Allow","Action":["sqs:*","s3:GetObject"],"Resource":"*"}]"#]);
    role.trust = Some(policy(old));
    let mut access =
        access(&["s3:GetObject arn:aws:s3:::b/k", "sqs:CreateQueue arn:aws:sqs:eu-west-1:111122223333:q"]);
    let other = workload_share("zzz:other", Labels::default(), &[]);
    for (one, id) in access.uses.iter_mut().zip([&share.workload.id, &other.workload.id]) {
        one.workloads.insert(id.clone());
    }
    access.workloads = vec![share, other];
    let (losses, observation) = (Losses::default(), observation(S3));
    let settings = Settings { unobservable: Unobservable::Drop, ..Settings::default() };
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
    let mut split =
        RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage).proposal.split;
    assert_eq!(split.len(), 2);
    let first = split.remove(0);
    (first.trust.map(|trust| render(&trust)["Statement"].clone()), first.change)
}

fn workload_share(id: &str, labels: Labels, via: &[&str]) -> WorkloadShare {
    let kind = match id.split(':').next().unwrap() {
        "kubernetes" => WorkloadKind::Kubernetes,
        "iam-user" => WorkloadKind::IamUser,
        "github-actions" => WorkloadKind::GithubActions,
        _ => WorkloadKind::Service,
    };
    let is_pod = kind == WorkloadKind::Kubernetes;
    WorkloadShare {
        workload: Workload {
            id: id.to_owned(),
            kind,
            cluster: is_pod.then(|| "arn:aws:eks:eu-west-1:1:cluster/prod".to_owned()),
            namespace: is_pod.then(|| "shop".to_owned()),
            service_account: is_pod.then(|| "api".to_owned()),
        },
        sessions: 1,
        calls: 1,
        denied: 0,
        grade: Grade::Exact,
        via: via.iter().map(|arn| (*arn).to_owned()).collect(),
        labels,
    }
}

fn opened(openers: &[Opener]) -> Labels {
    Labels { openers: openers.iter().cloned().collect(), ..Labels::default() }
}

#[test]
fn split_roles_of_every_kind_admit_their_own_workload() {
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let token = |reference: &str| Opener::Token {
        provider: github.to_owned(),
        subject: format!("repo:a/b:ref:refs/heads/{reference}"),
    };
    let old = format!(
        r#"[{{"Effect":"Allow","Principal":{{"Federated":"{github}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"token.actions.githubusercontent.com:sub":"repo:a/*"}}}}}},
            {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::444455556666:root"}},"Action":"sts:AssumeRole"}},
            {{"Effect":"Allow","Principal":{{"Service":["ec2.amazonaws.com","pods.eks.amazonaws.com"]}},"Action":["sts:AssumeRole","sts:TagSession"]}}]"#
    );
    let (trust, _) =
        split(&old, workload_share("github-actions:a/b", opened(&[token("main"), token("next")]), &[]));
    assert_eq!(
        trust.unwrap()[0]["Condition"],
        json(
            r#"{"StringEquals":{"token.actions.githubusercontent.com:sub":["repo:a/b:ref:refs/heads/main","repo:a/b:ref:refs/heads/next"]}}"#
        )
    );
    let pods = opened(&[Opener::Service("pods.eks.amazonaws.com".to_owned())]);
    let (trust, change) = split(&old, workload_share("kubernetes:prod/shop/api", pods, &[]));
    let trust = trust.unwrap();
    assert_eq!(trust[0]["Principal"], json(r#"{"Service":"pods.eks.amazonaws.com"}"#));
    assert_eq!(trust[0]["Condition"]["StringEquals"]["aws:RequestTag/kubernetes-namespace"], "shop");
    assert!(
        change.starts_with(
            "Point the Pod Identity association of shop/api at `arn:aws:iam::111122223333:role/app-api`"
        ),
        "{change}"
    );
    let (trust, change) =
        split(&old, workload_share("github-actions:a/b", opened(&[token("main")]), &[DEPLOY]));
    assert_eq!(
        trust.unwrap()[0]["Condition"],
        json(&format!(r#"{{"ArnEquals":{{"aws:PrincipalArn":"{DEPLOY}"}}}}"#))
    );
    assert!(change.contains(DEPLOY), "{change}");
    let (trust, _) = split(
        &old,
        workload_share(
            "service:ec2.amazonaws.com/x",
            opened(&[Opener::Service("ec2.amazonaws.com".to_owned())]),
            &[],
        ),
    );
    assert_eq!(trust.unwrap()[0]["Principal"], json(r#"{"Service":"ec2.amazonaws.com"}"#));
    // A workload that the old trust policy does not name gets no trust made up for it.
    let stranger = Opener::Saml {
        provider: "arn:aws:iam::111122223333:saml-provider/Okta".to_owned(),
        subject: "ann".to_owned(),
    };
    assert_eq!(split(&old, workload_share("saml:Okta/ann", opened(&[stranger]), &[])).0, None);
    let cut = Labels { openers_cut: true, ..opened(&[token("main")]) };
    assert_eq!(split(&old, workload_share("github-actions:a/b", cut, &[])).0, None);
}

/// AWS raises the quota of a trust policy to 4,096 characters on request, and is said to have gone to 8,192.
#[test]
fn a_trust_policy_of_8_kb_is_narrowed_and_never_grows() {
    let subjects: Vec<String> =
        (0..150).map(|n| format!("\"system:serviceaccount:namespace-{n:03}:account-{n:03}\"")).collect();
    let old = format!(
        r#"[{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{ISSUER}:sub":[{}]}}}}}}]"#,
        subjects.join(",")
    );
    assert!(old.len() > 7_500);
    let (statements, removed) =
        narrowed(&old, &[assumed_by("system:serviceaccount:namespace-007:account-007")], &[]).unwrap();
    assert_eq!(removed.len(), 149);
    assert_eq!(
        statements[0]["Condition"]["StringEquals"][format!("{ISSUER}:sub")],
        "system:serviceaccount:namespace-007:account-007"
    );
}
