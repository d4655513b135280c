//! Variables and actions that undo others: offered, not done.

use std::collections::BTreeSet;

use leastwise::attribution::{PrincipalAccess, Use};
use leastwise::catalog::Catalog;
use leastwise::inventory::Role;
use leastwise::rightsize::{Coverage, Losses, RightSizer, Settings, Subject};
use leastwise::usage::IssuanceFacts;

use super::{ROLE, S3, assumed_by, observation, role, used};

fn offered(role: &Role, mut uses: Vec<Use>, issuances: &[&IssuanceFacts]) -> Vec<String> {
    uses.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    let access = PrincipalAccess { calls: uses.len() as u64, uses, ..PrincipalAccess::default() };
    let (losses, observation, settings) = (Losses::default(), observation(S3), Settings::default());
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject =
        Subject { arn: ROLE, role: Some(role), access: Some(&access), issuances, ..Subject::default() };
    RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage).proposal.suggestions
}

const GRANT: &str = r#"[{"Effect":"Allow","Action":["s3:*","kms:*","sqs:*","iam:PassRole"],"Resource":"*"}]"#;

#[test]
fn a_variable_is_offered_where_tags_prove_it() {
    let tagged = Role { tags: vec![("team".to_owned(), "shop".to_owned())], ..role(&[GRANT]) };
    let own =
        || vec![used("s3:GetObject arn:aws:s3:::data-shop/k"), used("s3:GetObject arn:aws:s3:::b/shop/k")];
    let all = offered(&tagged, own(), &[]);
    assert!(
        all.len() == 1 && all[0].starts_with("`${aws:PrincipalTag/team}` could stand for `shop`"),
        "{all:?}"
    );
    // One resource without it, or with it only inside a word, and nothing is proven.
    for other in ["s3:GetObject arn:aws:s3:::b/k", "s3:GetObject arn:aws:s3:::workshop/k"] {
        assert_eq!(
            offered(&tagged, own().into_iter().chain([used(other)]).collect(), &[]),
            [""; 0],
            "{other}"
        );
    }

    let pod = |namespace: &str, key: &str| Use {
        workloads: BTreeSet::from([format!("kubernetes:arn:aws:eks:eu-west-1:1:cluster/c/{namespace}/app")]),
        ..used(&format!("s3:GetObject arn:aws:s3:::b/{key}"))
    };
    let tags = |keys: &[&str]| IssuanceFacts {
        tags: keys.iter().map(|key| ((*key).into(), "x".into())).collect(),
        ..assumed_by("x")
    };
    let (with, without) = (tags(&["kubernetes-namespace"]), tags(&[]));
    let two = || vec![pod("red", "red/1"), pod("blue", "blue/1")];
    let all = offered(&role(&[GRANT]), two(), &[&with]);
    assert!(all.len() == 1 && all[0].starts_with("`${aws:PrincipalTag/kubernetes-namespace}`"), "{all:?}");
    assert_eq!(offered(&role(&[GRANT]), two(), &[&with, &without]), [""; 0], "a session without the tag");
    assert_eq!(offered(&role(&[GRANT]), vec![pod("red", "red/1"), pod("blue", "red/1")], &[&with]), [""; 0]);
    assert_eq!(
        offered(&role(&[GRANT]), vec![pod("red", "red/1")], &[&with]),
        [""; 0],
        "one namespace proves nothing"
    );
}

#[test]
fn what_undoes_a_used_action_is_offered_and_not_added() {
    let uses = vec![used("sqs:CreateQueue arn:aws:sqs:eu-west-1:111122223333:q")];
    let role = role(&[
        r#"[{"Effect":"Allow","Action":["sqs:CreateQueue","sqs:DeleteQueue","sqs:TagQueue"],"Resource":"*"}]"#,
    ]);
    let all = offered(&role, uses, &[]);
    assert!(all.len() == 1 && all[0].contains("`sqs:DeleteQueue` beside `sqs:CreateQueue`"), "{all:?}");
    let both = ["sqs:CreateQueue", "sqs:DeleteQueue"]
        .map(|action| used(&format!("{action} arn:aws:sqs:eu-west-1:111122223333:q")));
    assert_eq!(offered(&role, both.to_vec(), &[]), [""; 0]);
}
