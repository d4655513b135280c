//! One service's lines of the catalog, read.

use super::index::{ActionInfo, Levels, ResourceType};
use crate::ident::Action;

/// One service's part of the file, read.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) types: Vec<ResourceType>,
    pub(super) keys: Vec<&'static str>,
    pub(super) rows: Vec<Row>, // INVARIANT: sorted by the lower-case name.
    pub(super) operations: Vec<Operation>, // INVARIANT: sorted by the lower-case name.
    pub(super) inputs: Vec<Input>, // INVARIANT: sorted by the lower-case name.
}

/// What AWS's service reference says one API operation may authorise. The embedded catalog has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// Separated by commas: whole actions, of this service and of others; a superset of what a call needs.
    pub(super) actions: &'static str,
    /// Separated by commas: what `iam:PassedToService` may be.
    pub(super) passed_to: &'static str,
}

/// What the model of an API operation's input says about roles and resources, where a parameter's name alone does not say it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Input {
    pub(super) name: &'static str,
    /// Separated by commas: `[parent.]parameter=` and a letter of [`super::pass_role`].
    pub(super) roles: &'static str,
    /// Separated by commas: `resource type/Variable=parameter`.
    pub(super) templates: &'static str,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) action: Action,
    pub(super) levels: Levels,
    pub(super) has_operation: bool,
    pub(super) is_shown: bool,
    /// Places in `Section::types`, and whether AWS calls the type required.
    pub(super) resources: Vec<(usize, bool)>,
    pub(super) keys: &'static str,
    pub(super) dependents: &'static str,
}

impl Section {
    /// Lines that do not read are left out; `every_line_of_the_embedded_file_reads` keeps the file free of them.
    pub(super) fn read(prefix: &str, text: &'static str) -> Self {
        let mut section = Self::default();
        for line in text.lines() {
            let mut fields = line.split('\t');
            let first = fields.next().unwrap_or_default();
            if let Some(name) = first.strip_prefix('+') {
                let mut next = || fields.next().unwrap_or_default();
                section.operations.push(Operation { name, actions: next(), passed_to: next() });
                continue;
            }
            if let Some(name) = first.strip_prefix('~') {
                let mut next = || fields.next().unwrap_or_default();
                section.inputs.push(Input { name, roles: next(), templates: next() });
                continue;
            }
            if !first.is_empty() {
                section.rows.extend(section.row(prefix, first, fields));
                continue;
            }
            match fields.next() {
                None | Some("") => section.keys = fields.collect(),
                Some(name) => section.types.push(ResourceType { name, formats: fields.collect() }),
            }
        }
        section
    }

    fn row(&self, prefix: &str, name: &str, mut fields: std::str::Split<'static, char>) -> Option<Row> {
        let mut next = || fields.next().unwrap_or_default();
        let (levels, types, keys, dependents) = (next(), next(), next(), next());
        let resources = types.split(',').filter_map(|text| {
            let name = text.trim_end_matches('*');
            let place = self.types.iter().position(|kind| kind.name.eq_ignore_ascii_case(name))?;
            Some((place, text.len() > name.len()))
        });
        Some(Row {
            action: format!("{prefix}:{name}").parse().ok()?,
            levels: Levels::from_letters(levels),
            has_operation: levels.contains('o'),
            is_shown: levels.contains('v'),
            resources: resources.collect(),
            keys,
            dependents,
        })
    }

    /// What is known of the action at a place.
    pub(super) fn info(&self, place: usize) -> Option<ActionInfo<'_>> {
        Some(ActionInfo { section: self, row: self.rows.get(place)? })
    }
}
