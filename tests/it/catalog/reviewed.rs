//! The real events of seven services, checked by hand: `tests/data/catalog/reviewed.tsv` says what each must come to, written from AWS's
//! documentation and not from what the tool answers.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::catalog::{Catalog, Evidence, Resource, Verdict};
use leastwise::record::{Event, with_json};
use serde_json::Value;

use super::corpus::each_record;
use crate::support;

const SERVICES: [&str; 7] = ["dynamodb", "ec2", "iam", "kms", "lambda", "s3", "sts"];

/// A row: events of a source, what must hold of the record, and what it must come to.
struct Row {
    line: usize,
    source: String,
    events: Vec<String>,
    when: Vec<String>,
    expected: String,
}

fn rows() -> Vec<Row> {
    let path = support::root().join("tests/data/catalog/reviewed.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let cells: Vec<_> = line.split('\t').collect();
            let [source, events, when, expected, ground] = cells.as_slice() else {
                panic!("line {}: {line}", number + 1)
            };
            assert!(!ground.is_empty(), "line {} rests on nothing", number + 1);
            let words = |text: &str| text.split(' ').filter(|word| *word != "-").map(str::to_owned).collect();
            Row {
                line: number + 1,
                source: (*source).to_owned(),
                events: words(events),
                when: words(when),
                expected: (*expected).to_owned(),
            }
        })
        .collect()
}

/// The texts at a dotted path of a record's parameters: keys without regard to case, lists and EC2's wrappers looked through.
fn texts(value: &Value, path: &str) -> Vec<String> {
    fn at<'v>(value: &'v Value, path: &[&str], found: &mut Vec<&'v Value>) {
        match (value, path) {
            (Value::Array(elements), _) => elements.iter().for_each(|element| at(element, path, found)),
            (value, []) => match value.get("items").or_else(|| value.get("content")) {
                Some(inner) => at(inner, path, found),
                None => found.push(value),
            },
            (Value::Object(members), [first, rest @ ..]) => {
                for (key, value) in members {
                    if key.eq_ignore_ascii_case(first) {
                        at(value, rest, found);
                    } else if key == "items"
                        || key == "content"
                        || key.ends_with("Request")
                        || key.ends_with("Req")
                    {
                        at(value, path, found);
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    at(value, &path.split('.').collect::<Vec<_>>(), &mut found);
    // A container that is there, and empty or not a text, counts as there.
    let text = |value: &Value| (!value.is_null()).then(|| value.as_str().unwrap_or_default().to_owned());
    let texts: BTreeSet<_> = found.into_iter().filter_map(text).collect();
    texts.into_iter().collect()
}

/// Values of a placeholder.
fn values(record: &Value, name: &str) -> Vec<String> {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let caller = || {
        [text("/userIdentity/arn"), text("/userIdentity/sessionContext/sessionIssuer/arn")]
            .into_iter()
            .find(|arn| !arn.is_empty())
            .unwrap_or_default()
    };
    let listed = |kind: Option<&str>| {
        let list = record["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_kind = list.iter().filter(|entry| kind.is_none_or(|kind| entry["type"] == kind));
        of_kind
            .filter_map(|entry| entry["ARN"].as_str().or_else(|| entry["arn"].as_str()))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    };
    let listed_in_order: Vec<String> = record["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["ARN"].as_str())
        .map(str::to_owned)
        .collect();
    match name {
        "p" => {
            let partition = caller().split(':').nth(1).unwrap_or_default().to_owned();
            vec![if partition.is_empty() { "aws".to_owned() } else { partition }]
        }
        "r" => vec![text("/awsRegion")],
        "a" => {
            let account = text("/recipientAccountId");
            vec![if account.is_empty() { text("/userIdentity/accountId") } else { account }]
        }
        "caller" => vec![text("/userIdentity/arn")],
        "listed.first" => listed_in_order.first().cloned().into_iter().collect(),
        "listed.second" => listed_in_order.get(1).cloned().into_iter().collect(),
        "listed" => listed(None),
        _ => match name.strip_prefix("listed:") {
            Some(kind) => listed(Some(kind)),
            None => texts(&record["requestParameters"], name),
        },
    }
}

fn holds(record: &Value, condition: &str) -> bool {
    if let Some(not) = condition.strip_prefix('!') {
        return !holds(record, not);
    }
    if let Some(path) = condition.strip_prefix("id:") {
        // As EC2 writes ids: a short word, a hyphen, 7 or more letters and digits.
        return values(record, path).iter().any(|value| {
            let (start, rest) = value.rsplit_once('-').unwrap_or_default();
            !start.is_empty() && rest.len() >= 7 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    }
    match condition {
        "failed" => record["errorCode"].is_string(),
        "service" => record["userIdentity"]["type"] == "AWSService",
        "user" => values(record, "caller")[0].contains(":user/"),
        "own" => {
            let caller = values(record, "caller").remove(0);
            caller.contains(":user/")
                && caller.rsplit('/').next() == values(record, "userName").first().map(String::as_str)
        }
        _ => match condition.split_once('=') {
            Some((name, wanted)) => values(record, name).iter().any(|value| value == wanted),
            None => match condition.split_once('^') {
                Some((name, start)) => values(record, name).iter().any(|value| value.starts_with(start)),
                None => !values(record, condition).is_empty(),
            },
        },
    }
}

/// A template with its placeholders filled in, in every way: `{a,b|*}` is all values of both parameters, or `*`.
fn filled(record: &Value, template: &str) -> BTreeSet<String> {
    let Some((before, rest)) = template.split_once('{') else { return BTreeSet::from([template.to_owned()]) };
    let (name, after) = rest.split_once('}').unwrap();
    let (names, default) =
        name.split_once('|').map_or((name, None), |(names, default)| (names, Some(default)));
    let mut heads: BTreeSet<String> = names.split(',').flat_map(|name| values(record, name)).collect();
    if heads.is_empty() {
        heads.extend(default.map(str::to_owned));
    }
    let tails = filled(record, after);
    heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{before}{head}{tail}"))).collect()
}

/// What a row says of a record: by action (and whom a role goes to), its resources.
fn expected(record: &Value, event: &str, expected: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if ["no-permission", "unknown"].contains(&expected) {
        return BTreeMap::from([(expected.to_owned(), BTreeSet::new())]);
    }
    for need in expected.split("; ") {
        let (action, rest) = need.split_once(" on ").unwrap_or_else(|| panic!("`{need}` names no resource"));
        let (resources, to) = rest.split_once(" to ").map_or((rest, ""), |(resources, to)| (resources, to));
        let bare = event.split("20").next().unwrap().trim_end_matches('_');
        let action = action.replace("{event}", bare);
        let key = if to.is_empty() { action } else { format!("{action} to {to}") };
        let filled = resources.split(", ").flat_map(|template| filled(record, template));
        needs.entry(key).or_default().extend(filled);
    }
    // What a request may show and this one does not.
    needs.retain(|_, resources| !resources.is_empty());
    needs
}

fn told(record: &str) -> Option<(BTreeMap<String, BTreeSet<String>>, &'static str)> {
    let found =
        with_json(record, |json| Event::parse(json).ok().map(|event| Catalog::embedded().needs(&event)));
    let found = found.ok().flatten()?;
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    match found.verdict {
        Verdict::NoPermission => drop(needs.insert("no-permission".to_owned(), BTreeSet::new())),
        Verdict::Unknown => drop(needs.insert("unknown".to_owned(), BTreeSet::new())),
        Verdict::Mapped => {}
    }
    for need in found.needs {
        let mark = if need.evidence == Evidence::Inferred { "~" } else { "" };
        let to = need.context.iter().find(|(key, _)| key == "iam:PassedToService");
        let to = to.map_or_else(String::new, |(_, to)| format!(" to {to}"));
        let resources = need.resources.into_iter().map(|resource| match resource {
            Resource::Arn(arn) => arn,
            Resource::None => "*".to_owned(),
            Resource::Unknown(_) => "?".to_owned(),
            Resource::InstanceProfile(name) => format!("profile:{name}"),
            Resource::LaunchTemplate(id) => format!("template:{id}"),
        });
        needs.entry(format!("{mark}{}{to}", need.action)).or_default().extend(resources);
    }
    Some((needs, found.rule))
}

#[test]
fn real_events_of_seven_services_come_to_what_their_documentation_says() {
    let Some(corpus) = support::corpus() else { return };
    let rows = rows();
    let (mut checked, mut unread, mut hits) = (0, 0, BTreeSet::new());
    let mut wrong: BTreeMap<String, (u64, String)> = BTreeMap::new();
    each_record(&corpus, &mut |text| {
        let record: Value = serde_json::from_str(text).unwrap();
        let (Some(source), Some(event)) = (record["eventSource"].as_str(), record["eventName"].as_str())
        else {
            return;
        };
        let Some(source) = source.strip_suffix(".amazonaws.com").filter(|source| SERVICES.contains(source))
        else {
            return;
        };
        let Some((told, rule)) = told(text) else {
            unread += 1;
            return;
        };
        checked += 1;
        let is_of = |row: &&Row| {
            row.source == source
                && row.events.iter().any(|known| {
                    known == event || known.strip_suffix('*').is_some_and(|start| event.starts_with(start))
                })
                && row.when.iter().all(|condition| holds(&record, condition))
        };
        let is_api_call = record["eventType"].as_str().is_none_or(|kind| kind == "AwsApiCall");
        let mut fault = |key: String, example: String| {
            wrong.entry(key).or_insert((0, example)).0 += 1;
        };
        if !is_api_call {
            if rule != "not-an-api-call" {
                fault(
                    format!("{source} {event}: a service event needs nothing, not {told:?}"),
                    text.to_owned(),
                );
            }
            return;
        }
        let Some(row) = rows.iter().find(is_of) else {
            fault(format!("{source} {event}: no row; told {told:?}"), text.to_owned());
            return;
        };
        hits.insert(row.line);
        let wanted = expected(&record, event, &row.expected);
        if wanted != told {
            fault(
                format!("{source} {event}, line {}", row.line),
                format!("told {told:?}\n      wanted {wanted:?}\n      {text:.1200}"),
            );
        }
    });
    for row in &rows {
        if !hits.contains(&row.line) {
            wrong.insert(format!("line {} is of no record", row.line), (0, String::new()));
        }
    }
    let shown: Vec<_> = wrong
        .iter()
        .map(|(what, (count, example))| format!("{what} ({count} records)\n      {example}"))
        .collect();
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), shown.join("\n"));
    eprintln!("{checked} records of seven services, {} rows, {unread} that are no record", rows.len());
    assert!(checked > 14_000 && unread < 100, "{checked} {unread}");
}
