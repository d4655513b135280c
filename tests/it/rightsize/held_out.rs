//! What would a policy learned earlier have done to what came later; and the parts of a role's power.

use leastwise::attribution::{PrincipalAccess, Use};
use leastwise::catalog::Catalog;
use leastwise::ident::Time;
use leastwise::inventory::Role;
use leastwise::rightsize::{
    Coverage, HeldOut, Losses, ResourceLevel, RightSized, RightSizer, Sensitive, Settings, Subject,
};

use super::{ROLE, S3, observation, right_size, role, used};

/// A use between two days of January; the window is the first to the tenth, its last fifth the ninth and tenth.
fn between(text: &str, first: u8, last: u8) -> Use {
    let time = |day: u8| format!("2026-01-{day:02}T12:00:00Z").parse::<Time>().unwrap();
    Use { first: time(first), last: time(last), ..used(text) }
}

fn right_sized(role: &Role, mut uses: Vec<Use>) -> RightSized {
    uses.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    let access = PrincipalAccess { calls: uses.len() as u64, uses, ..PrincipalAccess::default() };
    let (losses, observation, settings) = (Losses::default(), observation(S3), Settings::default());
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(role), access: Some(&access), ..Subject::default() };
    RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage)
}

fn held_out(policy: &str, uses: Vec<Use>) -> HeldOut {
    right_sized(&role(&[policy]), uses).proposal.held_out.unwrap()
}

/// Requests, those first seen late, and for exact, prefix, type and granted: retained, retained of those first seen late.
fn numbers(check: &HeldOut) -> (usize, usize, Vec<(usize, usize)>) {
    let levels = check.levels.iter().map(|level| (level.retained, level.first_seen_retained)).collect();
    (check.requests, check.first_seen, levels)
}

const GRANT: &str = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#;

#[test]
fn each_level_is_learned_early_and_replayed_late() {
    let mut uses: Vec<Use> =
        (1..=6).map(|day| between(&format!("s3:GetObject arn:aws:s3:::b/in/{day}"), day, day)).collect();
    uses.push(between("s3:GetObject arn:aws:s3:::b/conf/app", 1, 10));
    // Late: below the prefix, elsewhere in the bucket, in another bucket, and another action.
    uses.push(between("s3:GetObject arn:aws:s3:::b/in/9", 9, 9));
    uses.push(between("s3:GetObject arn:aws:s3:::b/out/x", 9, 10));
    uses.push(between("s3:GetObject arn:aws:s3:::c/y", 10, 10));
    uses.push(between("s3:PutObject arn:aws:s3:::b/in/9", 10, 10));
    let check = held_out(GRANT, uses);
    assert_eq!(check.learned_until.to_string(), "2026-01-09T00:00:00Z");
    assert_eq!(
        check.levels.iter().map(|level| level.resources).collect::<Vec<_>>(),
        [Some(ResourceLevel::Exact), Some(ResourceLevel::Prefix), Some(ResourceLevel::Type), None]
    );
    assert_eq!(numbers(&check), (5, 4, vec![(1, 0), (2, 1), (3, 2), (4, 3)]));
}

#[test]
fn what_a_resource_policy_granted_is_not_counted() {
    let policy = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]"#;
    let uses = vec![
        between("s3:GetObject arn:aws:s3:::b/k", 1, 10),
        between("s3:GetObject arn:aws:s3:::theirs/k", 9, 10),
    ];
    assert_eq!(numbers(&held_out(policy, uses)), (1, 0, vec![(1, 0); 4]));
}

#[test]
fn a_role_first_used_late_could_have_been_given_nothing() {
    let check = held_out(GRANT, vec![between("s3:GetObject arn:aws:s3:::b/k", 9, 10)]);
    assert_eq!(numbers(&check), (1, 1, vec![(0, 0); 4]));
    let check = held_out(GRANT, vec![between("s3:GetObject arn:aws:s3:::b/k", 2, 7)]);
    assert_eq!(numbers(&check), (0, 0, vec![(0, 0); 4]));
}

#[test]
fn power_is_told_in_parts_before_and_after() {
    let policy = r#"[
        {"Effect":"Allow","Action":["s3:GetObject","s3:PutBucketPolicy","s3:ListAllMyBuckets"],"Resource":"*"},
        {"Effect":"Allow","Action":"sqs:*Message","Resource":"arn:aws:sqs:eu-west-1:111122223333:jobs"},
        {"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:*:111122223333:*"},
        {"Effect":"Allow","Action":["iam:CreateAccessKey","iam:PutRolePolicy"],"Resource":"*"},
        {"Effect":"Deny","Action":"iam:CreateAccessKey","Resource":"*"}]"#;
    let result = right_size(&role(&[policy]), &["s3:GetObject arn:aws:s3:::b/k"]);
    let (before, after) = (&result.privilege.before, result.privilege.after.as_ref().unwrap());
    let kinds = |power: &leastwise::rightsize::Power| {
        power.sensitive.iter().map(|(kind, set)| (*kind, set.len())).collect::<Vec<_>>()
    };
    // Denied for good: no power, and no way to more.
    assert_eq!(
        kinds(before),
        [(Sensitive::Credentials, 0), (Sensitive::Data, 2), (Sensitive::Exposure, 1)],
        "s3:GetObject and sqs:ReceiveMessage; s3:PutBucketPolicy"
    );
    assert_eq!(
        before.escalation_paths.iter().map(|path| path.name).collect::<Vec<_>>(),
        ["iam:PutRolePolicy"]
    );
    // On everything: GetObject, PutBucketPolicy, PutRolePolicy, and Publish on every topic; SendMessage and its like on one queue.
    assert_eq!(before.broad_actions, 4);
    assert!(before.gap > 0 && before.actions > 6 && before.resource_actions < before.actions);
    // The logs could not have shown what was published: that stays.
    assert_eq!((after.broad_actions, after.escalation_paths.len()), (1, 0));
    assert_eq!(result.privilege.escalation_paths_removed, ["iam:PutRolePolicy"]);
    assert!(after.actions < before.actions && after.gap < before.gap);
}

#[test]
fn an_unused_action_weighs_twice_on_every_resource() {
    let gap = |resource: &str| {
        let policy = format!(
            r#"[{{"Effect":"Allow","Action":["sqs:CreateQueue","sqs:DeleteQueue"],"Resource":"{resource}"}}]"#
        );
        right_size(&role(&[&policy]), &["sqs:CreateQueue arn:aws:sqs:eu-west-1:111122223333:q"])
            .privilege
            .before
            .gap
    };
    assert_eq!((gap("arn:aws:sqs:eu-west-1:111122223333:q*"), gap("*")), (3, 6));
}

#[test]
fn the_rate_of_under_privilege_and_what_is_proven_are_told() {
    let uses = vec![
        between("s3:GetObject arn:aws:s3:::b/conf/app", 1, 10),
        between("s3:GetObject arn:aws:s3:::b/out/x", 9, 10),
    ];
    let privilege = right_sized(&role(&[GRANT]), uses).privilege;
    assert_eq!(
        privilege.under_privilege,
        Some(0.5),
        "one of two requests of the last fifth was not seen before"
    );
    let proof = privilege.proof.unwrap();
    assert_eq!((proof.requests, proof.allowed, proof.granted_otherwise), (2, 2, 0));
    assert!(proof.statements > 0 && proof.proven == proof.statements, "{proof:?}");
    // Where nothing is proposed there is nothing to prove.
    let minimal = r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}]"#;
    let kept = right_sized(&role(&[minimal]), vec![between("s3:GetObject arn:aws:s3:::b/k", 1, 10)]);
    assert_eq!((kept.privilege.under_privilege, kept.privilege.proof), (None, None));
}
