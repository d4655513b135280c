//! Trials: what they deny is what the proposal takes away, judged by the evaluator, which shares no matcher with the prover.

use leastwise::eval::{
    Context, Layer, Layers, Principal, Request, RequestResource, Verdict as Decided, decide,
};
use leastwise::rightsize::{Quotas, Trial, TrialKind};

use super::*;

/// Statements a role may have.
const STATEMENTS: &[&str] = &[
    r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
    r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"]}"#,
    r#"{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:111122223333:*"}"#,
    r#"{"Effect":"Allow","Action":["sqs:SendMessage","sns:Publish"],"Resource":"*"}"#,
    r#"{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}"#,
    r#"{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}"#,
    r#"{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"arn:aws:sqs:*:*:prod-*"}"#,
];

/// What a role may be seen to do, and what else may be asked of it.
const ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:PutBucketPolicy",
    "sqs:SendMessage",
    "sqs:PurgeQueue",
    "sqs:DeleteQueue",
    "sns:Publish",
    "sns:CreateTopic",
    "ec2:DescribeInstances",
    "ec2:RunInstances",
    "iam:CreateUser",
    "kms:Decrypt",
    "dynamodb:GetItem",
];
const RESOURCES: &[&str] = &[
    "arn:aws:s3:::a",
    "arn:aws:s3:::a/k",
    "arn:aws:s3:::a/x/y",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::c/k",
    "arn:aws:sqs:eu-west-1:111122223333:jobs",
    "arn:aws:sqs:eu-west-1:111122223333:prod-jobs",
    "arn:aws:sqs:us-east-1:111122223333:jobs",
    "arn:aws:sns:eu-west-1:111122223333:t",
    "*",
    "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
    "arn:aws:iam::111122223333:user/u",
    "arn:aws:dynamodb:eu-west-1:111122223333:table/t",
    "arn:aws:kms:eu-west-1:111122223333:key/k",
];
const USES: &[&str] = &[
    "s3:GetObject arn:aws:s3:::a/k",
    "s3:GetObject arn:aws:s3:::a/x/y",
    "s3:PutObject arn:aws:s3:::b/k",
    "s3:ListBucket arn:aws:s3:::a",
    "sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:jobs",
    "sns:Publish arn:aws:sns:eu-west-1:111122223333:t",
    "ec2:DescribeInstances *",
    "dynamodb:GetItem arn:aws:dynamodb:eu-west-1:111122223333:table/t",
];

fn asked(
    identity: &[&Policy],
    boundary: Option<&Policy>,
    action: &str,
    resource: &str,
    context: &Context,
) -> Decided {
    let request = Request {
        principal: Principal::from_arn(ROLE).unwrap(),
        action: action.to_owned(),
        resource: match resource {
            "*" => RequestResource::None,
            arn => RequestResource::Arn(arn.to_owned()),
        },
        resource_account: Some(ACCOUNT.to_owned()),
        context: context.clone(),
    };
    let layers = Layers {
        identity: Layer::of(identity.iter().copied()),
        boundary: boundary.map(|policy| Layer::of([policy])),
        ..Layers::default()
    };
    decide(&request, &layers).verdict
}

/// Asks everything of the grant, of the proposal and of the grant under the trial; gives how often the trial took something away.
fn check(role: &Role, result: &RightSized, trial: &Trial, uses: &[&str]) -> usize {
    let old: Vec<&Policy> = role.policies.iter().filter_map(|one| one.document.as_ref()).collect();
    let new: Vec<&Policy> = result.proposal.policies.iter().map(|policy| &policy.document).collect();
    let mut under = old.clone();
    let boundary = match trial.kind {
        TrialKind::Boundary => Some(&trial.document),
        TrialKind::Deny | TrialKind::DenyAll => {
            under.push(&trial.document);
            None
        }
    };
    let mut taken = 0;
    for region in ["eu-west-1", "us-east-1"] {
        let context = Context::closed().with("aws:RequestedRegion", region);
        for (action, resource) in
            ACTIONS.iter().flat_map(|action| RESOURCES.iter().map(move |one| (*action, *one)))
        {
            let allowed = |identity: &[&Policy], boundary| {
                asked(identity, boundary, action, resource, &context) == Decided::Allowed
            };
            let (granted, proposed, tried) =
                (allowed(&old, None), allowed(&new, None), allowed(&under, boundary));
            let what = || format!("{action} on {resource} in {region}\n{:#}", render(&trial.document));
            assert!(!proposed || tried, "the trial takes away what stays: {}", what());
            assert!(!tried || granted, "the trial gives something: {}", what());
            if trial.is_exact {
                assert_eq!(tried, proposed, "an exact trial leaves more than the proposal: {}", what());
            }
            taken += usize::from(granted && !tried);
        }
    }
    let context = Context::closed().with("aws:RequestedRegion", "eu-west-1");
    for (action, resource) in uses.iter().filter_map(|one| one.split_once(' ')) {
        let before = asked(&old, None, action, resource, &context);
        let tried = asked(&under, boundary, action, resource, &context);
        assert!(
            before != Decided::Allowed || tried == Decided::Allowed,
            "seen and taken away: {action} {resource}"
        );
        assert_ne!(
            tried,
            Decided::ExplicitDeny,
            "seen through another policy and denied: {action} {resource}"
        );
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// What the log shows was allowed, so no deny of the role meets a use.
    #[test]
    fn a_trial_denies_what_the_proposal_takes_away_and_nothing_seen(
        statements in proptest::sample::subsequence(STATEMENTS.to_vec(), 1..4),
        uses in proptest::sample::subsequence(USES.to_vec(), 1..5),
        crowded in any::<bool>(),
    ) {
        let role = role(&[&format!("[{}]", statements.join(","))]);
        let quotas = match crowded {
            true => Quotas { inline_total: 0, ..Quotas::default() },
            false => Quotas::default(),
        };
        let settings = Settings { quotas, ..Settings::default() };
        let result = right_size_in(&role, &uses, &observation(S3), settings);
        prop_assert!(result.stage.running.is_none());
        match (&result.stage.trial, result.proposal.verdict) {
            (Some(trial), ProposalVerdict::Replace) => {
                prop_assert_eq!(trial.proof.verdict, Verdict::Proven);
                prop_assert!(trial.replay.lost.is_empty());
                let taken = check(&role, &result, trial, &uses);
                prop_assert!(taken > 0 || !trial.is_exact || result.comparison.n_with(ActionVerdict::Unused) == 0);
            }
            (None, ProposalVerdict::Replace) => prop_assert!(!result.stage.reasons.is_empty()),
            (None, _) => {}
            (Some(_), other) => prop_assert!(false, "a trial of nothing: {:?}", other),
        }
    }
}

/// The trial of a role, which must be.
fn trial_of(role: &Role, uses: &[&str], quotas: Quotas) -> (RightSized, Trial) {
    let settings = Settings { quotas, ..Settings::default() };
    let result = right_size_in(role, uses, &observation(S3), settings);
    let trial = result.stage.trial.clone().unwrap_or_else(|| panic!("{:?}", result.stage));
    (result, trial)
}

const WIDE: &str = r#"[{"Effect":"Allow","Action":["sqs:*","s3:GetObject"],"Resource":"*"}]"#;
const FEW: &[&str] =
    &["sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:jobs", "s3:GetObject arn:aws:s3:::a/k"];

#[test]
fn a_deny_names_what_goes_and_leaves_alone_what_was_never_granted() {
    let role = role(&[WIDE]);
    let (result, trial) = trial_of(&role, FEW, Quotas::default());
    assert_eq!((trial.kind, trial.name.as_str()), (TrialKind::Deny, "leastwise-trial"));
    // Of the actions the catalog knows it leaves exactly the proposal.
    let trial = Trial { is_exact: true, ..trial };
    assert!(check(&role, &result, &trial, FEW) > 0);
    let open = identity(r#"[{"Effect":"Allow","Action":"*","Resource":"*"}]"#);
    let context = Context::closed();
    // A resource's policy may grant what the role's own never did: that is no part of the trial.
    let other = asked(&[&open, &trial.document], None, "dynamodb:GetItem", RESOURCES[12], &context);
    assert_eq!(other, Decided::Allowed, "{:#}", render(&trial.document));
    for statement in &trial.document.statements {
        assert!(statement.sid.as_deref().unwrap().starts_with("LeastwiseTrial14d"), "{statement:?}");
    }
}

#[test]
fn where_there_is_no_room_another_way_is_taken() {
    let role = role(&[WIDE]);
    let full = Quotas { inline_total: 0, ..Quotas::default() };
    let (result, trial) = trial_of(&role, FEW, full);
    assert_eq!((trial.kind, trial.name.as_str()), (TrialKind::Deny, "leastwise-trial-app"));
    check(&role, &result, &trial, FEW);
    let no_managed = Quotas { managed_policies: 1, ..full };
    let mut crowded = role.clone();
    crowded.policies[0].kind = AttachedKind::Managed;
    let (result, trial) = trial_of(&crowded, FEW, no_managed);
    assert_eq!((trial.kind, trial.is_exact), (TrialKind::Boundary, true));
    check(&crowded, &result, &trial, FEW);
    // A boundary would limit what a resource's policy grants, too; and the role may have one already.
    let otherwise = [FEW[0], FEW[1], "dynamodb:GetItem arn:aws:dynamodb:eu-west-1:111122223333:table/t"];
    let settings = Settings { quotas: no_managed, ..Settings::default() };
    let result = right_size_in(&crowded, &otherwise, &observation(S3), settings);
    assert!(result.stage.trial.is_none(), "{:?}", result.stage);
    assert!(result.stage.reasons.iter().any(|why| why.contains("boundary")), "{:?}", result.stage.reasons);
    crowded.boundary = Some(attached("own", identity(r#"[{"Effect":"Allow","Action":"*","Resource":"*"}]"#)));
    let result = right_size_in(&crowded, FEW, &observation(S3), settings);
    assert!(result.stage.trial.is_none());
    assert!(
        result.stage.reasons.iter().any(|why| why.contains("boundary already")),
        "{:?}",
        result.stage.reasons
    );
}

#[test]
fn a_trial_in_the_snapshot_changes_no_proposal() {
    let plain = role(&[WIDE]);
    let (before, trial) = trial_of(&plain, FEW, Quotas::default());
    let mut tried = plain.clone();
    tried.policies.push(attached(&trial.name, trial.document.clone()));
    let after = right_size(&tried, FEW);
    assert_eq!((&after.comparison, &after.proposal), (&before.comparison, &before.proposal));
    let running = after.stage.running.unwrap();
    assert_eq!((running.kind, running.watch_days), (TrialKind::Deny, 14));
    assert_eq!(running.covers_proposal, Some(trial.is_exact));
    assert!(after.stage.trial.is_none());
    // A boundary is recognised by the same marks.
    let mut bound = plain.clone();
    bound.boundary = Some(attached("leastwise-trial-app", trial.document.clone()));
    let after = right_size(&bound, FEW);
    assert_eq!(after.stage.running.map(|running| running.kind), Some(TrialKind::Boundary));
    assert_eq!(&after.proposal, &before.proposal);
    // Neither the name alone nor the marks alone make a trial, and what allows something is none.
    for (name, document) in [
        ("leastwise-trial", identity(r#"[{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"*"}]"#)),
        ("mine", trial.document.clone()),
        (
            "leastwise-trial",
            identity(r#"[{"Sid":"LeastwiseTrial14d1","Effect":"Allow","Action":"iam:*","Resource":"*"}]"#),
        ),
        ("leastwise-trials", trial.document.clone()),
    ] {
        let mut other = plain.clone();
        other.policies.push(attached(name, document));
        assert!(right_size(&other, FEW).stage.running.is_none(), "{name}");
    }
}

#[test]
fn a_role_to_be_deleted_is_denied_everything_first() {
    let result = right_size(&role(&[WIDE]), &[]);
    assert_eq!(result.proposal.verdict, ProposalVerdict::DeleteRole);
    let trial = result.stage.trial.unwrap();
    assert_eq!((trial.kind, trial.is_exact), (TrialKind::DenyAll, true));
    assert_eq!(
        render(&trial.document)["Statement"],
        serde_json::json!([{"Sid": "LeastwiseTrial14d1", "Effect": "Deny", "Action": "*", "Resource": "*"}])
    );
}

#[test]
fn what_does_not_fit_is_tried_in_part_and_says_so() {
    let role = role(&[r#"[{"Effect":"Allow","Action":"*","Resource":"*"}]"#]);
    let (result, trial) = trial_of(&role, FEW, Quotas::default());
    assert_eq!(result.stage.reasons.len(), 2, "{:?}", result.stage.reasons);
    for said in ["A policy that denies all of it needs ", "A permissions boundary would need "] {
        assert!(result.stage.reasons.iter().any(|why| why.starts_with(said)), "{:?}", result.stage.reasons);
    }
    assert_eq!((trial.kind, trial.is_exact, trial.proof.verdict), (TrialKind::Deny, false, Verdict::Proven));
    assert!(trial.notes[0].starts_with("There is room for a part only: it tries "), "{:?}", trial.notes);
    let most = Quotas::default();
    assert!(trial.characters <= most.inline_total.max(most.managed), "{}", trial.characters);
    // Of whole services by their name, and none of what was used.
    assert!(check(&role, &result, &trial, FEW) > 0);
    let text = render(&trial.document).to_string();
    assert!(text.contains("\"organizations:*\"") && !text.contains("\"sqs:*\""), "{text}");
    // The same of the same: the order of what is tried does not hang on anything else.
    assert_eq!(trial_of(&role, FEW, Quotas::default()).1, trial);
}
