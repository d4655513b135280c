//! From documents to a catalog: AWS's newest facts, and the embedded catalog's where AWS says nothing.
//!
//! AWS replaces the actions of a service, their levels, resource types, ARN formats, condition keys and operations. The embedded
//! catalog keeps the services AWS does not tell of, which resource types an action requires, the dependent actions, the parameters that
//! hold roles and fill ARN formats, and which actions an operation bears where the document has no operations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Action, Document, Operation};
use crate::catalog::{ActionInfo, Catalog};

/// What of an older catalog stayed because no document told of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::catalog) struct Kept {
    /// Services, sorted.
    pub(in crate::catalog) services: Vec<String>,
    /// Actions of the refreshed services that are new.
    pub(in crate::catalog) new_actions: usize,
    /// Actions of the refreshed services that are gone, sorted.
    pub(in crate::catalog) gone_actions: Vec<String>,
}

/// The text of a catalog ([`Catalog::read`]) made of documents over an older catalog. Documents of one service: the last counts.
pub(in crate::catalog) fn merged(
    old: &Catalog,
    documents: &[Document],
    date: &str,
    source: &str,
) -> (String, Kept) {
    let mut by_prefix: BTreeMap<&str, &Document> = BTreeMap::new();
    for document in documents {
        by_prefix.insert(document.prefix.as_str(), document);
    }
    let borne = borne(documents);
    let prefixes: BTreeSet<&str> =
        by_prefix.keys().copied().chain(old.services().map(|prefix| -> &str { prefix })).collect();
    let (mut kept, mut body, mut n_actions) = (Kept::default(), String::new(), 0);
    for prefix in &prefixes {
        let (text, count) = match by_prefix.get(prefix) {
            Some(document) => (section(old, document, &borne, &mut kept), document.n_actions()),
            None => {
                kept.services.push((*prefix).to_owned());
                let text = old.text_of_service(prefix).unwrap_or_default().to_owned();
                (text, old.actions_of_service(prefix).count())
            }
        };
        n_actions += count;
        let _ = write!(body, "@{prefix}\t{count}\t{}\n{text}", text.len());
    }
    (format!("leastwise-catalog 1\t{date}\t{}\t{n_actions}\t{source}\n{body}", prefixes.len()), kept)
}

/// `prefix:action` in lower case of all actions some operation may authorise.
fn borne(documents: &[Document]) -> BTreeSet<String> {
    let operations = documents.iter().flat_map(|document| document.operations.values());
    operations
        .flat_map(|operation| operation.actions.iter().map(|action| action.to_ascii_lowercase()))
        .collect()
}

fn section(old: &Catalog, document: &Document, borne: &BTreeSet<String>, kept: &mut Kept) -> String {
    let prefix = document.prefix.as_str();
    let mut text = String::new();
    for (name, (formats, _)) in &document.types {
        let _ = writeln!(text, "\t{name}\t{}", formats.join("\t"));
    }
    let keys_of = |action: &Action| -> BTreeSet<String> {
        let of_types =
            action.types.iter().filter_map(|kind| document.types.get(kind)).flat_map(|(_, keys)| keys);
        action.keys.iter().chain(of_types).cloned().collect()
    };
    let all: BTreeSet<String> = document.actions.values().flat_map(keys_of).collect();
    let all: Vec<String> = all.into_iter().collect();
    text.push('\t');
    for key in &all {
        let _ = write!(text, "\t{key}");
    }
    text.push('\n');
    for operation in document.operations.values().filter(|operation| says_more(operation, document)) {
        let list = |texts: &BTreeSet<String>| texts.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let line =
            format!("+{}\t{}\t{}", operation.name, list(&operation.actions), list(&operation.passed_to));
        let _ = writeln!(text, "{}", line.trim_end_matches('\t'));
    }
    // The models of inputs are none of the service reference's matter.
    let inputs = old.text_of_service(prefix).unwrap_or_default().lines().filter(|line| line.starts_with('~'));
    for line in inputs {
        let _ = writeln!(text, "{line}");
    }
    for (lower, action) in &document.actions {
        let before = old.find_in(prefix, &action.name).and_then(|id| old.info(id));
        if before.is_none() {
            kept.new_actions += 1;
        }
        let places: Vec<String> = keys_of(action)
            .iter()
            .filter_map(|key| all.binary_search(key).ok())
            .map(|at| at.to_string())
            .collect();
        let is_borne = borne.contains(&format!("{prefix}:{lower}"))
            || document.operations.contains_key(lower)
            || before.is_some_and(|before| before.has_operation());
        let letters = [
            action.levels.letters().as_str(),
            if is_borne { "o" } else { "" },
            if action.is_shown { "v" } else { "" },
        ]
        .concat();
        let dependents: Vec<_> = before.iter().flat_map(ActionInfo::dependent_actions).collect();
        let cells = [
            action.name.clone(),
            letters,
            types_cell(action, before.as_ref()),
            places.join(","),
            dependents.join(","),
        ];
        text.push_str(cells.join("\t").trim_end_matches('\t'));
        text.push('\n');
    }
    let gone = old.actions_of_service(prefix).filter_map(|id| old.info(id)).map(|info| info.action().clone());
    kept.gone_actions.extend(
        gone.filter(|action| !document.actions.contains_key(&action.name().to_ascii_lowercase()))
            .map(|action| action.to_string()),
    );
    text
}

/// The service reference does not say which types are required. What was required stays so; of an action that is new, its only
/// type is.
fn types_cell(action: &Action, before: Option<&ActionInfo<'_>>) -> String {
    let is_required = |kind: &str| match before {
        Some(before) if before.resource_types().next().is_some() => {
            before.resource_types().any(|part| part.required && part.kind.name.eq_ignore_ascii_case(kind))
        }
        _ => action.types.len() == 1,
    };
    let cells: Vec<String> = action
        .types
        .iter()
        .map(|kind| format!("{kind}{}", if is_required(kind) { "*" } else { "" }))
        .collect();
    cells.join(",")
}

/// Whether an operation tells more than that it needs the action of its name.
fn says_more(operation: &Operation, document: &Document) -> bool {
    let own = format!("{}:{}", document.prefix, operation.name);
    !operation.passed_to.is_empty()
        || operation.actions.iter().any(|action| !action.eq_ignore_ascii_case(&own))
}
