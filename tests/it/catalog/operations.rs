//! Every public operation: what the tables say, and what is left over.

use std::collections::BTreeSet;

use leastwise::catalog::{Catalog, Visibility};

use crate::support;

#[test]
fn the_lock_tells_what_the_catalog_was_made_of() {
    let path = support::root().join("src/catalog/data/catalog.lock.toml");
    let lock: toml::Value = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let count = |name: &str| lock["counts"][name].as_integer().unwrap();
    let catalog = Catalog::embedded();
    assert_eq!(count("actions"), i64::try_from(catalog.n_actions()).unwrap());
    assert_eq!(count("services"), i64::try_from(catalog.n_services()).unwrap());
    let borne = catalog.all().filter(|id| catalog.info(*id).unwrap().has_operation()).count();
    assert_eq!(count("actions-borne-by-operations"), i64::try_from(borne).unwrap());
    for input in ["actions", "dependent-actions", "operations"] {
        assert_eq!(lock["inputs"][input]["sha256"].as_str().map(str::len), Some(64), "{input}");
    }
}

/// The data rows of a table: tab-separated, `#` starts a comment line.
fn table_rows(name: &str) -> Vec<Vec<String>> {
    let path = support::root().join("tests/data/catalog").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn operations_need_what_the_tables_of_aws_say() {
    let catalog = Catalog::embedded();
    let rows = table_rows("operations.tsv");
    assert_eq!(rows.len(), 150);
    let mut wrong = Vec::new();
    for row in rows {
        let [source, operation, needed, further] = row.as_slice() else { panic!("{row:?}") };
        let needed: Vec<_> = needed.split(' ').collect();
        let may_be: BTreeSet<_> = needed.iter().copied().chain(further.split(' ')).collect();
        let mapping = catalog.map(source, operation);
        if mapping.verdict == "unknown" && catalog.find(needed[0]).is_none() {
            // An action AWS lists and its catalog lacks: told as unknown, never put onto another action.
            continue;
        }
        let first = mapping.actions.first().map(String::as_str);
        // The API Reference of the service may ask for the action of the operation's own name beside what the table lists.
        let own = format!("{source}:{operation}");
        let beside =
            mapping.actions.iter().filter(|action| **action != own && !may_be.contains(action.as_str()));
        let missing = needed.iter().filter(|action| !mapping.actions.iter().any(|known| known == *action));
        if first != Some(needed[0]) || beside.count() > 0 || missing.count() > 0 {
            wrong.push(format!("{source} {operation}: {:?}, where AWS says {needed:?}", mapping.actions));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn operations_without_a_mapping_are_listed_and_few() {
    let data = support::root().join("src/catalog/data");
    let listed = std::fs::read_to_string(data.join("unmapped-operations.tsv")).unwrap();
    let catalog = Catalog::embedded();
    let mut n_listed = 0;
    for line in listed.lines().filter(|line| !line.starts_with('#')) {
        let (prefix, names) = line.split_once('\t').unwrap();
        for name in names.split(' ') {
            n_listed += 1;
            assert_eq!(
                catalog.map(prefix, name).verdict,
                "unknown",
                "{prefix}:{name} is mapped: `cargo catalog`"
            );
        }
    }
    let lock: toml::Value =
        toml::from_str(&std::fs::read_to_string(data.join("catalog.lock.toml")).unwrap()).unwrap();
    let count = |name: &str| lock["counts"][name].as_integer().unwrap();
    let (all, mapped) = (count("operations"), count("operations-mapped"));
    assert_eq!(all - mapped, n_listed);
    eprintln!("{mapped} of {all} operations have a mapping");
    assert!(mapped * 1_000 >= all * 985, "fewer than 98.5 % of the operations are mapped");
}

/// What AWS's tables list as needed by some calls of an operation is never called unused for want of looking: a request shows it, it has an
/// event of its own, nothing is sure to show it, or it is held to be needed whenever the operation is.
#[test]
fn further_actions_of_the_tables_are_accounted_for() {
    // The call succeeds without and answers less (tags, retention); of a copy, the source tells its version.
    let not_needed = [
        "lambda:GetFunction lambda:ListTags",
        "s3:GetObject s3:GetObjectLegalHold",
        "s3:GetObject s3:GetObjectRetention",
        "s3:GetObject s3:GetObjectTagging",
        "s3:GetObject s3:GetObjectVersion",
        "s3:ListBucket s3:GetObjectAcl",
    ];
    let catalog = Catalog::embedded();
    let (mut open, mut checked) = (BTreeSet::new(), 0);
    for row in table_rows("operations.tsv") {
        let [source, operation, needed, further] = row.as_slice() else { panic!("{row:?}") };
        let mapping = catalog.map(source, operation);
        for action in further.split(' ').filter(|action| *action != "-") {
            let Some(id) = catalog.find(action) else { continue };
            checked += 1;
            let first = needed.split(' ').next().unwrap();
            let in_request = mapping.narrowing.iter().any(|row| row.action == action)
                || mapping.passes.iter().any(|_| action == "iam:PassRole")
                || action == "iam:PassRole";
            let is_beside = mapping.beside.iter().any(|beside| beside.action == action);
            // Other services, S3's sisters among them, have events of their own.
            let has_event = action.split(':').next() != Some(first.split(':').next().unwrap());
            let is_sure = matches!(catalog.visibility(id), Visibility::Management | Visibility::Data { .. });
            if !in_request && !is_beside && !has_event && is_sure {
                open.insert(format!("{first} {action}"));
            }
        }
    }
    assert!(checked > 150, "{checked}");
    assert_eq!(open.iter().map(String::as_str).collect::<Vec<_>>(), not_needed);
}
