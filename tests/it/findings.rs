//! The catalogue of findings: a page for each code, as the code tells it.

use std::collections::BTreeSet;
use std::fs;

use leastwise::finding::{self, Code};
use serde_json::Value;

use crate::support::root;

/// The pages in the sources are those the program tells of (in SARIF), byte for byte; `UPDATE_SNAPSHOTS=1 cargo test` writes them anew.
#[test]
fn every_code_has_its_page() {
    let dir = root().join("src/finding/docs");
    let mut pages = vec![("README.md".to_owned(), finding::index())];
    pages.extend(Code::ALL.map(|code| (format!("{}.md", code.as_str()), finding::page(code))));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(&dir).unwrap();
        for entry in fs::read_dir(&dir).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (name, text) in &pages {
            fs::write(dir.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let found = fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert_eq!(&found, text, "{name}: UPDATE_SNAPSHOTS=1 cargo test writes it anew");
    }
    let there: BTreeSet<String> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = pages.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(there, expected, "no page is left of a code that is gone");
}

#[test]
fn a_page_says_what_it_means_how_severe_it_is_what_to_do_and_what_it_is_evidence_for() {
    for code in Code::ALL {
        let (info, page) = (code.info(), finding::page(code));
        assert!(page.starts_with(&format!("# {}\n", info.word)), "{page}");
        for part in [
            "## What it means",
            "## How severe it is",
            "## What to do",
            "## Controls it is evidence for",
            "expires = ",
        ] {
            assert_eq!(page.matches(part).count(), 1, "{}: {part}", info.word);
        }
        for text in [info.title, info.fix] {
            assert!(page.contains(text.trim_end_matches('.')), "{}: {text}", info.word);
        }
        for control in [info.controls.soc2, info.controls.iso27001, info.controls.nist_800_53].concat() {
            assert!(page.contains(control), "{}: {control}", info.word);
        }
    }
    let index = finding::index();
    for code in Code::ALL {
        assert!(index.contains(&format!("[`{0}`]({0}.md)", code.as_str())), "{}", code.as_str());
    }
    for word in ["## The excess score", "[[exceptions]]", "critical", "confidence"] {
        assert!(index.to_lowercase().contains(word) || index.contains(word), "{word}");
    }
}

/// The score in every role of the sample is what its formula says, and what a reader computes from the sums beside it.
#[test]
fn the_score_is_what_the_formula_says() {
    let report: Value =
        serde_json::from_slice(&fs::read(root().join("reports/report.json")).unwrap()).unwrap();
    let mut scores = BTreeSet::new();
    for role in report["roles"].as_array().unwrap() {
        for side in ["before", "after"] {
            let power = &role["privilege"][side];
            if power.is_null() {
                continue;
            }
            let n = |key: &str| power[key].as_u64().unwrap();
            let (weight, excess, gap) = (n("weight"), n("excess"), n("gap"));
            assert!(excess <= gap && gap <= weight, "{} {side}: {power}", role["name"]);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small numbers"
            )]
            let expected =
                if weight == 0 { 0 } else { (100.0 * excess as f64 / weight as f64).round() as u64 };
            assert_eq!(n("score"), expected, "{} {side}: {power}", role["name"]);
            scores.insert(expected);
        }
        let (before, after) = (&role["privilege"]["before"], &role["privilege"]["after"]);
        if role["proposal"]["verdict"] == "replace" {
            assert!(after["excess"].as_u64() <= before["excess"].as_u64(), "{}", role["name"]);
        }
    }
    assert!(scores.len() > 5, "{scores:?}");
}

#[test]
fn sarif_rules_carry_their_page() {
    let sarif: Value =
        serde_json::from_slice(&fs::read(root().join("reports/findings.sarif")).unwrap()).unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.len() > 8, "{}", rules.len());
    for rule in rules {
        let code = Code::from_word(rule["id"].as_str().unwrap()).unwrap();
        assert_eq!(rule["help"]["markdown"], finding::page(code), "{}", rule["id"]);
    }
}
