//! From sessions to workloads, and from calls to what principals did.

mod alike;
mod chains;
mod corpus;

use std::collections::BTreeMap;
use std::sync::Arc;

use leastwise::attribution::{Access, Attribution, Grade, MOST_ROLES, access, resolve};
use leastwise::catalog::{Evidence, Need, Needs, Resource, Verdict};
use leastwise::ident::Time;
use leastwise::inventory::{Cluster, Inventory, PodIdentityAssociation, Role, User};
use leastwise::policy::{self, PolicyKind};
use leastwise::record::IdentityType;
use leastwise::usage::{
    Call, CallKind, CallOutcome, DenialFacts, IssuanceFacts, IssuanceKind, RegionObservation, RowFacts,
    SessionFacts, SessionId, Text, Usage,
};
use proptest::prelude::*;

const ACCOUNT: &str = "111111111111";
const T0: i64 = 1_700_000_000;

fn time(seconds: i64) -> Time {
    Time::from_unix(T0 + seconds)
}

fn text(text: &str) -> Option<Text> {
    Some(text.into())
}

fn nobody(kind: IdentityType) -> SessionFacts {
    SessionFacts {
        kind,
        account: None,
        principal_id: None,
        arn: None,
        access_key: None,
        user_name: None,
        identity_provider: None,
        invoked_by: None,
        in_scope_of: None,
        in_scope_of_type: None,
        on_behalf_of: None,
        delegate_account: None,
        issuer_type: None,
        issuer_arn: None,
        issuer_id: None,
        creation: None,
        federated_provider: None,
        federated_subject: None,
        source_identity: None,
        ec2_role_delivery: None,
        is_assumed_root: false,
    }
}

/// A session of `role` (path and name) with access key `key`, begun at `begun`.
fn session(role: &str, name: &str, key: &str, begun: i64) -> SessionFacts {
    session_in(ACCOUNT, role, name, key, begun)
}

fn session_in(account: &str, role: &str, name: &str, key: &str, begun: i64) -> SessionFacts {
    let bare = role.rsplit('/').next().unwrap();
    SessionFacts {
        account: text(account),
        principal_id: text(&format!("{}:{name}", role_id(role))),
        arn: text(&format!("arn:aws:sts::{account}:assumed-role/{bare}/{name}")),
        access_key: text(key).filter(|key| !key.is_empty()),
        issuer_type: text("Role"),
        issuer_arn: text(&format!("arn:aws:iam::{account}:role/{role}")),
        issuer_id: text(&role_id(role)),
        creation: Some(time(begun)),
        ..nobody(IdentityType::AssumedRole)
    }
}

fn role_id(role: &str) -> String {
    format!("AROA{}", role.to_ascii_uppercase().replace(['/', '-', '.', '_'], ""))
}

fn user(name: &str) -> SessionFacts {
    SessionFacts {
        account: text(ACCOUNT),
        principal_id: text(&format!("AIDA{}", name.to_ascii_uppercase())),
        arn: text(&format!("arn:aws:iam::{ACCOUNT}:user/{name}")),
        access_key: text(&format!("AKIA{}KEY1", name.to_ascii_uppercase())),
        user_name: text(name),
        ..nobody(IdentityType::IamUser)
    }
}

fn service(principal: &str) -> SessionFacts {
    SessionFacts { invoked_by: text(principal), ..nobody(IdentityType::AwsService) }
}

/// An issuance of a session of `role` to `caller`.
fn issued(kind: IssuanceKind, caller: SessionFacts, to: &SessionFacts, at: i64) -> IssuanceFacts {
    IssuanceFacts {
        time: time(at),
        event_id: format!("issue-{at}-{}", to.access_key.as_deref().unwrap_or("none")).into(),
        kind,
        denied: false,
        caller,
        recipient_account: to.account.clone(),
        region: "us-east-1".into(),
        issued_key: to.access_key.clone(),
        role_arn: to.issuer_arn.clone(),
        assumed_role_id: to.principal_id.clone(),
        assumed_arn: to.arn.clone(),
        session_name: to
            .principal_id
            .as_deref()
            .and_then(|id| id.split_once(':'))
            .and_then(|(_, name)| text(name)),
        provider: None,
        subject: None,
        audience: None,
        tags: Vec::new(),
        source_identity: None,
        has_external_id: false,
        user_agent: None,
        error: None,
        others: None,
    }
}

fn web_identity(provider: &str, subject: &str, to: &SessionFacts, at: i64) -> IssuanceFacts {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}");
    let caller = SessionFacts {
        principal_id: text(&format!("{provider}:sts.amazonaws.com:{subject}")),
        user_name: text(subject),
        identity_provider: text(&provider),
        ..nobody(IdentityType::WebIdentityUser)
    };
    IssuanceFacts {
        provider: text(&provider),
        subject: text(subject),
        ..issued(IssuanceKind::AssumeRoleWithWebIdentity, caller, to, at)
    }
}

fn irsa(service_account: &str, to: &SessionFacts, at: i64) -> IssuanceFacts {
    web_identity("oidc.test/id/A", &format!("system:serviceaccount:ns:{service_account}"), to, at)
}

fn needs(action: &str, resource: &str) -> Arc<Needs> {
    Arc::new(Needs {
        verdict: Verdict::Mapped,
        needs: vec![Need {
            action: action.parse().unwrap(),
            resources: vec![Resource::Arn(resource.to_owned())],
            evidence: Evidence::Observed,
            context: Vec::new(),
        }],
        rule: "test",
    })
}

fn used(session: usize, action: &str, at: i64, calls: u64) -> RowFacts {
    RowFacts {
        session: SessionId(u32::try_from(session).unwrap()),
        call: Call {
            kind: Arc::new(CallKind {
                source: "s3.amazonaws.com".into(),
                name: action.split_once(':').unwrap().1.into(),
                region: "eu-west-1".into(),
                recipient_account: text(ACCOUNT),
                data_type: None,
                read_only: Some(true),
                outcome: CallOutcome::Used { failed: None },
                vpc_endpoint: None,
            }),
            needs: needs(action, "arn:aws:s3:::b/k"),
        },
        calls,
        first: time(at),
        last: time(at),
        sample: format!("event-{session}-{at}").into(),
    }
}

fn denied(session: usize, message: &str, at: i64) -> RowFacts {
    let outcome = CallOutcome::Denied(DenialFacts { code: "AccessDenied".into(), message: text(message) });
    ended(used(session, "s3:GetObject", at, 1), outcome)
}

/// The same call with another outcome.
fn ended(row: RowFacts, outcome: CallOutcome) -> RowFacts {
    let kind = Arc::new(CallKind { outcome, ..CallKind::clone(&row.call.kind) });
    RowFacts { call: Call { kind, ..row.call.clone() }, ..row }
}

/// A merged ledger of these sessions (one call each, a minute after they began) and issuances.
fn usage(sessions: Vec<SessionFacts>, issuances: Vec<IssuanceFacts>) -> Usage {
    let rows = sessions
        .iter()
        .enumerate()
        .map(|(index, facts)| {
            let begun = facts.creation.map_or(0, |creation| creation.unix() - T0);
            let sample = format!("{:?}-{:?}-{begun}", facts.principal_id, facts.access_key);
            RowFacts { sample: sample.into(), ..used(index, "s3:GetObject", begun + 60, 1) }
        })
        .collect();
    Usage { sessions, rows, issuances, ..Usage::default() }
}

fn spell(attribution: &Attribution) -> String {
    let workload = attribution.workload.as_ref().map_or("-", |workload| &workload.id);
    let via: Vec<_> = attribution.via.iter().map(|arn| arn.split_once(":role/").unwrap().1).collect();
    format!("{workload} {} [{}]", attribution.grade.as_str(), via.join(" "))
}

/// Attributes the sessions and compares with `workload grade [via]`.
fn check(
    sessions: Vec<SessionFacts>,
    issuances: Vec<IssuanceFacts>,
    inventory: &Inventory,
    expected: &[&str],
) {
    let usage = usage(sessions, issuances);
    let found = resolve(&usage, inventory);
    assert_eq!(found.iter().map(spell).collect::<Vec<_>>(), expected, "{found:#?}");
}

fn empty() -> Inventory {
    Inventory::default()
}

/// An inventory of roles with their trust policies.
fn roles(list: &[(&str, &str)]) -> Inventory {
    let mut inventory = Inventory::default();
    for (path_and_name, trust) in list {
        let (path, name) = path_and_name
            .rsplit_once('/')
            .map_or(("/".to_owned(), *path_and_name), |(path, name)| (format!("/{path}/"), name));
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{path_and_name}");
        let role = Role {
            arn: arn.clone(),
            name: name.to_owned(),
            path,
            id: role_id(path_and_name),
            account: ACCOUNT.to_owned(),
            trust: Some(policy::parse(trust, PolicyKind::Trust).unwrap()),
            policies: Vec::new(),
            boundary: None,
            last_used: None,
            created: None,
            max_session: None,
            tags: Vec::new(),
            instance_profiles: vec![format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}-profile")],
            origin: leastwise::inventory::Origin::default(),
        };
        inventory.accounts.entry(ACCOUNT.to_owned()).or_default().roles.insert(arn, role);
    }
    inventory
}

fn trust_service(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

fn trust_web(provider: &str, operator: &str, subject: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}"}},
        "Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"{operator}":{{"{provider}:sub":"{subject}","{provider}:aud":"sts.amazonaws.com"}}}}}}]}}"#
    )
}

#[test]
fn a_session_belongs_to_whom_its_credentials_were_issued_to() {
    let app = session("app", "botocore-session-1", "ASIAAPP00001", 0);
    check(
        vec![app.clone()],
        vec![irsa("api", &app, 0)],
        &empty(),
        &["kubernetes:oidc.test/id/A/ns/api exact []"],
    );

    // Without a key (or with a key of its own) by role, name and moment.
    for key in ["", "ASIAOTHER001", "HIDDEN_DUE_TO_SECURITY_REASONS"] {
        let used = SessionFacts { access_key: text(key).filter(|key| !key.is_empty()), ..app.clone() };
        check(
            vec![used],
            vec![irsa("api", &app, 0)],
            &empty(),
            &["kubernetes:oidc.test/id/A/ns/api session []"],
        );
    }
    // Two seconds off is the same moment, two minutes off is another session of the same name.
    let late = |seconds| SessionFacts { access_key: None, creation: Some(time(seconds)), ..app.clone() };
    check(
        vec![late(2)],
        vec![irsa("api", &app, 0)],
        &empty(),
        &["kubernetes:oidc.test/id/A/ns/api session []"],
    );
    check(vec![late(120)], vec![irsa("api", &app, 0)], &empty(), &["- unknown []"]);
    // Without a creation date, the one issuance that can have begun it.
    let undated = SessionFacts { access_key: None, creation: None, ..app.clone() };
    check(
        vec![undated.clone()],
        vec![irsa("api", &app, 0)],
        &empty(),
        &["kubernetes:oidc.test/id/A/ns/api session []"],
    );
    check(vec![undated.clone()], vec![irsa("api", &app, 3600)], &empty(), &["- unknown []"]);
    let other = SessionFacts { access_key: text("ASIAAPP00002"), ..app.clone() };
    let two = vec![irsa("api", &app, 0), irsa("worker", &other, 0)];
    check(vec![undated], two, &empty(), &["- unknown []"]);
}

#[test]
fn a_key_that_several_sessions_share_proves_nothing() {
    let key = "ASIAMASKED01";
    let (a, b) = (session("a", "one", key, 0), session("b", "two", key, 100));
    let issuances = vec![irsa("a", &a, 0), irsa("b", &b, 100)];
    check(
        vec![a.clone(), b.clone()],
        issuances,
        &empty(),
        &["kubernetes:oidc.test/id/A/ns/a session []", "kubernetes:oidc.test/id/A/ns/b session []"],
    );
    // One issuance only, yet two roles use "its" key: the other role's session must not follow.
    check(
        vec![a.clone(), b],
        vec![irsa("a", &a, 0)],
        &empty(),
        &["kubernetes:oidc.test/id/A/ns/a session []", "- unknown []"],
    );
    // A key issued to another role is no evidence for this one.
    let stranger = session("c", "three", key, 0);
    check(vec![stranger], vec![irsa("a", &a, 0)], &empty(), &["- unknown []"]);
}

#[test]
fn chains_are_followed_to_their_start_across_accounts() {
    let first = session("ci", "GitHubActions", "ASIACHAIN001", 0);
    let second = session("deploy/hub", "hop", "ASIACHAIN002", 100);
    let third = session_in("222222222222", "spoke", "hop", "ASIACHAIN003", 200);
    let github = "token.actions.githubusercontent.com";
    // The owner's copy of the last hop is there too.
    let owner = SessionFacts {
        account: text(ACCOUNT),
        principal_id: second.principal_id.clone(),
        ..nobody(IdentityType::AwsAccount)
    };
    let issuances = vec![
        issued(IssuanceKind::AssumeRole, second.clone(), &third, 200),
        issued(IssuanceKind::AssumeRole, owner.clone(), &third, 200),
        issued(IssuanceKind::AssumeRole, first.clone(), &second, 100),
        web_identity(github, "repo:acme/app:ref:refs/heads/main", &first, 0),
    ];
    let sessions = vec![third.clone(), first.clone(), second.clone()];
    let expected = [
        "github-actions:acme/app exact [ci deploy/hub]",
        "github-actions:acme/app exact []",
        "github-actions:acme/app exact [ci]",
    ];
    check(sessions.clone(), issuances.clone(), &empty(), &expected);
    let found = resolve(&usage(sessions, issuances.clone()), &empty());
    assert_eq!(found[0].principal.as_deref(), Some("arn:aws:iam::222222222222:role/spoke"));
    assert_eq!(found[0].evidence.len(), 3);
    // Only the owner's copy: the chain goes on by the caller's principal id.
    let only_owner = vec![issuances[1].clone(), issuances[2].clone(), issuances[3].clone()];
    check(
        vec![third.clone(), second, first],
        only_owner,
        &empty(),
        &[
            "github-actions:acme/app session [ci deploy/hub]",
            "github-actions:acme/app exact [ci]",
            "github-actions:acme/app exact []",
        ],
    );
    // Nothing of the caller's account: it is all that is known.
    let stranger = vec![issued(IssuanceKind::AssumeRole, owner, &third, 200)];
    check(vec![third], stranger, &empty(), &["account:111111111111 exact []"]);
}

#[test]
fn a_role_that_assumes_itself_is_not_on_its_own_way() {
    let first = session("app", "one", "ASIASELF0001", 0);
    let second = session("app", "two", "ASIASELF0002", 10);
    let issuances =
        vec![issued(IssuanceKind::AssumeRole, first.clone(), &second, 10), irsa("api", &first, 0)];
    check(vec![second], issuances, &empty(), &["kubernetes:oidc.test/id/A/ns/api exact []"]);
}

#[test]
fn loops_and_endless_chains_end() {
    let a = session("a", "s", "ASIALOOP0001", 0);
    let b = session("b", "s", "ASIALOOP0002", 0);
    let issuances = vec![
        issued(IssuanceKind::AssumeRole, b.clone(), &a, 0),
        issued(IssuanceKind::AssumeRole, a.clone(), &b, 0),
    ];
    let ledger = usage(vec![a, b], issuances);
    for attribution in resolve(&ledger, &empty()) {
        assert_eq!(attribution.workload, None);
        assert_eq!(attribution.reason, "the chain of role assumptions does not end");
    }
    // However long: a chain is followed to its start. Roles on the way are listed up to a number, and then it says so.
    for (length, most) in [(200_usize, 300_usize), (2_000, 100), (400, 400)] {
        let chain: Vec<_> = (0..length)
            .map(|i| {
                session(&format!("r{}", i % most), "s", &format!("ASIALONG{i:04}"), i64::try_from(i).unwrap())
            })
            .collect();
        let issuances = (1..length)
            .map(|i| {
                issued(IssuanceKind::AssumeRole, chain[i - 1].clone(), &chain[i], i64::try_from(i).unwrap())
            })
            .chain([irsa("x", &chain[0], 0)])
            .collect();
        let found = resolve(&usage(chain, issuances), &empty());
        assert_eq!(found[10].via.len(), 10);
        let last = &found[length - 1];
        if most == 400 {
            assert_eq!(last.reason, "the chain of role assumptions leads through more than 256 roles");
            assert_eq!(found[256].via.len(), MOST_ROLES);
        } else {
            assert_eq!(last.workload.as_ref().unwrap().id, "kubernetes:oidc.test/id/A/ns/x");
            assert_eq!((last.grade, last.via.len()), (Grade::Exact, most.min(length) - 1));
            assert!(last.evidence.len() <= 64);
        }
    }
}

#[test]
fn services_get_credentials_for_what_they_run() {
    let lambda = session("fn-role", "orders", "ASIASVC00001", 0);
    let ec2 = session("web", "i-0abc", "ASIASVC00002", 0);
    let ecs = session("task", "0123456789abcdef", "ASIASVC00003", 0);
    let glue = session("etl", "GlueJobRunnerSession", "ASIASVC00004", 0);
    let by = |service_name: &str, to: &SessionFacts| {
        // EC2 and Lambda do not tell the session's ids.
        let mut issuance = issued(IssuanceKind::AssumeRole, service(service_name), to, 0);
        issuance.assumed_role_id = None;
        issuance.assumed_arn = None;
        issuance
    };
    let issuances = vec![
        by("lambda.amazonaws.com", &lambda),
        by("ec2.amazonaws.com", &ec2),
        by("ecs-tasks.amazonaws.com", &ecs),
        by("glue.amazonaws.com", &glue),
    ];
    check(
        vec![lambda.clone(), ec2.clone(), ecs, glue],
        issuances,
        &empty(),
        &[
            "lambda:orders exact []",
            "ec2:web exact []",
            "ecs:task exact []",
            "service:glue.amazonaws.com/etl exact []",
        ],
    );
    // Without the issuance, what AWS writes into the record counts; a session name alone does not.
    let scoped = SessionFacts {
        in_scope_of_type: text("AWS::Lambda::Function"),
        in_scope_of: text("arn:aws:lambda:eu-west-1:111111111111:function:orders"),
        ..lambda.clone()
    };
    let delivered = SessionFacts { ec2_role_delivery: text("2.0"), ..ec2.clone() };
    let instance = SessionFacts {
        in_scope_of_type: text("AWS::EC2::Instance"),
        in_scope_of: text("arn:aws:ec2:r:1:instance/i-1"),
        ..ec2.clone()
    };
    check(
        vec![scoped, delivered, instance, lambda, ec2],
        vec![],
        &empty(),
        &[
            "lambda:orders session []",
            "ec2:web session []",
            "ec2:web session []",
            "- unknown []",
            "- unknown []",
        ],
    );
}

fn pod_tags(cluster: &str) -> Vec<(Text, Text)> {
    [
        ("eks-cluster-arn", cluster),
        ("eks-cluster-name", "prod"),
        ("kubernetes-namespace", "ns"),
        ("kubernetes-pod-name", "api-7d9"),
        ("kubernetes-service-account", "api"),
    ]
    .map(|(key, value)| (key.into(), value.into()))
    .to_vec()
}

#[test]
fn pods_are_named_by_the_tags_that_eks_sets() {
    let cluster = "arn:aws:eks:eu-west-1:111111111111:cluster/prod";
    let pod = session("pod-role", "eks-prod-api-0123", "ASIAPOD00001", 0);
    let mut issuance = issued(IssuanceKind::AssumeRole, service("pods.eks.amazonaws.com"), &pod, 0);
    let untagged = issuance.clone();
    issuance.tags = pod_tags(cluster);
    check(
        vec![pod.clone()],
        vec![issuance.clone()],
        &empty(),
        &[&format!("kubernetes:{cluster}/ns/api exact []")],
    );

    // The snapshot ties the cluster to its issuer: IRSA and Pod Identity are one workload.
    let mut inventory = empty();
    let association = PodIdentityAssociation {
        namespace: "ns".to_owned(),
        service_account: "api".to_owned(),
        role_arn: pod.issuer_arn.as_deref().unwrap().to_owned(),
        ..PodIdentityAssociation::default()
    };
    let known = Cluster {
        arn: cluster.to_owned(),
        issuer: Some("oidc.test/id/A".to_owned()),
        associations: vec![association.clone()],
    };
    inventory.clusters.insert(cluster.to_owned(), known);
    let web = session("irsa-role", "s", "ASIAPOD00002", 0);
    check(
        vec![pod.clone(), web.clone()],
        vec![issuance.clone(), irsa("api", &web, 0)],
        &inventory,
        &["kubernetes:oidc.test/id/A/ns/api exact []", "kubernetes:oidc.test/id/A/ns/api exact []"],
    );

    // Tags switched off: one association for the role tells, two do not, and the session's name never does.
    check(
        vec![pod.clone()],
        vec![untagged.clone()],
        &inventory,
        &[&format!("kubernetes:{cluster}/ns/api inferred []")],
    );
    let second = PodIdentityAssociation { service_account: "other".to_owned(), ..association };
    inventory.clusters.get_mut(cluster).unwrap().associations.push(second);
    check(vec![pod.clone()], vec![untagged.clone()], &inventory, &["- unknown []"]);
    check(vec![pod.clone()], vec![untagged], &empty(), &["- unknown []"]);

    // Anybody can write such tags into an AssumeRole of his own; only EKS is believed.
    let forged =
        IssuanceFacts { tags: pod_tags(cluster), ..issued(IssuanceKind::AssumeRole, user("eve"), &pod, 0) };
    check(
        vec![pod.clone()],
        vec![forged],
        &empty(),
        &["iam-user:arn:aws:iam::111111111111:user/eve exact []"],
    );

    // A target role: EKS assumes it with the first role's session.
    let target = session_in("222222222222", "target", "eks-prod-api-0123", "ASIAPOD00003", 1);
    let caller = SessionFacts { invoked_by: text("pods.eks.amazonaws.com"), access_key: None, ..pod };
    let hop =
        IssuanceFacts { tags: pod_tags(cluster), ..issued(IssuanceKind::AssumeRole, caller, &target, 1) };
    check(vec![target], vec![hop], &empty(), &[&format!("kubernetes:{cluster}/ns/api session [pod-role]")]);
}

#[test]
fn people_sign_in_by_saml_and_identity_center() {
    let role = "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef";
    let issued_session = session(role, "ann@example.org", "ASIASSO00001", 0);
    let saml_caller = |provider: &str| SessionFacts {
        user_name: text("ann"),
        identity_provider: text("qualifier"),
        principal_id: text("qualifier:ann"),
        arn: text(provider),
        ..nobody(IdentityType::SamlUser)
    };
    let saml = |provider: &str, to: &SessionFacts| {
        let provider = format!("arn:aws:iam::{ACCOUNT}:saml-provider/{provider}");
        IssuanceFacts {
            provider: text(&provider),
            subject: text("ann"),
            ..issued(IssuanceKind::AssumeRoleWithSaml, saml_caller(&provider), to, 0)
        }
    };
    // Identity Center issues one key and uses others.
    let used = SessionFacts { access_key: text("ASIASSO00002"), ..issued_session.clone() };
    check(
        vec![used.clone()],
        vec![saml("AWSSSO_0a1b_DO_NOT_DELETE", &issued_session)],
        &empty(),
        &["sso:ann@example.org session []"],
    );
    check(vec![used], vec![], &empty(), &["sso:ann@example.org session []"]);
    let okta = session("Admins", "whatever", "ASIASSO00003", 0);
    check(vec![okta.clone()], vec![saml("Okta", &okta)], &empty(), &["saml:Okta/ann exact []"]);
    let bearer = SessionFacts { on_behalf_of: text("u-1"), ..nobody(IdentityType::IdentityCenterUser) };
    check(vec![bearer], vec![], &empty(), &["sso:u-1 exact []"]);
}

#[test]
fn long_term_identities_and_their_sessions() {
    let ann = user("ann");
    let root = SessionFacts {
        account: text(ACCOUNT),
        principal_id: text(ACCOUNT),
        arn: text(&format!("arn:aws:iam::{ACCOUNT}:root")),
        ..nobody(IdentityType::Root)
    };
    let fas = SessionFacts {
        access_key: text("ASIAFAS00001"),
        invoked_by: text("secretsmanager.amazonaws.com"),
        creation: Some(time(0)),
        ..ann.clone()
    };
    let federated = SessionFacts {
        principal_id: text("111111111111:bob"),
        arn: text("arn:aws:sts::111111111111:federated-user/bob"),
        access_key: text("ASIAFED00001"),
        issuer_type: text("IAMUser"),
        issuer_arn: ann.arn.clone(),
        creation: Some(time(0)),
        account: text(ACCOUNT),
        ..nobody(IdentityType::FederatedUser)
    };
    let as_user = "iam-user:arn:aws:iam::111111111111:user/ann";
    check(
        vec![ann.clone(), root, fas, federated.clone()],
        vec![],
        &empty(),
        &[
            &format!("{as_user} exact []"),
            "root:111111111111 exact []",
            &format!("{as_user} exact []"),
            &format!("{as_user} session []"),
        ],
    );
    let token = issued(IssuanceKind::GetFederationToken, ann.clone(), &federated, 0);
    let found = resolve(&usage(vec![federated], vec![token]), &empty());
    assert_eq!(spell(&found[0]), format!("{as_user} exact []"));
    assert_eq!(
        found[0].principal,
        Some(ann.arn.as_deref().unwrap().to_owned()),
        "acts with the user's permissions"
    );

    // AssumeRoot: the member account's root, used by a role of the management account.
    let admin = session("org-admin", "s", "ASIAROOT0001", 0);
    let member = SessionFacts {
        account: text("222222222222"),
        principal_id: text("222222222222"),
        arn: text("arn:aws:iam::222222222222:root"),
        access_key: text("ASIAROOT0002"),
        creation: Some(time(10)),
        ..nobody(IdentityType::Root)
    };
    let mut taken = issued(IssuanceKind::AssumeRoot, admin.clone(), &member, 10);
    taken.role_arn = None;
    check(
        vec![member, admin.clone()],
        vec![taken, irsa("ops", &admin, 0)],
        &empty(),
        &["kubernetes:oidc.test/id/A/ns/ops exact [org-admin]", "kubernetes:oidc.test/id/A/ns/ops exact []"],
    );
}

#[test]
fn a_trust_policy_that_admits_one_workload_infers_it() {
    let github = "token.actions.githubusercontent.com";
    let chained = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:role/irsa"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let foreign = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}]}"#;
    let own = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{ACCOUNT}"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let two = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;
    let inventory = roles(&[
        ("irsa", &trust_web("oidc.test/id/A", "StringEquals", "system:serviceaccount:ns:api")),
        ("any-pod", &trust_web("oidc.test/id/A", "StringLike", "system:serviceaccount:ns:*")),
        ("repo", &trust_web(github, "StringLike", "repo:acme/app:*")),
        ("org", &trust_web(github, "StringLike", "repo:acme/*")),
        ("web", &trust_service("ec2.amazonaws.com")),
        ("task", &trust_service("ecs-tasks.amazonaws.com")),
        ("fn", &trust_service("lambda.amazonaws.com")),
        ("chained", &chained),
        ("foreign", foreign),
        ("own", &own),
        ("two", two),
    ]);
    for (role, expected) in [
        ("irsa", "kubernetes:oidc.test/id/A/ns/api inferred []"),
        ("any-pod", "- unknown []"),
        ("repo", "github-actions:acme/app inferred []"),
        ("org", "- unknown []"),
        ("web", "ec2:web inferred []"),
        ("task", "ecs:task inferred []"),
        // Only Lambda can open sessions of this role, and it names them after the function.
        ("fn", "lambda:s inferred []"),
        ("chained", "kubernetes:oidc.test/id/A/ns/api inferred [irsa]"),
        ("foreign", "account:999999999999 inferred []"),
        ("own", "- unknown []"),
        ("two", "- unknown []"),
    ] {
        check(vec![session(role, "s", "ASIATRUST001", 0)], vec![], &inventory, &[expected]);
    }
    // A chain's grade is its weakest link.
    let (start, end) = (session("irsa", "s", "ASIATRUST002", 0), session("own", "s", "ASIATRUST003", 10));
    let hop = issued(IssuanceKind::AssumeRole, start, &end, 10);
    check(vec![end], vec![hop], &inventory, &["kubernetes:oidc.test/id/A/ns/api inferred [irsa]"]);
    // A role made again under the same name may have trusted somebody else before.
    let earlier = SessionFacts {
        principal_id: text("AROAEARLIER:s"),
        issuer_id: text("AROAEARLIER"),
        ..session("irsa", "s", "ASIATRUST004", 0)
    };
    check(vec![earlier], vec![], &inventory, &["- unknown []"]);
}

#[test]
fn the_reason_says_why_nobody_is_known() {
    let observed = |reads: bool, from: i64| {
        let mut ledger = usage(vec![session("a", "s", "ASIAWHY00001", 0)], vec![]);
        let region =
            RegionObservation { span: Some((time(from), time(9_000))), ..RegionObservation::default() };
        ledger.observation.regions.insert(ACCOUNT.into(), BTreeMap::from([("eu-west-1".into(), region)]));
        if reads {
            ledger.observation.management_reads.insert(ACCOUNT.into());
        }
        ledger
    };
    let reason = |ledger: &Usage| resolve(ledger, &empty()).remove(0).reason;
    assert_eq!(reason(&observed(true, -100)), "no issuance in the logs fits the session");
    assert_eq!(reason(&observed(true, 30)), "the session began before the logs");
    assert!(reason(&observed(false, -100)).contains("write-only trail"));
    let mut elsewhere = observed(true, -100);
    elsewhere.sessions = vec![session_in("333333333333", "a", "s", "ASIAWHY00001", 0)];
    assert_eq!(reason(&elsewhere), "the logs of the role's account are not here");
}

#[test]
fn aws_itself_is_no_workload() {
    let linked = session("aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", "SLRManagement", "", 0);
    let infrastructure = session("aws:ec2-infrastructure", "i-1", "", 0);
    let service_call = service("cloudtrail.amazonaws.com");
    let missing = SessionFacts { account: text(ACCOUNT), ..nobody(IdentityType::Missing) };
    let ledger = usage(vec![linked, infrastructure, service_call, missing, user("ann")], vec![]);
    let found = resolve(&ledger, &empty());
    assert_eq!(found.iter().map(|a| a.is_service).collect::<Vec<_>>(), [true, true, true, true, false]);
    let access = access(&ledger, &found, &empty());
    assert_eq!(access.aws_itself, 4);
    assert_eq!(access.principals.keys().collect::<Vec<_>>(), ["arn:aws:iam::111111111111:user/ann"]);
}

fn summed(
    sessions: Vec<SessionFacts>,
    issuances: Vec<IssuanceFacts>,
    rows: Vec<RowFacts>,
    inventory: &Inventory,
) -> Access {
    let rows = rows.into_iter().collect();
    let ledger = Usage { sessions, rows, issuances, ..Usage::default() };
    let found = resolve(&ledger, inventory);
    access(&ledger, &found, inventory)
}

#[test]
fn calls_and_sessions_are_counted_per_principal_and_workload() {
    let (one, two) = (session("app", "s", "ASIASUM00001", 0), session("app", "s", "ASIASUM00002", 5_000));
    // A forward access session carries the identity of the session it acts for, under a key of its own.
    let fas = SessionFacts {
        access_key: text("ASIASUM00009"),
        invoked_by: text("s3.amazonaws.com"),
        ..one.clone()
    };
    let lost = session("app", "other", "ASIASUM00003", 9_000);
    let issuances = vec![irsa("api", &one, 0), irsa("api", &two, 5_000)];
    let rows = vec![
        used(0, "s3:GetObject", 10, 3),
        used(1, "s3:GetObject", 5_010, 1),
        used(2, "kms:Decrypt", 10, 3),
        used(3, "s3:PutObject", 9_010, 2),
        denied(
            0,
            "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:r:1:key/k with an explicit deny in a service control policy",
            20,
        ),
        denied(
            1,
            "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:r:1:key/l with an explicit deny in a service control policy",
            5_020,
        ),
        ended(used(0, "s3:GetObject", 30, 1), CallOutcome::Used { failed: text("NoSuchKey") }),
        ended(used(0, "s3:DeleteObject", 40, 7), CallOutcome::Unproven("ThrottlingException".into())),
    ];
    let access = summed(vec![one, two, fas, lost], issuances, rows, &empty());
    let app = &access.principals["arn:aws:iam::111111111111:role/app"];
    assert_eq!((app.calls, app.denied_calls, app.unproven), (19, 2, 7));
    assert_eq!(app.span, Some((time(10), time(9_010))));
    let uses: Vec<_> = app
        .uses
        .iter()
        .map(|u| {
            (
                u.action.to_string(),
                u.calls,
                u.workloads.len(),
                u.via_services.iter().cloned().collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        uses,
        [
            ("kms:Decrypt".to_owned(), 3, 1, vec!["s3.amazonaws.com".to_owned()]),
            ("s3:GetObject".to_owned(), 5, 1, vec![]),
            ("s3:PutObject".to_owned(), 2, 0, vec![]),
        ]
    );
    assert_eq!(app.uses[1].sample.as_ref(), "event-0-10");
    assert_eq!(app.calls_by_action[&"s3:GetObject".parse().unwrap()], 5);
    let refused = &app.denied[0];
    assert_eq!((app.denied.len(), refused.layer, refused.explicit, refused.calls), (1, "scp", true, 2));
    assert_eq!(
        refused.action.as_ref().unwrap().as_str(),
        "kms:Decrypt",
        "the sentence's action, not the event's"
    );
    assert_eq!(
        refused.resources.iter().collect::<Vec<_>>(),
        ["arn:aws:kms:r:1:key/k", "arn:aws:kms:r:1:key/l"]
    );
    let shares: Vec<_> = app
        .workloads
        .iter()
        .map(|s| (s.workload.id.as_str(), s.sessions, s.calls, s.denied, s.grade))
        .collect();
    assert_eq!(shares, [("kubernetes:oidc.test/id/A/ns/api", 2, 17, 2, Grade::Exact)]);
    assert_eq!(app.unattributed.values().sum::<u64>(), 2);
    assert_eq!(app.unattributed.keys().collect::<Vec<_>>(), ["no issuance in the logs fits the session"]);
}

#[test]
fn an_assumption_is_the_callers_call_and_a_token_exchange_nobodys() {
    let ann = user("ann");
    let hop = session("app", "s", "ASIAHOP00001", 0);
    let token = web_identity("oidc.test/id/A", "system:serviceaccount:ns:api", &hop, 0).caller;
    let foreign = SessionFacts {
        account: text("999999999999"),
        principal_id: text("AIDAX"),
        ..nobody(IdentityType::AwsAccount)
    };
    let issuances = vec![issued(IssuanceKind::AssumeRole, ann.clone(), &hop, 0)];
    let rows = vec![
        used(0, "sts:AssumeRole", 0, 1),
        used(1, "s3:GetObject", 5, 1),
        used(2, "sts:AssumeRoleWithWebIdentity", 0, 1),
        used(3, "s3:GetObject", 3, 1),
    ];
    let access = summed(vec![ann, hop, token, foreign], issuances, rows, &empty());
    let actions = |principal: &str| {
        access.principals[principal].calls_by_action.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(actions("arn:aws:iam::111111111111:user/ann"), ["sts:AssumeRole"]);
    assert_eq!(actions("arn:aws:iam::111111111111:role/app"), ["s3:GetObject"]);
    assert_eq!(access.principals.len(), 2);
    assert_eq!(access.no_principal.values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn what_the_snapshot_knows_completes_the_records() {
    let inventory = roles(&[("team/app", &trust_service("ec2.amazonaws.com"))]);
    // A record without an issuer: the path comes from the snapshot, by id or by name.
    let bare = SessionFacts { issuer_arn: None, ..session("team/app", "i-1", "ASIAKNOW0001", 0) };
    let named = SessionFacts { issuer_id: None, principal_id: text("masked:i-1"), ..bare.clone() };
    let earlier = SessionFacts {
        issuer_id: text("AROAEARLIER"),
        principal_id: text("AROAEARLIER:i-1"),
        ..session("team/app", "i-1", "ASIAKNOW0002", 0)
    };
    let mut profile = used(0, "iam:PassRole", 10, 1);
    let mut need = needs("iam:PassRole", "x").needs[0].clone();
    need.resources = vec![
        Resource::InstanceProfile("app-profile".to_owned()),
        Resource::InstanceProfile("gone".to_owned()),
    ];
    need.evidence = Evidence::Inferred;
    profile.call.needs = Arc::new(Needs { verdict: Verdict::Mapped, needs: vec![need], rule: "test" });
    let rows = vec![profile, used(1, "s3:GetObject", 10, 1), used(2, "s3:GetObject", 10, 4)];
    let access = summed(vec![bare, named, earlier], vec![], rows, &inventory);
    assert_eq!(access.principals.keys().collect::<Vec<_>>(), ["arn:aws:iam::111111111111:role/team/app"]);
    let app = access.principals.values().next().unwrap();
    assert_eq!(app.earlier_roles, BTreeMap::from([("AROAEARLIER".to_owned(), 4)]));
    let passed: Vec<_> =
        app.uses.iter().filter(|u| u.action.name() == "PassRole").map(|u| u.resource.clone()).collect();
    assert_eq!(
        passed,
        [
            Resource::Arn("arn:aws:iam::111111111111:role/team/app".to_owned()),
            Resource::InstanceProfile("gone".to_owned())
        ]
    );
    assert_eq!(app.calls_by_action[&"iam:PassRole".parse().unwrap()], 1, "one call, however many resources");
}

/// A world of sessions and issuances with shared keys, chains and gaps.
fn world() -> impl Strategy<Value = (Vec<SessionFacts>, Vec<IssuanceFacts>)> {
    let hop = (0..6_usize, 0..3_usize, 0..4_i64, 0..5_usize, any::<bool>());
    proptest::collection::vec(hop, 1..24).prop_map(|hops| {
        let mut sessions: Vec<SessionFacts> = Vec::new();
        let mut issuances = Vec::new();
        for (index, (role, name, begun, key, logged)) in hops.into_iter().enumerate() {
            let key =
                [format!("ASIAPROP{index:04}"), "ASIASHARED01".to_owned(), String::new()][key.min(2)].clone();
            let new = session(&format!("r{role}"), &format!("s{name}"), &key, begun);
            if logged {
                issuances.push(match sessions.get(index % (sessions.len() + 1)) {
                    Some(parent) => issued(IssuanceKind::AssumeRole, parent.clone(), &new, begun),
                    None => irsa(&format!("sa{role}"), &new, begun),
                });
            }
            sessions.push(new);
        }
        sessions.sort();
        sessions.dedup();
        issuances.dedup();
        (sessions, issuances)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_sessions_and_issuances_changes_nothing((sessions, issuances) in world(), seed in any::<u64>()) {
        let ordered = usage(sessions.clone(), issuances.clone());
        let by_facts: BTreeMap<_, _> = sessions.iter().zip(resolve(&ordered, &empty())).collect();
        let (mut other, mut others) = (sessions.clone(), issuances);
        let turn = |length: usize| usize::try_from(seed % u64::try_from(length.max(1)).unwrap()).unwrap();
        let (by, by_too) = (turn(other.len()), turn(others.len()));
        other.rotate_left(by);
        other.reverse();
        others.rotate_left(by_too);
        others.reverse();
        let shuffled = usage(other.clone(), others);
        let found = resolve(&shuffled, &empty());
        for (facts, attribution) in other.iter().zip(&found) {
            prop_assert_eq!(&by_facts[facts], attribution);
        }
        prop_assert_eq!(access(&ordered, &resolve(&ordered, &empty()), &empty()), access(&shuffled, &found, &empty()));
    }

    #[test]
    fn whatever_the_ledger_holds_calls_balance((sessions, issuances) in world()) {
        let ledger = usage(sessions, issuances);
        let found = resolve(&ledger, &empty());
        let access = access(&ledger, &found, &empty());
        let total: u64 = ledger.rows.iter().map(|row| row.calls).sum();
        let counted: u64 = access.principals.values().map(|p| p.calls).sum();
        prop_assert_eq!(total, counted + access.aws_itself + access.no_principal.values().sum::<u64>());
        for principal in access.principals.values() {
            let shares: u64 = principal.workloads.iter().map(|share| share.calls).sum();
            prop_assert_eq!(principal.calls, shares + principal.unattributed.values().sum::<u64>());
        }
        for attribution in &found {
            prop_assert_eq!(attribution.workload.is_none(), attribution.grade == Grade::Unknown);
        }
    }
}

#[test]
fn a_user_of_another_account_in_the_snapshot_is_named() {
    let hop = session("app", "s", "ASIAXACCT001", 0);
    let owner = SessionFacts {
        account: text("222222222222"),
        principal_id: text("AIDABOB"),
        ..nobody(IdentityType::AwsAccount)
    };
    let mut inventory = empty();
    let bob = User {
        arn: "arn:aws:iam::222222222222:user/bob".to_owned(),
        name: "bob".to_owned(),
        id: "AIDABOB".to_owned(),
        account: "222222222222".to_owned(),
        policies: Vec::new(),
        boundary: None,
        origin: leastwise::inventory::Origin::default(),
    };
    inventory.accounts.entry("222222222222".to_owned()).or_default().users.insert(bob.arn.clone(), bob);
    let issuance = issued(IssuanceKind::AssumeRole, owner, &hop, 0);
    check(vec![hop], vec![issuance], &inventory, &["iam-user:arn:aws:iam::222222222222:user/bob exact []"]);
}
