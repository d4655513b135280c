//! The project's own tables: what AWS's action list does not say about events.
//!
//! Each is a small text file in `data/`: tab-separated, `#` starts a comment line, the last column tells what the row rests on.

use std::collections::BTreeMap;
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

/// What a parameter of the pass-role table holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Passed {
    /// A role, by name or ARN.
    Role,
    /// An instance profile, by name or ARN.
    InstanceProfile,
    /// A launch template, by id or name.
    LaunchTemplate,
    /// Nothing that is passed.
    Data,
}

/// A row of the pass-role table.
#[derive(Debug)]
pub(super) struct PassRole {
    prefix: &'static str,
    events: &'static str,
    /// `*` for every parameter.
    pub(super) parameter: &'static str,
    pub(super) what: Passed,
    pub(super) to: Option<&'static str>,
}

/// A row of the narrowing table.
#[derive(Debug)]
pub(super) struct NarrowingRow {
    prefix: &'static str,
    events: &'static str,
    pub(super) when: &'static str,
    pub(super) mode: Mode,
    pub(super) action: &'static str,
}

/// What a narrowing row's action does to those every such event needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// It is needed beside them.
    Also,
    /// It is needed beside them, on a resource the event does not tell.
    AlsoSomewhere,
    /// It takes the place of this one; of the first when none is named.
    Instead(Option<&'static str>),
}

impl Mode {
    fn of(text: &'static str) -> Self {
        match text.split_once(' ') {
            Some(("instead-of", action)) => Self::Instead(Some(action)),
            _ if text == "instead" => Self::Instead(None),
            _ if text == "also-somewhere" => Self::AlsoSomewhere,
            _ => Self::Also,
        }
    }
}

/// Whether a cell of blank-separated names holds one, compared without case; `*` holds all.
fn holds(cell: &str, name: &str) -> bool {
    cell.split(' ').any(|entry| entry == "*" || entry.eq_ignore_ascii_case(name))
}

/// What the tables say, keyed for look-up. Keys are lower case.
#[derive(Debug, Default)]
pub(super) struct Curated {
    /// `eventSource` without `.amazonaws.com` to prefixes.
    sources: HashMap<&'static str, &'static str>,
    /// Prefix to the variables of its ARN formats and the parameters that hold them.
    parameters: HashMap<&'static str, Vec<(&'static str, &'static str)>>,
    /// `source/event` (the source without its domain, both in lower case) to the actions every such event needs.
    renames: HashMap<String, &'static str>,
    /// `source/event` to the likeliest action by name.
    guesses: HashMap<String, &'static str>,
    /// `source/event` of events that need no permission, with the ground; the event `*` stands for the whole source.
    no_permission: HashMap<String, &'static str>,
    pass_role: Vec<PassRole>,
    /// Prefix, parameter (or `*`), service.
    passed_to: Vec<[&'static str; 3]>,
    narrowings: Vec<NarrowingRow>,
    /// Action in lower case, or `prefix:*`, to what may be needed beside it and what shows that.
    beside: HashMap<String, Vec<(&'static str, &'static str)>>,
    /// KMS action to the actions of services that may need it without an event of KMS.
    kept_keys: BTreeMap<&'static str, Vec<&'static str>>,
    /// API Gateway's events in lower case to action and paths.
    paths: HashMap<String, (&'static str, &'static str)>,
    /// Action in lower case to why CloudTrail never shows it.
    never_logged: HashMap<String, &'static str>,
    /// Action in lower case to the `resources[].type` of its data events, sorted.
    data_types: HashMap<String, Vec<&'static str>>,
    /// Prefix to the kinds of its data events of which it is not known which actions they show, sorted.
    unnamed_data_types: HashMap<&'static str, Vec<&'static str>>,
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
            for [prefix, variable, parameter, _ground] in rows(PARAMETERS) {
                tables.parameters.entry(prefix).or_default().push((variable, parameter));
            }
            for [source, event, action, _ground] in rows(RENAMES) {
                tables.renames.insert(key(source, event), action);
            }
            for [source, event, action, _ground] in rows(GUESSED) {
                tables.guesses.insert(key(source, event), action);
            }
            for [source, event, _why, ground] in rows(NO_PERMISSION) {
                tables.no_permission.insert(key(source, event), ground);
            }
            for [action, why, _ground] in rows(NEVER_LOGGED) {
                tables.never_logged.insert(action.to_ascii_lowercase(), why);
            }
            for [kind, prefix, actions, _ground] in rows(DATA_EVENTS) {
                match actions {
                    "?" => tables.unnamed_data_types.entry(prefix).or_default().push(kind),
                    "-" => {}
                    _ => {
                        for action in actions.split(' ') {
                            tables.data_types.entry(action.to_ascii_lowercase()).or_default().push(kind);
                        }
                    }
                }
            }
            for [prefix, events, parameter, what, to, _ground] in rows(PASS_ROLE) {
                let what = match what {
                    "role" => Passed::Role,
                    "instance-profile" => Passed::InstanceProfile,
                    "launch-template" => Passed::LaunchTemplate,
                    _ => Passed::Data,
                };
                let to = Some(to).filter(|to| !to.is_empty());
                tables.pass_role.push(PassRole { prefix, events, parameter, what, to });
            }
            for [prefix, parameter, to, _ground] in rows(PASSED_TO) {
                tables.passed_to.push([prefix, parameter, to]);
            }
            for [prefix, events, when, mode, action, _ground] in rows(NARROWING) {
                let mode = Mode::of(mode);
                tables.narrowings.push(NarrowingRow { prefix, events, when, mode, action });
            }
            for [action, others, shown_by, _ground] in rows(BESIDE) {
                let row = tables.beside.entry(action.to_ascii_lowercase()).or_default();
                row.extend(others.split(' ').map(|other| (other, shown_by)));
            }
            for [actions, keys, _ground] in rows(KEPT_KEYS) {
                for key in keys.split(' ') {
                    tables.kept_keys.entry(key).or_default().extend(actions.split(' '));
                }
            }
            for [event, action, paths, _ground] in rows(API_GATEWAY) {
                tables.paths.insert(event.to_ascii_lowercase(), (action, paths));
            }
            tables.data_types.values_mut().for_each(|types| types.sort_unstable());
            tables.unnamed_data_types.values_mut().for_each(|types| types.sort_unstable());
            tables
        })
    }

    /// The IAM prefixes of an event source (without its domain), the likeliest first.
    pub(super) fn prefixes<'s>(&'s self, source: &'s str) -> impl Iterator<Item = &'s str> {
        self.sources.get(source).copied().unwrap_or(source).split(' ')
    }

    /// The event sources (without domain) that stand for a prefix beside its own name, sorted.
    pub(super) fn sources_of(&self, prefix: &str) -> Vec<&'static str> {
        let others =
            self.sources.iter().filter(|(_, prefixes)| prefixes.split(' ').any(|known| known == prefix));
        let mut sources: Vec<_> = others.map(|(source, _)| *source).collect();
        sources.sort_unstable();
        sources
    }

    /// The parameter that holds the value of a format's variable, where neither is named after the other.
    pub(super) fn parameter(&self, service: &str, variable: &str) -> Option<&'static str> {
        self.parameters
            .get(service)?
            .iter()
            .find(|(name, _)| *name == variable)
            .map(|(_, parameter)| *parameter)
    }

    /// The actions, separated by blanks (all of them) or `|` (one of them or several), of an event that does not bear their names.
    pub(super) fn rename(&self, source: &str, event: &str) -> Option<&'static str> {
        self.renames.get(&key(source, event)).copied()
    }

    /// The pass-role rows for an action.
    pub(super) fn pass_role(
        &'static self,
        prefix: &str,
        name: &str,
    ) -> impl Iterator<Item = &'static PassRole> {
        let of_it = move |row: &&PassRole| holds(row.prefix, prefix) && holds(row.events, name);
        self.pass_role.iter().filter(of_it)
    }

    /// The service a role in this parameter is passed to, where it is not the called service itself.
    pub(super) fn passed_to(&self, prefix: &str, parameter: &str) -> Option<&'static str> {
        let row = self.passed_to.iter().find(|[p, name, _]| *p == prefix && holds(name, parameter))?;
        let [_, _, to] = row;
        Some(to)
    }

    /// The narrowing rows for an event of a service.
    pub(super) fn narrowings(
        &'static self,
        prefix: &str,
        event: &str,
    ) -> impl Iterator<Item = &'static NarrowingRow> {
        self.narrowings.iter().filter(move |row| row.prefix == prefix && holds(row.events, event))
    }

    /// Whether a request for this event shows by its parameters that it needs the action beside the first.
    pub(super) fn is_shown_by_request(&'static self, prefix: &str, event: &str, action: &str) -> bool {
        self.narrowings(prefix, event)
            .any(|row| !matches!(row.mode, Mode::Instead(_)) && row.action.eq_ignore_ascii_case(action))
    }

    /// What the project's table says is needed beside an action (in lower case), and by which word that is shown.
    pub(super) fn beside(&self, action: &str) -> &[(&'static str, &'static str)] {
        self.beside.get(action).map_or(&[], Vec::as_slice)
    }

    /// The KMS actions that services need for a caller, each with the actions of services that may need it without an event; sorted.
    pub(super) fn kept_keys(&self) -> impl Iterator<Item = (&'static str, &[&'static str])> {
        self.kept_keys.iter().map(|(key, actions)| (*key, actions.as_slice()))
    }

    /// Action and possible paths of one of API Gateway's events (in lower case).
    pub(super) fn path(&self, event: &str) -> Option<(&'static str, &'static str)> {
        self.paths.get(event).copied()
    }

    /// Why CloudTrail never shows the action (in lower case).
    pub(super) fn never_logged(&self, action: &str) -> Option<&'static str> {
        self.never_logged.get(action).copied()
    }

    /// The kinds of data events that show the action (in lower case); none when management events do.
    pub(super) fn data_types(&self, action: &str) -> &[&'static str] {
        self.data_types.get(action).map_or(&[], Vec::as_slice)
    }

    /// The kinds of data events of the service with this prefix of which no table tells the actions.
    pub(super) fn unnamed_data_types(&self, prefix: &str) -> &[&'static str] {
        self.unnamed_data_types.get(prefix).map_or(&[], Vec::as_slice)
    }

    /// The likeliest action, by name, of an event whose action no source tells.
    pub(super) fn guess(&self, source: &str, event: &str) -> Option<&'static str> {
        self.guesses.get(&key(source, event)).copied()
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
const PARAMETERS: &str = include_str!("data/resource-parameters.tsv");
const PASS_ROLE: &str = include_str!("data/pass-role.tsv");
const PASSED_TO: &str = include_str!("data/passed-to.tsv");
const NARROWING: &str = include_str!("data/narrowing.tsv");
const KEPT_KEYS: &str = include_str!("data/kept-keys.tsv");
const BESIDE: &str = include_str!("data/beside.tsv");
const API_GATEWAY: &str = include_str!("data/api-gateway.tsv");
const GUESSED: &str = include_str!("data/guessed-actions.tsv");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::Catalog;

    /// Every table, with its number of columns and the columns that name actions.
    const TABLES: [(&str, &str, usize, &[usize]); 14] = [
        ("event-sources", SOURCES, 3, &[]),
        ("event-actions", RENAMES, 4, &[2]),
        ("guessed-actions", GUESSED, 4, &[2]),
        ("no-permission", NO_PERMISSION, 4, &[]),
        ("never-logged", NEVER_LOGGED, 3, &[0]),
        ("data-events", DATA_EVENTS, 4, &[2]),
        ("resource-parameters", PARAMETERS, 4, &[]),
        ("pass-role", PASS_ROLE, 6, &[]),
        ("passed-to", PASSED_TO, 4, &[]),
        ("narrowing", NARROWING, 6, &[4]),
        ("beside", BESIDE, 4, &[1]),
        ("kept-keys", KEPT_KEYS, 3, &[0, 1]),
        ("api-gateway", API_GATEWAY, 4, &[1]),
        ("clients", include_str!("data/clients.tsv"), 3, &[]),
    ];

    fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
    }

    #[test]
    fn every_row_has_its_columns_and_tells_its_ground() {
        for (name, text, columns, _) in TABLES {
            assert!(text.ends_with('\n') && lines(text).count() > 0, "{name}");
            for row in lines(text) {
                assert_eq!(row.len(), columns, "{name}: {row:?}");
                assert!(!row[columns - 1].is_empty(), "{name}: {row:?} rests on nothing");
                assert!(row.iter().all(|cell| *cell == cell.trim()), "{name}: {row:?}");
            }
        }
    }

    #[test]
    fn every_action_named_exists_and_is_spelled_as_the_catalog_does() {
        let catalog = Catalog::embedded();
        for (name, text, _, columns) in TABLES {
            for (row, column) in
                lines(text).flat_map(|row| columns.iter().map(move |column| (row.clone(), *column)))
            {
                for action in row[column].split([' ', '|']).filter(|action| !["?", "-"].contains(action)) {
                    let found = catalog
                        .find(action)
                        .and_then(|id| catalog.info(id))
                        .map(|info| info.action().to_string());
                    assert_eq!(found.as_deref(), Some(action), "{name}: {row:?}");
                }
            }
        }
    }

    #[test]
    fn no_row_stands_in_the_way_of_another() {
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        let tables =
            [("event-actions", RENAMES), ("guessed-actions", GUESSED), ("no-permission", NO_PERMISSION)];
        for (name, text) in tables {
            for row in lines(text) {
                let event = key(row[0], row[1]);
                assert_eq!(
                    owners.insert(event.clone(), name),
                    None,
                    "{event} is in `{name}` and in another row"
                );
            }
        }
        for row in lines(API_GATEWAY) {
            let event = key("apigateway", row[0]);
            assert_eq!(owners.insert(event.clone(), "api-gateway"), None, "{event}");
        }
        let all_of: BTreeSet<_> = owners.keys().filter_map(|event| event.strip_suffix("/*")).collect();
        for event in owners.keys().filter(|event| !event.ends_with("/*")) {
            let source = event.split('/').next().unwrap();
            assert!(
                !all_of.contains(source),
                "{event} is never reached: all of {source} needs no permission"
            );
        }
    }

    #[test]
    fn an_action_of_the_same_name_beats_a_guess_and_every_exception_says_something_new() {
        let catalog = Catalog::embedded();
        let tables = Curated::embedded();
        for row in lines(GUESSED) {
            assert_eq!(catalog.find_in(row[0], row[1]), None, "{row:?} is not needed any more");
        }
        for row in lines(RENAMES) {
            let same = tables.prefixes(row[0]).find_map(|prefix| catalog.find_in(prefix, row[1]));
            let first = row[2].split([' ', '|']).next().and_then(|action| catalog.find(action));
            assert!(
                same.is_none() || same != first || row[2].contains([' ', '|']),
                "{row:?} says what the rule says"
            );
        }
        for row in lines(API_GATEWAY) {
            assert_eq!(
                catalog.find_in("apigateway", row[0]),
                None,
                "{row:?}: the action of the same name is newer"
            );
        }
    }

    #[test]
    fn prefixes_exist_and_kinds_of_rows_are_known() {
        let catalog = Catalog::embedded();
        for row in lines(SOURCES) {
            assert!(row[1].split(' ').all(|prefix| catalog.has_service(prefix)), "{row:?}");
        }
        for row in lines(PARAMETERS).chain(lines(PASSED_TO)).chain(lines(NARROWING)) {
            assert!(catalog.has_service(row[0]), "{row:?}");
        }
        for row in lines(PASS_ROLE) {
            assert!(row[0] == "*" || catalog.has_service(row[0]), "{row:?}");
            assert!(["role", "instance-profile", "launch-template", "data"].contains(&row[3]), "{row:?}");
            assert_eq!(row[3] == "data", row[4].is_empty(), "{row:?}");
            for event in row[1].split(' ').filter(|event| *event != "*") {
                assert!(catalog.find_in(row[0], event).is_some(), "{row:?}: no action {event}");
            }
        }
        let mut kinds = BTreeSet::new();
        for row in lines(DATA_EVENTS) {
            assert!(kinds.insert(row[0]), "{row:?} stands twice");
            assert!(row[1] == "-" && row[2] == "-" || catalog.has_service(row[1]), "{row:?}");
        }
        for row in lines(NARROWING) {
            let replaced = row[3].strip_prefix("instead-of ");
            let modes = ["instead", "also", "also-somewhere"];
            assert!(modes.contains(&row[3]) || replaced.is_some(), "{row:?}");
            for event in row[1].split(' ') {
                let mapping = catalog.map(row[0], event);
                assert_ne!(mapping.verdict, "unknown", "{row:?}: no event {event}");
                assert!(
                    replaced.is_none_or(|replaced| mapping.actions.iter().any(|action| action == replaced)),
                    "{row:?}: {event} does not need what is to be replaced"
                );
            }
        }
    }

    #[test]
    fn every_row_of_what_is_needed_beside_says_something_new() {
        let catalog = Catalog::embedded();
        let mut seen = BTreeSet::new();
        for row in lines(BESIDE) {
            assert!(["own-event", "parameters", "nothing"].contains(&row[2]), "{row:?}");
            let dependents = |action: &str| -> Vec<&str> {
                let info = catalog.find(action).and_then(|id| catalog.info(id)).unwrap();
                info.dependent_actions().collect()
            };
            for other in row[1].split(' ') {
                assert!(seen.insert((row[0], other)), "{row:?} stands twice");
                match row[0].strip_suffix(":*") {
                    Some(prefix) => {
                        let names = |id| {
                            catalog
                                .info(id)
                                .is_some_and(|info| info.dependent_actions().any(|one| one == other))
                        };
                        assert!(catalog.actions_of_service(prefix).any(names), "{row:?} says nothing");
                    }
                    // The rule says `nothing` of the same service itself.
                    None => assert!(
                        row[2] != "nothing" || !dependents(row[0]).contains(&other),
                        "{row:?}: {other}"
                    ),
                }
            }
        }
    }

    #[test]
    fn every_pass_role_row_is_the_first_that_fits_its_own_parameter() {
        let rows: Vec<_> = lines(PASS_ROLE).collect();
        for (place, row) in rows.iter().enumerate() {
            for event in row[1].split(' ') {
                let before = rows[..place].iter().find(|other| {
                    (other[0] == "*" || other[0] == row[0])
                        && (other[1] == "*" || other[1].split(' ').any(|known| known == event))
                        && (other[2] == "*" || other[2].eq_ignore_ascii_case(row[2]))
                });
                assert_eq!(before, None, "{row:?} is never reached for {event}");
            }
        }
    }

    #[test]
    fn every_row_about_parameters_says_something_new_and_once() {
        use crate::catalog::{is_same_name, stem};
        let catalog = Catalog::embedded();
        let mut seen = BTreeSet::new();
        for row in lines(PASSED_TO) {
            assert_ne!(row[2], format!("{}.amazonaws.com", row[0]), "{row:?} says what the rule says");
            assert!(seen.insert((row[0], row[1])), "{row:?} stands twice");
            assert!(
                row[1] != "*" || lines(PASSED_TO).filter(|other| other[0] == row[0]).count() == 1,
                "{row:?} hides the others of its service, or is hidden"
            );
        }
        seen.clear();
        for row in lines(PARAMETERS) {
            let ids = catalog.actions_of_service(row[0]).filter_map(|id| catalog.info(id));
            let mut formats =
                ids.flat_map(|info| info.resource_types()).flat_map(|part| part.kind.formats.iter());
            let variable = format!("${{{}", row[1]);
            assert!(formats.any(|format| format.contains(&variable)), "{row:?}: no format has the variable");
            assert!(
                !is_same_name(row[1], row[2])
                    && (stem(row[1]).is_empty() || !is_same_name(stem(row[1]), stem(row[2]))),
                "{row:?} says what the names say"
            );
            assert!(seen.insert((row[0], row[1])), "{row:?} stands twice");
        }
        let mut seen = BTreeSet::new();
        for row in lines(NARROWING) {
            for (event, when) in
                row[1].split(' ').flat_map(|event| row[2].split(' ').map(move |when| (event, when)))
            {
                assert!(seen.insert((row[0], event, when, row[4])), "{row:?} stands twice");
            }
        }
        let mut seen = BTreeSet::new();
        for row in lines(SOURCES) {
            assert!(seen.insert(row[0]), "{row:?} stands twice");
            assert_ne!(row[0], row[1], "{row:?} says what the rule says");
        }
    }
}
