//! policy_sentry and policyuniverse: their own unit tests, and what their minimiser would have made of this program's proposals.

use std::collections::BTreeSet;

use leastwise::catalog::{ActionId, Catalog, Levels};
use leastwise::ident::Action;
use leastwise::ident::glob::Glob;
use leastwise::policy::{ActionElement, Effect, Policy, PolicyKind, parse_value, size};
use leastwise::proof::{self, Verdict};
use serde_json::Value;

use crate::conformance::Suite;
use crate::support::root;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Folded names of what a pattern names in the catalog.
fn expansion(pattern: &str) -> BTreeSet<String> {
    let catalog = Catalog::embedded();
    let name = |id: ActionId| Some(catalog.info(id)?.action().as_str().to_ascii_lowercase());
    catalog.expand(pattern).into_iter().filter_map(name).collect()
}

/// What both programs do with a list of actions: for each the shortest beginning that begins the name of no other action of the catalog, and `*`
/// behind it, unless it is the whole name. `least` is the fewest characters of the name that stay.
fn minimised(wanted: &BTreeSet<String>, least: usize) -> BTreeSet<String> {
    let mut short = BTreeSet::new();
    for action in wanted {
        let (service, name) = action.split_once(':').unwrap();
        let others: Vec<String> =
            expansion(&format!("{service}:*")).into_iter().filter(|other| !wanted.contains(other)).collect();
        let begins_none = |prefix: &str| !others.iter().any(|other| other.starts_with(prefix));
        let prefix = (0..=name.len())
            .filter(|n| *n >= least.min(name.len()))
            .map(|n| format!("{service}:{}", &name[..n]))
            .find(|prefix| begins_none(prefix));
        short.insert(match prefix {
            Some(prefix) if prefix != *action => format!("{prefix}*"),
            _ => action.clone(),
        });
    }
    short
}

fn lowered(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|one| text(one).to_ascii_lowercase()).collect()
}

/// `${Variable}` as `*`.
fn widened(format: &str) -> String {
    let mut wide = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        wide.push_str(before);
        wide.push('*');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    wide + rest
}

/// All actions of a document, expanded.
fn actions(document: &Value) -> BTreeSet<String> {
    let policy = parse_value(document, PolicyKind::Identity).unwrap();
    let patterns = policy.statements.iter().flat_map(|statement| match &statement.action {
        ActionElement::Only(patterns) | ActionElement::Except(patterns) => patterns.clone(),
    });
    patterns.flat_map(|pattern| expansion(&pattern)).collect()
}

/// Those of one access level.
fn of_level(all: &BTreeSet<String>, level: &str) -> BTreeSet<String> {
    let level = match level {
        "Read" => Levels::READ,
        "List" => Levels::LIST,
        "Write" => Levels::WRITE,
        "Tagging" => Levels::TAGGING,
        _ => Levels::PERMISSIONS_MANAGEMENT,
    };
    let catalog = Catalog::embedded();
    let is = |action: &&String| catalog.info(catalog.find(action).unwrap()).unwrap().levels().contains(level);
    all.iter().filter(is).cloned().collect()
}

/// Why what a file of that program's tests asks is no question for this one.
fn not_asked(file: &str) -> &'static str {
    match file.rsplit('/').next().unwrap_or_default() {
        "test_write_policy.py"
        | "test_write_policy_library_usage.py"
        | "test_sid_group_crud.py"
        | "test_deny_effect.py"
        | "test_minimize.py" => "policies written from a template of ARNs and access levels",
        "test_template.py" | "test_yaml.py" | "test_validate.py" => "the template files themselves",
        "test_arns.py" => "how that program takes ARNs apart",
        _ => "the answer is kept as source text, or how that program prints it",
    }
}

#[test]
fn unit_tests_of_policy_sentry() {
    let Some((mut suite, cases)) = Suite::open("policy_sentry/unit_tests") else { return };
    let none = BTreeSet::new;
    for case in &cases {
        let Some(test) = case["test"].as_str() else { continue };
        let name = test.rsplit('.').next().unwrap();
        let calls: Vec<&Value> = case["calls"].as_array().into_iter().flatten().collect();
        let given = &case["let"];
        for (at, assert) in case["asserts"].as_array().into_iter().flatten().enumerate() {
            let title = format!("{name} {at}");
            let before = calls.iter().rev().find(|call| {
                call["seq"].as_u64() < assert["seq"].as_u64()
                    && call["fn"] != "print"
                    && call["args"].is_array()
            });
            let inner = &assert["arg_calls"][0];
            let asked = text(&inner["fn"]);
            let positive = assert["fn"] != "self.assertFalse";
            let called = before.map_or("", |call| text(&call["fn"]));
            match (called, asked) {
                (_, "this_arn.same_resource_type" | "does_arn_match" | "parameter_1.same_resource_type") => {
                    let arn = if asked == "does_arn_match" {
                        text(&inner["args"][0])
                    } else {
                        let made = calls.iter().rev().find(|call| {
                            call["fn"] == "ARN" && call["seq"].as_u64() < assert["seq"].as_u64()
                        });
                        made.map_or("", |call| text(&call["args"][0]))
                    };
                    let format = inner["args"].as_array().and_then(|args| args.last()).map_or("", text);
                    if arn.is_empty() || format.is_empty() {
                        suite.skip("the call is kept as source text");
                        continue;
                    }
                    let found = Glob::new(&widened(format)).overlaps(&Glob::new(&widened(arn)));
                    suite.score(&title, positive, found, false, |_| false);
                }
                (_, "is_condition_key_match") => {
                    // What stands for a tag's key in a documented key stands for any.
                    let any = |key: &str| widened(&key.replace('<', "${").replace('>', "}"));
                    let (documented, key) = (text(&inner["args"][0]), text(&inner["args"][1]));
                    let found =
                        Glob::ignoring_case(&any(documented)).overlaps(&Glob::ignoring_case(&any(key)));
                    suite.score(&title, positive, found, false, |_| false);
                }
                ("get_sid_names_from_policy", _) if before.unwrap()["args"][0].get("Statement").is_some() => {
                    let found = parse_value(&before.unwrap()["args"][0], PolicyKind::Identity).unwrap();
                    let sids: Vec<&str> =
                        found.statements.iter().filter_map(|statement| statement.sid.as_deref()).collect();
                    let wanted: Vec<&str> = assert["args"][1].as_array().unwrap().iter().map(text).collect();
                    suite.score(&title, wanted, sids, Vec::new(), |_| Vec::new());
                }
                ("get_statement_from_policy_using_sid", _)
                    if before.unwrap()["args"][0].get("Statement").is_some() =>
                {
                    let args = &before.unwrap()["args"];
                    let parsed = parse_value(&args[0], PolicyKind::Identity).unwrap();
                    let found = parsed.statements.iter().find(|one| one.sid.as_deref() == args[1].as_str());
                    let alone = |statement: &Value| {
                        let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
                        parse_value(&document, PolicyKind::Identity).unwrap().statements.remove(0)
                    };
                    suite.score(&title, Some(alone(&assert["args"][1])), found.cloned(), None, |_| None);
                }
                ("determine_actions_to_expand", _) => {
                    let found = expansion(text(&given["action_list"][0]));
                    let missing: BTreeSet<String> =
                        lowered(&given["expected_results"]).difference(&found).cloned().collect();
                    suite.score(&title, none(), missing, none(), |_| none());
                }
                ("get_expanded_policy", _) => {
                    let found = actions(&before.unwrap()["args"][0]);
                    let wanted = lowered(&given["desired_output"]["Statement"][0]["Action"]);
                    suite.score(&title, none(), wanted.difference(&found).cloned().collect(), none(), |_| {
                        none()
                    });
                }
                ("analyze_by_access_level" | "analyze_statement_by_access_level", _) => {
                    let args = &before.unwrap()["args"];
                    let document = match args[0].get("Statement") {
                        Some(_) => args[0].clone(),
                        None => serde_json::json!({"Version": "2012-10-17", "Statement": [args[0]]}),
                    };
                    let found = of_level(&actions(&document), text(&args[1]));
                    match assert["args"][1].as_array() {
                        Some(_) => {
                            let wanted = lowered(&assert["args"][1]);
                            suite.score(&title, wanted, found, none(), |_| none());
                        }
                        None => {
                            let action =
                                text(&assert["args"][0]["$expr"]).split('\'').nth(1).unwrap_or_default();
                            let held = found.contains(&action.to_ascii_lowercase());
                            suite.score(&title, true, held, false, |_| false);
                        }
                    }
                }
                ("get_actions_from_policy", _) => {
                    let found = actions(&before.unwrap()["args"][0]);
                    let wanted = lowered(&assert["args"][0]);
                    suite.score(&title, wanted, found, none(), |_| none());
                }
                (_, "sorted") if given["actions_to_minimize"].is_array() => {
                    let wanted: BTreeSet<String> = lowered(&given["actions_to_minimize"])
                        .iter()
                        .flat_map(|one| expansion(one))
                        .collect();
                    let least = given["minchars"].as_u64().unwrap_or(0) as usize;
                    suite.score(
                        &title,
                        lowered(&given["desired_result"]),
                        minimised(&wanted, least),
                        none(),
                        |_| none(),
                    );
                }
                _ => match (text(&given["action"]), text(&given["service"])) {
                    ("", "") => suite.skip(not_asked(text(&case["file"]))),
                    ("", service) => {
                        let found: Action =
                            format!("{service}:{}", text(&given["action_name"])).parse().unwrap();
                        suite.score(
                            &title,
                            text(&assert["right"]).to_owned(),
                            found.to_string(),
                            String::new(),
                            |_| String::new(),
                        );
                    }
                    (action, _) => {
                        let action: Action = action.parse().unwrap();
                        let found = match name {
                            "test_get_service_from_action" => action.service().to_owned(),
                            _ => action.name().to_ascii_lowercase(),
                        };
                        suite.score(&title, text(&assert["right"]).to_owned(), found, String::new(), |_| {
                            String::new()
                        });
                    }
                },
            }
        }
    }
    let crosses =
        "a wildcard crosses slashes, and colons under one reading; a format is no more than a pattern here";
    suite.close(&[
        (
            "test_analyze_by_access_level 0",
            "AWS classifies IAM's access keys as Write; that program has a list of its own",
        ),
        ("test_does_arn_match_rds 1", crosses),
        ("test_does_arn_match_resource_wildcard 1", crosses),
        ("test_ssm_paths 0", "two names are of one kind there; one is no pattern of the other"),
        ("test_dynamo_db_non_paths 3", crosses),
        ("test_dynamo_db_non_paths 8", crosses),
        ("test_dynamo_db_non_paths 9", crosses),
    ]);
}

/// The document with each list of allowed actions as the peers' minimiser writes it.
fn by_peers(policy: &Policy) -> Policy {
    let mut peers = policy.clone();
    for statement in peers.statements.iter_mut().filter(|statement| statement.effect == Effect::Allow) {
        if let ActionElement::Only(patterns) = &statement.action {
            let (known, unknown): (Vec<&String>, Vec<&String>) =
                patterns.iter().partition(|pattern| !expansion(pattern).is_empty());
            let wanted: BTreeSet<String> = known.into_iter().flat_map(|pattern| expansion(pattern)).collect();
            let mut texts: Vec<String> = minimised(&wanted, 0).into_iter().collect();
            texts.extend(unknown.into_iter().cloned());
            statement.action = ActionElement::Only(texts);
        }
    }
    peers
}

#[test]
fn no_proposal_of_the_sample_is_longer_than_the_peers_minimiser_makes_it() {
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("reports/report.json")).unwrap()).unwrap();
    let (mut ours, mut theirs, mut explicit, mut roles) = (0, 0, 0, 0);
    let (mut wider, mut of_wider) = (0, (0, 0));
    let parsed = |policies: &Value| -> Vec<Policy> {
        let documents = policies.as_array().into_iter().flatten();
        documents.map(|one| parse_value(&one["document"], PolicyKind::Identity).unwrap()).collect()
    };
    for role in report["roles"].as_array().unwrap() {
        let proposal = &role["proposal"];
        if proposal["verdict"] != "replace" {
            continue;
        }
        let (old, new) = (parsed(&proposal["current"]), parsed(&proposal["policies"]));
        let peers: Vec<Policy> = new.iter().map(by_peers).collect();
        let sum = |policies: &[Policy]| policies.iter().map(size).sum::<usize>();
        let (own, other) = (sum(&new), sum(&peers));
        roles += 1;
        ours += own;
        theirs += other;
        explicit += new.iter().map(|policy| size(&whole(policy))).sum::<usize>();
        if own > other {
            // A list of names says nothing of tomorrow's actions; a wildcard in its place does.
            let (old, peers): (Vec<&Policy>, Vec<&Policy>) = (old.iter().collect(), peers.iter().collect());
            let proof = proof::no_new_access(&old, &peers, &proof::Settings::default());
            let told = format!("{}: {own} characters, the peers' {other}", role["name"]);
            assert_eq!(proof.verdict, Verdict::Refuted, "{told}");
            let witness = proof.witness.unwrap();
            eprintln!("  {told}, which lets in {} on {}", witness.action, witness.resource);
            wider += 1;
            of_wider = (of_wider.0 + own, of_wider.1 + other);
        }
        for policy in proposal["policies"].as_array().unwrap() {
            let limit = if policy["attach"] == "inline" { 10_240 } else { 6_144 };
            assert!(policy["characters"].as_u64().unwrap() <= limit, "{}", role["name"]);
        }
        assert!(proposal["policies"].as_array().unwrap().len() <= 11);
    }
    eprintln!(
        "{roles} proposals: {ours} characters, by the peers' minimiser {theirs}, by whole names {explicit}; shorter by the peers because it allows more: {wider} ({} against {}), all others {} against {}",
        of_wider.0,
        of_wider.1,
        ours - of_wider.0,
        theirs - of_wider.1
    );
    assert!(roles > 10 && wider < roles && ours < explicit);
    assert!(ours - of_wider.0 <= theirs - of_wider.1);
}

/// The document with whole names.
fn whole(policy: &Policy) -> Policy {
    let mut whole = policy.clone();
    for statement in whole.statements.iter_mut().filter(|statement| statement.effect == Effect::Allow) {
        if let ActionElement::Only(patterns) = &mut statement.action {
            *patterns = patterns
                .iter()
                .flat_map(|pattern| match expansion(pattern) {
                    named if named.is_empty() => BTreeSet::from([pattern.clone()]),
                    named => named,
                })
                .collect();
        }
    }
    whole
}
