//! Whether the logs can carry the conclusions.

use super::{Case, counted, some_of};
use crate::finding::{Code, Evidence, Finding, Severity};

/// `incomplete-logs`: one finding per account, and one for objects that could not be read.
pub(super) fn incomplete_logs(case: &Case<'_>, findings: &mut Vec<Finding>) {
    if !case.broken_objects.is_empty() {
        let names = case.broken_objects.iter().map(String::as_str);
        let facts = case.broken_objects.iter().take(16).map(|name| Evidence::Fact(format!("`{name}`")));
        let mut facts = facts.collect::<Vec<_>>().into_iter();
        if let Some(first) = facts.next() {
            findings.push(
                Finding::new(Code::IncompleteLogs, "objects", Severity::Medium, first)
                    .title(format!(
                        "Not read to the end: {}",
                        counted(case.broken_objects.len() as u64, "log object")
                    ))
                    .detail(format!("What they held is missing from this report: {}.", some_of(names)))
                    .evidence(facts),
            );
        }
    }
    let mut accounts: Vec<&str> = case.inventory.accounts.keys().map(String::as_str).collect();
    accounts.extend(case.usage.observation.regions.keys().map(|account| account.as_ref()));
    accounts.sort_unstable();
    accounts.dedup();
    for account in accounts {
        let seen = case.coverage.account(account);
        let mut facts: Vec<String> = seen.not_covered.clone();
        let severity = if facts.is_empty() { Severity::Low } else { Severity::Medium };
        if seen.window.is_some() && case.usage.observation.regions.contains_key(account) {
            for (is_on, what) in [
                (seen.reads, "read-only management events"),
                (seen.writes, "write management events"),
                (seen.kms, "KMS events"),
                (!seen.data_types.is_empty(), "data events"),
            ] {
                if !is_on {
                    facts.push(format!("The logs of account {account} hold no {what}."));
                }
            }
        }
        let mut evidence = facts.iter().cloned().map(Evidence::Fact);
        if let Some(first) = evidence.next() {
            findings.push(
                Finding::new(Code::IncompleteLogs, account, severity, first)
                    .title(format!("The logs of account {account} cannot show everything"))
                    .detail(facts.join(" "))
                    .evidence(evidence),
            );
        }
    }
}
