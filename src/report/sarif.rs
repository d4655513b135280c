//! SARIF 2.1.0: a rule per finding code, a result per finding.
//!
//! Findings speak of ARNs, which are logical locations; where the infrastructure code is known, a result has its file and line
//! too. See <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html> and, for `security-severity`, GitHub's page on
//! SARIF support for code scanning.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::pretty;
use super::{Confidence, Finding, Report, Severity};
use crate::finding::{self, Code};

/// One run.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    // The worst finding of a code gives the rule its level.
    let mut rules: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        rules.entry(&finding.code).or_default().push(finding);
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let reasons = report.incompleteness();
    let notifications: Vec<Value> =
        reasons.iter().map(|reason| json!({"level": "warning", "message": {"text": reason}})).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": report.tool.name,
                "semanticVersion": report.tool.version,
                "rules": rules.iter().map(|(code, findings)| rule(code, findings)).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": reasons.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "automationDetails": {"id": "leastwise/audit/"},
            "columnKind": "unicodeCodePoints",
            "results": report.findings.iter().map(|finding| result(finding, &index)).collect::<Vec<_>>(),
        }],
    });
    pretty(&log, out)
}

fn rule(code: &str, findings: &[&Finding]) -> Value {
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or_default();
    let controls: std::collections::BTreeSet<String> = findings
        .iter()
        .flat_map(|finding| &finding.controls)
        .flat_map(|(framework, ids)| ids.iter().map(move |id| format!("{framework}/{id}")))
        .collect();
    let mut tags = vec!["security".to_owned(), "iam".to_owned()];
    tags.extend(controls);
    let known = Code::from_word(code);
    let info = known.map(Code::info);
    let mut help = json!({"text": info.map_or_else(|| sentence(code), |info| info.fix.to_owned())});
    if let (Some(known), Some(members)) = (known, help.as_object_mut()) {
        members.insert("markdown".to_owned(), json!(finding::page(known)));
    }
    json!({
        "id": code,
        "name": pascal_case(code),
        "shortDescription": {"text": info.map_or_else(|| sentence(code), |info| info.title.to_owned())},
        "fullDescription": {"text": info.map_or_else(|| sentence(code), |info| info.meaning.to_owned())},
        "help": help,
        "defaultConfiguration": {"level": level(worst)},
        "properties": {"security-severity": score(worst), "tags": tags},
    })
}

fn result(finding: &Finding, index: &BTreeMap<&str, usize>) -> Value {
    let message = [&finding.title, &finding.detail, &finding.fix]
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n\n");
    let mut location = json!({
        "logicalLocations": [{"fullyQualifiedName": finding.subject, "kind": "resource"}],
    });
    if let (Some(place), Some(members)) = (&finding.location, location.as_object_mut()) {
        members.insert(
            "physicalLocation".to_owned(),
            json!({
                "artifactLocation": {"uri": uri(&place.file), "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": place.line.max(1)},
            }),
        );
    }
    json!({
        "ruleId": finding.code,
        "ruleIndex": index.get(finding.code.as_str()),
        "level": level(finding.severity),
        "rank": rank(finding.confidence),
        "message": {"text": message},
        "locations": [location],
        "partialFingerprints": {"leastwise/v1": finding.id},
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence,
            "security-severity": score(finding.severity),
            "evidence": finding.evidence,
            "controls": finding.controls,
        },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// GitHub reads over 9.0 as critical, 7.0 to 8.9 as high, 4.0 to 6.9 as medium, 0.1 to 3.9 as low.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "0.0",
    }
}

/// SARIF's 0 to 100: how important the result is; here, how sure.
const fn rank(confidence: Confidence) -> f64 {
    match confidence {
        Confidence::High => 90.0,
        Confidence::Medium => 60.0,
        Confidence::Low => 30.0,
    }
}

/// `unused-role` to `UnusedRole`, the form SARIF asks of a rule's name.
fn pascal_case(code: &str) -> String {
    code.split('-').map(capitalised).collect()
}

/// `unused-role` to `Unused role`.
fn sentence(code: &str) -> String {
    capitalised(&code.replace('-', " "))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A relative path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            b'\\' => out.push('/'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
