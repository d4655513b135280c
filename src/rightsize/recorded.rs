//! What the trails of an account are told to record, as far as the snapshot tells.

use std::collections::BTreeMap;

use super::coverage::RDS_DATA;
use crate::inventory::{ArnRange, Selected, Trail};

/// Whether the trails record a kind of events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recording {
    /// All read-only events of the kind, of every resource in every Region.
    pub reads: bool,
    /// All write events of the kind, of every resource in every Region.
    pub writes: bool,
    /// Some events of the kind, beside or instead.
    pub some: bool,
}

impl Recording {
    /// `all`, `some` or `none`, for the report.
    pub fn word(self) -> &'static str {
        match self {
            Self { reads: true, writes: true, .. } => "all",
            Self { reads: false, writes: false, some: false } => "none",
            _ => "some",
        }
    }

    fn add(&mut self, reads: bool, writes: bool, is_everywhere: bool) {
        if is_everywhere {
            self.reads |= reads;
            self.writes |= writes;
        } else {
            self.some |= reads || writes;
        }
    }
}

/// What all trails that deliver an account's events record together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recorded {
    /// Management events other than those of KMS.
    pub management: Recording,
    /// Management events of KMS.
    pub kms: Recording,
    /// Management events of the RDS Data API.
    pub rds_data: Recording,
    /// Data events by `resources[].type`; a kind that is not here is recorded by no trail.
    pub data: BTreeMap<String, Recording>,
    /// Of which resources alone some of them are recorded in every Region, by kind.
    pub parts: BTreeMap<String, Vec<Part>>,
}

/// The data events of some resources.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// The resources.
    pub of: ArnRange,
    /// All read-only events of them.
    pub reads: bool,
    /// All write events of them.
    pub writes: bool,
}

impl Recorded {
    /// What is recorded of an account; `None` when the snapshot has no trail of it whose selectors it knows.
    pub(super) fn of(account: &str, trails: &[Trail]) -> Option<Self> {
        let mut recorded = None;
        for trail in trails.iter().filter(|trail| trail.account() == account || trail.is_organization) {
            let Some(selectors) = trail.selectors.as_ref().filter(|_| trail.is_logging != Some(false)) else {
                continue;
            };
            let recorded: &mut Self = recorded.get_or_insert_default();
            for selector in selectors {
                let is_everywhere = !selector.is_narrowed && trail.is_multi_region == Some(true);
                match &selector.what {
                    Selected::Management { excluded } => {
                        recorded.management.add(selector.reads, selector.writes, is_everywhere);
                        let is_in = |source: &str| !excluded.iter().any(|excluded| excluded == source);
                        if is_in("kms.amazonaws.com") {
                            recorded.kms.add(selector.reads, selector.writes, is_everywhere);
                        }
                        if is_in(RDS_DATA) {
                            recorded.rds_data.add(selector.reads, selector.writes, is_everywhere);
                        }
                    }
                    Selected::Data(kind) => {
                        recorded.data.entry(kind.clone()).or_default().add(
                            selector.reads,
                            selector.writes,
                            is_everywhere,
                        );
                        if trail.is_multi_region == Some(true) {
                            let part = |of: &ArnRange| Part {
                                of: of.clone(),
                                reads: selector.reads,
                                writes: selector.writes,
                            };
                            let parts = recorded.parts.entry(kind.clone()).or_default();
                            parts.extend(selector.within.iter().map(part));
                        }
                    }
                }
            }
        }
        recorded
    }
}
