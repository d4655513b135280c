//! What could have been seen, from what trails are told to record: by account, Region and kind of data event.

use std::sync::Arc;

use leastwise::catalog::{Need, Needs};
use leastwise::inventory::{self, Trail};
use leastwise::rightsize::{Blind, SeenResources};
use leastwise::usage::{Call, CallKind, CallOutcome, DataObservation, RowFacts, SessionId, Usage};

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

/// Whether the absence of an action on a resource proves something, with a trail's selectors or without.
fn blind_on(
    seen: &Observation,
    trails: &[Trail],
    resources: &SeenResources,
    action: &str,
    pattern: &str,
) -> Option<Blind> {
    let (catalog, losses, settings) = (Catalog::embedded(), Losses::default(), Settings::default());
    let coverage = Coverage::new(seen, &losses, &settings).with_trails(trails).with_resources(resources);
    coverage.account(ACCOUNT).blind_to_on(catalog.find(action).unwrap(), &|| [pattern].into(), catalog)
}

#[test]
fn selectors_of_single_resources_show_those_and_no_others() {
    let objects = trail(
        EVERYWHERE,
        &objects(
            r#",{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::one/"]},{"Field":"readOnly","Equals":["true"]}"#,
        ),
    );
    let narrowed = Some(Blind::DataEventsNarrowed);
    for (action, pattern, expected) in [
        ("s3:GetObject", "arn:aws:s3:::one/*", None),
        ("s3:GetObject", "arn:aws:s3:::one/reports/*", None),
        ("s3:GetObject", "arn:aws:s3:::one*/*", narrowed),
        ("s3:GetObject", "arn:aws:s3:::other/*", narrowed),
        ("s3:GetObject", "*", narrowed),
        // Writes are not recorded there.
        ("s3:PutObject", "arn:aws:s3:::one/*", narrowed),
    ] {
        let blind = blind_on(&quiet(), &objects, &SeenResources::default(), action, pattern);
        assert_eq!(blind, expected, "{action} {pattern}");
    }
    // Of one Region only, the trail shows not even those.
    let here = trail(
        r#""IsMultiRegionTrail":false"#,
        r#""EventSelectors":[{"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::one/"]}]}]"#,
    );
    let blind = blind_on(&quiet(), &here, &SeenResources::default(), "s3:GetObject", "arn:aws:s3:::one/*");
    assert_eq!(blind, narrowed);
}

/// Calls of the account's, as `SOURCE NAME KIND RESOURCE`, a dash for a management event.
fn seen_of(calls: &[&str]) -> SeenResources {
    let time = "2026-01-10T00:00:00Z".parse().unwrap();
    let row = |text: &&str| {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap();
        let (source, name, kind, resource) = (next(), next(), next(), next());
        let need = Need {
            action: "s3:GetObject".parse().unwrap(),
            resources: vec![Resource::Arn(resource.to_owned())],
            evidence: Evidence::Observed,
            context: Vec::new(),
        };
        RowFacts {
            session: SessionId(0),
            call: Call {
                kind: Arc::new(CallKind {
                    source: source.into(),
                    name: name.into(),
                    region: "eu-west-1".into(),
                    recipient_account: Some(ACCOUNT.into()),
                    data_type: Some(kind.into()).filter(|_| kind != "-"),
                    read_only: Some(true),
                    outcome: CallOutcome::Used { failed: None },
                    vpc_endpoint: None,
                }),
                needs: Arc::new(Needs {
                    verdict: leastwise::catalog::Verdict::Mapped,
                    needs: vec![need],
                    rule: "same-name",
                }),
            },
            calls: 1,
            first: time,
            last: time,
            sample: "1".into(),
        }
    };
    SeenResources::of(&Usage { rows: calls.iter().map(row).collect(), ..Usage::default() })
}

#[test]
fn without_selectors_the_events_of_one_bucket_do_not_show_the_others() {
    let seen = with_objects(quiet(), ACCOUNT, "eu-west-1", &[0, 6, 12, 18, 24, 29]);
    let one = "s3.amazonaws.com GetObject AWS::S3::Object arn:aws:s3:::one/a/b";
    let two = "s3.amazonaws.com PutObject AWS::S3::Object arn:aws:s3:::two/a";
    let elsewhere = Some(Blind::DataEventsElsewhere);
    for (calls, pattern, expected) in [
        (&[one][..], "arn:aws:s3:::one/*", None),
        (&[one], "arn:aws:s3:::two/*", elsewhere),
        (&[one], "*", elsewhere),
        (&[one, two], "*", None),
        (&[one, two], "arn:aws:s3:::three/*", elsewhere),
        (&[], "arn:aws:s3:::one/*", elsewhere),
    ] {
        for action in ["s3:GetObject", "s3:PutObject"] {
            let blind = blind_on(&seen, &[], &seen_of(calls), action, pattern);
            assert_eq!(blind, expected, "{calls:?} {action} {pattern}");
        }
    }
    assert!(Blind::DataEventsElsewhere.is_missing_log());
    // Selectors that take all settle it.
    let all = trail(EVERYWHERE, &objects(""));
    assert_eq!(blind_on(&seen, &all, &seen_of(&[one]), "s3:GetObject", "*"), None);
}

#[test]
fn events_of_the_rds_data_api_may_be_left_out() {
    let cluster = "arn:aws:rds:eu-west-1:111122223333:cluster:c";
    let management = |excluded: &str| {
        let selector = format!(
            r#"{{"ReadWriteType":"All","ExcludeManagementEventSources":[{excluded}],
            "DataResources":[{{"Type":"AWS::RDS::DBCluster","Values":["arn:aws:rds"]}}]}}"#
        );
        trail(EVERYWHERE, &format!(r#""EventSelectors":[{selector}]"#))
    };
    let all = management("");
    let without = management(r#""rdsdata.amazonaws.com""#);
    let (nothing, one) = (seen_of(&[]), seen_of(&["rdsdata.amazonaws.com ExecuteSql - *"]));
    let off = Some(Blind::RdsDataOff);
    for (trails, resources, action, expected) in [
        (&all, &nothing, "rds-data:ExecuteSql", None),
        (&all, &nothing, "rds-data:ExecuteStatement", None),
        (&without, &nothing, "rds-data:ExecuteSql", off),
        // Management events of older clusters.
        (&without, &nothing, "rds-data:ExecuteStatement", off),
        (&without, &nothing, "rds:CreateDBCluster", None),
        // Another trail that the snapshot does not have records them.
        (&without, &one, "rds-data:ExecuteSql", None),
        (&Vec::new(), &nothing, "rds-data:ExecuteSql", off),
        (&Vec::new(), &one, "rds-data:ExecuteSql", None),
    ] {
        assert_eq!(blind_on(&quiet(), trails, resources, action, cluster), expected, "{trails:?} {action}");
    }
}

#[test]
fn a_used_action_keeps_its_resources_where_the_logs_may_hide_some() {
    let grant =
        |resource: &str| format!(r#"[{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{resource}"}}]"#);
    let seen = with_objects(observation(S3), ACCOUNT, "eu-west-1", &[0, 5, 9]);
    let kept = |resource: &str, resources: &SeenResources, trails: &[Trail]| {
        let (role, losses) = (role(&[&grant(resource)]), Losses::default());
        let access = access(&["s3:GetObject arn:aws:s3:::one/a/b"]);
        let settings = Settings::default();
        let coverage = Coverage::new(&seen, &losses, &settings).with_trails(trails).with_resources(resources);
        let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
        let result = RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage);
        assert_eq!(verdict_of(&result, "s3:GetObject"), Some(ActionVerdict::Used));
        result.comparison.used_partly.contains(Catalog::embedded().find("s3:GetObject").unwrap())
    };
    let one = seen_of(&["s3.amazonaws.com GetObject AWS::S3::Object arn:aws:s3:::one/a/b"]);
    assert!(kept("*", &one, &[]));
    assert!(!kept("arn:aws:s3:::one/*", &one, &[]));
    assert!(!kept("*", &one, &trail(EVERYWHERE, &objects(""))));
    let narrowed =
        trail(EVERYWHERE, &objects(r#",{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::one/"]}"#));
    assert!(kept("*", &one, &narrowed) && !kept("arn:aws:s3:::one/*", &one, &narrowed));
}

#[test]
fn keys_that_services_keep_need_no_event() {
    let grant = r#"[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListBucket","kms:Decrypt","kms:GenerateDataKey","kms:Sign"],"Resource":"*"}]"#;
    let role = role(&[grant]);
    let verdicts = |uses: &[&str], observation: &Observation| {
        let result = right_size_in(&role, uses, observation, Settings::default());
        ["kms:Decrypt", "kms:GenerateDataKey", "kms:Sign"].map(|action| verdict_of(&result, action).unwrap())
    };
    let (used, unused, open) = (ActionVerdict::Used, ActionVerdict::Unused, ActionVerdict::Undetermined);
    let seen = observation(S3);
    // Reads need a key to decrypt; writes, one to generate as well.
    assert_eq!(verdicts(&["s3:GetObject arn:aws:s3:::b/k"], &seen), [open, unused, unused]);
    assert_eq!(verdicts(&["s3:PutObject arn:aws:s3:::b/k"], &seen), [open, open, unused]);
    assert_eq!(verdicts(&["s3:ListBucket arn:aws:s3:::b"], &seen), [unused, unused, unused]);
    // Objects may be read and written unseen.
    assert_eq!(verdicts(&["s3:ListBucket arn:aws:s3:::b"], &observation(&[])), [open, open, unused]);

    // A key that was seen may not be the only one.
    let key = "arn:aws:kms:eu-west-1:111122223333:key/a";
    let uses = ["s3:GetObject arn:aws:s3:::b/k".to_owned(), format!("kms:Decrypt {key}")];
    let uses: Vec<&str> = uses.iter().map(String::as_str).collect();
    assert_eq!(verdicts(&uses, &seen), [used, unused, unused]);
    let result = right_size_in(&role, &uses, &seen, Settings::default());
    let told = result.comparison.partly_blind.join(" ");
    assert!(told.contains("Calls of s3 may have needed kms:Decrypt without an event of KMS"), "{told}");
    let statements = proposed(&result);
    let decrypt =
        statements.as_array().unwrap().iter().find(|one| one["Action"].to_string().contains("kms:Decrypt"));
    assert_eq!(decrypt.unwrap()["Resource"], "*");
}
