//! Real events: actions that exist, resources of their types.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use leastwise::catalog::{Catalog, Evidence, Resource, Verdict, Visibility};
use leastwise::record::{Event, Outcome, with_json};
use serde_json::Value;

use crate::support;

#[test]
fn no_management_event_of_real_logs_is_one_of_an_action_only_data_events_would_show() {
    let Some(corpus) = support::corpus() else { return };
    let catalog = Catalog::embedded();
    // Made-up records, and one older than the kind of data event it would be today.
    let excused = ["ec2-instance-connect:OpenTunnel", "s3:GetObject"];
    let (mut checked, mut wrong) = (BTreeSet::new(), BTreeSet::new());
    each_record(&corpus, &mut |record| {
        let Ok(value) = serde_json::from_str::<Value>(record) else { return };
        if value["eventCategory"] != "Management" && value["managementEvent"] != true {
            return;
        }
        let (Some(source), Some(name)) = (value["eventSource"].as_str(), value["eventName"].as_str()) else {
            return;
        };
        // The action an event bears the name of: the others it needs may well show in data events.
        let prefix = source.strip_suffix(".amazonaws.com").unwrap_or(source);
        let prefix = if prefix == "monitoring" { "cloudwatch" } else { prefix };
        let Some(id) = catalog.find_in(prefix, name) else { return };
        let action = catalog.info(id).unwrap().action().to_string();
        if matches!(catalog.visibility(id), Visibility::Data { .. }) && !excused.contains(&action.as_str()) {
            wrong.insert(action.clone());
        }
        checked.insert(action);
    });
    assert!(checked.len() > 300, "only {} actions of management events were found", checked.len());
    assert_eq!(wrong, BTreeSet::new());
}

/// Calls `each` with every CloudTrail record anywhere in a folder of real input, whatever the container.
pub(super) fn each_record(dir: &Path, each: &mut dyn FnMut(&str)) {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            each_record(&path, each);
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut inflated = Vec::new();
            // A cut-off archive still gives what is before the cut.
            let _ = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut inflated);
            bytes = inflated;
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if !text.contains("eventSource") {
            continue;
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => records_in(&value, each),
            Err(_) => text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .for_each(|value| records_in(&value, each)),
        }
    }
}

fn records_in(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(members)
            if members.contains_key("eventSource") && members.contains_key("eventName") =>
        {
            each(&value.to_string());
        }
        Value::Object(members) => members.values().for_each(|value| records_in(value, each)),
        Value::Array(elements) => elements.iter().for_each(|value| records_in(value, each)),
        Value::String(text) if text.contains("eventSource") => {
            if let Ok(value) = serde_json::from_str(text) {
                records_in(&value, each);
            }
        }
        _ => {}
    }
}

#[test]
fn real_events_map_to_actions_that_exist_and_resources_of_their_types() {
    let Some(corpus) = support::corpus() else { return };
    let catalog = Catalog::embedded();
    let mut verdicts: BTreeMap<(Verdict, &str), u64> = BTreeMap::new();
    let mut unknown: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut resources: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unnamed: BTreeMap<String, u64> = BTreeMap::new();
    let mut passed = BTreeSet::new();
    let (mut read, mut unread) = (0_u64, 0_u64);
    each_record(&corpus, &mut |record| {
        let parsed = with_json(record, |json| {
            let Ok(event) = Event::parse(json) else { return false };
            let found = catalog.needs(&event);
            if event.outcome() == Outcome::Succeeded {
                *verdicts.entry((found.verdict, found.rule)).or_default() += 1;
                if found.verdict == Verdict::Unknown {
                    *unknown.entry((event.source.to_owned(), event.name.to_owned())).or_default() += 1;
                }
            }
            assert_eq!(found.verdict == Verdict::Mapped, !found.needs.is_empty(), "{record}");
            for need in &found.needs {
                let id = catalog
                    .find(need.action.as_str())
                    .unwrap_or_else(|| panic!("{} in {record}", need.action));
                let info = catalog.info(id).unwrap();
                assert!(!need.resources.is_empty(), "{record}");
                assert!(need.context.is_sorted(), "{record}");
                if need.action.as_str() == "iam:PassRole" {
                    passed.insert(format!(
                        "{} {} {:?} {:?}",
                        event.source, event.name, need.resources, need.context
                    ));
                    assert_eq!(need.evidence, Evidence::Inferred);
                }
                for resource in &need.resources {
                    let kind = match resource {
                        Resource::Arn(arn) => {
                            let is_of = info.resource_types().any(|part| part.kind.is_of(arn));
                            assert!(is_of, "{arn} is no resource of {}", need.action);
                            assert!(
                                !arn.contains("${") && !arn.contains('\n'),
                                "{arn:?} would mean something else"
                            );
                            if arn.contains('*') { "pattern" } else { "whole" }
                        }
                        Resource::None => {
                            assert_eq!(info.resource_types().count(), 0, "{}", need.action);
                            "none"
                        }
                        Resource::Unknown(why) => {
                            assert!(!why.is_empty());
                            if event.outcome() == Outcome::Succeeded {
                                *unnamed.entry(format!("{} {}", event.name, need.action)).or_default() += 1;
                            }
                            "unknown"
                        }
                        Resource::InstanceProfile(_) => "instance profile",
                        Resource::LaunchTemplate(_) => "launch template",
                    };
                    *resources.entry(kind).or_default() += 1;
                }
            }
            true
        });
        *(if parsed.unwrap_or(false) { &mut read } else { &mut unread }) += 1;
    });
    assert!(read > 16_000 && unread * 20 < read, "{read} records read, {unread} not");
    let known = resources["whole"] + resources["pattern"] + resources["none"];
    assert!(known > 9 * resources["unknown"], "{resources:?}");
    eprintln!(
        "verdicts {verdicts:#?}\nunknown {unknown:#?}\nresources {resources:#?}\nunnamed {unnamed:#?}\npassed {passed:#?}"
    );
}
