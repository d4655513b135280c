//! What a store holds as tables for SQL: the attributed usage, and what it was made from.

use std::collections::BTreeMap;
use std::path::Path;

use super::{AuditError, Gathered, Settings, stored};
use crate::attribution::{self, Attribution};
use crate::catalog::{Evidence, Resource};
use crate::ident::{Arn, Time};
use crate::inventory;
use crate::record::{Denial, IdentityType};
use crate::report::Grid;
use crate::store::{self, Cells, View};
use crate::usage::{CallOutcome, Keep, Row, SessionFacts, Usage};

/// Columns that are filled row by row.
struct Table {
    name: &'static str,
    columns: Vec<(&'static str, Cells)>,
}

/// A value on its way into a column.
enum Field {
    Text(Option<String>),
    Number(Option<i64>),
    Time(Option<Time>),
    Bool(Option<bool>),
}

fn text(value: &str) -> Field {
    Field::Text(Some(value.to_owned()))
}

fn option(value: Option<&str>) -> Field {
    Field::Text(value.map(str::to_owned))
}

fn number(value: u64) -> Field {
    Field::Number(i64::try_from(value).ok())
}

impl Table {
    /// `T` is text, `N` a number, `D` a time, `B` truth.
    fn new(name: &'static str, columns: &[(&'static str, char)]) -> Self {
        let cells = |kind: &char| match kind {
            'N' => Cells::Number(Vec::new()),
            'D' => Cells::Time(Vec::new()),
            'B' => Cells::Bool(Vec::new()),
            _ => Cells::Text(Vec::new()),
        };
        Self { name, columns: columns.iter().map(|(name, kind)| (*name, cells(kind))).collect() }
    }

    fn row(&mut self, fields: impl IntoIterator<Item = Field>) {
        for ((_, cells), field) in self.columns.iter_mut().zip(fields) {
            match (cells, field) {
                (Cells::Text(all), Field::Text(value)) => all.push(value),
                (Cells::Number(all), Field::Number(value)) => all.push(value),
                (Cells::Time(all), Field::Time(value)) => all.push(value),
                (Cells::Bool(all), Field::Bool(value)) => all.push(value),
                (Cells::Text(all), _) => all.push(None),
                (Cells::Number(all), _) => all.push(None),
                (Cells::Time(all), _) => all.push(None),
                (Cells::Bool(all), _) => all.push(None),
            }
        }
    }

    fn view(self) -> View {
        View { name: self.name, columns: self.columns }
    }
}

/// Answers a query over a store. The granted side, if any is given, names roles and helps to attribute.
pub fn query(settings: &Settings, dir: &Path, sql: &str) -> Result<Grid, AuditError> {
    let inventory = inventory::read(&settings.iam, &settings.kubernetes)?;
    let (usage, gathered) = stored::gather(settings, dir, None, Keep::All)?;
    let attributions = attribution::resolve(&usage, &inventory);
    let views = vec![
        used(&usage, &attributions),
        calls(&usage, &attributions),
        sessions(&usage, &attributions),
        issuances(&usage),
        objects(&gathered),
        roles(&usage, &attributions, &inventory),
    ];
    Ok(store::answer(views, sql)?)
}

/// The rows with their sessions and who was behind these.
fn attributed<'u>(
    usage: &'u Usage,
    attributions: &'u [Attribution],
) -> impl Iterator<Item = (Row<'u>, &'u SessionFacts, &'u Attribution)> {
    usage.rows.iter().filter_map(|row| {
        let at = row.session.0 as usize;
        Some((row, usage.sessions.get(at)?, attributions.get(at)?))
    })
}

fn outcome(row: Row<'_>) -> (&'static str, Option<&str>) {
    match &row.call.outcome {
        CallOutcome::Used { failed } => ("used", failed.as_deref()),
        CallOutcome::Denied(denial) => ("denied", Some(&denial.code)),
        CallOutcome::Unproven(code) => ("unproven", Some(code)),
    }
}

/// The account whose permissions were used.
fn account<'r>(row: Row<'r>, facts: &'r SessionFacts, attribution: &'r Attribution) -> Option<&'r str> {
    let of_principal = attribution.principal.as_deref().and_then(Arn::parse).map(|arn| arn.account);
    of_principal.or(facts.account.as_deref()).or(row.call.recipient_account.as_deref())
}

/// One row for each action and resource of a kind of call: `calls` adds up within one action and resource, not over several.
fn used(usage: &Usage, attributions: &[Attribution]) -> View {
    let mut table = Table::new(
        "usage",
        &[
            ("principal", 'T'),
            ("account", 'T'),
            ("workload", 'T'),
            ("workload_kind", 'T'),
            ("attribution", 'T'),
            ("action", 'T'),
            ("resource", 'T'),
            ("resource_account", 'T'),
            ("outcome", 'T'),
            ("layer", 'T'),
            ("explicit", 'B'),
            ("error_code", 'T'),
            ("evidence", 'T'),
            ("source", 'T'),
            ("event", 'T'),
            ("region", 'T'),
            ("service", 'T'),
            ("calls", 'N'),
            ("first_seen", 'D'),
            ("last_seen", 'D'),
            ("sample", 'T'),
            ("session", 'N'),
        ],
    );
    for (row, facts, attribution) in attributed(usage, attributions) {
        let (word, code) = outcome(row);
        let denial = match &row.call.outcome {
            CallOutcome::Denied(denial) => {
                Some(Denial::parse(&denial.code, denial.message.as_deref(), &row.call.name))
            }
            _ => None,
        };
        let mut seen: Vec<(Option<String>, Option<String>, Option<&str>)> = Vec::new();
        for need in &row.call.needs.needs {
            let evidence = match need.evidence {
                Evidence::Observed => "observed",
                Evidence::Inferred => "inferred",
            };
            for resource in &need.resources {
                let resource = match resource {
                    Resource::Arn(text)
                    | Resource::InstanceProfile(text)
                    | Resource::LaunchTemplate(text) => Some(text.clone()),
                    Resource::None | Resource::Unknown(_) => None,
                };
                seen.push((Some(need.action.as_str().to_owned()), resource, Some(evidence)));
            }
        }
        if let Some(denial) = &denial
            && let Some(action) = &denial.action
        {
            seen = vec![(Some(action.as_str().to_owned()), denial.resource.clone(), Some("observed"))];
        }
        if seen.is_empty() {
            seen.push((None, None, None));
        }
        for (action, resource, evidence) in seen {
            let of_resource = resource.as_deref().and_then(Arn::parse).map(|arn| arn.account.to_owned());
            let workload = attribution.workload.as_ref();
            table.row([
                option(attribution.principal.as_deref()),
                option(account(row, facts, attribution)),
                option(workload.map(|workload| workload.id.as_str())),
                option(workload.map(|workload| workload.kind.as_str())),
                text(attribution.grade.as_str()),
                Field::Text(action),
                Field::Text(resource),
                Field::Text(of_resource.filter(|account| !account.is_empty() && !account.contains('*'))),
                text(word),
                option(denial.as_ref().map(|denial| denial.layer)),
                Field::Bool(denial.as_ref().map(|denial| denial.explicit)),
                option(code),
                option(evidence),
                text(&row.call.source),
                text(&row.call.name),
                text(&row.call.region),
                option(facts.invoked_by.as_deref()),
                number(row.calls),
                Field::Time(Some(row.first)),
                Field::Time(Some(row.last)),
                text(&row.sample()),
                number(u64::from(row.session.0)),
            ]);
        }
    }
    table.view()
}

/// One row for each kind of call by one session.
fn calls(usage: &Usage, attributions: &[Attribution]) -> View {
    let mut table = Table::new(
        "calls",
        &[
            ("session", 'N'),
            ("principal", 'T'),
            ("account", 'T'),
            ("kind", 'T'),
            ("workload", 'T'),
            ("attribution", 'T'),
            ("reason", 'T'),
            ("source", 'T'),
            ("event", 'T'),
            ("region", 'T'),
            ("read_only", 'B'),
            ("outcome", 'T'),
            ("error_code", 'T'),
            ("vpc_endpoint", 'T'),
            ("calls", 'N'),
            ("first_seen", 'D'),
            ("last_seen", 'D'),
            ("sample", 'T'),
        ],
    );
    for (row, facts, attribution) in attributed(usage, attributions) {
        let (word, code) = outcome(row);
        table.row([
            number(u64::from(row.session.0)),
            option(attribution.principal.as_deref()),
            option(account(row, facts, attribution)),
            text(store::kind_word(facts.kind)),
            option(attribution.workload.as_ref().map(|workload| workload.id.as_str())),
            text(attribution.grade.as_str()),
            text(&attribution.reason),
            text(&row.call.source),
            text(&row.call.name),
            text(&row.call.region),
            Field::Bool(row.call.read_only),
            text(word),
            option(code),
            option(row.call.vpc_endpoint.as_deref()),
            number(row.calls),
            Field::Time(Some(row.first)),
            Field::Time(Some(row.last)),
            text(&row.sample()),
        ]);
    }
    table.view()
}

fn sessions(usage: &Usage, attributions: &[Attribution]) -> View {
    let mut table = Table::new(
        "sessions",
        &[
            ("session", 'N'),
            ("kind", 'T'),
            ("account", 'T'),
            ("arn", 'T'),
            ("principal_id", 'T'),
            ("access_key", 'T'),
            ("role", 'T'),
            ("begun", 'D'),
            ("source_identity", 'T'),
            ("service", 'T'),
            ("principal", 'T'),
            ("workload", 'T'),
            ("attribution", 'T'),
            ("reason", 'T'),
        ],
    );
    for ((facts, attribution), number_of) in usage.sessions.iter().zip(attributions).zip(0..) {
        table.row([
            number(number_of),
            text(store::kind_word(facts.kind)),
            option(facts.account.as_deref()),
            option(facts.arn.as_deref()),
            option(facts.principal_id.as_deref()),
            option(facts.access_key.as_deref()),
            option(facts.issuer_arn.as_deref()),
            Field::Time(facts.creation),
            option(facts.source_identity.as_deref()),
            option(facts.invoked_by.as_deref()),
            option(attribution.principal.as_deref()),
            option(attribution.workload.as_ref().map(|workload| workload.id.as_str())),
            text(attribution.grade.as_str()),
            text(&attribution.reason),
        ]);
    }
    table.view()
}

fn issuances(usage: &Usage) -> View {
    let mut table = Table::new(
        "issuances",
        &[
            ("time", 'D'),
            ("operation", 'T'),
            ("denied", 'B'),
            ("caller_kind", 'T'),
            ("caller", 'T'),
            ("account", 'T'),
            ("region", 'T'),
            ("role", 'T'),
            ("session_name", 'T'),
            ("issued_key", 'T'),
            ("provider", 'T'),
            ("subject", 'T'),
            ("external_id", 'B'),
            ("error_code", 'T'),
            ("event_id", 'T'),
        ],
    );
    for issued in &usage.issuances {
        let caller = &issued.caller;
        let called = caller.arn.as_deref().or(caller.principal_id.as_deref());
        table.row([
            Field::Time(Some(issued.time)),
            text(store::issuance_word(issued.kind)),
            Field::Bool(Some(issued.denied)),
            text(store::kind_word(caller.kind)),
            option(called.or(caller.invoked_by.as_deref())),
            option(issued.recipient_account.as_deref()),
            text(&issued.region),
            option(issued.role_arn.as_deref()),
            option(issued.session_name.as_deref()),
            option(issued.issued_key.as_deref()),
            option(issued.provider.as_deref()),
            option(issued.subject.as_deref()),
            Field::Bool(Some(issued.has_external_id)),
            option(issued.error.as_ref().map(|(code, _)| &**code)),
            text(&issued.event_id),
        ]);
    }
    table.view()
}

/// Objects of which something is to be said, and how many there are of all others.
fn objects(gathered: &Gathered) -> View {
    let mut table = Table::new(
        "objects",
        &[("name", 'T'), ("fate", 'T'), ("number", 'N'), ("events", 'N'), ("issues", 'T')],
    );
    for issue in &gathered.issues {
        let fate = if issue.events_read > 0 { "read in part" } else { "failed" };
        let said = format!("{}: {}", issue.kind, issue.detail);
        table.row([
            text(&issue.object),
            text(fate),
            number(1),
            number(issue.events_read),
            Field::Text(Some(said)),
        ]);
    }
    let whole = gathered.objects.read + gathered.objects.failed;
    let whole = whole.saturating_sub(gathered.issues.len() as u64);
    table.row([option(None), text("read"), number(whole), Field::Number(None), option(None)]);
    for (kind, n) in &gathered.skipped {
        table.row([option(None), text(kind), number(*n), Field::Number(None), option(None)]);
    }
    table.view()
}

/// Calls, and the earliest and the latest.
type Activity = (u64, Option<(Time, Time)>);

/// Roles of the snapshot and roles seen.
fn roles(usage: &Usage, attributions: &[Attribution], inventory: &inventory::Inventory) -> View {
    let mut table = Table::new(
        "roles",
        &[
            ("arn", 'T'),
            ("account", 'T'),
            ("name", 'T'),
            ("in_snapshot", 'B'),
            ("calls", 'N'),
            ("first_seen", 'D'),
            ("last_seen", 'D'),
        ],
    );
    let mut seen: BTreeMap<&str, Activity> =
        inventory.roles().map(|role| (role.arn.as_str(), (0, None))).collect();
    for (row, facts, attribution) in attributed(usage, attributions) {
        let is_role = facts.kind == IdentityType::AssumedRole;
        if let Some(principal) = attribution.principal.as_deref().filter(|_| is_role) {
            let (calls, span) = seen.entry(principal).or_default();
            *calls += row.calls;
            let (first, last) = span.unwrap_or((row.first, row.last));
            *span = Some((first.min(row.first), last.max(row.last)));
        }
    }
    for (arn, (calls, span)) in seen {
        let parsed = Arn::parse(arn);
        table.row([
            text(arn),
            option(parsed.as_ref().map(|arn| arn.account)),
            option(parsed.as_ref().and_then(|arn| arn.role_name())),
            Field::Bool(Some(inventory.role(arn).is_some())),
            number(calls),
            Field::Time(span.map(|(first, _)| first)),
            Field::Time(span.map(|(_, last)| last)),
        ]);
    }
    table.view()
}
