//! Whether CloudTrail could show the use of an action.
//!
//! `data/data-events.tsv` names, for each kind of data event, the actions that show in it. Of some kinds it is not known which do. So
//! that no action is called unused which the logs could not have shown, an action of a service with such kinds counts as shown by
//! them alone when it
//!
//! - works on a resource type of the kind's name, which it must be allowed on (`quicksight` `flow` for `AWS::QuickSight::Flow`): by
//!   that kind; or
//! - is a call of the data plane by its name (it invokes, sends, queries, …, or gets or puts records, messages and the like): by any
//!   of those kinds.
//!
//! Creating, deleting, updating, describing, listing and tagging, and whatever manages permissions, stay management events whatever
//! they work on; so does every other action of a service all of whose kinds are named.

use super::curated::Curated;
use super::index::{ActionId, ActionInfo, Catalog, Levels};

/// First words of actions that are management events whatever they work on.
const MANAGEMENT_VERBS: [&str; 13] = [
    "Add",
    "Associate",
    "Create",
    "Delete",
    "Deregister",
    "Describe",
    "Disassociate",
    "List",
    "Register",
    "Remove",
    "Tag",
    "Untag",
    "Update",
];
/// First words of actions that are calls of the data plane.
const DATA_VERBS: [&str; 13] = [
    "Chat", "Converse", "Execute", "Ingest", "Invoke", "Poll", "Post", "Predict", "Publish", "Query",
    "Receive", "Retrieve", "Send",
];
/// First words of actions that are calls of the data plane when they move one of [`DATA_NOUNS`].
const TRANSFER_VERBS: [&str; 4] = ["BatchGet", "BatchPut", "Get", "Put"];
/// Last words of what a data plane moves.
const DATA_NOUNS: [&str; 14] = [
    "Data",
    "Document",
    "Documents",
    "Event",
    "Events",
    "Item",
    "Items",
    "Message",
    "Messages",
    "Object",
    "Objects",
    "Record",
    "Records",
    "Value",
];

/// Where the use of an action would show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Visibility {
    /// In management events, which every trail has unless its selectors leave them out.
    Management,
    /// In data events of these `resources[].type` only, which a trail has to ask for. Never empty.
    Data {
        /// `AWS::S3::Object`, …, sorted.
        types: Vec<&'static str>,
    },
    /// Nowhere, or not each time.
    NeverLogged {
        /// What is known about it.
        why: &'static str,
    },
    /// No public API operation bears the action, so nothing is sure to show its use; a private call of an agent or a
    /// console still may.
    NoPublicOperation,
}

impl Catalog {
    /// Where the use of an action would show. An action CloudTrail could not show must never be called unused.
    pub fn visibility(&self, id: ActionId) -> Visibility {
        let Some(info) = self.info(id) else { return Visibility::NoPublicOperation };
        let curated = Curated::embedded();
        let lower = info.action().as_str().to_ascii_lowercase();
        if let Some(why) = curated.never_logged(&lower) {
            return Visibility::NeverLogged { why };
        }
        let types = curated.data_types(&lower);
        if !types.is_empty() {
            return Visibility::Data { types: types.to_vec() };
        }
        if info.is_shown_by_management_events() {
            return Visibility::Management;
        }
        if !info.has_operation() {
            return Visibility::NoPublicOperation;
        }
        match assumed_data_types(&info, curated.unnamed_data_types(info.action().service())) {
            types if types.is_empty() => Visibility::Management,
            types => Visibility::Data { types },
        }
    }
}

/// Those of a service's kinds of data events without named actions that may be all that shows this action.
fn assumed_data_types(info: &ActionInfo<'_>, unnamed: &[&'static str]) -> Vec<&'static str> {
    let name = info.action().name();
    let levels = info.levels();
    if unnamed.is_empty()
        || levels.contains(Levels::PERMISSIONS_MANAGEMENT)
        || levels.contains(Levels::TAGGING)
        || MANAGEMENT_VERBS.iter().any(|verb| after_word(name, verb).is_some())
    {
        return Vec::new();
    }
    if is_data_plane(name) {
        return unnamed.to_vec();
    }
    let is_only = info.resource_types().count() == 1;
    let works_on = |kind: &str| {
        let resource = kind.rsplit("::").next().unwrap_or(kind);
        info.resource_types().any(|part| (part.required || is_only) && is_same_name(part.kind.name, resource))
    };
    unnamed.iter().copied().filter(|kind| works_on(kind)).collect()
}

/// Whether an action is by its name a call of the data plane.
fn is_data_plane(name: &str) -> bool {
    // A version or policy that is published or put is configuration.
    DATA_VERBS.iter().any(|verb| after_word(name, verb).is_some_and(|rest| !rest.contains("Version")))
        || TRANSFER_VERBS
            .iter()
            .filter_map(|verb| after_word(name, verb))
            .any(|rest| DATA_NOUNS.iter().any(|noun| rest.ends_with(noun)))
}

/// What follows the first word of a name in camel case, if that word is this one.
fn after_word<'n>(name: &'n str, word: &str) -> Option<&'n str> {
    name.strip_prefix(word).filter(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
}

/// Whether two spellings of a resource type are one: `flow-session` and `FlowSession`.
fn is_same_name(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    plain(a) == plain(b)
}
