//! What could have been seen, from what trails are told to record: by account, Region and kind of data event.

use leastwise::inventory::{self, Trail};
use leastwise::rightsize::Blind;
use leastwise::usage::DataObservation;

use super::*;

const OTHER: &str = "444455556666";
const ACTIONS: [&str; 5] =
    ["s3:GetObject", "s3:PutObject", "lambda:InvokeFunction", "ec2:DescribeInstances", "kms:Decrypt"];

/// Thirty days of two accounts in two Regions, with writes of management events and nothing else.
fn quiet() -> Observation {
    let start = "2026-01-01".parse::<Time>().unwrap().unix() / 3_600;
    let hours: BTreeSet<i64> = (start..start + 720).collect();
    let span = Some((Time::from_unix(start * 3_600), Time::from_unix((start + 720) * 3_600 - 1)));
    let region = || RegionObservation { span, hours: hours.clone() };
    let regions = || [("eu-west-1".into(), region()), ("us-east-1".into(), region())].into();
    Observation {
        regions: [(ACCOUNT.into(), regions()), (OTHER.into(), regions())].into(),
        management_writes: [ACCOUNT.into(), OTHER.into()].into(),
        span,
        ..Observation::default()
    }
}

/// Objects read and written on these days of January in one Region of an account.
fn with_objects(mut seen: Observation, account: &str, region: &str, days: &[i64]) -> Observation {
    let first = "2026-01-01".parse::<Time>().unwrap().unix() / 86_400;
    let days = days.iter().map(|day| first + day).collect();
    let kind = "AWS::S3::Object";
    seen.data_types.entry(account.into()).or_default().insert(kind.into());
    let kinds = seen.data_events.entry(account.into()).or_default();
    let here = DataObservation { days, reads: true, writes: true };
    kinds.entry(kind.into()).or_default().insert(region.into(), here);
    seen
}

/// A trail of the first account, from what AWS's commands print.
fn trail(description: &str, selectors: &str) -> Vec<Trail> {
    let arn = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t";
    let files = [
        format!(
            r#"{{"trailList":[{{"Name":"t","TrailARN":"{arn}","HomeRegion":"eu-west-1",{description}}}]}}"#
        ),
        format!(r#"{{"TrailARN":"{arn}",{selectors}}}"#),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (file, name) in files.iter().zip(["trails.json", "selectors.json"]) {
        std::fs::write(folder.path().join(name), file).unwrap();
    }
    std::fs::write(
        folder.path().join("iam.json"),
        r#"{"UserDetailList":[],"GroupDetailList":[],"RoleDetailList":[],"Policies":[]}"#,
    )
    .unwrap();
    inventory::read(&[folder.path().to_owned()], &[]).unwrap().trails
}

/// Which of [`ACTIONS`] could have been seen in an account, a letter each: `y`, or what hides it.
fn visible(seen: &Observation, trails: &[Trail], account: &str) -> String {
    let (catalog, losses, settings) = (Catalog::embedded(), Losses::default(), Settings::default());
    let coverage = Coverage::new(seen, &losses, &settings).with_trails(trails).account(account);
    assert!(coverage.is_covered(), "{:?}", coverage.not_covered);
    let letter = |action: &&str| match coverage.blind_to(catalog.find(action).unwrap(), catalog) {
        None => 'y',
        Some(Blind::DataEventsOff) => 'o',
        Some(Blind::DataEventsNarrowed) => 'n',
        Some(Blind::DataEventsGap) => 'g',
        Some(Blind::ReadsOff) => 'r',
        Some(Blind::KmsOff) => 'k',
        Some(other) => panic!("{action} {other:?}"),
    };
    ACTIONS.iter().map(letter).collect()
}

const EVERYWHERE: &str = r#""IsMultiRegionTrail":true,"IsOrganizationTrail":false"#;

/// Advanced selectors of management events and of S3 objects, these with further fields.
fn objects(fields: &str) -> String {
    format!(
        r#""AdvancedEventSelectors":[{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["Management"]}}]}},{{"FieldSelectors":[
            {{"Field":"eventCategory","Equals":["Data"]}},{{"Field":"resources.type","Equals":["AWS::S3::Object"]}}{fields}]}}]"#
    )
}

#[test]
fn selectors_tell_what_could_have_been_seen() {
    let basic = |more: &str| format!(r#""EventSelectors":[{{"IncludeManagementEvents":true,{more}}}]"#);
    for (description, selectors, expected) in [
        // Management events alone; reads, writes or KMS left out.
        (EVERYWHERE, basic(r#""ReadWriteType":"All""#), "oooyy"),
        (EVERYWHERE, basic(r#""ReadWriteType":"WriteOnly""#), "ooork"),
        (EVERYWHERE, basic(r#""ReadWriteType":"All","ExcludeManagementEventSources":["kms.amazonaws.com"]"#), "oooyk"),
        // All objects, all functions; of one bucket, of one function.
        (EVERYWHERE, basic(r#""ReadWriteType":"All","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]},{"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda"]}]"#), "yyyyy"),
        (EVERYWHERE, basic(r#""ReadWriteType":"All","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::one/"]},{"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda:eu-west-1:111122223333:function:f"]}]"#), "nnnyy"),
        (EVERYWHERE, objects(""), "yyoyy"),
        (EVERYWHERE, objects(r#",{"Field":"readOnly","Equals":["true"]}"#), "ynoyy"),
        (EVERYWHERE, objects(r#",{"Field":"readOnly","Equals":["false"]}"#), "nyoyy"),
        (EVERYWHERE, objects(r#",{"Field":"readOnly","NotEquals":["true"]}"#), "nnoyy"),
        (EVERYWHERE, objects(r#",{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::one/"]}"#), "nnoyy"),
        (EVERYWHERE, objects(r#",{"Field":"resources.ARN","NotStartsWith":["arn:aws:s3:::one/"]}"#), "nnoyy"),
        (EVERYWHERE, objects(r#",{"Field":"eventName","Equals":["PutObject"]}"#), "nnoyy"),
        (EVERYWHERE, objects(r#",{"Field":"eventName","NotEquals":["GetObject"]}"#), "nnoyy"),
        (EVERYWHERE, objects(r#",{"Field":"userIdentity.arn","NotStartsWith":["arn:aws:sts::111122223333:assumed-role/app"]}"#), "nnoyy"),
        (EVERYWHERE, objects(r#",{"Field":"eventSource","NotEquals":["s3.amazonaws.com"]}"#), "nnoyy"),
        // A selector of one bucket beside one of all.
        (EVERYWHERE, objects("").replacen(r#"":["AWS::S3::Object"]}]}]"#, r#"":["AWS::S3::Object"]}]},{"FieldSelectors":[
            {"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]},
            {"Field":"resources.ARN","StartsWith":["arn:aws:s3:::one/"]}]}]"#, 1), "yyoyy"),
        // Of one Region, or nobody knows: management events are what was seen of them.
        (r#""IsMultiRegionTrail":false"#, objects(""), "nnork"),
        (r#""IncludeGlobalServiceEvents":true"#, objects(""), "nnork"),
    ] {
        let trails = trail(description, &selectors);
        assert_eq!(trails.len(), 1);
        assert_eq!(visible(&quiet(), &trails, ACCOUNT), expected, "{description} {selectors}");
        // Of the other account it says nothing.
        assert_eq!(visible(&quiet(), &trails, OTHER), "ooork", "{description} {selectors}");
    }
    let everyone = r#""IsMultiRegionTrail":true,"IsOrganizationTrail":true"#;
    assert_eq!(visible(&quiet(), &trail(everyone, &objects("")), OTHER), "yyoyy");
}

#[test]
fn a_trail_that_is_stopped_records_nothing() {
    let mut trails = trail(EVERYWHERE, &objects(""));
    trails[0].is_logging = Some(true);
    assert_eq!(visible(&quiet(), &trails, ACCOUNT), "yyoyy");
    trails[0].is_logging = Some(false);
    assert_eq!(visible(&quiet(), &trails, ACCOUNT), "ooork");
}

#[test]
fn without_selectors_the_days_and_the_account_of_data_events_decide() {
    for (account, days, expected) in [
        (ACCOUNT, &[0, 6, 12, 18, 24, 29][..], "yyork"),
        // Switched on half way, or off.
        (ACCOUNT, &[15, 20, 25, 29], "ggork"),
        (ACCOUNT, &[0, 5, 10, 15], "ggork"),
        // Of the other account.
        (OTHER, &[0, 6, 12, 18, 24, 29], "ooork"),
    ] {
        let seen = with_objects(quiet(), account, "eu-west-1", days);
        assert_eq!(visible(&seen, &[], ACCOUNT), expected, "{account} {days:?}");
    }
    // On in one Region first and in the other later: neither shows the whole window. A quiet Region beside a steady one says nothing.
    for (other, expected) in [(&[0, 5, 10, 15][..], "ggork"), (&[0, 6, 12, 18, 24, 29, 3], "yyork")] {
        let seen = with_objects(quiet(), ACCOUNT, "eu-west-1", other);
        let seen = with_objects(seen, ACCOUNT, "us-east-1", &[15, 20, 25, 29]);
        assert_eq!(visible(&seen, &[], ACCOUNT), expected, "{other:?}");
    }
}
