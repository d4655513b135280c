//! One mixed report through every writer, and the schema that describes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use leastwise::report::{self, Colour, Format, Report};
use serde_json::Value;

/// A report with something of everything, hostile names included.
const MIXED: &str = include_str!("../data/report/mixed.json");

/// Session names, keys and messages as an attacker would choose them: the fixture has these in every place a log reaches.
const HOSTILE: &str = "<script>alert(1)</script>|`x`=cmd()\u{202e}gnp.exe\u{1b}[31m\nnext";

fn mixed() -> Report {
    serde_json::from_str(MIXED).unwrap()
}

fn written(format: Format) -> String {
    let mut out = Vec::new();
    report::write(format, &mixed(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Panics with every violation.
fn check_schema(value: &Value) {
    let validator = jsonschema::validator_for(&report::schema()).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reports_are_what_the_schema_says() {
    check_schema(&serde_json::to_value(Report::default()).unwrap());
    check_schema(&serde_json::from_str(&written(Format::Json)).unwrap());
}

#[test]
fn the_schema_refuses_what_is_not_a_report() {
    let validator = jsonschema::validator_for(&report::schema()).unwrap();
    for (pointer, wrong) in [
        ("/coverage/objects/read", Value::from("many")),
        ("/roles/0/proposal/verdict", Value::from("shred")),
        ("/findings/0/severity", Value::from("terrible")),
        ("/roles/0/arn", Value::Null),
    ] {
        let mut value = serde_json::to_value(mixed()).unwrap();
        *value.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&value), "{pointer}");
    }
}

#[test]
fn the_fixture_is_hostile_and_balances() {
    let report = mixed();
    assert!(report.coverage.objects.balances() && report.coverage.events.balances());
    assert!(MIXED.matches("u202e").count() > 20);
    assert!(report.findings.iter().any(|finding| finding.title == HOSTILE));
    for role in &report.roles {
        assert_eq!(role.granted.verdicts.total(), role.granted.actions, "{}", role.arn);
    }
}

#[test]
fn json_comes_back_as_it_was() {
    assert_eq!(serde_json::from_str::<Report>(&written(Format::Json)).unwrap(), mixed());
}

#[test]
fn nothing_that_acts_reaches_any_output() {
    for format in Format::all() {
        let text = written(format);
        for c in text.chars() {
            let acts = (c.is_control() && c != '\n' && !(c == '\r' && format == Format::Csv))
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            assert!(!acts, "{format} holds {:?}", c.escape_unicode().to_string());
        }
        assert!(text.contains("gnp.exe"), "{format} shows the hostile name");
        let mut again = Vec::new();
        report::write(format, &mixed(), &mut again).unwrap();
        assert_eq!(text.as_bytes(), again, "{format} is the same every time");
    }
}

#[test]
fn colours_are_the_only_escapes_in_a_coloured_text() {
    let mut out = Vec::new();
    report::write_text(&mixed(), Colour::Ansi, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let mut plain = String::new();
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap());
    let mut n_escapes = 0;
    for part in parts {
        let (code, rest) = part.split_once('m').unwrap();
        assert!(code.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{code}");
        plain.push_str(rest);
        n_escapes += 1;
    }
    assert!(n_escapes > 20);
    assert_eq!(plain, written(Format::Text), "colour adds nothing and hides nothing");
}

#[test]
fn the_text_says_what_matters() {
    let text = written(Format::Text);
    for expected in [
        "2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z (90 days), 3 accounts",
        "not complete: 2 of 4,210 objects could not be read",
        "7 roles · 3 replace policies (1 proven) · 1 delete role · 1 keep as is · 2 cannot tell",
        "14,570 actions granted · 73 used (<1 %) · 9,832 unused",
        "1 critical · 2 high · 2 medium · 1 low · 1 info",
        "critical A CI role can give itself any permission",
    ] {
        assert!(text.contains(expected), "{expected}\n---\n{text}");
    }
}

#[test]
fn lines_hold_the_whole_report() {
    let text = written(Format::Ndjson);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    let report = mixed();
    assert_eq!(lines[0]["type"], "run");
    assert_eq!(lines[0]["coverage"]["objects"]["failed"], 2);
    assert_eq!(
        (of("workload"), of("role"), of("unattributed"), of("finding")),
        (report.workloads.len(), report.roles.len(), report.unattributed.len(), report.findings.len())
    );
    // Put together again, the lines are the report, and what its schema says.
    let bare = |line: &Value| {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("type");
        line
    };
    let mut whole = bare(&lines[0]);
    for (kind, member) in [
        ("workload", "workloads"),
        ("binding", "bindings"),
        ("role", "roles"),
        ("unattributed", "unattributed"),
        ("finding", "findings"),
    ] {
        whole[member] = lines.iter().filter(|line| line["type"] == kind).map(bare).collect();
    }
    jsonschema::validator_for(&report::schema()).unwrap().validate(&whole).unwrap();
    assert_eq!(serde_json::from_value::<Report>(whole).unwrap(), report);
}

/// GitHub takes 65,536 characters in a comment or a pull request's text.
#[test]
fn a_comment_can_carry_the_markdown_however_many_roles_there_are() {
    let sample = crate::code::sample();
    for (report, is_whole) in [(mixed(), true), (sample, false), (crate::browser::thousand(), false)] {
        let mut out = Vec::new();
        report::write(Format::Markdown, &report, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.chars().count() < 65_536, "{}", text.len());
        assert_eq!(!text.contains("`report.html` tells of all"), is_whole);
        for folds in ["<details>", "</details>"] {
            assert!(text.matches(folds).count() > 5, "{folds}");
        }
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        assert!(
            text.contains("## Findings")
                && text.contains("## Roles")
                && text.trim_end().contains("catalog of")
        );
    }
}

#[test]
fn a_role_asked_for_alone_is_shown_by_service() {
    let mut report = crate::code::sample();
    let mut out = Vec::new();
    report::write_text(&report, Colour::Plain, &mut out).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("used GetObject"), "27 roles are too many for that");
    report.roles.retain(|role| role.name == "northwind-checkout");
    let mut out = Vec::new();
    report::write_text(&report, Colour::Plain, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let line = text.lines().find(|line| line.starts_with("  s3 ")).unwrap_or_else(|| panic!("{text}"));
    assert!(
        line.contains(
            "180 granted: 3 used, 163 unused, 14 unobservable, used GetObject ListBucket PutObject"
        ),
        "{line}"
    );
    assert!(line.contains('█') && line.contains('·') && line.contains('~'), "{line}");
    assert!(
        text.lines().any(|line| line.starts_with("  sqs ") && line.ends_with("1 granted: 1 unobservable")),
        "{text}"
    );
}

/// RFC 4180, read strictly.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (true, '"') if chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            (true, '"') => quoted = false,
            (false, '"') => {
                assert!(field.is_empty(), "a quote inside a bare field");
                quoted = true;
            }
            (false, ',') => row.push(std::mem::take(&mut field)),
            (false, '\r') => {
                assert_eq!(chars.next(), Some('\n'));
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (_, c) => field.push(c),
        }
    }
    assert!(row.is_empty() && field.is_empty() && !quoted, "the last line is ended");
    rows
}

#[test]
fn every_granted_or_used_action_is_a_row_no_spreadsheet_runs() {
    let rows = csv_rows(&written(Format::Csv));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    for field in rows.iter().flatten() {
        assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{field}");
    }
    let report = mixed();
    let expected: usize = report
        .roles
        .iter()
        .map(|role| {
            let granted = &role.granted;
            role.used.len()
                + role.unused_actions.len()
                + granted.undetermined_actions.len()
                + granted.unobservable_actions.len()
                + granted.blocked_actions.len()
        })
        .sum();
    assert_eq!(rows.len() - 1, expected);
    let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let row = rows.iter().find(|row| row[column("action")] == "s3:PutBucketPolicy").unwrap();
    assert_eq!((row[column("verdict")].as_str(), row[column("role_name")].as_str()), ("unused", "shop-app"));
    assert!(rows.iter().any(|row| row[column("action")] == "'=cmd:Run"));
}

#[test]
fn sarif_results_point_to_their_rules_and_places() {
    let log: Value = serde_json::from_str(&written(Format::Sarif)).unwrap();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), mixed().findings.len());
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{text} of {rule}");
        }
        let place = &result["locations"][0]["logicalLocations"][0];
        assert!(place["fullyQualifiedName"].as_str().unwrap().starts_with("arn:aws:iam::"));
        assert!(result["partialFingerprints"]["leastwise/v1"].is_string());
    }
    let first = &results[0];
    assert_eq!((&first["level"], &first["ruleId"]), (&"error".into(), &"privilege-escalation".into()));
    let physical = &first["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "infra/roles%20main.tf");
    assert_eq!(physical["region"]["startLine"], 42);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn markdown_holds_no_markup_of_others() {
    let text = written(Format::Markdown);
    // A fenced block shows what is in it; everywhere else, the only HTML is our own.
    let outside: String = text.split("```").step_by(2).collect();
    assert!(outside.len() > text.len() / 2);
    for tag in outside.split('<').skip(1) {
        let own = ["details>", "/details>", "summary>", "/summary>", "code>", "/code>", "!-- -->"];
        assert!(own.iter().any(|own| tag.starts_with(own)), "<{tag}");
    }
    // Every row of a table has as many cells as its head.
    let mut cells = None;
    for line in text.lines() {
        let bars = line.replace("\\|", "").matches('|').count();
        if !line.starts_with('|') {
            cells = None;
        } else if let Some(expected) = cells {
            assert_eq!(bars, expected, "{line}");
        } else {
            cells = Some(bars);
        }
    }
}

/// Every element's name and attributes, in order; a strict reader for the page this program writes.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut list = Vec::new();
        while !attributes.trim_start().is_empty() {
            attributes = attributes.trim_start();
            let stop = attributes.find(['=', ' ']).unwrap_or(attributes.len());
            let key = attributes[..stop].to_owned();
            attributes = &attributes[stop..];
            let value = if let Some(quoted) = attributes.strip_prefix("=\"") {
                let close = quoted.find('"').expect("an attribute is closed");
                attributes = &quoted[close + 1..];
                quoted[..close].to_owned()
            } else {
                String::new()
            };
            list.push((key, value));
        }
        if name == "script" || name == "style" {
            let close = rest.find("</").expect("an asset is closed");
            rest = &rest[close..];
        }
        found.push((name.to_lowercase(), list));
    }
    found
}

#[test]
fn the_page_is_well_formed_links_inside_itself_and_loads_nothing() {
    let html = written(Format::Html);
    let tags = tags(&html);
    let void = ["!doctype", "meta", "wbr", "input", "br"];
    let mut open: Vec<&str> = Vec::new();
    for (name, _) in &tags {
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "elements nest");
        } else if !void.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    let all = |key: &str| {
        tags.iter()
            .flat_map(|(_, list)| list)
            .filter(move |(k, _)| k == key)
            .map(|(_, v)| v.as_str())
            .collect::<Vec<_>>()
    };
    let ids = all("id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "ids are unique");
    for link in all("href") {
        let target = link.strip_prefix('#').unwrap_or_else(|| panic!("`{link}` leaves the page"));
        assert!(unique.contains(target), "`#{target}` leads nowhere");
    }
    for key in ["src", "srcset", "action", "style", "onclick", "onload", "onerror"] {
        assert!(all(key).is_empty(), "{key}");
    }
    assert_eq!(tags.iter().filter(|(name, _)| name == "script").count(), 1, "the page's own script alone");
    let policy = all("content")[0];
    assert!(policy.starts_with("default-src &#39;none&#39;; style-src &#39;sha256-"), "{policy}");
    assert_eq!((policy.matches("sha256-").count(), policy.matches("unsafe").count()), (2, 0), "{policy}");
    assert!(html.contains("id=\"role-111122223333-shop-app\""), "roles have links that last");
}

#[test]
fn the_page_shows_every_role_workload_and_finding() {
    let html = written(Format::Html);
    let report = mixed();
    let namespaces: BTreeSet<(&Option<String>, &str)> = report
        .workloads
        .iter()
        .filter_map(|workload| Some((&workload.cluster, workload.namespace.as_deref()?)))
        .chain(report.bindings.iter().map(|binding| (&binding.cluster, binding.namespace.as_str())))
        .collect();
    assert!(!namespaces.is_empty());
    for (list, n) in [
        ("role-list", report.roles.len()),
        ("workload-list", report.workloads.len()),
        ("namespace-list", namespaces.len()),
    ] {
        let part = html.split(&format!("<div id=\"{list}\"")).nth(1).unwrap();
        let part = part.split("</section>").next().unwrap();
        assert_eq!(part.matches("<details class=\"role\"").count(), n, "{list}");
    }
    assert_eq!(html.matches("<article class=\"finding").count(), report.findings.len());
    assert!(html.contains("Only the proposal allows this request"));
    assert!(
        html.contains("&lt;script&gt;alert(1)&lt;/script&gt;|`x`=cmd()\\u{202e}gnp.exe\\u{1b}[31m\\nnext")
    );
}

fn tree(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

#[test]
fn a_folder_has_everything_inside_itself_and_forgets_old_proposals() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("deep/out");
    let mut report = mixed();
    let written = report::write_folder(&report, &dir, &[Format::Csv, Format::Json]).unwrap();
    fs::write(dir.join("policies/notes.txt"), "mine").unwrap();
    let files = tree(outer.path());
    for file in [
        "report.json",
        "report.html",
        "report.md",
        "findings.sarif",
        "report.csv",
        "policies/111122223333/shop-app.json",
        "policies/111122223333/deploy.1.json",
        "policies/111122223333/deploy.2.json",
        "trust/111122223333/shop-app.json",
    ] {
        assert!(files.contains(&format!("deep/out/{file}")), "{file} in {files:?}");
    }
    assert_eq!(files.len(), written.len() + 1, "{files:?}");
    assert!(files.iter().all(|file| file.starts_with("deep/out/") && !file.ends_with(".tmp")), "{files:?}");
    let policy: Value =
        serde_json::from_slice(&fs::read(dir.join("policies/111122223333/shop-app.json")).unwrap()).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");

    report.roles.retain(|role| role.name != "deploy");
    report::write_folder(&report, &dir, &[]).unwrap();
    let files = tree(&dir);
    assert!(!files.contains("policies/111122223333/deploy.1.json"), "a proposal no longer made is gone");
    assert!(files.contains("policies/111122223333/shop-app.json") && files.contains("policies/notes.txt"));
}

#[test]
fn a_folder_that_cannot_be_written_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("taken");
    fs::write(&file, "").unwrap();
    let error = report::write_folder(&mixed(), &file, &[]).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
}
