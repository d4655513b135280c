//! Formats for other tools, held against the schemas of those who read them.

use std::path::Path;
use std::process::Command;

use leastwise::report::{Format, Report, write};
use serde_json::Value;

use crate::code::{odd, sample};
use crate::support::{node_modules, python_tool, root};

/// The report with text in it that means something to somebody.
fn hostile() -> Report {
    let mut report = sample();
    for finding in &mut report.findings {
        finding.title.push_str(" <script>\u{202e}=cmd()\u{0}\n");
        finding.detail = format!("{}{}", finding.detail, "ä\u{1f600}".repeat(2000));
    }
    report
}

fn written(format: Format, report: &Report) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    write(format, report, &mut file).unwrap();
    file
}

fn findings_tool(kind: &str, file: &Path) -> Value {
    let tool = root().join("tests/tools/findings.py");
    let output = Command::new(python_tool("python")).arg(tool).arg(kind).arg(file).output().unwrap();
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn value(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn security_hub_takes_every_finding() {
    for report in [sample(), hostile()] {
        let file = written(Format::Asff, &report);
        assert_eq!(findings_tool("asff", file.path())["findings"], report.findings.len());
        let findings = value(file.path());
        let ids: std::collections::BTreeSet<&str> =
            findings.as_array().unwrap().iter().map(|finding| finding["Id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), report.findings.len(), "ids are distinct");
    }
}

#[test]
fn code_scanning_takes_the_log() {
    let path = node_modules().join("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
    let mut schema = value(&path);
    // Its pattern for languages has a bracket too many, which is no regular expression everywhere; no log of ours names a language.
    for definition in ["run", "toolComponent"] {
        let language = schema["definitions"][definition]["properties"]["language"].as_object_mut().unwrap();
        assert!(language.remove("pattern").is_some(), "{definition}");
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in [sample(), hostile(), odd(), Report::default()] {
        let log = value(written(Format::Sarif, &report).path());
        let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), report.findings.len());
    }
    // The schema is strict enough to refuse what it does not know.
    let mut wrong = value(written(Format::Sarif, &sample()).path());
    wrong["runs"][0]["results"][0]["severity"] = Value::from("high");
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn every_finding_is_a_compliance_finding_of_ocsf() {
    for report in [sample(), hostile()] {
        let file = written(Format::Ocsf, &report);
        let schema = findings_tool("ocsf", file.path());
        let validator = jsonschema::validator_for(&schema).unwrap();
        let findings = value(file.path());
        assert_eq!(findings.as_array().unwrap().len(), report.findings.len());
        for finding in findings.as_array().unwrap() {
            let errors: Vec<String> = validator.iter_errors(finding).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}\n{finding:#}");
        }
        // The schema is strict enough to refuse what it does not know.
        let mut wrong = findings[0].clone();
        wrong["cloud"]["account"]["number"] = Value::from(1);
        assert!(!validator.is_valid(&wrong));
    }
}

#[test]
fn trestle_takes_the_assessment_results() {
    for report in [sample(), hostile(), odd(), Report::default()] {
        let file = written(Format::Oscal, &report);
        let workspace = tempfile::tempdir().unwrap();
        let trestle = |arguments: &[&str]| {
            let output = Command::new(python_tool("trestle"))
                .args(arguments)
                .current_dir(workspace.path())
                .output()
                .unwrap();
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            assert!(output.status.success(), "{arguments:?}: {said:?}");
            said.concat()
        };
        trestle(&["init", "--local"]);
        trestle(&["import", "-f", file.path().to_str().unwrap(), "-o", "audit"]);
        let said = trestle(&["validate", "-t", "assessment-results", "-n", "audit"]);
        assert!(said.contains("VALID"), "{said}");
        let written = value(file.path());
        let result = &written["assessment-results"]["results"][0];
        let n_observations = result["observations"].as_array().map_or(0, Vec::len);
        assert_eq!(n_observations, report.findings.len());
        for finding in result["findings"].as_array().into_iter().flatten() {
            assert_eq!(finding["target"]["status"]["state"], "not-satisfied", "nothing is called satisfied");
        }
    }
}
