//! What the logs of one account could have shown, action by action.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::super::changes::{Recordable, RecordingChange};
use super::super::recorded::Recorded;
use super::resources::{SeenOfAccount, lie_within, were_seen};
use crate::catalog::{ActionId, Catalog, Visibility};
use crate::ident::{Time, TimeRange};

/// What the logs of one account could have shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountCoverage {
    /// The window judged; `None` when there is no event at all.
    pub window: Option<TimeRange>,
    /// Why absence proves nothing in this account, each a sentence; empty when the window is covered.
    pub not_covered: Vec<String>,
    /// Read-only management events are recorded.
    pub reads: bool,
    /// Write management events are recorded.
    pub writes: bool,
    /// KMS events are recorded.
    pub kms: bool,
    /// Management events of the RDS Data API are recorded, as far as selectors tell or such events were seen.
    pub rds_data: bool,
    /// Kinds of data events seen, as `resources[].type` or event source.
    pub data_types: BTreeMap<String, KindCoverage>,
    /// By kind, the resources data events were seen of; `None` when that was not looked at.
    pub resources: Option<Arc<SeenOfAccount>>,
    /// What the account's trails record, where the snapshot tells.
    pub recorded: Option<Recorded>,
    /// That this was changed inside the window.
    pub changed: Option<RecordingChange>,
}

/// What the logs show of one kind of data event in one account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KindCoverage {
    /// Events that read were seen.
    pub reads: bool,
    /// Events that write were seen, or the window is too short to expect one.
    pub writes: bool,
    /// The first stretch of the window of more than a week without any event of the kind, in the Region that has them on the most days.
    pub silence: Option<(Time, Time)>,
}

/// Why the absence of an action proves nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Blind {
    /// CloudTrail never shows the action.
    NeverLogged,
    /// No public operation bears the action.
    NoPublicOperation,
    /// It shows in data events that are not recorded in this account, as far as the logs show.
    DataEventsOff,
    /// It shows in data events of which the account's trails record some only: of some resources, calls or Regions.
    DataEventsNarrowed,
    /// It shows in data events of which the logs hold some, but none of the resources granted, and no selectors tell whether those are recorded.
    DataEventsElsewhere,
    /// It shows in data events of which the account's logs hold only the other half, reads or writes.
    DataEventsHalf,
    /// It shows in data events that the account's logs hold for a part of the window only.
    DataEventsGap,
    /// What the account's trails record was changed inside the window, and the logs do not hold events of the kind on both sides.
    RecordingChanged,
    /// It shows in read-only management events, and the account's logs have none.
    ReadsOff,
    /// It shows in write management events, and the account's logs have none.
    WritesOff,
    /// It shows in KMS events, and the account's logs have none.
    KmsOff,
    /// It shows in events of the RDS Data API, which the account's trails leave out, or of which the logs hold none.
    RdsDataOff,
}

impl Blind {
    /// A sentence for the report.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NeverLogged => {
                "CloudTrail never logs some of the granted actions, or not each use of them."
            }
            Self::NoPublicOperation => {
                "Some granted actions belong to no public API operation, so no event is sure to show them."
            }
            Self::DataEventsOff => {
                "Data events of some granted actions were not seen in the account's logs, so these actions cannot be judged."
            }
            Self::DataEventsNarrowed => {
                "The account's trails record some data events only (of some resources, calls or Regions), so the actions that show in them cannot be judged."
            }
            Self::DataEventsElsewhere => {
                "The account's logs hold some data events, but of other resources than are granted (or of one, where many are), and no trail in the snapshot tells whether all are recorded, so the actions that show in them cannot be judged: add what `aws cloudtrail get-event-selectors` prints."
            }
            Self::DataEventsHalf => {
                "Of some data events the account's logs hold only reads or only writes, so the other actions cannot be judged."
            }
            Self::DataEventsGap => {
                "Some data events are in the account's logs for a part of the window only, so the actions that show in them cannot be judged."
            }
            Self::RecordingChanged => {
                "What the account's trails record was changed inside the window, and the logs do not hold some kinds of events on both sides of the change, so the actions that show in them cannot be judged."
            }
            Self::ReadsOff => {
                "The account's logs hold no read-only management event, so read actions cannot be judged."
            }
            Self::WritesOff => {
                "The account's logs hold no write management event, so write actions cannot be judged."
            }
            Self::KmsOff => "The account's logs hold no KMS event, so KMS actions cannot be judged.",
            Self::RdsDataOff => {
                "The account's logs may leave out the management events of the RDS Data API, so its actions cannot be judged."
            }
        }
    }

    /// Whether the logging of this account (rather than CloudTrail itself) is the cause, and more logging would settle it at
    /// the level of whole categories: such actions are undetermined, the others unobservable.
    pub fn is_missing_log(self) -> bool {
        matches!(
            self,
            Self::ReadsOff
                | Self::WritesOff
                | Self::KmsOff
                | Self::RdsDataOff
                | Self::DataEventsGap
                | Self::DataEventsElsewhere
                | Self::RecordingChanged
        )
    }
}

impl Blind {
    /// Whether such events are recorded in part, so that a use that was seen may not have been the only one.
    pub fn is_partial(self) -> bool {
        matches!(
            self,
            Self::DataEventsNarrowed
                | Self::DataEventsElsewhere
                | Self::DataEventsGap
                | Self::RecordingChanged
        )
    }
}

impl AccountCoverage {
    /// Whether absence proves something at all.
    pub fn is_covered(&self) -> bool {
        self.not_covered.is_empty()
    }

    /// Whether the role could have been assumed unseen: all calls that issue credentials are read-only management events.
    pub fn shows_assumptions(&self) -> bool {
        self.is_covered() && self.reads && self.blind_by_change(&Recordable::ManagementReads).is_none()
    }

    /// Why the absence of this action, on whatever resource, would prove nothing even over a covered window; `None` when it would.
    pub fn blind_to(&self, id: ActionId, catalog: &Catalog) -> Option<Blind> {
        self.blind_to_on(id, &|| Rc::new(["*"]), catalog)
    }

    /// The same, of an action on the resources that these patterns of policies name.
    pub fn blind_to_on<'p>(
        &self,
        id: ActionId,
        patterns: &dyn Fn() -> Rc<[&'p str]>,
        catalog: &Catalog,
    ) -> Option<Blind> {
        match catalog.visibility(id) {
            Visibility::NeverLogged { .. } => Some(Blind::NeverLogged),
            Visibility::NoPublicOperation => Some(Blind::NoPublicOperation),
            Visibility::Data { types } => {
                let info = catalog.info(id)?;
                let is_read = info.levels().is_read_only();
                let patterns = patterns();
                // Kinds an action may show in are switched on together as a rule; the one that shows most decides.
                let blind = types.iter().map(|kind| self.blind_to_kind(kind, is_read, &patterns)).min()?;
                // Of an Aurora Serverless v1 cluster they are management events.
                let is_left_out =
                    || info.action().service() == "rds-data" && self.recorded.is_some() && !self.rds_data;
                blind.or_else(|| is_left_out().then_some(Blind::RdsDataOff))
            }
            Visibility::Management => {
                let info = catalog.info(id)?;
                if info.action().service() == "kms" && !self.kms {
                    return Some(Blind::KmsOff);
                }
                if info.action().service() == "rds-data" && !self.rds_data {
                    return Some(Blind::RdsDataOff);
                }
                // CloudTrail marks calls that issue credentials as reads, whatever IAM's access level says.
                let is_read = info.levels().is_read_only() || info.action().service() == "sts";
                match is_read {
                    true if !self.reads => Some(Blind::ReadsOff),
                    false if !self.writes => Some(Blind::WritesOff),
                    _ => {
                        let is_kms = info.action().service() == "kms";
                        let half =
                            if is_read { Recordable::ManagementReads } else { Recordable::ManagementWrites };
                        let kms = || is_kms.then(|| self.blind_by_change(&Recordable::Kms)).flatten();
                        self.blind_by_change(&half).or_else(kms)
                    }
                }
            }
        }
    }

    /// Why the absence of reads, or of writes, in one kind of data event proves nothing. What the trails are told to record wins over what
    /// the logs happen to hold.
    fn blind_to_kind(&self, kind: &str, is_read: bool, patterns: &[&str]) -> Option<Blind> {
        if let Some((recording, recorded)) =
            self.recorded.as_ref().and_then(|recorded| Some((recorded.data.get(kind)?, recorded)))
        {
            let is_on = if is_read { recording.reads } else { recording.writes };
            let parts = recorded.parts.get(kind).into_iter().flatten();
            let parts = parts.filter(|part| if is_read { part.reads } else { part.writes });
            let parts: Vec<_> = parts.map(|part| &part.of).collect();
            if !is_on && !patterns.iter().all(|pattern| lie_within(&parts, pattern)) {
                return Some(Blind::DataEventsNarrowed);
            }
            return self.blind_by_change(&Recordable::Data(kind.to_owned(), is_read));
        }
        let Some(seen) = self.data_types.get(kind) else { return Some(Blind::DataEventsOff) };
        if !(if is_read { seen.reads } else { seen.writes }) {
            Some(Blind::DataEventsHalf)
        } else if seen.silence.is_some() {
            Some(Blind::DataEventsGap)
        } else if !self.was_seen_of(kind, patterns) {
            Some(Blind::DataEventsElsewhere)
        } else {
            self.blind_by_change(&Recordable::Data(kind.to_owned(), is_read))
        }
    }

    /// Whether data events of the kind were seen of what the patterns name, where that was looked at.
    fn was_seen_of(&self, kind: &str, patterns: &[&str]) -> bool {
        let Some(resources) = &self.resources else { return true };
        let none = BTreeSet::new();
        let seen = resources.get(kind).unwrap_or(&none);
        patterns.iter().all(|pattern| were_seen(seen, pattern))
    }

    /// That a kind of events was not recorded, for all we see, on one side of a change of the trails.
    fn blind_by_change(&self, kind: &Recordable) -> Option<Blind> {
        let changed = self.changed.as_ref()?;
        (!changed.shows(kind)).then_some(Blind::RecordingChanged)
    }
}
