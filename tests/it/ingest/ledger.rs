//! The ledger: order, split and repetition change nothing; copies, corrections and windows are told apart.

use std::collections::BTreeMap;

use leastwise::catalog::Resource;
use leastwise::ident::TimeRange;
use leastwise::record::{Event, with_json};
use leastwise::usage::{
    CallOutcome, Caps, IssuanceKind, Keep, Ledger, Partial, Reading, Restorer, Scope, Usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::toy_needs;

fn write_down(ledger: &mut Ledger, record: &Value) {
    with_json(&record.to_string(), |json| match Event::parse(json) {
        Ok(event) => ledger.record(&event, toy_needs),
        Err(_) => ledger.malformed(),
    })
    .unwrap();
}

fn ledger_of<'r>(records: impl IntoIterator<Item = &'r Value>, scope: &Scope, caps: Caps) -> Ledger {
    let mut ledger = Ledger::with_caps(scope.clone(), caps);
    records.into_iter().for_each(|record| write_down(&mut ledger, record));
    ledger
}

/// The sums over `records` with the usual caps.
fn usage(records: &[Value]) -> Usage {
    let usage = ledger_of(records, &Scope::default(), Caps::default()).finish().unwrap();
    assert!(usage.counts.balances(), "{:?}", usage.counts);
    usage
}

/// A record with id number `n`; `changes` replaces top-level members.
fn event(n: u32, changes: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDA1", "arn": "arn:aws:iam::111122223333:user/u",
            "accountId": "111122223333", "accessKeyId": "AKIA1", "userName": "u"},
        "eventTime": "2026-01-01T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "awsRegion": "us-east-1", "requestParameters": null, "responseElements": null,
        "eventID": format!("{n:08x}-0000-0000-0000-000000000000"), "readOnly": true, "eventType": "AwsApiCall",
        "managementEvent": true, "recipientAccountId": "111122223333", "eventCategory": "Management",
    });
    for (key, value) in changes.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

fn on(resource: &str) -> Value {
    json!({"resources": [{"ARN": resource}]})
}

/// Every part of a record that matters, out of a few values each, so that collisions of all kinds happen.
fn any_record() -> impl Strategy<Value = Value> {
    let identity = prop_oneof![
        Just(json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/u", "accessKeyId": "AKIA1"})),
        Just(json!({"type": "AWSAccount", "principalId": "AIDA1", "accountId": "111122223333"})),
        Just(json!({"type": "AssumedRole", "principalId": "AROA1:s", "accessKeyId": "ASIA1",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/R"},
                "attributes": {"creationDate": "2026-01-01T09:00:00Z"}}})),
        Just(Value::Null),
    ];
    let key = "[ab](/[abc]){0,3}[0-9]?";
    let place = (0..6_u32, key, 0..4_i64, prop::bool::ANY);
    let shape = (0..12_u8, 0..3_u8, prop::option::of(0..3_u8), identity);
    (place, shape).prop_map(|((n, key, hour, is_other_account), (kind, error, shared, identity))| {
        let arn = format!("arn:aws:s3:::bucket/{key}");
        let account = if is_other_account { "444455556666" } else { "111122223333" };
        let mut record = event(n, json!({
            "userIdentity": identity, "eventTime": format!("2026-01-01T{:02}:00:00Z", 9 + hour),
            "recipientAccountId": account, "resources": [{"ARN": arn}],
            "requestParameters": {"context": key},
        }));
        match kind {
            0 => record["eventCategory"] = json!("NetworkActivity"),
            1 => record["eventID"] = json!(format!("odd-{n}")),
            2 | 3 => {
                record["eventSource"] = json!("sts.amazonaws.com");
                record["eventName"] = json!("AssumeRole");
                record["requestParameters"] = json!({"roleArn": "arn:aws:iam::1:role/T", "roleSessionName": key});
                record["responseElements"] = json!({"credentials": {"accessKeyId": format!("ASIA{hour}"), "sessionToken": "SECRET"}});
            }
            4 => record["addendum"] = json!({"reason": "UPDATED_DATA", "originalEventID": event(n % 3, json!({}))["eventID"]}),
            5 => record["eventName"] = json!("getObject"),
            6 => record["eventName"] = json!(""),
            7 => {
                record["managementEvent"] = json!(false);
                record["eventCategory"] = json!("Data");
            }
            _ => {}
        }
        match error {
            1 => {
                record["errorCode"] = json!("AccessDenied");
                record["errorMessage"] =
                    json!(format!("User: u is not authorized to perform: s3:GetObject on resource: {arn} because no identity-based policy allows the s3:GetObject action"));
            }
            2 if hour == 0 => record["errorCode"] = json!("ThrottlingException"),
            _ => {}
        }
        if let Some(shared) = shared {
            record["sharedEventID"] = json!(format!("shared-{shared}"));
        }
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The heart of the matter: whatever the order, the split over workers and the order of merges, the result is the same.
    #[test]
    fn order_split_and_merges_change_nothing(
        records in prop::collection::vec((any_record(), 0..4_usize), 1..60),
        shuffled in any::<prop::sample::Index>(),
        windowed in any::<bool>(),
        tight in any::<bool>(),
    ) {
        let window = TimeRange { from: "2026-01-01T10:00:00Z".parse().unwrap(), to: "2026-01-01T12:00:00Z".parse().unwrap() };
        let scope = if windowed { Scope { window, ..Scope::default() } } else { Scope::default() };
        let caps = if tight { Caps { resources: 4, objects: 4, values: 2, messages: 3, rows: 5, sessions: 2 } } else { Caps::default() };
        let all: Vec<&Value> = records.iter().map(|(record, _)| record).collect();
        let plain = ledger_of(all.iter().copied(), &scope, caps);
        let expected = plain.clone().finish().unwrap();
        prop_assert!(expected.counts.balances(), "{:?}", expected.counts);
        let at_hand = Caps { sessions: usize::MAX, ..caps };
        prop_assert_eq!(&ledger_of(all.iter().copied(), &scope, at_hand).finish().unwrap(), &expected);
        let total: u64 = expected.rows.iter().map(|row| row.calls).sum();
        prop_assert_eq!(total, expected.counts.counted);

        let mut rotated = all.clone();
        rotated.rotate_left(shuffled.index(all.len()));
        rotated.reverse();
        prop_assert_eq!(&ledger_of(rotated, &scope, caps).finish().unwrap(), &expected);

        let worker = |n| ledger_of(records.iter().filter(|(_, own)| *own == n).map(|(record, _)| record), &scope, caps);
        let (a, b, c, d) = (worker(0), worker(1), worker(2), worker(3));
        let left = a.clone().merge(b.clone()).merge(c.clone()).merge(d.clone()).finish().unwrap();
        prop_assert_eq!(&left, &expected);
        let right = d.merge(c.merge(b.merge(a))).finish().unwrap();
        prop_assert_eq!(&right, &expected);

        // What is merged a second time is a second delivery of everything, and nothing else.
        let twice = plain.clone().merge(plain).finish().unwrap();
        prop_assert_eq!(&twice.rows, &expected.rows);
        prop_assert_eq!(&twice.sessions, &expected.sessions);
        prop_assert_eq!(&twice.issuances, &expected.issuances);
        prop_assert_eq!(&twice.observation, &expected.observation);
        prop_assert_eq!(twice.counts.read, 2 * expected.counts.read);
        prop_assert_eq!(twice.counts.counted, expected.counts.counted);
        prop_assert_eq!(twice.counts.conflicting, expected.counts.conflicting);
        prop_assert!(twice.counts.balances());
        let shown = format!("{expected:?}");
        prop_assert!(!shown.contains("SECRET"));
    }
}

/// Takes the tables of a ledger into another; objects of the numbers in `without` are taken back.
fn take_in(restorer: &mut Restorer, partial: &Partial, without: &[u32]) {
    let issuances = partial.issuances(0, usize::MAX);
    let sessions = partial.sessions(0, partial.n_sessions());
    let events = issuances.iter().map(|row| row.event);
    let mut taking = restorer.take(sessions, partial.tables.clone(), events);
    for part in 0..Partial::PARTS {
        let deliveries = partial.deliveries(part).unwrap();
        taking.deliveries(deliveries, |object| (!without.contains(&object)).then_some(object));
    }
    taking.issuances(issuances);
}

/// Everything that is written down of a ledger, for comparing.
fn written(ledger: Ledger) -> String {
    let partial = ledger.into_partial().unwrap();
    let deliveries: Vec<_> = (0..Partial::PARTS).map(|part| partial.deliveries(part).unwrap()).collect();
    let sessions = partial.sessions(0, usize::MAX);
    format!("{:?}{sessions:?}{:?}{deliveries:?}", partial.tables, partial.issuances(0, usize::MAX))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What is written down comes back: in one piece or in several, in any order, through any window, and without what is
    /// taken back.
    #[test]
    fn tables_become_the_ledger_they_were(
        records in prop::collection::vec((any_record(), 0..3_usize, 0..4_u32), 1..50),
        turn in 0..3_usize,
        without in 0..5_u32,
        windowed in any::<bool>(),
        tight in any::<bool>(),
    ) {
        let caps = if tight { Caps { resources: 4, objects: 4, values: 2, messages: 3, rows: 5, sessions: 2 } } else { Caps::default() };
        // Which of two contents of one event counts is settled for good when they meet, so events that contradict each
        // other lie in one object here.
        let records: Vec<(Value, usize, u32)> = records.into_iter().map(|(record, own, object)| {
            let text = record.to_string();
            let text = text.replace("-0000-0000-0000-", &format!("-000{object}-0000-0000-"));
            (serde_json::from_str(&text.replace("odd-", &format!("odd{object}-"))).unwrap(), own, object)
        }).collect();
        let write = |ledger: &mut Ledger, (record, _, object): &(Value, usize, u32)| {
            ledger.begin_object(*object);
            // Records that are no events are counted by object elsewhere.
            if !record["eventName"].as_str().unwrap().is_empty() {
                write_down(ledger, record);
            }
        };
        let worker = |n| {
            let mut ledger = Ledger::with_caps(Scope::default(), caps);
            records.iter().filter(|(_, own, _)| *own == n).for_each(|record| write(&mut ledger, record));
            ledger.into_partial().unwrap()
        };
        let mut parts = [worker(0), worker(1), worker(2)];
        parts.rotate_left(turn);
        let restored = |scope: &Scope, without: &[u32]| {
            let mut restorer = Restorer::new(Reading { scope: scope.clone(), from: None }, caps);
            parts.iter().for_each(|part| take_in(&mut restorer, part, without));
            restorer.into_ledger()
        };
        let plain = |scope: &Scope, without: &[u32]| {
            let mut ledger = Ledger::with_caps(scope.clone(), caps);
            let kept = records.iter().filter(|(_, _, object)| !without.contains(object));
            kept.for_each(|record| write(&mut ledger, record));
            ledger
        };
        let everything = Scope::default();
        prop_assert_eq!(written(restored(&everything, &[])), written(plain(&everything, &[])));
        for keep in [Keep::All, Keep::Alike] {
            let expected = plain(&everything, &[]).finish_with(keep).unwrap();
            prop_assert_eq!(&restored(&everything, &[]).finish_with(keep).unwrap(), &expected);
        }
        // Resources once folded stay folded, so only what never was is the same through a window or with less.
        if !tight {
            let window = TimeRange { from: "2026-01-01T10:00:00Z".parse().unwrap(), to: "2026-01-01T12:00:00Z".parse().unwrap() };
            let scope = if windowed { Scope { window, ..Scope::default() } } else { everything };
            let expected = plain(&scope, &[without]).finish().unwrap();
            prop_assert_eq!(&restored(&scope, &[without]).finish().unwrap(), &expected);
        }
    }
}

#[test]
fn deliveries_of_one_event_are_one_call() {
    let changed = event(1, json!({"eventName": "PutObject"}));
    let usage = usage(&[event(1, json!({})), event(1, json!({})), changed, event(2, json!({}))]);
    assert_eq!((usage.counts.read, usage.counts.duplicates, usage.counts.conflicting), (4, 2, 1));
    assert_eq!(usage.counts.counted, 2);
}

#[test]
fn copies_of_other_accounts_are_one_call_of_the_caller() {
    let shared = |n, account: &str, identity: Value| {
        event(n, json!({"sharedEventID": "s", "recipientAccountId": account, "userIdentity": identity}))
    };
    let caller = json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/u", "accessKeyId": "AKIA1"});
    let owner = json!({"type": "AWSAccount", "principalId": "AIDA1", "accountId": "1"});
    let both = usage(&[shared(1, "owner", owner.clone()), shared(2, "caller", caller.clone())]);
    assert_eq!((both.counts.copies, both.counts.counted), (1, 1));
    assert_eq!(both.rows.iter().next().unwrap().call.recipient_account.as_deref(), Some("caller"));
    // One copy alone is nothing special, and two events of one account are two calls.
    let one = usage(&[shared(1, "owner", owner)]);
    assert_eq!((one.counts.copies, one.counts.counted), (0, 1));
    let same = usage(&[shared(1, "caller", caller.clone()), shared(2, "caller", caller)]);
    assert_eq!((same.counts.copies, same.counts.counted), (0, 2));
}

#[test]
fn a_correction_replaces_what_was_delivered_first() {
    let original = event(1, json!({"eventName": "GetObject"}));
    let correction = event(
        2,
        json!({
            "eventName": "PutObject",
            "addendum": {"reason": "UPDATED_DATA", "originalEventID": original["eventID"]},
        }),
    );
    for records in [[original.clone(), correction.clone()], [correction.clone(), original]] {
        let usage = usage(&records);
        assert_eq!((usage.counts.counted, usage.counts.duplicates, usage.rows.len()), (1, 1, 1));
        let row = usage.rows.iter().next().unwrap();
        assert_eq!(&*row.call.name, "PutObject");
        assert_eq!(&*row.sample(), "00000001-0000-0000-0000-000000000000");
    }
    let late = event(3, json!({"addendum": {"reason": "DELIVERY_DELAY"}}));
    assert_eq!(usage(&[correction, late]).counts.counted, 2);
}

#[test]
fn a_window_is_half_open_and_issuances_before_it_are_kept() {
    let window = TimeRange { from: "2026-01-02".parse().unwrap(), to: "2026-01-03".parse().unwrap() };
    let at = |n, time: &str| event(n, json!({"eventTime": time}));
    let issuance = event(
        9,
        json!({
            "eventTime": "2026-01-01T23:00:00Z", "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
            "requestParameters": {"roleArn": "arn:aws:iam::1:role/R", "roleSessionName": "s"},
            "responseElements": {"credentials": {"accessKeyId": "ASIA9"}},
        }),
    );
    let records = [
        at(1, "2026-01-01T23:59:59Z"),
        at(2, "2026-01-02T00:00:00Z"),
        at(3, "2026-01-02T23:59:59Z"),
        at(4, "2026-01-03T00:00:00Z"),
        issuance,
    ];
    let usage = ledger_of(&records, &Scope { window, ..Scope::default() }, Caps::default()).finish().unwrap();
    assert_eq!((usage.counts.counted, usage.counts.outside_window), (2, 3));
    assert_eq!(usage.issuances[0].issued_key.as_deref(), Some("ASIA9"));
    let row = usage.rows.iter().next().unwrap();
    assert_eq!(row.first.to_string(), "2026-01-02T00:00:00Z");
    assert_eq!(row.last.to_string(), "2026-01-02T23:59:59Z");
    let region = &usage.observation.regions["111122223333"]["us-east-1"];
    assert_eq!(region.hours.len(), 2);
    let scope = Scope { regions: ["eu-west-1".to_owned()].into(), ..Scope::default() };
    let elsewhere = ledger_of(&records, &scope, Caps::default()).finish().unwrap();
    assert_eq!((elsewhere.counts.counted, elsewhere.counts.outside_window), (0, 5));
}

#[test]
fn issuances_tell_who_got_which_credentials() {
    let sts = |n, name: &str, changes: Value| {
        let mut record = event(n, json!({"eventSource": "sts.amazonaws.com", "eventName": name}));
        for (key, value) in changes.as_object().unwrap() {
            record[key] = value.clone();
        }
        record
    };
    let provider = "arn:aws:iam::444455556666:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/A1";
    let subject = "system:serviceaccount:shop:cart";
    let web = sts(
        1,
        "AssumeRoleWithWebIdentity",
        json!({
            "userIdentity": {"type": "WebIdentityUser", "principalId": format!("{provider}:sts.amazonaws.com:{subject}"),
                "userName": subject, "identityProvider": provider},
            "requestParameters": {"roleArn": "arn:aws:iam::444455556666:role/p/R", "roleSessionName": "n"},
            "responseElements": {"credentials": {"accessKeyId": "ASIA1", "sessionToken": "SECRET"},
                "assumedRoleUser": {"assumedRoleId": "AROA1:n", "arn": "arn:aws:sts::444455556666:assumed-role/R/n"}},
        }),
    );
    let denied = sts(
        2,
        "AssumeRole",
        json!({
            "errorCode": "AccessDenied", "requestParameters": null,
            "errorMessage": "User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2:role/x/T",
        }),
    );
    let pod = sts(
        3,
        "AssumeRole",
        json!({
            "userIdentity": {"type": "AWSService", "invokedBy": "pods.eks.amazonaws.com"},
            "requestParameters": {"roleArn": "arn:aws:iam::1:role/P", "roleSessionName": "eks-c-p-1",
                "tags": [{"key": "kubernetes-namespace", "value": "ns"}, {"key": "eks-cluster-arn", "value": "arn"}],
                "incomingTransitiveTags": {"eks-cluster-arn": "other", "team": "t"}, "externalId": "e"},
            "responseElements": {"credentials": {"accessKeyId": "ASIA3"}},
        }),
    );
    let root = sts(
        4,
        "AssumeRoot",
        json!({
            "requestParameters": {"targetPrincipal": "999988887777"},
            "responseElements": {"credentials": {"accessKeyId": "ASIA4"}},
        }),
    );
    let throttled = sts(5, "AssumeRole", json!({"errorCode": "ThrottlingException"}));
    let bad_token =
        sts(6, "AssumeRoleWithWebIdentity", json!({"errorCode": "InvalidIdentityTokenException"}));
    let found = usage(&[web, denied, pod, root, throttled, bad_token]);
    let by_id: BTreeMap<u8, _> =
        found.issuances.iter().map(|facts| (facts.event_id.as_bytes()[7] - b'0', facts)).collect();
    assert_eq!(by_id.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 6]);
    let web = by_id[&1];
    assert_eq!((web.subject.as_deref(), web.audience.as_deref()), (Some(subject), Some("sts.amazonaws.com")));
    assert_eq!((web.issued_key.as_deref(), web.provider.as_deref()), (Some("ASIA1"), Some(provider)));
    assert_eq!(web.assumed_role_id.as_deref(), Some("AROA1:n"));
    assert!(by_id[&2].denied && by_id[&6].denied && !web.denied);
    assert_eq!(by_id[&2].role_arn.as_deref(), Some("arn:aws:iam::2:role/x/T"));
    let tags: Vec<_> = by_id[&3].tags.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(tags, [("eks-cluster-arn", "arn"), ("kubernetes-namespace", "ns"), ("team", "t")]);
    assert!(by_id[&3].has_external_id);
    assert_eq!(by_id[&4].kind, IssuanceKind::AssumeRoot);
    assert_eq!(by_id[&4].assumed_arn.as_deref(), Some("arn:aws:iam::999988887777:root"));
    assert!(!format!("{found:?}").contains("SECRET"));
}

#[test]
fn a_refused_call_needs_what_its_message_names() {
    let denied = event(
        1,
        json!({
            "errorCode": "AccessDenied",
            "errorMessage": "User: u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k because no resource-based policy allows the kms:Decrypt action",
        }),
    );
    let usage = usage(&[denied]);
    let row = usage.rows.iter().next().unwrap();
    assert_eq!(row.call.needs.needs[0].action.as_str(), "kms:Decrypt");
    assert_eq!(row.call.needs.needs[0].resources, [Resource::Arn("arn:aws:kms:us-east-1:1:key/k".into())]);
    assert!(matches!(&row.call.outcome, CallOutcome::Denied(facts) if facts.message.is_some()));
}

/// The distinct resources of all rows.
fn resources(usage: &Usage) -> Vec<String> {
    let mut found: Vec<String> = usage
        .rows
        .iter()
        .flat_map(|row| &row.call.needs.needs)
        .flat_map(|need| &need.resources)
        .filter_map(|resource| if let Resource::Arn(arn) = resource { Some(arn.clone()) } else { None })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn too_many_resources_become_the_narrowest_prefixes_that_fit() {
    let caps = Caps { objects: 4, ..Caps::default() };
    let fold = |keys: &[String]| {
        let records: Vec<Value> =
            keys.iter().zip(0..).map(|(key, n)| event(n, on(&format!("arn:aws:s3:::b/{key}")))).collect();
        let usage = ledger_of(&records, &Scope::default(), caps).finish().unwrap();
        assert_eq!(usage.counts.counted, keys.len() as u64);
        resources(&usage)
    };
    let names = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    assert_eq!(fold(&names(&["a/1", "b/2", "c", "d"])).len(), 4, "what fits stays exact");
    let flat: Vec<String> = (0..9).map(|n| format!("img-{n}.png")).collect();
    assert_eq!(fold(&flat), ["arn:aws:s3:::b/img-*"]);
    let tree: Vec<String> =
        (0..9).map(|n| format!("in/{}/f{n}", n % 2)).chain(["out/only".to_owned()]).collect();
    assert_eq!(fold(&tree), ["arn:aws:s3:::b/in/0/f*", "arn:aws:s3:::b/in/1/f*", "arn:aws:s3:::b/out/only"]);
    let wide: Vec<String> = (0..30).map(|n| format!("{}/{}/x", n % 3, n)).collect();
    assert_eq!(fold(&wide).len(), 3);
    // Another bucket is another parent.
    let mut records: Vec<Value> = (0..9).map(|n| event(n, on(&format!("arn:aws:s3:::b/{n}")))).collect();
    records.push(event(99, on("arn:aws:s3:::other/key")));
    let usage = ledger_of(&records, &Scope::default(), caps).finish().unwrap();
    assert_eq!(resources(&usage), ["arn:aws:s3:::b/*", "arn:aws:s3:::other/key"]);
}

#[test]
fn a_million_keys_are_a_few_rows() {
    let caps = Caps { rows: 64, ..Caps::default() };
    let mut ledger = Ledger::with_caps(Scope::default(), caps);
    for n in 0..20_000_u32 {
        write_down(&mut ledger, &event(n, on(&format!("arn:aws:s3:::b/day={}/part-{n}", n % 100))));
    }
    let usage = ledger.finish().unwrap();
    assert_eq!((usage.counts.counted, usage.rows.len()), (20_000, 100));
    assert_eq!(resources(&usage)[0], "arn:aws:s3:::b/day=0/part-*");
}
