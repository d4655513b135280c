//! One row per action of each role, granted or used.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::escape::csv;
use super::{Report, Role, UsedAction};

/// The columns.
const HEADER: &str = "account,role_arn,role_name,service,action,verdict,granted_by,evidence,calls,first_seen,last_seen,\
                      workloads,resources,proposal";

/// RFC 4180: a header, CRLF line ends, quotes where needed. Several values in a field are separated by blanks.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{HEADER}\r\n")?;
    for role in &report.roles {
        for (action, row) in rows(role) {
            write_row(role, action, &row, out)?;
        }
    }
    Ok(())
}

/// What is known of one action of one role.
struct Row<'a> {
    verdict: &'static str,
    used: Option<&'a UsedAction>,
}

/// Every action that is granted or used, sorted.
fn rows(role: &Role) -> BTreeMap<&str, Row<'_>> {
    let granted = &role.granted;
    let lists = [
        ("unused", &role.unused_actions),
        ("undetermined", &granted.undetermined_actions),
        ("unobservable", &granted.unobservable_actions),
        ("blocked", &granted.blocked_actions),
    ];
    let mut rows = BTreeMap::new();
    for (verdict, actions) in lists {
        rows.extend(actions.iter().map(|action| (action.as_str(), Row { verdict, used: None })));
    }
    rows.extend(
        role.used.iter().map(|used| (used.action.as_str(), Row { verdict: "used", used: Some(used) })),
    );
    rows
}

fn write_row(role: &Role, action: &str, row: &Row<'_>, out: &mut dyn Write) -> io::Result<()> {
    let time = |time: Option<crate::ident::Time>| time.map(|time| time.to_string()).unwrap_or_default();
    let used = row.used;
    let fields = [
        role.account.clone(),
        role.arn.clone(),
        role.name.clone(),
        action.split_once(':').map_or("", |(service, _)| service).to_owned(),
        action.to_owned(),
        row.verdict.to_owned(),
        used.map_or("identity", |used| used.granted_by.as_str()).to_owned(),
        used.map_or("", |used| used.evidence.as_str()).to_owned(),
        used.map_or(0, |used| used.calls).to_string(),
        time(used.and_then(|used| used.first_seen)),
        time(used.and_then(|used| used.last_seen)),
        used.map(|used| joined(&used.workloads)).unwrap_or_default(),
        used.map(|used| joined(&used.resources)).unwrap_or_default(),
        role.proposal.verdict.as_str().to_owned(),
    ];
    let line: Vec<String> = fields.iter().map(|field| csv(field)).collect();
    write!(out, "{}\r\n", line.join(","))
}

fn joined(texts: &[String]) -> String {
    texts.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}
