//! What boundaries, organization policies and denies leave of a role's grant, and how it is told.

use leastwise::catalog::Catalog;
use leastwise::policy::{Policy, PolicyKind, parse};
use leastwise::rightsize::{
    ActionSet, ActionVerdict, Comparison, Coverage, Limit, Losses, RightSizer, Settings, Source, Subject,
};

use super::{ACCOUNT, ROLE, S3, access, attached, observation, role};

fn document(kind: PolicyKind, statements: &str) -> Policy {
    parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#), kind).unwrap()
}

/// The surroundings of a role, each as statements.
#[derive(Default)]
struct Around<'a> {
    boundary: Option<&'a str>,
    /// With whether no policy of the level is missing.
    levels: &'a [(&'a str, bool)],
    rcp: Option<&'a str>,
    path: Option<&'a str>,
}

fn compare(identity: &str, around: &Around<'_>) -> Comparison {
    let mut role = role(&[&format!("[{identity}]")]);
    role.boundary = around.boundary.map(|text| attached("limit", document(PolicyKind::Boundary, text)));
    if let Some(path) = around.path {
        role.path = path.to_owned();
    }
    let documents: Vec<Policy> =
        around.levels.iter().map(|(text, _)| document(PolicyKind::Scp, text)).collect();
    let source = |document| Source { name: "guard", origin: None, document };
    let levels = around.levels.iter().zip(&documents);
    let limits: Vec<Limit<'_>> = levels
        .enumerate()
        .map(|(n, ((_, is_whole), policy))| Limit {
            layer: "scp",
            name: format!("level {n}"),
            policies: vec![source(policy)],
            is_whole: *is_whole,
            of_account: None,
        })
        .collect();
    let rcp = around.rcp.map(|text| document(PolicyKind::Rcp, text));
    let resource_limits: Vec<Limit<'_>> = rcp
        .iter()
        .map(|policy| Limit {
            layer: "rcp",
            name: "resources".to_owned(),
            policies: vec![source(policy)],
            is_whole: false,
            of_account: Some(ACCOUNT),
        })
        .collect();
    let (settings, losses, access) = (Settings::default(), Losses::default(), access(&["sts:AssumeRole ?"]));
    let observed = observation(S3);
    let coverage = Coverage::new(&observed, &losses, &settings);
    let subject = Subject {
        arn: ROLE,
        role: Some(&role),
        access: Some(&access),
        limits,
        resource_limits: &resource_limits,
        organization: Some("o-own"),
        ..Subject::default()
    };
    RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage).comparison
}

fn names(set: &ActionSet) -> String {
    let catalog = Catalog::embedded();
    let names: Vec<_> = set.iter().map(|id| catalog.info(id).unwrap().action().to_string()).collect();
    names.join(" ")
}

/// What is blocked, as `layer: action …, by statements`.
fn blocked(comparison: &Comparison) -> Vec<String> {
    let by = comparison.blocked_by.iter().map(|by| {
        let statements =
            by.statements.iter().map(|at| format!("{} {}/{}", at.layer, at.policy, at.statement));
        format!("{}: {}; {}", by.name, names(&by.actions), statements.collect::<Vec<_>>().join(", "))
    });
    by.collect()
}

/// What takes a part, as `layer: action …, by a statement`.
fn limited(comparison: &Comparison) -> Vec<String> {
    let all = comparison.effective.iter().flat_map(|statement| &statement.limited_by);
    all.map(|by| {
        let at =
            by.statement.as_ref().map_or_else(String::new, |at| format!("{}/{}", at.policy, at.statement));
        let keys: Vec<&str> = by.conditions.iter().map(|condition| condition.key.as_str()).collect();
        format!("{}: {}; {at}; {}", by.name, names(&by.actions), keys.join(" "))
    })
    .collect()
}

const GRANT: &str =
    r#"{"Effect":"Allow","Action":["sqs:SendMessage","sqs:PurgeQueue","sns:Publish"],"Resource":"*"}"#;
const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const SQS: &str = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
const NO_PURGE: &str = r#"{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"*"}"#;
const NONE: [&str; 0] = [];

#[test]
fn each_blocked_action_stands_with_the_layer_that_takes_the_last_of_it() {
    let no_purge = format!("{ALL},{NO_PURGE}");
    let around =
        Around { boundary: Some(ALL), levels: &[(&no_purge, true), (SQS, true)], ..Around::default() };
    assert_eq!(
        blocked(&compare(GRANT, &around)),
        ["level 0: sqs:PurgeQueue; scp guard/1", "level 1: sns:Publish; "]
    );
    let own = compare(&format!("{GRANT},{NO_PURGE}"), &around);
    assert_eq!(
        blocked(&own),
        [
            "a deny of its own policies: sqs:PurgeQueue; identity policy-0/1, scp guard/1",
            "level 1: sns:Publish; "
        ]
    );
    assert_eq!(own.n_with(ActionVerdict::Blocked), 2);
    let [statement] = &own.effective[..] else { panic!("{:?}", own.effective) };
    assert_eq!(
        (names(&statement.actions), names(&statement.blocked)),
        ("sqs:SendMessage".into(), "sns:Publish sqs:PurgeQueue".into())
    );
}

#[test]
fn of_a_level_that_is_not_whole_only_the_denies_count() {
    let denies = format!("{SQS},{NO_PURGE}");
    let around = Around { levels: &[(&denies, false)], ..Around::default() };
    assert_eq!(blocked(&compare(GRANT, &around)), ["level 0: sqs:PurgeQueue; scp guard/1"]);
    let unknown = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*","Surprise":true},{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"*","Surprise":1}"#;
    assert_eq!(blocked(&compare(GRANT, &Around { levels: &[(unknown, true)], ..Around::default() })), NONE);
}

#[test]
fn a_lock_to_a_region_takes_a_part_and_is_told() {
    let lock = format!(
        r#"{ALL},{{"Sid":"Lock","Effect":"Deny","NotAction":["iam:*","sns:*"],"Resource":"*","Condition":{{"StringNotEquals":{{"aws:RequestedRegion":["eu-west-1"]}}}}}}"#
    );
    let around = Around { levels: &[(&lock, true)], ..Around::default() };
    let whole = compare(GRANT, &around);
    assert_eq!(blocked(&whole), NONE);
    assert_eq!(limited(&whole), ["level 0: sqs:PurgeQueue sqs:SendMessage; guard/1; aws:RequestedRegion"]);
    // What is granted elsewhere only is gone.
    let elsewhere = |region: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":["sqs:PurgeQueue","sns:Publish"],"Resource":"*","Condition":{{"StringEquals":{{"aws:RequestedRegion":"{region}"}}}}}}"#
        )
    };
    assert_eq!(blocked(&compare(&elsewhere("us-east-1"), &around)), ["level 0: sqs:PurgeQueue; scp guard/1"]);
    let here = compare(&elsewhere("eu-west-1"), &around);
    assert_eq!((blocked(&here), limited(&here)), (Vec::new(), Vec::new()), "the lock takes nothing");
    // Two conditions that leave nothing between them.
    let both = format!(
        r#"{lock},{{"Effect":"Deny","Action":"sqs:*","Resource":"*","Condition":{{"StringEquals":{{"aws:RequestedRegion":"eu-west-1"}}}}}}"#
    );
    let around = Around { levels: &[(&both, true)], ..Around::default() };
    assert_eq!(
        blocked(&compare(GRANT, &around)),
        ["level 0: sqs:PurgeQueue sqs:SendMessage; scp guard/1, scp guard/2"]
    );
}

#[test]
fn who_is_exempt_is_known_from_the_role_itself() {
    let unless = |pattern: &str| {
        format!(
            r#"{ALL},{{"Effect":"Deny","Action":"sqs:*","Resource":"*","Condition":{{"ArnNotLike":{{"aws:PrincipalArn":"{pattern}"}}}}}}"#
        )
    };
    let with = |level: &str| compare(GRANT, &Around { levels: &[(level, true)], ..Around::default() });
    let exempt = with(&unless("arn:aws:iam::*:role/ap?"));
    assert_eq!((blocked(&exempt), limited(&exempt)), (Vec::new(), Vec::new()));
    assert_eq!(
        blocked(&with(&unless("arn:aws:iam::*:role/admin"))),
        ["level 0: sqs:PurgeQueue sqs:SendMessage; scp guard/1"]
    );
    let outsiders = |id: &str| {
        format!(
            r#"{ALL},{{"Effect":"Deny","Action":"sqs:*","Resource":"*","Condition":{{"StringNotEquals":{{"aws:PrincipalOrgID":"{id}"}}}}}}"#
        )
    };
    assert_eq!(blocked(&with(&outsiders("o-own"))), NONE);
    assert_eq!(blocked(&with(&outsiders("o-other"))).len(), 1);
}

#[test]
fn nothing_of_an_organization_binds_a_service_linked_role() {
    let rcp = r#"{"Effect":"Deny","Principal":"*","Action":"sqs:PurgeQueue","Resource":"*"}"#;
    let around = Around { levels: &[(SQS, true)], rcp: Some(rcp), ..Around::default() };
    assert_eq!(blocked(&compare(GRANT, &around)), ["level 0: sns:Publish; "]);
    let linked = Around { path: Some("/aws-service-role/x.amazonaws.com/"), ..around };
    let linked = compare(GRANT, &linked);
    assert_eq!((blocked(&linked), limited(&linked)), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_read_differently_takes_nothing_for_sure() {
    for text in [
        r#"{"Effect":"Deny","Action":"sqs:*","NotResource":"arn:aws:sns"}"#,
        r#"{"Effect":"Deny","Action":"sqs:*","Resource":"arn:aws:sqs"}"#,
        r#"{"Effect":"Deny","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
        r#"{"Effect":"Deny","Action":"sqs:*","Resource":"*","Condition":{"NewOperator":{"aws:x":"y"}}}"#,
        r#"{"Effect":"Deny","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:${aws:PrincipalTag/queue}"}"#,
    ] {
        let level = format!("{ALL},{text}");
        let around = Around { levels: &[(&level, true)], ..Around::default() };
        assert_eq!(blocked(&compare(GRANT, &around)), NONE, "{text}");
    }
}

#[test]
fn own_denies_block_what_they_cover_wholly() {
    let grant =
        r#"{"Effect":"Allow","Action":["sqs:SendMessage","sqs:PurgeQueue"],"Resource":"arn:aws:sqs:*:1:q"}"#;
    let with = |deny: &str| compare(&format!("{grant},{deny}"), &Around::default());
    let own = ["a deny of its own policies: sqs:PurgeQueue; identity policy-0/1"];
    for whole in [
        r#"{"Effect":"Deny","Action":"sqs:Purge*","Resource":"*"}"#,
        r#"{"Effect":"Deny","NotAction":"sqs:S*","Resource":"arn:aws:sqs:*:1:*"}"#,
        r#"{"Effect":"Deny","Action":"sqs:Purge*","NotResource":"arn:aws:sns:*:*:*"}"#,
    ] {
        assert_eq!(blocked(&with(whole)), own, "{whole}");
    }
    for (partial, told) in [
        (r#"{"Effect":"Deny","Action":"sqs:Purge*","Resource":"arn:aws:sqs:eu-west-1:1:q"}"#, 1),
        (r#"{"Effect":"Deny","Action":"sqs:Purge*","NotResource":"arn:aws:sqs:*:1:q"}"#, 0),
        (
            r#"{"Effect":"Deny","Action":"sqs:Purge*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
            1,
        ),
    ] {
        let found = with(partial);
        assert_eq!((blocked(&found), limited(&found).len()), (Vec::new(), told), "{partial}");
    }
}

#[test]
fn each_limit_must_allow() {
    let allow = |action: &str, resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
    };
    let two = r#"{"Effect":"Allow","Action":["sqs:SendMessage","sns:Publish"],"Resource":"*"}"#;
    let (sqs, some_sqs) = (allow("sqs:*", "*"), allow("sqs:*", "arn:aws:sqs:*:1:q"));
    let sns = allow("sns:*", "*");
    let with = |levels: &[&str]| {
        let levels: Vec<(&str, bool)> = levels.iter().map(|text| (*text, true)).collect();
        compare(two, &Around { levels: &levels, ..Around::default() })
    };
    assert_eq!(blocked(&with(&[ALL])), NONE);
    assert_eq!(blocked(&with(&[&sqs])), ["level 0: sns:Publish; "]);
    let some = with(&[&some_sqs]);
    assert_eq!(
        (blocked(&some), limited(&some)),
        (vec!["level 0: sns:Publish; ".to_owned()], vec!["level 0: sqs:SendMessage; ; ".to_owned()])
    );
    assert_eq!(blocked(&with(&[&sqs, &sns])), ["level 0: sns:Publish; ", "level 1: sqs:SendMessage; "]);
    // One live statement is enough.
    let two = format!("{two},{}", allow("sns:Publish", "arn:aws:sns:*:1:t"));
    let deny = format!(r#"{ALL},{{"Effect":"Deny","Action":"sns:Publish","Resource":"arn:aws:sns:*:1:t"}}"#);
    let around = Around { levels: &[(&deny, true)], ..Around::default() };
    let found = compare(&two, &around);
    assert_eq!(blocked(&found), NONE);
    assert_eq!(names(&found.effective[1].blocked), "sns:Publish");
}

#[test]
fn a_resource_control_policy_reaches_the_resources_of_its_account_only() {
    let deny =
        |extra: &str| format!(r#"{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"{extra}}}"#);
    let on = |resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":["sqs:PurgeQueue","sns:Publish"],"Resource":"{resource}"}}"#)
    };
    let with = |own: &str, rcp: &str| compare(own, &Around { rcp: Some(rcp), ..Around::default() });
    let own = on("arn:aws:sqs:eu-west-1:111122223333:q");
    // SNS does not obey them.
    assert_eq!(blocked(&with(&own, &deny(""))), ["resources: sqs:PurgeQueue; rcp guard/0"]);
    for (elsewhere, told) in [
        (on("*"), 1),
        (on("arn:aws:sqs:*:111122223333:q"), 1),
        (on("arn:aws:sqs:eu-west-1:444455556666:q"), 0),
    ] {
        let found = with(&elsewhere, &deny(""));
        assert_eq!((blocked(&found), limited(&found).len()), (Vec::new(), told), "{elsewhere}");
    }
    let outsiders = |id: &str| {
        deny(&format!(r#","Condition":{{"StringNotEqualsIfExists":{{"aws:PrincipalOrgID":"{id}"}}}}"#))
    };
    let found = with(&own, &outsiders("o-own"));
    assert_eq!((blocked(&found), limited(&found)), (Vec::new(), Vec::new()), "it is about others");
    assert_eq!(blocked(&with(&own, &outsiders("o-1"))), ["resources: sqs:PurgeQueue; rcp guard/0"]);
    let some = deny("").replace(r#""Principal":"*""#, r#""Principal":{"AWS":"444455556666"}"#);
    assert_eq!(blocked(&with(&own, &some)), NONE);
}
