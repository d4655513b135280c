//! Calls that succeeded and of which it is not known which action they used: nothing they may have used is taken away.

use leastwise::catalog::Catalog;
use leastwise::rightsize::{ActionVerdict, Coverage, Losses, RightSized, RightSizer, Settings, Subject};

use super::{ROLE, S3, access, observation, role, spelled, verdict_of};

fn right_size(policies: &[&str], uses: &[&str], unknown: &[(&str, &str)]) -> RightSized {
    let role = role(policies);
    let (losses, mut access, settings) = (Losses::default(), access(uses), Settings::default());
    access.unknown_actions =
        unknown.iter().map(|(source, name)| (((*source).into(), (*name).into()), 1)).collect();
    access.calls += unknown.len() as u64;
    let observation = observation(S3);
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
    RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage)
}

const READS: &str = "s3:GetObject arn:aws:s3:::b/k";

#[test]
fn an_action_newer_than_the_catalog_keeps_what_was_granted_of_its_service() {
    let policy = r#"[{"Effect":"Allow","Action":["s3:Get*","s3:PutObject","sqs:SendMessage","ec2:RunInstances"],"Resource":"*"}]"#;
    let without = right_size(&[policy], &[READS], &[]);
    assert_eq!(verdict_of(&without, "ec2:RunInstances"), Some(ActionVerdict::Unused));
    assert_eq!(verdict_of(&without, "s3:GetBucketPolicy"), Some(ActionVerdict::Unused));
    assert!(!spelled(&without).to_string().contains("s3:Get*"));

    let with = right_size(&[policy], &[READS], &[("s3.amazonaws.com", "GetBucketMood")]);
    assert_eq!(verdict_of(&with, "s3:GetBucketPolicy"), Some(ActionVerdict::Undetermined));
    assert_eq!(verdict_of(&with, "ec2:RunInstances"), Some(ActionVerdict::Unused));
    assert!(spelled(&with).to_string().contains("s3:Get*"), "{}", spelled(&with));
    assert!(!spelled(&with).to_string().contains("ec2:"), "{}", spelled(&with));
    let told = "It is not known which action 1 call of s3.amazonaws.com GetBucketMood used, so none that it may have used is called unused.";
    assert!(
        with.comparison.partly_blind.iter().any(|sentence| sentence == told),
        "{:?}",
        with.comparison.partly_blind
    );
}

#[test]
fn a_service_the_catalog_does_not_know_stays_out_of_everything() {
    let unknown = [("coffee.amazonaws.com", "Brew")];
    let everything = r#"[{"Effect":"Allow","Action":"*","Resource":"*"}]"#;
    let result = right_size(&[everything], &[READS], &unknown);
    let text = spelled(&result).to_string();
    assert!(text.contains("coffee:*") && !text.contains(r#""Action":"*""#), "{text}");
    // Not granted by name: nothing is made up.
    let reads = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#;
    assert!(!spelled(&right_size(&[reads], &[READS], &unknown)).to_string().contains("coffee"));
    // Everything but: the exception decides.
    let all_but = r#"[{"Effect":"Allow","NotAction":["iam:*"],"Resource":"*"}]"#;
    assert!(spelled(&right_size(&[all_but], &[READS], &unknown)).to_string().contains("coffee:*"));
    let but_some = r#"[{"Effect":"Allow","NotAction":["coffee:Wash"],"Resource":"*"}]"#;
    let kept = right_size(&[but_some], &[READS], &unknown);
    assert!(
        kept.proposal.policies.is_empty() || spelled(&kept).to_string().contains(r#""NotAction""#),
        "{}",
        spelled(&kept)
    );
}

#[test]
fn a_request_that_hides_its_statement_keeps_the_actions_it_may_have_used() {
    let policy = r#"[{"Effect":"Allow","Action":["dynamodb:PartiQL*","dynamodb:DescribeTable","dynamodb:CreateTable","s3:GetObject"],"Resource":"*"}]"#;
    let result = right_size(&[policy], &[READS], &[("dynamodb.amazonaws.com", "ExecuteStatement")]);
    for action in ["Select", "Insert", "Update", "Delete"] {
        assert_eq!(
            verdict_of(&result, &format!("dynamodb:PartiQL{action}")),
            Some(ActionVerdict::Undetermined),
            "{action}"
        );
    }
    assert_eq!(verdict_of(&result, "dynamodb:CreateTable"), Some(ActionVerdict::Unused));
    let action = &spelled(&result);
    assert!(
        action.to_string().contains("dynamodb:PartiQL*") && !action.to_string().contains("CreateTable"),
        "{action}"
    );
}
