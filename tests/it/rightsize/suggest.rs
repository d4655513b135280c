//! What the logs show beyond the proposal: conditions, and what is missing to judge.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::attribution::{PrincipalAccess, Use};
use leastwise::catalog::{Catalog, Resource};
use leastwise::rightsize::{Coverage, Losses, RightSizer, Settings, Subject};

use super::{ROLE, S3, observation, role, used};

/// A use all of whose calls showed these values of a condition key.
fn showing(text: &str, key: &str, values: &[&str]) -> Use {
    let mut one = used(text);
    let values: BTreeSet<String> = values.iter().map(|value| (*value).to_owned()).collect();
    if let (1, Some(value)) = (values.len(), values.first()) {
        one.context = BTreeMap::from([(key.to_owned(), value.clone())]);
    }
    one.shown = BTreeMap::from([(key.to_owned(), values)]);
    one
}

fn suggestions(policy: &str, mut uses: Vec<Use>) -> Vec<String> {
    uses.push(used("s3:GetObject arn:aws:s3:::b/k"));
    uses.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    let role = role(&[policy]);
    let access = PrincipalAccess { calls: uses.len() as u64, uses, ..PrincipalAccess::default() };
    let (losses, settings, observation) = (Losses::default(), Settings::default(), observation(S3));
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
    RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage).proposal.suggestions
}

const POLICY: &str =
    r#"[{"Effect":"Allow","Action":["kms:*","iam:PassRole","s3:*","ec2:RunInstances"],"Resource":"*"}]"#;
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

#[test]
fn calls_a_service_made_are_offered_as_via_service() {
    let (s3, secrets) = ("s3.eu-west-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com");
    let decrypt = || showing(&format!("kms:Decrypt {KEY}"), "kms:ViaService", &[s3, secrets]);
    let data_key = || showing(&format!("kms:GenerateDataKey {KEY}"), "kms:ViaService", &[s3]);
    assert_eq!(
        suggestions(POLICY, vec![decrypt(), data_key()]),
        [
            "Limit `kms:GenerateDataKey` by `kms:ViaService` to s3.eu-west-1.amazonaws.com: all calls seen were made by that service for the role.",
            "Limit `kms:Decrypt` by `kms:ViaService` to s3.eu-west-1.amazonaws.com, secretsmanager.eu-west-1.amazonaws.com: all calls seen were made by these services for the role.",
        ]
    );
    // One call the role made itself, on whichever key, and the condition would refuse it.
    let own = used("kms:Decrypt arn:aws:kms:eu-west-1:111122223333:key/other");
    assert_eq!(suggestions(POLICY, vec![decrypt(), own]), [""; 0]);
    let limited = POLICY.replace(
        r#""Resource":"*""#,
        r#""Resource":"*","Condition":{"StringEquals":{"kms:viaservice":["s3.eu-west-1.amazonaws.com"]}}"#,
    );
    assert_eq!(suggestions(&limited, vec![data_key()]), [""; 0]);
}

#[test]
fn services_a_role_was_passed_to_and_templates_nobody_resolves() {
    let role = "arn:aws:iam::111122223333:role/worker";
    let passed = showing(
        &format!("iam:PassRole {role}"),
        "iam:PassedToService",
        &["ec2.amazonaws.com", "lambda.amazonaws.com"],
    );
    assert_eq!(
        suggestions(POLICY, vec![passed]),
        [
            "Limit `iam:PassRole` by `iam:PassedToService` to ec2.amazonaws.com, lambda.amazonaws.com: no other service was seen to receive a role."
        ]
    );
    let mut template = showing("iam:PassRole ?", "iam:PassedToService", &["ec2.amazonaws.com"]);
    template.resource = Resource::LaunchTemplate("lt-0123456789abcdef0".to_owned());
    let mut profile = used("iam:PassRole ?");
    profile.resource = Resource::InstanceProfile("web".to_owned());
    let told = suggestions(POLICY, vec![template, profile]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("does not tell the role of instance profile web"), "{told:?}");
    assert!(
        told[1].contains(
            "launch template lt-0123456789abcdef0; what `aws ec2 describe-launch-template-versions`"
        ),
        "{told:?}"
    );
}

#[test]
fn calls_that_all_came_through_an_endpoint_are_offered_it_as_a_condition() {
    let key = "aws:SourceVpce";
    let one = |action: &str, endpoints: &[&str]| {
        showing(&format!("{action} arn:aws:sqs:eu-west-1:111122223333:q"), key, endpoints)
    };
    let policy = r#"[{"Effect":"Allow","Action":["sqs:*","s3:*"],"Resource":"*"}]"#;
    let (a, b) = ("vpce-0a", "vpce-0b");
    assert_eq!(
        suggestions(
            policy,
            vec![
                one("sqs:SendMessage", &[a]),
                one("sqs:PurgeQueue", &[a]),
                one("sqs:DeleteMessage", &[a, b])
            ]
        ),
        [
            "Limit `sqs:PurgeQueue`, `sqs:SendMessage` by `aws:SourceVpce` to vpce-0a: all calls seen came through that VPC endpoint.",
            "Limit `sqs:DeleteMessage` by `aws:SourceVpce` to vpce-0a, vpce-0b: all calls seen came through these VPC endpoints.",
        ]
    );
    // One call that did not, and the condition would refuse it.
    let outside = used("sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:other");
    assert_eq!(suggestions(policy, vec![one("sqs:SendMessage", &[a]), outside]), [""; 0]);
    let limited = policy.replace(
        r#""Resource":"*""#,
        r#""Resource":"*","Condition":{"StringEquals":{"aws:sourceVpce":"vpce-0a"}}"#,
    );
    assert_eq!(suggestions(&limited, vec![one("sqs:SendMessage", &[a])]), [""; 0]);
}
