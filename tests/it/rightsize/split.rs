//! Roles that several workloads share, split: a role for each with what it did.

use leastwise::rightsize::{Proposal, SplitNames};

use super::*;

#[test]
fn a_shared_role_is_split_by_what_each_workload_did() {
    let mut role = role(&[r#"[{"Effect":"Allow","Action":["sqs:*","s3:GetObject"],"Resource":"*"}]"#]);
    role.trust = Some(trust(&format!(
        r#","Condition":{{"StringLike":{{"{ISSUER}:sub":"system:serviceaccount:shop:*"}}}}"#
    )));
    let workload = |account: &str| Workload {
        id: format!("kubernetes:{ISSUER}/shop/{account}"),
        kind: WorkloadKind::Kubernetes,
        cluster: Some(ISSUER.to_owned()),
        namespace: Some("shop".to_owned()),
        service_account: Some(account.to_owned()),
    };
    let mut access =
        access(&["s3:GetObject arn:aws:s3:::b/k", "sqs:CreateQueue arn:aws:sqs:eu-west-1:111122223333:q"]);
    for (one, account) in access.uses.iter_mut().zip(["reader", "maker"]) {
        one.workloads.insert(workload(account).id);
    }
    access.workloads = ["maker", "reader"]
        .map(|account| WorkloadShare {
            workload: workload(account),
            sessions: 1,
            calls: 1,
            denied: 0,
            grade: Grade::Exact,
            via: Vec::new(),
            labels: Default::default(),
        })
        .to_vec();
    let (losses, settings) = (
        Losses::default(),
        Settings {
            unobservable: Unobservable::Drop,
            action_names: ActionNames::Whole,
            ..Settings::default()
        },
    );
    let observation = observation(S3);
    let coverage = Coverage::new(&observation, &losses, &settings);
    let sizer = RightSizer::new(Catalog::embedded(), settings);
    let split = |access: &PrincipalAccess| {
        let subject = Subject { arn: ROLE, role: Some(&role), access: Some(access), ..Subject::default() };
        sizer.right_size(&subject, &coverage).proposal.split
    };
    let roles = split(&access);
    assert_eq!(
        roles.iter().map(|role| role.role_name.as_str()).collect::<Vec<_>>(),
        ["app-maker", "app-reader"]
    );
    let actions: Vec<_> = roles
        .iter()
        .map(|role| render(&role.policies[0].document)["Statement"][0]["Action"].clone())
        .collect();
    assert_eq!(actions, ["sqs:CreateQueue", "s3:GetObject"]);
    let trust = render(roles[1].trust.as_ref().unwrap());
    assert_eq!(
        trust["Statement"][0]["Condition"],
        json(&format!(r#"{{"StringEquals":{{"{ISSUER}:sub":"system:serviceaccount:shop:reader"}}}}"#))
    );
    // What the others did and it did not is lost, and so is all that nobody did.
    assert_eq!(roles[0].lost_used_by_others, ["s3:GetObject"]);
    assert_eq!(roles[1].lost_used_by_others, ["sqs:CreateQueue"]);
    let sqs = granted(&role) - 1;
    assert_eq!((roles[0].lost_actions, roles[1].lost_actions), (sqs, sqs));
    for role in &roles {
        assert_eq!((role.proof.verdict, role.replay.requests, role.replay.allowed), (Verdict::Proven, 1, 1));
    }
    // A call that nobody was named for may be either's: both keep what it did.
    access.uses[0].untraced = 1;
    access.unattributed.insert("no issuance".to_owned(), 1);
    let roles = split(&access);
    let actions: Vec<_> =
        roles.iter().map(|role| render(&role.policies[0].document)["Statement"].to_string()).collect();
    assert!(actions[0].contains("s3:GetObject") && actions[0].contains("sqs:CreateQueue"), "{actions:?}");
    assert!(actions[1].contains("s3:GetObject") && !actions[1].contains("sqs:CreateQueue"), "{actions:?}");
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
    let proposal = sizer.right_size(&subject, &coverage).proposal;
    assert!(
        proposal.reasons.iter().any(|reason| reason.starts_with("1 call could not be traced")),
        "{:?}",
        proposal.reasons
    );
}

fn granted(role: &Role) -> usize {
    right_size(role, &[]).privilege.granted_actions
}

/// A role that this many ServiceAccounts share, each with an object of its own.
fn shared_by(n: usize, names: SplitNames) -> Proposal {
    let role = role(&[r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]"#]);
    let uses: Vec<String> = (0..n).map(|n| format!("s3:GetObject arn:aws:s3:::b/k{n:02}")).collect();
    let mut access = access(&uses.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, one) in access.uses.iter_mut().enumerate() {
        let workload = Workload {
            id: format!("kubernetes:{ISSUER}/team-{n:02}/worker"),
            kind: WorkloadKind::Kubernetes,
            cluster: Some(ISSUER.to_owned()),
            namespace: Some(format!("team-{n:02}")),
            service_account: Some("worker".to_owned()),
        };
        one.workloads.insert(workload.id.clone());
        access.workloads.push(WorkloadShare {
            workload,
            sessions: 1,
            calls: 1,
            denied: 0,
            grade: Grade::Exact,
            via: Vec::new(),
            labels: Default::default(),
        });
    }
    let (losses, settings, observation) = (Losses::default(), Settings::default(), observation(S3));
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
    RightSizer::new(Catalog::embedded(), settings)
        .with_split_names(names)
        .right_size(&subject, &coverage)
        .proposal
}

#[test]
fn names_follow_the_pattern_and_a_role_that_is_not_split_says_why() {
    let names =
        |proposal: &Proposal| proposal.split.iter().map(|part| part.role_name.clone()).collect::<Vec<_>>();
    let usual = shared_by(3, SplitNames::default());
    // The ServiceAccounts have one name, so a number tells the roles apart.
    assert_eq!(names(&usual), ["app-worker", "app-worker-2", "app-worker-3"]);
    assert_eq!(usual.not_split, None);
    let own = shared_by(2, "irsa_{namespace}_{workload}".parse().unwrap());
    assert_eq!(names(&own), ["irsa_team-00_worker", "irsa_team-01_worker"]);
    assert!(own.split[0].change.contains("role/irsa_team-00_worker"), "{}", own.split[0].change);
    assert!(own.split[0].policies[0].name.starts_with("irsa_team-00_worker"));
    let many = shared_by(21, SplitNames::default());
    assert_eq!(names(&many), [""; 0]);
    assert!(many.not_split.unwrap().starts_with("21 workloads share the role"));
    assert_eq!(
        (names(&shared_by(1, SplitNames::default())), shared_by(1, SplitNames::default()).not_split),
        (vec![], None)
    );
}
