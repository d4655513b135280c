//! Open Cybersecurity Schema Framework 1.6: a list of compliance findings (class 2003) with the cloud profile.
//!
//! <https://schema.ocsf.io/1.6.0/classes/compliance_finding>

use std::io::{self, Write};

use serde_json::{Value, json};

use super::escape::printable;
use super::json::pretty;
use super::subject::{Subject, framework};
use super::{Confidence, Finding, Report, Severity};

/// The version of the schema.
const VERSION: &str = "1.6.0";
/// `class_uid` of a compliance finding, and its category.
const CLASS: u64 = 2003;
const CATEGORY: u64 = 2;
/// `activity_id`: an observation is made.
const CREATE: u64 = 1;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let findings: Vec<Value> = report.findings.iter().map(|one| finding(one, report)).collect();
    pretty(&findings, out)
}

fn finding(finding: &Finding, report: &Report) -> Value {
    let subject = Subject::of(finding, report);
    // Milliseconds since the epoch.
    let millis = |time: Option<crate::ident::Time>| time.map_or(0, |time| time.unix() * 1000);
    let (from, to) = (millis(report.window.from), millis(report.window.to));
    let (severity_id, severity) = severity(finding.severity);
    let (confidence_id, confidence) = match finding.confidence {
        Confidence::Low => (1, "Low"),
        Confidence::Medium => (2, "Medium"),
        Confidence::High => (3, "High"),
    };
    let requirements: Vec<&String> = finding.controls.values().flatten().collect();
    let standards: Vec<&str> = finding.controls.keys().map(|key| framework(key)).collect();
    json!({
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": CATEGORY,
        "class_name": "Compliance Finding",
        "class_uid": CLASS,
        "type_name": "Compliance Finding: Create",
        "type_uid": CLASS * 100 + CREATE,
        "time": to,
        "start_time": from,
        "end_time": to,
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "status_id": 1,
        "status": "New",
        "message": printable(&finding.title),
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "event_code": finding.code,
            "product": {"name": "leastwise", "vendor_name": "leastwise", "version": report.tool.version},
        },
        "finding_info": {
            "uid": finding.id,
            "title": printable(&finding.title),
            "desc": printable(&finding.detail),
            "created_time": to,
            "types": ["Least Privilege"],
            "data_sources": ["AWS CloudTrail", "AWS IAM"],
        },
        "compliance": {
            "control": finding.code,
            "requirements": requirements,
            "standards": standards,
            "status_id": 3,
            "status": "Fail",
            "status_details": finding.evidence_texts().iter().map(|text| printable(text).into_owned()).collect::<Vec<_>>(),
        },
        "remediation": {"desc": printable(&finding.fix)},
        "resources": [{
            "uid": printable(&finding.subject),
            "name": printable(subject.name),
            "type": subject.kind.unwrap_or("Workload"),
            "cloud_partition": subject.partition,
            "region": subject.region,
        }],
        "cloud": {
            "provider": "AWS",
            "region": subject.region,
            "cloud_partition": subject.partition,
            "account": {"uid": subject.account, "type": "AWS Account", "type_id": 10},
        },
    })
}

const fn severity(severity: Severity) -> (u64, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}
