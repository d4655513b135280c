//! AWS Security Finding Format: a list for `aws securityhub batch-import-findings --findings file://…`.
//!
//! Security Hub takes a finding from the account it is about, in the Region of its product ARN; the default product of each
//! account needs no subscription. All times are the end of the window, so that the same report gives the same findings.
//!
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-syntax.html>

use std::io::{self, Write};

use serde_json::{Value, json};

use super::escape::printable;
use super::json::pretty;
use super::subject::{Subject, framework, short};
use super::{Confidence, Finding, Report, Severity};

/// Security Hub's limits, in characters.
const TITLE: usize = 256;
const DESCRIPTION: usize = 1024;
const REMEDIATION: usize = 512;
const RESOURCE_ID: usize = 512;
const FIELD: usize = 2048;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let findings: Vec<Value> = report.findings.iter().map(|one| finding(one, report)).collect();
    pretty(&findings, out)
}

fn finding(finding: &Finding, report: &Report) -> Value {
    let subject = Subject::of(finding, report);
    let at = report.window.to.map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |time| time.to_string());
    let text = |text: &str, most| short(&printable(text), most);
    let requirements: Vec<String> = finding
        .controls
        .iter()
        .flat_map(|(key, ids)| ids.iter().map(move |id| format!("{} {id}", framework(key))))
        .collect();
    let mut fields = serde_json::Map::new();
    fields.insert("leastwise/code".to_owned(), json!(finding.code));
    fields.insert("leastwise/version".to_owned(), json!(report.tool.version));
    for (number, sentence) in (1..).zip(finding.evidence_texts().iter().take(10)) {
        fields.insert(format!("leastwise/evidence/{number}"), json!(text(sentence, FIELD)));
    }
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("leastwise/{}", finding.id),
        "ProductArn": format!(
            "arn:{}:securityhub:{}:{}:product/{}/default",
            subject.partition, subject.region, subject.account, subject.account
        ),
        "GeneratorId": format!("leastwise/{}", finding.code),
        "AwsAccountId": subject.account,
        "Types": ["Software and Configuration Checks/AWS Security Best Practices"],
        "CreatedAt": at,
        "UpdatedAt": at,
        "Severity": {"Label": severity(finding.severity), "Original": finding.severity.as_str()},
        "Confidence": match finding.confidence {
            Confidence::Low => 30,
            Confidence::Medium => 60,
            Confidence::High => 90,
        },
        "Title": text(&finding.title, TITLE),
        // Empty descriptions are refused.
        "Description": text(if finding.detail.is_empty() { &finding.title } else { &finding.detail }, DESCRIPTION),
        "Remediation": {"Recommendation": {"Text": text(&finding.fix, REMEDIATION)}},
        "ProductFields": fields,
        "Resources": [{
            "Type": subject.kind.unwrap_or("Other"),
            "Id": text(&finding.subject, RESOURCE_ID),
            "Partition": subject.partition,
            "Region": subject.region,
        }],
        "Compliance": {"Status": "FAILED", "RelatedRequirements": requirements},
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}
