//! Which controls the report is evidence for, and where in the bundle that evidence lies.
//!
//! The mapping is this project's reading of the control texts; an auditor decides what it is worth.

use std::collections::BTreeMap;

use super::population::Table;
use crate::report::Report;

/// What parts of a bundle speak to, whatever was found: framework, control, what it asks for, files.
const PARTS: &[(&str, &str, &str, &str)] = &[
    (
        "SOC2",
        "CC6.1",
        "access to protected assets is restricted",
        "population/roles.csv population/permissions.csv",
    ),
    (
        "SOC2",
        "CC6.2",
        "credentials go to registered and authorized users, and are removed",
        "population/workloads.csv population/roles.csv",
    ),
    (
        "SOC2",
        "CC6.3",
        "access follows least privilege and is changed or removed",
        "population/permissions.csv report.html sign-off.md",
    ),
    ("SOC2", "CC6.6", "threats from outside the boundary are met", "population/findings.csv"),
    ("SOC2", "CC7.1", "changes that introduce weaknesses are detected", "population/findings.csv"),
    (
        "SOC2",
        "CC7.2",
        "components are monitored for anomalies",
        "input/coverage.json population/findings.csv",
    ),
    ("ISO27001", "A.5.15", "access control rules", "population/permissions.csv"),
    ("ISO27001", "A.5.16", "identity life cycle", "population/workloads.csv"),
    ("ISO27001", "A.5.17", "authentication information", "population/workloads.csv population/findings.csv"),
    ("ISO27001", "A.5.18", "access rights are reviewed", "population/permissions.csv sign-off.md"),
    ("ISO27001", "A.8.2", "privileged access rights", "population/roles.csv population/findings.csv"),
    ("ISO27001", "A.8.3", "information access restriction", "population/permissions.csv"),
    ("ISO27001", "A.8.15", "logging", "input/coverage.json"),
    ("ISO27001", "A.8.16", "monitoring", "input/coverage.json population/findings.csv"),
    ("NIST80053", "AC-2", "account management", "population/roles.csv population/workloads.csv"),
    ("NIST80053", "AC-6", "least privilege", "population/permissions.csv report.html"),
    ("NIST80053", "AU-6", "audit record review", "input/coverage.json samples/events.csv"),
    ("NIST80053", "AU-9", "protection of audit information", "input/coverage.json input/objects.csv"),
];

pub(super) fn table(report: &Report) -> String {
    let mut rows: BTreeMap<(&str, &str), (&str, &str, Vec<&str>)> = PARTS
        .iter()
        .map(|(framework, control, asks, files)| ((*framework, *control), (*asks, *files, Vec::new())))
        .collect();
    for finding in &report.findings {
        for (framework, controls) in &finding.controls {
            for control in controls {
                let row =
                    rows.entry((framework, control)).or_insert(("", "population/findings.csv", Vec::new()));
                row.2.push(&finding.id);
            }
        }
    }
    let mut table = Table::new(&["framework", "control", "asks_for", "evidence", "findings", "finding_ids"]);
    for ((framework, control), (asks, files, findings)) in rows {
        table.row(&[framework, control, asks, files, &findings.len().to_string(), &findings.join(" ")]);
    }
    table.text()
}
