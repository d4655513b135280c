//! OSCAL assessment results: observations, risks, and per control of NIST SP 800-53 what was observed against it.
//!
//! A control is told as not satisfied where findings speak against it. None is told as satisfied: that is for a person to say,
//! who knows more than logs do. Identifiers are made from content, so that the same report gives the same document.
//!
//! <https://pages.nist.gov/OSCAL-Reference/models/latest/assessment-results/json-outline/>

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use super::escape::printable;
use super::json::pretty;
use super::subject::Subject;
use super::{Finding, Report, Severity};
use crate::ident::{NAMESPACE_URL, uuid_v5};

/// The version of OSCAL that is written.
const VERSION: &str = "1.2.1";
/// The framework whose controls are assessed.
const FRAMEWORK: &str = "NIST80053";
const NAMESPACE: &str = "urn:leastwise:oscal";

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let results = document(report);
    pretty(&json!({"assessment-results": results}), out)
}

fn document(report: &Report) -> Value {
    // Everything the report says is part of its identity.
    let ids: Vec<&str> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    let about =
        format!("{}|{:?}|{:?}|{}", report.tool.version, report.window.from, report.window.to, ids.join(","));
    let uuid = |what: &str| uuid_v5(NAMESPACE_URL, &format!("{NAMESPACE}/{about}/{what}"));
    let time = |time: Option<crate::ident::Time>| {
        time.map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |time| time.to_string())
    };
    let (from, to) = (time(report.window.from), time(report.window.to));
    let plan = uuid("plan");

    let by_control = by_control(report);
    let mut result = json!({
        "uuid": uuid("result"),
        "title": "Permissions granted and used",
        "description": format!(
            "{} roles and {} workloads were assessed from {} CloudTrail events. {}",
            report.roles.len(),
            report.workloads.len(),
            report.coverage.events.counted,
            completeness(report)
        ),
        "start": from,
        "end": to,
        "props": [
            prop("objects-read", &report.coverage.objects.read.to_string()),
            prop("objects-failed", &report.coverage.objects.failed.to_string()),
            prop("log-integrity", report.coverage.integrity.status.as_str()),
        ],
        "reviewed-controls": {"control-selections": [selection(&by_control)]},
    });
    let mut add = |key: &str, values: Vec<Value>| {
        // Lists are left out rather than empty.
        if let (false, Some(members)) = (values.is_empty(), result.as_object_mut()) {
            members.insert(key.to_owned(), Value::Array(values));
        }
    };
    add("observations", report.findings.iter().map(|one| observation(one, &uuid, &to)).collect());
    add(
        "risks",
        report
            .findings
            .iter()
            .filter(|one| one.severity >= Severity::Medium)
            .map(|one| risk(one, &uuid))
            .collect(),
    );
    add(
        "findings",
        by_control.iter().map(|(control, findings)| not_satisfied(control, findings, &uuid)).collect(),
    );
    let items = inventory(report, &uuid);
    if let (false, Some(members)) = (items.is_empty(), result.as_object_mut()) {
        members.insert("local-definitions".to_owned(), json!({"inventory-items": items}));
    }
    json!({
        "uuid": uuid("document"),
        "metadata": {
            "title": "AWS permissions: granted and used",
            "last-modified": to,
            "version": report.tool.version,
            "oscal-version": VERSION,
        },
        "import-ap": {"href": format!("#{plan}")},
        "results": [result],
        "back-matter": {"resources": [{
            "uuid": plan,
            "title": "How the assessment was made",
            "description": format!(
                "leastwise {} compared the permissions in IAM snapshots with those CloudTrail shows as used between {from} and {to}, \
                 with the IAM catalog of {}. What the logs could not show was not called unused.",
                report.tool.version, report.tool.catalog.date
            ),
        }]},
    })
}

/// Whether something was missing, as a sentence.
fn completeness(report: &Report) -> String {
    let reasons = report.incompleteness();
    if reasons.is_empty() {
        "Everything that was listed could be read.".to_owned()
    } else {
        format!("The report is not complete: {}.", printable(&reasons.join("; ")))
    }
}

/// Findings by the control they speak against, `ac-6` and its like.
fn by_control(report: &Report) -> BTreeMap<String, Vec<&Finding>> {
    let mut found: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.severity > Severity::Info) {
        for control in finding.controls.get(FRAMEWORK).into_iter().flatten() {
            found.entry(control.to_ascii_lowercase()).or_default().push(finding);
        }
    }
    found
}

fn selection(controls: &BTreeMap<String, Vec<&Finding>>) -> Value {
    if controls.is_empty() {
        return json!({"description": "No finding speaks against a control.", "include-all": {}});
    }
    let ids: Vec<Value> = controls.keys().map(|control| json!({"control-id": control})).collect();
    json!({"description": "Controls that findings speak against.", "include-controls": ids})
}

fn observation(finding: &Finding, uuid: &dyn Fn(&str) -> String, at: &str) -> Value {
    let mut observation = json!({
        "uuid": uuid(&format!("observation/{}", finding.id)),
        "title": printable(&finding.title),
        "description": described(finding),
        "props": [prop("finding-code", &finding.code), prop("severity", finding.severity.as_str())],
        "methods": ["EXAMINE"],
        "types": ["finding"],
        "subjects": [{"subject-uuid": uuid(&format!("subject/{}", finding.subject)), "type": "inventory-item"}],
        "collected": at,
    });
    let evidence: Vec<Value> =
        finding.evidence_texts().iter().map(|text| json!({"description": printable(text)})).collect();
    if let (false, Some(members)) = (evidence.is_empty(), observation.as_object_mut()) {
        members.insert("relevant-evidence".to_owned(), Value::Array(evidence));
    }
    observation
}

fn risk(finding: &Finding, uuid: &dyn Fn(&str) -> String) -> Value {
    json!({
        "uuid": uuid(&format!("risk/{}", finding.id)),
        "title": printable(&finding.title),
        "description": described(finding),
        "statement": printable(&finding.fix),
        "props": [prop("severity", finding.severity.as_str())],
        "status": "open",
        "related-observations": [{"observation-uuid": uuid(&format!("observation/{}", finding.id))}],
    })
}

fn not_satisfied(control: &str, findings: &[&Finding], uuid: &dyn Fn(&str) -> String) -> Value {
    let observations: Vec<Value> = findings
        .iter()
        .map(|finding| json!({"observation-uuid": uuid(&format!("observation/{}", finding.id))}))
        .collect();
    let mut finding = json!({
        "uuid": uuid(&format!("finding/{control}")),
        "title": format!("{} is not fully met", control.to_ascii_uppercase()),
        "description": format!("{} observations speak against it.", findings.len()),
        "target": {"type": "objective-id", "target-id": control, "status": {"state": "not-satisfied"}},
        "related-observations": observations,
    });
    let risks: Vec<Value> = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Medium)
        .map(|finding| json!({"risk-uuid": uuid(&format!("risk/{}", finding.id))}))
        .collect();
    if let (false, Some(members)) = (risks.is_empty(), finding.as_object_mut()) {
        members.insert("related-risks".to_owned(), Value::Array(risks));
    }
    finding
}

/// What findings are about.
fn inventory(report: &Report, uuid: &dyn Fn(&str) -> String) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let new = report.findings.iter().filter(|finding| seen.insert(&finding.subject));
    new.map(|finding| {
        let subject = Subject::of(finding, report);
        json!({
            "uuid": uuid(&format!("subject/{}", finding.subject)),
            "description": printable(&finding.subject),
            "props": [prop("asset-id", &finding.subject), prop("asset-type", subject.kind.unwrap_or("Workload"))],
        })
    })
    .collect()
}

fn described(finding: &Finding) -> String {
    let text = if finding.detail.is_empty() { &finding.title } else { &finding.detail };
    printable(text).into_owned()
}

/// A property in this project's own namespace; its value is one line and never empty, as OSCAL wants it.
fn prop(name: &str, value: &str) -> Value {
    let value = printable(value);
    let value = value.trim();
    json!({"name": name, "ns": NAMESPACE, "value": if value.is_empty() { "none" } else { value }})
}
