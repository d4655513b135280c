//! Sample events: for each statement of the report an event that shows it, and where that event lies.

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use super::population::Table;
use crate::report::{FindingEvidence, Report};

/// Where an event lies.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Located {
    /// The file, as named.
    pub object: String,
    /// Bytes from the beginning of the inflated text to the event's `eventID`; none where only a ledger says that it lies there.
    pub offset: Option<u64>,
    /// Of the file as stored; empty where it was not read.
    pub sha256: String,
}

/// Events the report names, with what each is a sample of; sorted by event.
pub(super) fn named(report: &Report) -> BTreeMap<&str, BTreeSet<String>> {
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for finding in &report.findings {
        for evidence in &finding.evidence {
            if let FindingEvidence::Event(id) = evidence {
                named.entry(id).or_default().insert(format!("finding {} {}", finding.code, finding.subject));
            }
        }
    }
    for role in &report.roles {
        for used in role.used.iter().filter(|used| !used.sample.is_empty()) {
            named.entry(&used.sample).or_default().insert(format!("use {} {}", used.action, role.arn));
        }
    }
    named
}

/// Ids of the events the report names.
pub(super) fn ids(report: &Report) -> BTreeSet<&str> {
    named(report).into_keys().collect()
}

pub(super) fn events(report: &Report, inputs: Option<&Inputs>) -> String {
    let mut table = Table::new(&["event_id", "sample_of", "object", "offset", "object_sha256"]);
    for (event, uses) in named(report) {
        let place = inputs.and_then(|inputs| inputs.located.get(event));
        let offset =
            place.and_then(|place| place.offset).map(|offset| offset.to_string()).unwrap_or_default();
        let object = place.map_or("", |place| place.object.as_str());
        let sha256 = place.map_or("", |place| place.sha256.as_str());
        for one in uses {
            table.row(&[event, &one, object, &offset, sha256]);
        }
    }
    table.text()
}
