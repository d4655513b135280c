//! Actions needed beside others: which, and what would show it.

use leastwise::catalog::{Catalog, MappedBeside, ShownBy};

use super::{call, needs};

fn beside(of: &str) -> Vec<(String, &'static str)> {
    let catalog = Catalog::embedded();
    let all = catalog.beside(catalog.find(of).unwrap());
    all.map(|one| (catalog.info(one.id).unwrap().action().to_string(), one.shown_by.as_str())).collect()
}

#[test]
fn what_would_show_that_an_action_was_needed_beside_another() {
    for (of, action, shown_by) in [
        // Passed and tagged by parameters.
        ("ec2:RunInstances", "iam:PassRole", "parameters"),
        ("ec2:RunInstances", "ec2:CreateTags", "parameters"),
        ("rds:CreateDBInstance", "rds:AddTagsToResource", "parameters"),
        // Calls of other services, in the caller's name.
        ("rds:CreateDBInstance", "kms:CreateGrant", "own-event"),
        ("rds:CreateDBInstance", "secretsmanager:CreateSecret", "own-event"),
        ("kms:CreateKey", "iam:CreateServiceLinkedRole", "own-event"),
        // Checked inside the call, or borne by no public operation.
        ("rds:CreateDBInstance", "rds:CreateTenantDatabase", "nothing"),
        ("glue:BatchGetTableOptimizer", "glue:GetTable", "nothing"),
        ("cassandra:Alter", "cassandra:Select", "nothing"),
        // By parameters, though of the same service.
        ("lambda:CreateFunction", "lambda:PassCapacityProvider", "parameters"),
        ("rds:DeleteDBInstance", "rds:CreateDBSnapshot", "parameters"),
        ("states:CreateStateMachine", "states:PublishStateMachineVersion", "parameters"),
        ("s3:DeleteObject", "s3:DeleteObjectVersion", "parameters"),
        // A call that the SDK makes of itself.
        ("timestream:ListTables", "timestream:DescribeEndpoints", "own-event"),
    ] {
        assert!(beside(of).contains(&(action.to_owned(), shown_by)), "{of} {action}: {:?}", beside(of));
    }
    // AWS lists a few actions as needed beside themselves.
    assert!(
        beside("cloudfront:CopyDistribution")
            .iter()
            .all(|(action, _)| action != "cloudfront:CopyDistribution")
    );
}

#[test]
fn every_action_needed_beside_another_is_in_the_catalog_or_known_to_be_gone() {
    let catalog = Catalog::embedded();
    let mut shown = [0_usize; 3];
    let mut gone = std::collections::BTreeSet::new();
    for id in catalog.expand("*") {
        let info = catalog.info(id).unwrap();
        gone.extend(info.dependent_actions().filter(|action| catalog.find(action).is_none()));
        for one in catalog.beside(id) {
            shown[one.shown_by as usize] += 1;
            let is_own = catalog.info(one.id).unwrap().action().service() == info.action().service();
            // But for the calls that Timestream's SDKs make of themselves.
            let is_discovery = info.action().service() == "timestream";
            assert!(!is_own || is_discovery || one.shown_by != ShownBy::OwnEvent, "{}", info.action());
        }
    }
    assert!(shown.iter().all(|n| *n > 200), "{shown:?}");
    assert!(gone.len() < 60, "{} {gone:?}", gone.len());
}

#[test]
fn a_mapping_names_what_may_be_needed_beside_and_not_what_was() {
    let named = |all: &[MappedBeside]| -> Vec<_> {
        all.iter().map(|one| format!("{} {} {}", one.action, one.of, one.shown_by)).collect()
    };
    let catalog = Catalog::embedded();
    let mapping = catalog.map("ec2", "RunInstances");
    assert_eq!(
        named(&mapping.beside),
        [
            "ec2:CreateTags ec2:RunInstances parameters",
            "iam:PassRole ec2:RunInstances parameters",
            "ssm:GetParameters ec2:RunInstances own-event",
        ]
    );
    let record = r#"{"awsRegion":"eu-west-1","recipientAccountId":"111122223333","requestParameters":{"tagSpecificationSet":{"items":
        [{"resourceType":"instance","tags":[{"key":"team","value":"a"}]}]}}}"#;
    let mapping = catalog.map_record("ec2", "RunInstances", record).unwrap();
    assert!(mapping.actions.contains(&"ec2:CreateTags".to_owned()), "{:?}", mapping.actions);
    assert!(
        named(&mapping.beside).iter().all(|one| !one.starts_with("ec2:CreateTags")),
        "{:?}",
        mapping.beside
    );
}

#[test]
fn tags_are_seen_under_whatever_name_and_options_are_no_tags() {
    for (source, name, request, tags) in [
        ("cognito-idp", "CreateUserPool", r#"{"poolName":"p","userPoolTags":{"team":"a"}}"#, false),
        (
            "rds",
            "CreateDBInstance",
            r#"{"dBInstanceIdentifier":"d","tags":[{"key":"team","value":"a"}]}"#,
            true,
        ),
        ("elasticache", "CreateCacheCluster", r#"{"cacheClusterId":"c","tagList":[{"key":"team"}]}"#, true),
        (
            "fsx",
            "CreateBackup",
            r#"{"fileSystemId":"fs-0123456789abcdef0","backupTags":[{"key":"team"}]}"#,
            true,
        ),
        ("fsx", "CreateBackup", r#"{"fileSystemId":"fs-0123456789abcdef0","backupTags":[]}"#, false),
        (
            "fsx",
            "CreateBackup",
            r#"{"fileSystemId":"fs-0123456789abcdef0","propagateTags":"SERVICE","copyTags":true}"#,
            false,
        ),
    ] {
        let told = call(source, name, request, "");
        let tagged = told.iter().any(|need| need.contains("Tag"));
        assert_eq!(tagged, tags, "{source} {name} {request}: {told:?}");
    }
}

#[test]
fn what_is_created_unseen_is_not_known() {
    let record = r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances",
        "requestParameters":{"omitted":true,"originalSize":204800,"reason":"requestParameters too large"}}"#;
    assert!(needs(record).needs[0].resources[0].is_left_out());
}
