//! Queries over the store of the sample: each is documented, each has an answer, and what is known of the sample is in it.

use std::fs;

use leastwise::store::NAMED;
use serde_json::Value;

use super::{leastwise, text};
use crate::support::root;

#[test]
fn named_queries_answer_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let (logs, iam) = (root().join("sample-logs"), root().join("sample-logs/iam"));
    let filled = leastwise(&["ingest", text(&logs), "--store", text(&store)]);
    assert_eq!(filled.status.code(), Some(4), "one object of the sample is cut off");
    let ask = |query: &str| -> Vec<Value> {
        let output =
            leastwise(&["query", query, "--store", text(&store), "--iam", text(&iam), "--format", "json"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{query}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mut files: Vec<String> = fs::read_dir(root().join("queries"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let names: Vec<String> = NAMED.iter().map(|query| format!("{}.sql", query.name)).collect();
    assert_eq!(files, names, "every file is a query and every query a file");
    for query in NAMED {
        let heading = query.sql.lines().next().unwrap();
        let title = query.name.replace('-', " ");
        assert!(heading.starts_with("-- ") && heading.len() > 40, "{}: {heading}", query.name);
        let told = heading.to_lowercase().replace('-', " ");
        assert!(
            told.contains(&title.to_lowercase()) || query.name == "pass-role",
            "{}: {heading}",
            query.name
        );
        ask(query.name);
    }
    // The report says the same in other words.
    let report: Value =
        serde_json::from_str(&fs::read_to_string(root().join("reports/report.json")).unwrap()).unwrap();
    let used: u64 = ask("SELECT SUM(calls) AS n FROM calls")[0]["n"].as_u64().unwrap();
    assert_eq!(used, report["coverage"]["events"]["counted"].as_u64().unwrap());
    let denied =
        ask("SELECT principal, SUM(calls) AS n FROM calls WHERE outcome = 'denied' GROUP BY principal");
    for role in report["roles"].as_array().unwrap() {
        let found = denied
            .iter()
            .find(|row| row["principal"] == role["arn"])
            .map_or(0, |row| row["n"].as_u64().unwrap());
        assert_eq!(found, role["denied_calls"].as_u64().unwrap(), "{}", role["arn"]);
    }
    let broken = ask("broken-objects");
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0]["issues"].as_str().unwrap().contains("truncated-gzip"));
    assert!(
        ask("dormant-roles").iter().any(|row| row["last_seen"].is_null()),
        "the sample has an unused role"
    );
    assert!(
        ask("pass-role").iter().any(|row| row["role"] == "arn:aws:iam::210920738480:role/northwind-cfn-exec")
    );
    assert_eq!(ask("root-use").len(), 2);
    assert!(
        !ask("pass-role").is_empty()
            && !ask("shared-roles").is_empty()
            && !ask("cross-account-use").is_empty()
    );
    assert!(
        ask("denied-by-layer").iter().any(|row| row["layer"] == "boundary" || row["layer"] == "identity")
    );

    let csv = leastwise(&[
        "query",
        "SELECT '=1+1' AS a, 'x,y' AS b FROM calls LIMIT 1",
        "--store",
        text(&store),
        "--format",
        "csv",
    ]);
    assert_eq!(String::from_utf8(csv.stdout).unwrap(), "a,b\r\n'=1+1,\"x,y\"\r\n");
    let wrong = leastwise(&["query", "SELECT nothing FROM calls", "--store", text(&store)]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("nothing"));
    assert_eq!(leastwise(&["query", "no-such-name", "--store", text(&store)]).status.code(), Some(2));
    let list = leastwise(&["query"]);
    assert!(NAMED.iter().all(|query| String::from_utf8_lossy(&list.stdout).contains(query.name)));
}
