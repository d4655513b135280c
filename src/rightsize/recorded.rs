//! What the trails of an account are told to record, as far as the snapshot tells.

use std::collections::BTreeMap;

use crate::inventory::{Selected, Trail};

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
    /// Data events by `resources[].type`; a kind that is not here is recorded by no trail.
    pub data: BTreeMap<String, Recording>,
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
                        if !excluded.iter().any(|source| source == "kms.amazonaws.com") {
                            recorded.kms.add(selector.reads, selector.writes, is_everywhere);
                        }
                    }
                    Selected::Data(kind) => {
                        recorded.data.entry(kind.clone()).or_default().add(
                            selector.reads,
                            selector.writes,
                            is_everywhere,
                        );
                    }
                }
            }
        }
        recorded
    }
}
