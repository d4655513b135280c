//! From the analysis' own types to the report's: what was seen, who did it. No decision is made here.

use std::collections::{BTreeMap, BTreeSet};

use crate::attribution::{Access, Grade, Labels, PrincipalAccess, Workload};
use crate::ident::{Arn, Time, TimeRange};
use crate::ingest::Issue;
use crate::integrity::Verification;
use crate::inventory::Trail;
use crate::report;
use crate::rightsize::Coverage;
use crate::usage::{EventCounts, Observation};

/// Whole hours without an event that count as a gap in a Region's log.
///
/// Quiet Regions are quiet for hours; a day without a single event, of which CloudTrail itself and every scheduled service
/// leave some, is what a missing log looks like.
const GAP_HOURS: i64 = 24;

/// What the logs show of each account.
pub(super) fn accounts(
    observation: &Observation,
    shown: &Coverage<'_>,
    trails: &[Trail],
    verification: Option<&Verification>,
) -> Vec<report::AccountCoverage> {
    shown
        .accounts()
        .into_iter()
        .map(|account| {
            let seen = observation.regions.get(account);
            let regions = shown.regions(account).into_iter().map(|region| {
                let seen = seen.and_then(|regions| regions.get(region));
                let span = seen.and_then(|seen| seen.span);
                let files = shown.file_hours(account, region);
                report::RegionCoverage {
                    region: region.to_owned(),
                    first: span.map(|(first, _)| first),
                    last: span.map(|(_, last)| last),
                    hours_with_events: seen.map_or(0, |seen| seen.hours.len() as u64),
                    hours_with_files: files.map(|hours| hours.covered),
                    hours_without_files: files.map(|hours| hours.all.saturating_sub(hours.covered)),
                    gaps: gaps(&shown.with_logs(account, region), shown.window()),
                }
            });
            let regions = regions.collect();
            let kinds = observation.data_types.get(account);
            let has = |service: &str| {
                kinds.is_some_and(|kinds| kinds.iter().any(|kind| data_service(kind) == service))
            };
            let mut data_events: BTreeMap<String, bool> = ["s3", "lambda", "dynamodb"]
                .into_iter()
                .map(|service| (service.to_owned(), has(service)))
                .collect();
            for kind in kinds.into_iter().flatten() {
                data_events.insert(data_service(kind), true);
            }
            report::AccountCoverage {
                account: account.to_string(),
                integrity: super::integrity_view::of_account(account, verification),
                regions,
                data_events,
                data_event_kinds: data_event_kinds(observation, account, shown),
                trails: trails
                    .iter()
                    .filter(|trail| trail.account() == account || trail.is_organization)
                    .map(|trail| trail.arn.clone())
                    .collect(),
            }
        })
        .collect()
}

/// Kinds seen in the logs, and kinds the trails record of which nothing was seen.
fn data_event_kinds(
    observation: &Observation,
    account: &str,
    shown: &Coverage<'_>,
) -> Vec<report::DataEventKind> {
    let recorded = shown.account(account).recorded;
    let seen = observation.data_events.get(account);
    let kinds = seen.into_iter().flat_map(|kinds| kinds.keys().map(|kind| kind.as_ref()));
    let told = recorded.iter().flat_map(|recorded| recorded.data.keys().map(String::as_str));
    let kinds: BTreeSet<&str> = kinds.chain(told).collect();
    let kind = |kind: &str| {
        let regions = seen.and_then(|kinds| kinds.get(kind)).into_iter().flatten();
        let regions = regions.filter_map(|(region, seen)| {
            let day = |day: &i64| Time::from_unix(day * 86_400);
            Some(report::DataEventRegion {
                region: region.to_string(),
                first_day: seen.days.first().map(day)?,
                last_day: seen.days.last().map(day)?,
                days: seen.days.len() as u64,
                reads: seen.reads,
                writes: seen.writes,
            })
        });
        report::DataEventKind {
            kind: kind.to_owned(),
            recorded: match &recorded {
                Some(recorded) => recorded.data.get(kind).copied().unwrap_or_default().word(),
                None => "unknown",
            }
            .to_owned(),
            regions: regions.collect(),
        }
    };
    kinds.into_iter().map(kind).collect()
}

/// The service of a data event type (`AWS::S3::Object`) or of an event source (`s3.amazonaws.com`), in lower case.
fn data_service(kind: &str) -> String {
    let service = match kind.strip_prefix("AWS::") {
        Some(rest) => rest.split("::").next().unwrap_or(rest),
        None => kind.split('.').next().unwrap_or(kind),
    };
    service.to_ascii_lowercase()
}

/// Stretches of the window without logs; a Region that falls silent has one to the window's end.
fn gaps(hours: &BTreeSet<i64>, window: Option<TimeRange>) -> Vec<report::Gap> {
    let hour = |time: Time| time.unix().div_euclid(3_600);
    let edges = window.map(|window| (hour(window.from) - 1, hour(window.to.plus_seconds(-1)) + 1));
    let inside =
        hours.iter().copied().filter(|hour| edges.is_none_or(|(from, to)| (from..=to).contains(hour)));
    let before = edges.map(|(from, _)| from);
    let after = edges.map(|(_, to)| to);
    let hours: Vec<i64> = before.into_iter().chain(inside).chain(after).collect();
    hours
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] if after - before > GAP_HOURS => Some(report::Gap {
                from: Time::from_unix((before + 1) * 3_600),
                to: Time::from_unix(after * 3_600),
            }),
            _ => None,
        })
        .collect()
}

/// Something wrong with one object.
pub(super) fn issue(issue: &Issue) -> report::Issue {
    report::Issue {
        object: issue.object.clone(),
        kind: issue.kind.to_owned(),
        detail: issue.detail.clone(),
        events_read: issue.events_read,
    }
}

/// Where every record went.
pub(super) fn events(counts: &EventCounts) -> report::Events {
    report::Events {
        read: counts.read,
        duplicates: counts.duplicates,
        copies: counts.copies,
        malformed: counts.malformed,
        outside_window: counts.outside_window,
        counted: counts.counted,
    }
}

/// The window of the report: what was asked for, else from the first event to just after the last.
pub(super) fn window(since: Option<Time>, until: Option<Time>, observation: &Observation) -> report::Window {
    let from = since.or(observation.span.map(|(first, _)| first));
    let to = until.or(observation.span.map(|(_, last)| last.plus_seconds(1)));
    let seconds = from.zip(to).map_or(0, |(from, to)| to.unix().saturating_sub(from.unix()).max(0));
    report::Window { from, to, days: u64::try_from((seconds + 86_399) / 86_400).unwrap_or(0) }
}

/// Every workload with its totals over all principals, sorted by id.
pub(super) fn workloads(access: &Access, filter: impl Fn(&str) -> bool) -> Vec<report::Workload> {
    let mut all: BTreeMap<&str, (&Workload, report::Workload, BTreeSet<&str>, Labels)> = BTreeMap::new();
    for (arn, principal) in access.principals.iter().filter(|(arn, _)| filter(arn)) {
        for share in &principal.workloads {
            let workload = &share.workload;
            let (_, total, roles, labels) = all.entry(&workload.id).or_insert_with(|| {
                (workload, report::Workload::default(), BTreeSet::new(), Labels::default())
            });
            total.sessions += share.sessions;
            total.calls += share.calls;
            total.denied += share.denied;
            labels.extend(&share.labels);
            if Arn::parse(arn).is_some_and(|arn| arn.role_name().is_some()) {
                roles.insert(arn);
            }
        }
    }
    all.into_values()
        .map(|(workload, total, roles, found)| report::Workload {
            labels: labels(&found),
            labels_cut: found.is_cut,
            id: workload.id.clone(),
            kind: workload.kind.as_str().to_owned(),
            cluster: workload.cluster.clone(),
            namespace: workload.namespace.clone(),
            service_account: workload.service_account.clone(),
            roles: roles.into_iter().map(str::to_owned).collect(),
            ..total
        })
        .collect()
}

/// What ran below a workload.
fn labels(labels: &Labels) -> Vec<report::Label> {
    labels
        .all
        .iter()
        .map(|(label, event)| report::Label {
            kind: label.kind.to_owned(),
            value: label.value.clone(),
            basis: label.basis.as_str().to_owned(),
            attribution: attribution(label.basis.grade()),
            event: event.clone(),
        })
        .collect()
}

/// Calls of roles nobody could be named for.
pub(super) fn unattributed(access: &Access, filter: impl Fn(&str) -> bool) -> Vec<report::Unattributed> {
    access
        .principals
        .iter()
        .filter(|(arn, _)| filter(arn))
        .flat_map(|(role, principal)| {
            principal.unattributed.iter().map(|(reason, calls)| report::Unattributed {
                role: role.clone(),
                calls: *calls,
                reason: reason.clone(),
            })
        })
        .collect()
}

/// The contract's word for a grade.
fn attribution(grade: Grade) -> report::Attribution {
    match grade {
        Grade::Exact => report::Attribution::Exact,
        Grade::Session => report::Attribution::Session,
        Grade::Inferred => report::Attribution::Inferred,
        Grade::Unknown => report::Attribution::Unknown,
    }
}

/// Who used a role.
pub(super) fn role_workloads(access: &PrincipalAccess) -> Vec<report::RoleWorkload> {
    access
        .workloads
        .iter()
        .map(|share| report::RoleWorkload {
            id: share.workload.id.clone(),
            sessions: share.sessions,
            calls: share.calls,
            attribution: attribution(share.grade),
            via: share.via.clone(),
            labels: labels(&share.labels),
        })
        .collect()
}

/// What a role was refused.
pub(super) fn denied(access: &PrincipalAccess) -> Vec<report::DeniedAction> {
    let mut list: Vec<report::DeniedAction> = access
        .denied
        .iter()
        .map(|one| report::DeniedAction {
            action: one
                .action
                .as_ref()
                .map_or_else(|| format!("{} {}", one.event.0, one.event.1), ToString::to_string),
            calls: one.calls,
            layer: one.layer.to_owned(),
            explicit: one.explicit,
            resources: one.resources.iter().cloned().collect(),
            sample: one.sample.clone(),
        })
        .collect();
    list.sort_by(|a, b| (&a.action, &a.layer, a.explicit).cmp(&(&b.action, &b.layer, b.explicit)));
    list
}

/// What was asked for.
pub(super) fn settings(settings: &super::Settings) -> report::Settings {
    report::Settings {
        since: settings.since,
        until: settings.until,
        accounts: settings.accounts.clone(),
        roles: settings.roles.clone(),
        regions: settings.regions.clone(),
        resources: match settings.resources {
            super::ResourceLevel::Exact => "exact",
            super::ResourceLevel::Prefix => "prefix",
            super::ResourceLevel::Type => "type",
        }
        .to_owned(),
        unobservable: match settings.unobservable {
            super::Unobservable::Keep => "keep",
            super::Unobservable::Drop => "drop",
        }
        .to_owned(),
        min_window: settings.min_window,
        min_coverage: settings.min_coverage,
        watch: settings.watch,
        action_names: match settings.action_names {
            super::ActionNames::Shortest => "shortest",
            super::ActionNames::Whole => "whole",
        }
        .to_owned(),
        max_excess: settings.max_excess,
        split_names: settings.split_names.to_string(),
        expected_accounts: settings.expected_accounts.clone(),
        exceptions: settings
            .exceptions
            .iter()
            .map(|one| report::ExceptionSetting {
                code: one.code.map(|code| code.as_str().to_owned()),
                subject: one.subject.clone(),
                reason: one.reason.clone(),
                owner: one.owner.clone(),
                expires: one.expires,
            })
            .collect(),
    }
}
