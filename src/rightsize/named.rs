//! Which of the resources a grant names an action can be used on.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::draft::widened;
use super::grant::Grant;
use crate::catalog::{ActionId, Catalog};
use crate::ident::glob::Glob;

/// The resource patterns of a grant's statements, by the service they name. Actions of one service are asked for on the same kinds of
/// resources as a rule, so answers are kept.
pub(super) struct Named<'g> {
    grant: &'g Grant<'g>,
    catalog: &'g Catalog,
    /// For each Allow statement, its patterns by service; those that name none are under `None`.
    by_service: Vec<BTreeMap<Option<&'g str>, Vec<&'g str>>>,
    /// Of the places of statements, and the formats of an action's resources.
    known: RefCell<HashMap<Question<'g>, Rc<[&'g str]>>>,
}

/// Places of statements, formats of resources.
type Question<'g> = (Vec<usize>, Vec<&'g str>);

impl<'g> Named<'g> {
    pub(super) fn new(grant: &'g Grant<'g>, catalog: &'g Catalog) -> Self {
        let services = |texts: &mut dyn Iterator<Item = &'g str>| {
            let mut by_service: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
            for text in texts {
                by_service.entry(service_of(text)).or_default().push(text);
            }
            by_service
        };
        let by_service = grant
            .allows
            .iter()
            .map(|allow| services(&mut allow.resources.patterns.iter().map(|pattern| pattern.text)))
            .collect();
        Self { grant, catalog, by_service, known: RefCell::default() }
    }

    /// The patterns of the statements that allow an action, of its own kinds of resources; `*` where they are not a list.
    pub(super) fn of(&self, id: ActionId) -> Rc<[&'g str]> {
        let allows = self.grant.allows.iter().enumerate().filter(|(_, allow)| allow.actions.contains(id));
        let mut places = Vec::new();
        for (place, allow) in allows {
            if allow.resources.except || allow.resources.is_everything() {
                return Rc::new(["*"]);
            }
            places.push(place);
        }
        let kinds = self.catalog.info(id).into_iter().flat_map(|info| info.resource_types());
        let formats: Vec<&str> = kinds.flat_map(|part| part.kind.formats.iter().copied()).collect();
        let question = (places, formats);
        if let Some(known) = self.known.borrow().get(&question) {
            return Rc::clone(known);
        }
        let answer = self.answer(&question);
        self.known.borrow_mut().insert(question, Rc::clone(&answer));
        answer
    }

    fn answer(&self, (places, formats): &Question<'g>) -> Rc<[&'g str]> {
        let formats: Vec<(Glob, Option<&str>)> =
            formats.iter().map(|format| (Glob::new(&widened(format)), service_of(format))).collect();
        let mut found = Vec::new();
        for by_service in places.iter().filter_map(|place| self.by_service.get(*place)) {
            for (service, texts) in by_service {
                // Most patterns are of other services, and need not be read.
                let is_here = |other: &Option<&str>| {
                    service.is_none_or(|service| other.is_none_or(|other| other == service))
                };
                let own: Vec<&Glob> =
                    formats.iter().filter(|(_, other)| is_here(other)).map(|(glob, _)| glob).collect();
                let meets = |text: &&&str| {
                    let glob = Glob::new(&widened(text));
                    own.iter().any(|format| format.overlaps(&glob))
                };
                if !own.is_empty() {
                    found.extend(texts.iter().filter(meets));
                }
            }
        }
        found.into()
    }
}

/// The service an ARN pattern names, when it names one.
fn service_of(pattern: &str) -> Option<&str> {
    pattern.split(':').nth(2).filter(|service| !service.contains(['*', '?', '$']))
}
