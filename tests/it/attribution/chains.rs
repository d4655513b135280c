//! Chains whose first session has no issuance in the logs: opened before them, or in an account whose logs are absent.

use leastwise::attribution::resolve;
use leastwise::inventory::{Cluster, Inventory, PodIdentityAssociation};
use leastwise::record::IdentityType;
use leastwise::usage::{IssuanceFacts, IssuanceKind, SessionFacts};

use super::{
    ACCOUNT, check, empty, irsa, issued, nobody, pod_tags, role_id, roles, service, session, session_in,
    spell, text, trust_web, usage,
};

const ISSUER: &str = "oidc.test/id/A";
const POD: &str = "kubernetes:oidc.test/id/A/ns/api";

/// A trust policy with these statements.
fn trust(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// A statement that lets principals of one kind in.
fn lets(kind: &str, who: &[&str]) -> String {
    let who: Vec<String> = who.iter().map(|one| format!("\"{one}\"")).collect();
    format!(
        r#"{{"Effect":"Allow","Principal":{{"{kind}":[{}]}},"Action":["sts:AssumeRole","sts:TagSession"]}}"#,
        who.join(",")
    )
}

/// A statement that lets the pods of these ServiceAccounts in.
fn lets_pods(subjects: &[&str]) -> String {
    let subjects: Vec<String> =
        subjects.iter().map(|name| format!("\"system:serviceaccount:ns:{name}\"")).collect();
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}},"Action":"sts:AssumeRoleWithWebIdentity",
        "Condition":{{"StringEquals":{{"{ISSUER}:aud":"sts.amazonaws.com","{ISSUER}:sub":[{}]}}}}}}"#,
        subjects.join(",")
    )
}

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// `api` is one pod's role, `shared` two pods'; the others trust roles.
fn inventory() -> Inventory {
    let by = |role: &str| trust(&[lets("AWS", &[&arn(role)])]);
    roles(&[
        ("api", &trust(&[lets_pods(&["api"])])),
        ("shared", &trust(&[lets_pods(&["api", "worker"])])),
        ("any", &trust_web(ISSUER, "StringLike", "system:serviceaccount:ns:*")),
        ("hub", &by("api")),
        ("of-shared", &by("shared")),
        ("of-any", &by("any")),
        ("spoke", &by("hub")),
        ("of-two", &trust(&[lets("AWS", &[&arn("api"), &arn("shared")])])),
        ("of-account", &trust(&[lets("AWS", &[&format!("arn:aws:iam::{ACCOUNT}:root")])])),
        ("of-stranger", &trust(&[lets("AWS", &["arn:aws:iam::999999999999:role/app/their"])])),
        ("of-missing", &by("deleted")),
        ("loop-a", &by("loop-b")),
        ("loop-b", &by("loop-a")),
        // The pod, and a pipeline's role by hand.
        ("mixed", &trust(&[lets_pods(&["api"]), lets("AWS", &[&arn("shared")])])),
        ("open", &trust(&[lets("AWS", &["*"])])),
    ])
}

/// Sessions one opened by the other, as `AssumeRole` of `path[n]` to `path[n + 1]`; nothing tells how the first began.
fn chain(path: &[&str]) -> (Vec<SessionFacts>, Vec<IssuanceFacts>) {
    let sessions: Vec<SessionFacts> = path
        .iter()
        .zip(0_i64..)
        .map(|(role, n)| session(role, "s", &format!("ASIACHAIN{n:03}"), n * 10))
        .collect();
    let hops = sessions
        .windows(2)
        .zip(1_i64..)
        .map(|(pair, n)| issued(IssuanceKind::AssumeRole, pair[0].clone(), &pair[1], n * 10))
        .collect();
    (sessions, hops)
}

#[test]
fn a_chain_without_a_beginning_is_inferred_where_trust_leaves_one_workload() {
    // Roles of the chain, those whose issuance is in the logs (all but the first) and what is said of the last session.
    for (path, expected) in [
        // One session whose beginning is missing.
        (&["api"][..], format!("{POD} inferred []")),
        (&["hub"], format!("{POD} inferred [api]")),
        (&["spoke"], format!("{POD} inferred [api hub]")),
        (&["shared"], "- unknown []".to_owned()),
        (&["any"], "- unknown []".to_owned()),
        (&["of-shared"], "- unknown []".to_owned()),
        (&["of-any"], "- unknown []".to_owned()),
        (&["of-two"], "- unknown []".to_owned()),
        (&["of-account"], "- unknown []".to_owned()),
        (&["of-stranger"], "account:999999999999 inferred [app/their]".to_owned()),
        (&["of-missing"], "- unknown []".to_owned()),
        (&["loop-a"], "- unknown []".to_owned()),
        (&["open"], "- unknown []".to_owned()),
        // Opened by a session whose beginning is missing.
        (&["api", "hub"], format!("{POD} inferred [api]")),
        (&["api", "hub", "spoke"], format!("{POD} inferred [api hub]")),
        // The observed hop counts, not what the last role's trust policy says of others.
        (&["api", "of-account"], format!("{POD} inferred [api]")),
        (&["api", "of-two"], format!("{POD} inferred [api]")),
        (&["api", "open"], format!("{POD} inferred [api]")),
        // The hop before the first one seen is missing too: it is told by trust, and stands on the way.
        (&["hub", "spoke"], format!("{POD} inferred [api hub]")),
        (&["hub", "of-account", "open"], format!("{POD} inferred [api hub of-account]")),
        (&["of-stranger", "of-account"], "account:999999999999 inferred [app/their of-stranger]".to_owned()),
        // More than one workload may stand behind the first session.
        (&["shared", "of-shared"], "- unknown [shared]".to_owned()),
        (&["any", "of-any"], "- unknown [any]".to_owned()),
        (&["of-two", "of-account"], "- unknown [of-two]".to_owned()),
        (&["shared", "hub", "spoke"], "- unknown [shared hub]".to_owned()),
        (&["loop-b", "of-account"], "- unknown [loop-b]".to_owned()),
    ] {
        let (sessions, hops) = chain(path);
        let last = sessions.last().unwrap().clone();
        check(vec![last.clone()], hops.clone(), &inventory(), &[&expected]);
        // Nothing is known without the snapshot, and nothing is made up.
        let found = resolve(&usage(vec![last], hops), &empty()).remove(0);
        assert!(found.workload.is_none() && !found.reason.is_empty(), "{found:?}");
    }
}

#[test]
fn the_first_sessions_own_issuance_wins_over_inference() {
    let (sessions, mut hops) = chain(&["shared", "of-account"]);
    hops.push(irsa("worker", &sessions[0], 0));
    check(
        vec![sessions[1].clone()],
        hops,
        &inventory(),
        &["kubernetes:oidc.test/id/A/ns/worker exact [shared]"],
    );
}

#[test]
fn the_reason_of_a_chain_says_that_its_beginning_is_missing() {
    let (sessions, hops) = chain(&["shared", "of-account"]);
    let found = resolve(&usage(vec![sessions[1].clone(), sessions[0].clone()], hops), &inventory());
    assert_eq!(found[0].reason, format!("the session that opened it is not traced: {}", found[1].reason));
    assert_eq!(found[1].reason, "the session began before the logs");
}

#[test]
fn a_token_that_the_record_shows_leaves_out_who_comes_without_one() {
    let bare = session("mixed", "s", "ASIAMIXED001", 0);
    let by_token = SessionFacts {
        federated_provider: text(&format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}")),
        ..bare.clone()
    };
    let by_other = SessionFacts {
        federated_provider: text("arn:aws:iam::111111111111:oidc-provider/other.test"),
        ..bare.clone()
    };
    check(
        vec![bare, by_token.clone(), by_other],
        vec![],
        &inventory(),
        &["- unknown []", &format!("{POD} inferred []"), "- unknown []"],
    );
    // The same at the start of a chain.
    let next = session("of-account", "s", "ASIAMIXED002", 10);
    let hop = issued(IssuanceKind::AssumeRole, by_token, &next, 10);
    check(vec![next], vec![hop], &inventory(), &[&format!("{POD} inferred [mixed]")]);
}

/// The role owner's copy of a call by a session of `role` in the account whose snapshot is here.
fn foreign(role: &str) -> SessionFacts {
    SessionFacts {
        account: text(ACCOUNT),
        principal_id: text(&format!("{}:s", role_id(role))),
        ..nobody(IdentityType::AwsAccount)
    }
}

#[test]
fn a_pod_of_an_account_without_logs_is_inferred_from_its_roles_trust() {
    for (role, with_snapshot, without) in [
        ("api", format!("{POD} inferred [api]"), "account:111111111111 exact []"),
        ("hub", format!("{POD} inferred [api hub]"), "account:111111111111 exact []"),
        // Its account is all that is certain.
        ("shared", "account:111111111111 exact [shared]".to_owned(), "account:111111111111 exact []"),
        ("of-account", "account:111111111111 exact [of-account]".to_owned(), "account:111111111111 exact []"),
    ] {
        let target = session_in("222222222222", "target", "s", "ASIAFAR00001", 10);
        let hop = issued(IssuanceKind::AssumeRole, foreign(role), &target, 10);
        check(vec![target.clone()], vec![hop.clone()], &inventory(), &[&with_snapshot]);
        check(vec![target.clone()], vec![hop.clone()], &empty(), &[without]);
        // One more hop from there.
        let last = session_in("222222222222", "last", "s", "ASIAFAR00002", 20);
        let on = issued(IssuanceKind::AssumeRole, target, &last, 20);
        let found = resolve(&usage(vec![last], vec![hop, on]), &inventory());
        let longer = match with_snapshot.strip_suffix(']') {
            Some(way) => format!("{way} target]"),
            None => unreachable!(),
        };
        assert_eq!(spell(&found[0]), longer);
    }
    // A role made again under the name of the caller's has another id.
    let target = session_in("222222222222", "target", "s", "ASIAFAR00003", 10);
    let earlier = SessionFacts { principal_id: text("AROAEARLIER:s"), ..foreign("api") };
    let hop = issued(IssuanceKind::AssumeRole, earlier, &target, 10);
    check(vec![target], vec![hop], &inventory(), &["account:111111111111 exact []"]);
}

/// Two sessions of `role` that each open a session of `target` under one name, at one moment, with keys that tell nothing.
fn twins(role: &str, target: &str) -> (SessionFacts, Vec<IssuanceFacts>) {
    let masked = |facts: SessionFacts| SessionFacts { access_key: text("ASIAIOSFODNN7EXAMPLE"), ..facts };
    let opened = masked(session(target, "fixed", "", 100));
    let hops = ["one", "two"].map(|name| {
        let caller = masked(session(role, name, "", 0));
        let hop = issued(IssuanceKind::AssumeRole, caller, &opened, 100);
        IssuanceFacts { event_id: format!("hop-{name}").into(), issued_key: None, ..hop }
    });
    (opened, hops.to_vec())
}

#[test]
fn callers_that_cannot_be_told_apart_are_named_when_all_lead_to_one_workload() {
    // Their beginnings are missing: trust tells.
    let (opened, hops) = twins("api", "of-account");
    check(vec![opened.clone()], hops.clone(), &inventory(), &[&format!("{POD} inferred [api]")]);
    check(vec![opened.clone()], hops.clone(), &empty(), &["- unknown []"]);
    // Their beginnings are there.
    let mut all = hops.clone();
    all.extend(hops.iter().map(|hop| irsa("api", &hop.caller, 0)));
    check(vec![opened.clone()], all, &empty(), &[&format!("{POD} session [api]")]);
    // And are of two workloads.
    let mut all = hops.clone();
    all.push(irsa("api", &hops[0].caller, 0));
    all.push(irsa("worker", &hops[1].caller, 0));
    check(vec![opened.clone()], all, &empty(), &["- unknown []"]);
    // One beginning of two.
    let mut all = hops.clone();
    all.push(irsa("api", &hops[0].caller, 0));
    check(vec![opened], all, &empty(), &["- unknown []"]);
    let (opened, hops) = twins("shared", "of-account");
    check(vec![opened], hops, &inventory(), &["- unknown []"]);
    // Two roles with one workload: by which of them is not known.
    let (opened, mut hops) = twins("api", "of-account");
    let other = session("hub", "two", "", 0);
    hops[1].caller = other;
    check(vec![opened], hops, &inventory(), &["- unknown []"]);
}

#[test]
fn callers_that_open_each_other_end() {
    let (a, mut to_a) = twins("loop-b", "loop-a");
    let (b, to_b) = twins("loop-a", "loop-b");
    to_a.extend(to_b);
    for hop in &mut to_a {
        hop.caller.principal_id = text("AROALOOP:fixed");
    }
    for found in resolve(&usage(vec![a, b], to_a), &inventory()) {
        assert_eq!(found.workload, None, "{found:?}");
    }
}

#[test]
fn a_target_roles_pod_is_told_without_tags_by_the_one_association() {
    let cluster = "arn:aws:eks:eu-west-1:111111111111:cluster/prod";
    let pods = trust(&[lets("Service", &["pods.eks.amazonaws.com"])]);
    let mut known = roles(&[("pod", &pods), ("target", &trust(&[lets("AWS", &[&arn("pod")])]))]);
    let bound = |name: &str, target: Option<&str>| PodIdentityAssociation {
        namespace: "ns".to_owned(),
        service_account: name.to_owned(),
        role_arn: arn("pod"),
        target_role_arn: target.map(arn),
        ..PodIdentityAssociation::default()
    };
    let with = |known: &mut Inventory, associations: Vec<PodIdentityAssociation>| {
        let cluster = Cluster { arn: cluster.to_owned(), issuer: None, associations };
        known.clusters.insert(cluster.arn.clone(), cluster);
    };
    let first = session("pod", "eks-prod-api", "ASIATARGET01", 0);
    let target = session("target", "eks-prod-api", "ASIATARGET02", 1);
    let caller =
        SessionFacts { invoked_by: text("pods.eks.amazonaws.com"), access_key: None, ..first.clone() };
    let hop = issued(IssuanceKind::AssumeRole, caller, &target, 1);
    let opening = issued(IssuanceKind::AssumeRole, service("pods.eks.amazonaws.com"), &first, 0);
    let api = format!("kubernetes:{cluster}/ns/api");

    // Two ServiceAccounts have the first role, one of them the target: who got there is known, who has the first is not.
    with(&mut known, vec![bound("api", Some("target")), bound("worker", None)]);
    for issuances in [vec![hop.clone()], vec![hop.clone(), opening.clone()]] {
        check(vec![target.clone()], issuances.clone(), &known, &[&format!("{api} inferred [pod]")]);
        check(vec![first.clone()], issuances, &known, &["- unknown []"]);
    }
    // With tags the first session's own issuance says it.
    let tagged = IssuanceFacts { tags: pod_tags(cluster), ..opening };
    check(vec![target.clone()], vec![hop.clone(), tagged], &known, &[&format!("{api} session [pod]")]);
    // Both have it.
    with(&mut known, vec![bound("api", Some("target")), bound("worker", Some("target"))]);
    check(vec![target.clone()], vec![hop], &known, &["- unknown [pod]"]);
    // Nothing of it in the logs: the target trusts the first role, which one ServiceAccount has.
    with(&mut known, vec![bound("api", Some("target"))]);
    check(vec![target], vec![], &known, &[&format!("{api} inferred [pod]")]);
}
