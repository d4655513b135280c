//! Numbers of a run for those who watch many: the text format of Prometheus, and one line of CloudWatch's embedded metric format.
//!
//! See: <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::summary::Summary;
use super::{IntegrityStatus, ProposalVerdict, Report};
use crate::ident::Time;

/// How the run ended, which the report itself does not tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RunEnd {
    /// When.
    pub now: Time,
    /// The exit status.
    pub exit: u8,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// One metric with its samples: name, what it is, label and value pairs.
struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

/// Writes all metrics in the text format of Prometheus.
pub fn write_prometheus(report: &Report, end: RunEnd, out: &mut dyn Write) -> io::Result<()> {
    write_text(metrics(report, end), out)
}

/// The same of a run that gave no report: when and how it ended, and nothing else.
pub fn write_prometheus_end(end: RunEnd, out: &mut dyn Write) -> io::Result<()> {
    write_text(ended(end).into(), out)
}

fn write_text(metrics: Vec<Metric>, out: &mut dyn Write) -> io::Result<()> {
    for metric in metrics {
        writeln!(out, "# HELP leastwise_{} {}", metric.name, metric.help)?;
        writeln!(out, "# TYPE leastwise_{} gauge", metric.name)?;
        for (labels, value) in metric.samples {
            // Label values are the report's own words and account ids; an id comes from a log, and may hold anything.
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            writeln!(out, "leastwise_{}{labels} {value}", metric.name)?;
        }
    }
    Ok(())
}

/// Writes the metrics that have no label of an account as one line of the embedded metric format, in the namespace `leastwise`.
pub fn write_emf(report: &Report, end: RunEnd, out: &mut dyn Write) -> io::Result<()> {
    let mut names = Vec::new();
    let mut values = Map::new();
    for metric in metrics(report, end) {
        for (labels, value) in metric.samples {
            if labels.iter().any(|(name, _)| *name == "account") {
                continue;
            }
            let words = labels.iter().map(|(_, value)| value.as_str());
            let name: String = std::iter::once(metric.name)
                .chain(words)
                .flat_map(|words| words.split(['_', '-']))
                .map(capital)
                .collect();
            let unit = match metric.name {
                "coverage_percent" => "Percent",
                "duration_seconds" | "run_timestamp_seconds" | "newest_event_timestamp_seconds" => "Seconds",
                _ => "Count",
            };
            names.push(json!({"Name": name, "Unit": unit}));
            values.insert(name, json!(value));
        }
    }
    let mut line = Map::new();
    let directive = json!({"Namespace": "leastwise", "Dimensions": [[]], "Metrics": names});
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": end.now.unix().saturating_mul(1_000), "CloudWatchMetrics": [directive]}),
    );
    line.extend(values);
    serde_json::to_writer(&mut *out, &Value::Object(line))?;
    writeln!(out)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A label's value in the text format.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn metrics(report: &Report, end: RunEnd) -> Vec<Metric> {
    let summary = Summary::of(report);
    let coverage = &report.coverage;
    let (objects, events) = (coverage.objects, coverage.events);
    let newest =
        coverage.accounts.iter().flat_map(|account| &account.regions).filter_map(|region| region.last).max();
    let unattributed: u64 = report.unattributed.iter().map(|one| one.calls).sum();
    let verdicts = super::text::named(summary.verdicts);
    let proposals = summary.proposals.iter().map(|(verdict, n)| (verdict_word(*verdict), *n));
    let active = |severity| {
        let findings = report.findings.iter().filter(|finding| finding.severity == severity);
        findings.filter(|finding| !finding.is_excepted()).count() as u64
    };
    let findings = super::Severity::ALL.into_iter().map(|severity| (severity.as_str(), active(severity)));
    let excepted = report.findings.iter().filter(|finding| finding.is_excepted()).count() as u64;
    let statuses = [IntegrityStatus::Verified, IntegrityStatus::Failed, IntegrityStatus::NotChecked];
    let integrity =
        statuses.into_iter().map(|status| (status.as_str(), u64::from(status == coverage.integrity.status)));
    let mut all = vec![
        by(
            "objects",
            "Log objects, by what became of them.",
            "state",
            [
                ("listed", objects.listed),
                ("read", objects.read),
                ("skipped", objects.skipped),
                ("failed", objects.failed),
            ],
        ),
        by(
            "events",
            "Event records, by what became of them.",
            "state",
            [
                ("read", events.read),
                ("duplicate", events.duplicates),
                ("copy", events.copies),
                ("malformed", events.malformed),
                ("outside-window", events.outside_window),
                ("counted", events.counted),
            ],
        ),
        one("issues", "Objects that could not be read, or not to their end.", coverage.issues.len() as u64),
        one("unattributed_calls", "Calls for which no workload could be named.", unattributed),
        one("workloads", "Workloads seen.", report.workloads.len() as u64),
        by("roles", "Roles, by what is proposed.", "proposal", proposals),
        by("granted_actions", "Granted actions of all roles, by verdict.", "verdict", verdicts),
        by("findings", "Findings without an exception, by severity.", "severity", findings),
        one("findings_excepted", "Findings with an exception that has not expired.", excepted),
        by("integrity_status", "1 for the outcome of checking digest files.", "status", integrity),
        one(
            "integrity_problems",
            "Problems that digest files show.",
            coverage.integrity.problems.len() as u64,
        ),
        one("digest_files", "Digest files.", coverage.integrity.digests),
        one(
            "log_files_verified",
            "Log files that a valid digest vouches for.",
            coverage.integrity.files_verified,
        ),
        one(
            "log_files_unverified",
            "Log files that no valid digest vouches for.",
            coverage.integrity.files_unverified,
        ),
        one(
            "incomplete",
            "1 when the report is not complete.",
            u64::from(!report.incompleteness().is_empty()),
        ),
    ];
    all.push(value(
        "coverage_percent",
        "Share of the window's account-hours that the logs cover.",
        coverage.hours.percent,
    ));
    all.push(Metric {
        name: "uncovered_hours",
        help: "Hours of the window that the logs of an account do not cover; accounts without any are left out.",
        samples: coverage
            .hours
            .lacking
            .iter()
            .map(|one| (vec![("account", one.account.clone())], float(one.all - one.covered)))
            .collect(),
    });
    if let Some(newest) = newest {
        all.push(value("newest_event_timestamp_seconds", "Time of the newest event read.", seconds(newest)));
    }
    all.extend(ended(end));
    all
}

fn ended(end: RunEnd) -> [Metric; 3] {
    [
        one("exit_status", "The exit status of the run.", u64::from(end.exit)),
        value("run_timestamp_seconds", "When the run ended.", seconds(end.now)),
        value("duration_seconds", "How long the run took.", float(end.milliseconds) / 1_000.0),
    ]
}

fn value(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, help, samples: vec![(Vec::new(), value)] }
}

fn one(name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric { name, help, samples: vec![(Vec::new(), float(value))] }
}

fn by(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, u64)>,
) -> Metric {
    let sample = |(word, value): (&'static str, u64)| (vec![(label, word.to_owned())], float(value));
    Metric { name, help, samples: values.into_iter().map(sample).collect() }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
fn seconds(time: Time) -> f64 {
    time.unix() as f64
}

const fn verdict_word(verdict: ProposalVerdict) -> &'static str {
    match verdict {
        ProposalVerdict::Replace => "replace",
        ProposalVerdict::DeleteRole => "delete-role",
        ProposalVerdict::Keep => "keep",
        ProposalVerdict::CannotTell => "cannot-tell",
    }
}
