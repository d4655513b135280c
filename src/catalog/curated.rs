//! The project's own tables: what AWS's action list does not say about events.
//!
//! Each is a small text file in `data/`: tab-separated, `#` starts a comment line, the last column tells what the row rests on.

use std::sync::OnceLock;

use hashbrown::HashMap;

/// A table, its rows split at tabs.
fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
        let mut cells = [""; N];
        let mut fields = line.split('\t');
        for cell in &mut cells {
            *cell = fields.next()?;
        }
        fields.next().is_none().then_some(cells)
    })
}

/// What the tables say, keyed for look-up. Keys are lower case.
#[derive(Debug, Default)]
pub(super) struct Curated {
    /// `eventSource` without `.amazonaws.com` to prefix.
    pub(super) sources: HashMap<&'static str, &'static str>,
    /// `source/event` (the source without its domain, both in lower case) to the primary action.
    renames: HashMap<String, &'static str>,
    /// `source/event` of events that need no permission, with the ground; the event `*` stands for the whole source.
    no_permission: HashMap<String, &'static str>,
    /// Action in lower case to why CloudTrail never shows it.
    never_logged: HashMap<String, &'static str>,
    /// Action in lower case to the `resources[].type` of its data events, sorted.
    data_types: HashMap<String, Vec<&'static str>>,
}

/// The key of the tables by event.
fn key(source: &str, event: &str) -> String {
    format!("{source}/{}", event.to_ascii_lowercase())
}

impl Curated {
    /// The tables this program was built with.
    pub(super) fn embedded() -> &'static Self {
        static CURATED: OnceLock<Curated> = OnceLock::new();
        CURATED.get_or_init(|| {
            let mut tables = Self::default();
            for [source, prefix, _ground] in rows(SOURCES) {
                tables.sources.insert(source, prefix);
            }
            for [source, event, action, _ground] in rows(RENAMES) {
                tables.renames.insert(key(source, event), action);
            }
            for [source, event, _why, ground] in rows(NO_PERMISSION) {
                tables.no_permission.insert(key(source, event), ground);
            }
            for [action, why, _ground] in rows(NEVER_LOGGED) {
                tables.never_logged.insert(action.to_ascii_lowercase(), why);
            }
            for [kind, actions, _ground] in rows(DATA_EVENTS) {
                for action in actions.split(' ') {
                    tables.data_types.entry(action.to_ascii_lowercase()).or_default().push(kind);
                }
            }
            tables.data_types.values_mut().for_each(|types| types.sort_unstable());
            tables
        })
    }

    /// The primary action of an event that does not bear its name.
    pub(super) fn rename(&self, source: &str, event: &str) -> Option<&'static str> {
        self.renames.get(&key(source, event)).copied()
    }

    /// Why CloudTrail never shows the action (in lower case).
    pub(super) fn never_logged(&self, action: &str) -> Option<&'static str> {
        self.never_logged.get(action).copied()
    }

    /// The kinds of data events that show the action (in lower case); none when management events do.
    pub(super) fn data_types(&self, action: &str) -> &[&'static str] {
        self.data_types.get(action).map_or(&[], Vec::as_slice)
    }

    /// Whether the event, or everything of its source, needs no permission.
    pub(super) fn is_without_permission(&self, source: &str, event: &str) -> bool {
        self.no_permission.contains_key(&key(source, event))
            || self.no_permission.contains_key(&key(source, "*"))
    }
}

const SOURCES: &str = include_str!("data/event-sources.tsv");
const RENAMES: &str = include_str!("data/event-actions.tsv");
const NO_PERMISSION: &str = include_str!("data/no-permission.tsv");
const NEVER_LOGGED: &str = include_str!("data/never-logged.tsv");
const DATA_EVENTS: &str = include_str!("data/data-events.tsv");
