//! Populations: every role, workload and finding of the report, one a line.

use crate::ident::Time;
use crate::report::{Report, csv_field};

/// A table: RFC 4180, with fields no spreadsheet takes for formulas.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        Self(format!("{}\r\n", header.join(",")))
    }

    pub(super) fn row(&mut self, fields: &[&str]) {
        let fields: Vec<String> = fields.iter().map(|field| csv_field(field)).collect();
        self.0.push_str(&fields.join(","));
        self.0.push_str("\r\n");
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

fn time(time: Option<Time>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

pub(super) fn roles(report: &Report) -> String {
    let mut table = Table::new(&[
        "arn",
        "account",
        "name",
        "in_snapshot",
        "calls",
        "denied_calls",
        "first_seen",
        "last_seen",
        "granted",
        "used",
        "unused",
        "undetermined",
        "unobservable",
        "blocked",
        "proposal",
        "no_new_access",
        "requests_replayed",
        "requests_lost",
        "workloads",
    ]);
    for role in &report.roles {
        let verdicts = &role.granted.verdicts;
        let numbers = [
            role.granted.actions,
            verdicts.used,
            verdicts.unused,
            verdicts.undetermined,
            verdicts.unobservable,
            verdicts.blocked,
        ]
        .map(|n| n.to_string());
        let [granted, used, unused, undetermined, unobservable, blocked] = &numbers;
        let workloads: Vec<&str> = role.workloads.iter().map(|workload| workload.id.as_str()).collect();
        table.row(&[
            &role.arn,
            &role.account,
            &role.name,
            if role.in_snapshot { "yes" } else { "no" },
            &role.calls.to_string(),
            &role.denied_calls.to_string(),
            &time(role.first_seen),
            &time(role.last_seen),
            granted,
            used,
            unused,
            undetermined,
            unobservable,
            blocked,
            role.proposal.verdict.as_str(),
            role.proposal.proof.no_new_access.as_str(),
            &role.proposal.replay.requests.to_string(),
            &role.proposal.replay.lost.len().to_string(),
            &workloads.join(" "),
        ]);
    }
    table.text()
}

pub(super) fn workloads(report: &Report) -> String {
    let mut table = Table::new(&[
        "id",
        "kind",
        "cluster",
        "namespace",
        "service_account",
        "sessions",
        "calls",
        "denied",
        "attribution",
        "roles",
    ]);
    for workload in &report.workloads {
        // The weakest grade of any role it used.
        let uses =
            report.roles.iter().flat_map(|role| &role.workloads).filter(|use_of| use_of.id == workload.id);
        let grade = uses.map(|use_of| use_of.attribution).max().map_or("", |grade| grade.as_str());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        table.row(&[
            &workload.id,
            &workload.kind,
            &text(&workload.cluster),
            &text(&workload.namespace),
            &text(&workload.service_account),
            &workload.sessions.to_string(),
            &workload.calls.to_string(),
            &workload.denied.to_string(),
            grade,
            &workload.roles.join(" "),
        ]);
    }
    table.text()
}

pub(super) fn findings(report: &Report) -> String {
    let mut table = Table::new(&[
        "id",
        "code",
        "severity",
        "confidence",
        "subject",
        "title",
        "detail",
        "fix",
        "controls",
        "evidence",
    ]);
    for finding in &report.findings {
        let controls: Vec<String> = finding
            .controls
            .iter()
            .flat_map(|(framework, ids)| ids.iter().map(move |id| format!("{framework}:{id}")))
            .collect();
        table.row(&[
            &finding.id,
            &finding.code,
            finding.severity.as_str(),
            finding.confidence.as_str(),
            &finding.subject,
            &finding.title,
            &finding.detail,
            &finding.fix,
            &controls.join(" "),
            &finding.evidence_texts().join("; "),
        ]);
    }
    table.text()
}
