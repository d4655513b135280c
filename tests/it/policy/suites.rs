//! Suites of others that say which documents are policies.

use std::collections::BTreeSet;

use leastwise::catalog::Catalog;
use leastwise::eval::action_glob;
use leastwise::policy::{PolicyKind, parse, parse_value, refusals};
use serde_json::Value;

use crate::conformance::Suite;
use crate::support::{json_lines, policy_cases};

/// Whether a document is read and AWS would save it; lints about spelling and repetition count against it.
pub(crate) fn is_valid(document: &Value, source: Option<&str>, kind: PolicyKind) -> bool {
    let read = source.map_or_else(|| parse_value(document, kind), |text| parse(text, kind));
    read.is_ok_and(|policy| {
        let spelling = |lint: &String| lint.contains("is spelled") || lint.contains("more than once");
        refusals(&policy, kind).is_empty() && !policy.lints.iter().any(spelling)
    })
}

#[test]
fn documents_aws_refused_and_took() {
    let Some((mut suite, cases)) = Suite::open("moto/policy_document_validation") else { return };
    for case in cases {
        let refused = case["expected_error"].is_string();
        let document = &case["document"];
        let name = format!("{} {}", if refused { "refused" } else { "taken" }, case["i"]);
        let found = is_valid(document, document.as_str(), PolicyKind::Identity);
        suite.score(&name, !refused, found, false, |reading| reading == true);
    }
    suite.close(&[
        ("refused 1", "a managed policy must be of version 2012-10-17, an inline one need not"),
        ("refused 2", "as above"),
        ("taken 30", "`01T` is no date by any documented form"),
        ("taken 36", "an hour of one digit is no documented form"),
        ("taken 39", "AWS's message for a Sid asks for letters and digits"),
        ("taken 40", "as above"),
        ("taken 41", "read, but what a null in a list means is not documented: marked as not understood"),
    ]);
}

#[test]
fn documents_of_iam_policy() {
    let Some((mut suite, cases)) = Suite::open("iam-policy/validate") else { return };
    for case in cases {
        let file = case["file"].as_str().unwrap();
        if !file.contains("validateTypeTests") && !file.contains("rootPolicyFields") {
            // Fragments, valid in no kind of policy; but what is wrong in them is wrong in all.
            let name = format!("{} {}", file.rsplit('/').next().unwrap(), case["name"].as_str().unwrap());
            if case["expectedErrors"].as_array().unwrap().is_empty() {
                suite.skip("fragments of statements, of no kind of policy");
                continue;
            }
            let kinds =
                [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust, PolicyKind::VpcEndpoint];
            let found = kinds.iter().any(|kind| is_valid(&case["policy"], None, *kind));
            suite.score(&name, false, found, false, |reading| reading == true);
            continue;
        }
        let kind = match file.rsplit('/').next().unwrap() {
            "endpointPolicy.json" => PolicyKind::VpcEndpoint,
            "identityPolicy.json" | "rootPolicyFields.json" => PolicyKind::Identity,
            "rcp.json" => PolicyKind::Rcp,
            "resourcePolicy.json" => PolicyKind::Resource,
            "scp.json" => PolicyKind::Scp,
            "sessionPolicy.json" => PolicyKind::Session,
            "trustPolicy.json" => PolicyKind::Trust,
            other => panic!("file {other}"),
        };
        let name = format!("{} {}", file.rsplit('/').next().unwrap(), case["name"].as_str().unwrap());
        let expected = case["expectedErrors"].as_array().unwrap().is_empty();
        suite.score(&name, expected, is_valid(&case["policy"], None, kind), false, |reading| reading == true);
    }
    suite.close(&[
        (
            "actions.json Action with invalid character",
            "AWS is on record as taking a name with blanks; the name is not checked",
        ),
        (
            "resourcePolicy.json Principal or NotPrincipal is not required",
            "the User Guide requires it in resource policies",
        ),
    ]);
}

#[test]
fn documents_of_arsenal() {
    let Some((mut suite, cases)) = Suite::open("arsenal/policy_validation") else { return };
    for case in cases {
        let statement = &case["document"]["Statement"];
        let has = |name: &str| statement.get(name).is_some() || statement[0].get(name).is_some();
        let test = case["test"].as_str().unwrap();
        if test.contains("user policy notPrincipal field") {
            suite.skip("AWS takes no `NotPrincipal` in a trust policy, that product does");
            continue;
        }
        if case["valid"] == true && !has("Action") && !has("NotAction") {
            suite.skip("valid to that product without an action, which AWS demands");
            continue;
        }
        let kind = match case["policy_type"].as_str().unwrap() {
            "user" if has("Principal") || has("NotPrincipal") => PolicyKind::Trust,
            "user" => PolicyKind::Identity,
            _ => PolicyKind::Resource,
        };
        let name = format!("{} {}", case["policy_type"].as_str().unwrap(), test);
        let found = is_valid(&case["document"], case["text"].as_str(), kind);
        suite.score(&name, case["valid"] == true, found, false, |reading| reading == true);
    }
    suite.close(&[
        ("error if Version field in user policy is missing", "AWS reads a missing Version as 2008-10-17"),
        ("error if Version field in resource policy is missing", "as above"),
        (
            "user policy should fail with multiple anonymous",
            "the same principal twice is redundant, not wrong",
        ),
        ("resource policy should fail with multiple anonymous", "as above"),
        ("missing required field - Resource", "repository policies of ECR have none"),
        (
            "resource policy should fail if Sid is not a valid format",
            "services other than IAM take more characters",
        ),
        (
            "arn:aws:ec2:us-west-1:vol/* - missing region",
            "the last part may stand for account and resource; short ARNs are stored and evaluated",
        ),
        ("arn:aws:ec2:us-west-1:123456789:v/${} - ${}", "a variable without a name is plain text"),
        (
            "with with backbeat service",
            "a service principal of AWS has a domain; `backbeat` is that product's own",
        ),
    ]);
}

#[test]
fn action_patterns_expand_as_in_another_catalog() {
    let Some(root) = policy_cases() else { return };
    let catalog = Catalog::embedded();
    let flags = std::fs::read_to_string(root.join("aws-managed/action_flags.tsv")).unwrap();
    let theirs: BTreeSet<String> = flags
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .map(str::to_ascii_lowercase)
        .collect();
    let (mut n_patterns, mut n_actions, mut newer, mut older) = (0, 0, BTreeSet::new(), BTreeSet::new());
    for case in json_lines(&root.join("aws-managed/wildcard_expansions.jsonl.gz")) {
        let pattern = case["pattern"].as_str().unwrap();
        let glob = action_glob(pattern).unwrap_or_else(|| panic!("{pattern} matches nothing"));
        let lower = |text: &str| text.to_ascii_lowercase();
        let expected: BTreeSet<String> = case["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| lower(action.as_str().unwrap()))
            .collect();
        let found: BTreeSet<String> = catalog
            .expand(pattern)
            .into_iter()
            .filter_map(|id| Some(lower(catalog.info(id)?.action().as_str())))
            .collect();
        for action in expected.iter().chain(&found) {
            assert!(glob.matches(action), "{pattern} covers {action}");
        }
        // The two catalogs are of different dates: what only one of them lists must be unknown to the other.
        for action in expected.difference(&found) {
            assert!(catalog.find(action).is_none(), "{pattern} should give {action}");
            older.insert(action.clone());
        }
        for action in found.difference(&expected) {
            assert!(!theirs.contains(action), "{pattern} should not give {action}");
            newer.insert(action.clone());
        }
        n_patterns += 1;
        n_actions += found.intersection(&expected).count();
    }
    eprintln!(
        "aws-managed/wildcard_expansions: {n_patterns} patterns, {n_actions} actions in both; only in ours ({}): {newer:?}; only in theirs ({}): {older:?}",
        newer.len(),
        older.len()
    );
    assert!(n_patterns > 1_000 && n_actions > 10_000);
}
