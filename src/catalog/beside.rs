//! Actions AWS documents as needed beside another one ("dependent actions"), and what would show that one of them was needed.
//!
//! What the dependent actions do not tell stands in `data/beside.tsv`; what a request's parameters show, in `data/narrowing.tsv`.
//!
//! A call of another service is made with a forward access session of the caller, which CloudTrail records as an event of that caller;
//! an action of the same service is checked inside the call itself, and no event of its own follows.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>

use std::collections::BTreeMap;

use super::Resource;
use super::curated::Curated;
use super::index::{ActionId, ActionInfo, Catalog, Levels};
use super::visibility::Visibility;
use crate::ident::Action;

/// What would show that an action was needed beside another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ShownBy {
    /// An event of its own, of the same caller: its absence is evidence where such events are recorded.
    OwnEvent,
    /// The parameters of the call: a role that is passed, tags that are given.
    Parameters,
    /// Nothing: it may have been needed whenever the other one was used.
    Nothing,
}

impl ShownBy {
    /// `own-event`, `parameters` or `nothing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnEvent => "own-event",
            Self::Parameters => "parameters",
            Self::Nothing => "nothing",
        }
    }
}

/// An action that calls of another one may need too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Beside {
    /// The action.
    pub id: ActionId,
    /// See [`ShownBy`].
    pub shown_by: ShownBy,
}

impl ShownBy {
    fn of_word(word: &str) -> Self {
        match word {
            "own-event" => Self::OwnEvent,
            "parameters" => Self::Parameters,
            _ => Self::Nothing,
        }
    }
}

/// Whether the event of a use leaves out parameters that may have told of more: CloudTrail cut them off, or, of a batch of deletes, never
/// records the keys and their versions.
pub fn hides_parameters(action: &Action, resource: &Resource) -> bool {
    let is_batch = || {
        action.as_str() == "s3:DeleteObject" && matches!(resource, Resource::Arn(arn) if arn.ends_with("/*"))
    };
    resource.is_left_out() || is_batch()
}

impl Catalog {
    /// Actions of KMS that calls of other services may need without an event of KMS, because these keep its data keys for a while: each with the
    /// actions of those services.
    pub fn kept_keys(&self) -> impl Iterator<Item = (ActionId, Vec<ActionId>)> {
        Curated::embedded().kept_keys().filter_map(|(key, actions)| {
            Some((self.find(key)?, actions.iter().filter_map(|action| self.find(action)).collect()))
        })
    }

    /// The actions AWS documents as needed beside this one in some uses, as far as the catalog has them; sorted by action.
    pub fn beside(&self, id: ActionId) -> impl Iterator<Item = Beside> + use<> {
        let mut all = BTreeMap::new();
        if let Some(info) = self.info(id) {
            let curated = Curated::embedded();
            let action = info.action().as_str().to_ascii_lowercase();
            let of_service = format!("{}:*", info.action().service());
            let (own, general) = (curated.beside(&action), curated.beside(&of_service));
            let told = |other: &str| {
                let row = own.iter().chain(general).find(|(name, _)| name.eq_ignore_ascii_case(other));
                row.map(|(_, word)| ShownBy::of_word(word))
            };
            for other in info.dependent_actions().chain(own.iter().map(|(other, _)| *other)) {
                let Some(beside) = self.find(other).filter(|beside| *beside != id) else { continue };
                if let Some(shown_by) = told(other).or_else(|| self.shown_by(&info, beside)) {
                    all.insert(beside, shown_by);
                }
            }
        }
        all.into_iter().map(|(id, shown_by)| Beside { id, shown_by })
    }

    fn shown_by(&self, caller: &ActionInfo<'_>, id: ActionId) -> Option<ShownBy> {
        let info = self.info(id)?;
        let (action, caller) = (info.action(), caller.action());
        let is_own = action.service() == caller.service();
        let in_request =
            || Curated::embedded().is_shown_by_request(caller.service(), caller.name(), action.as_str());
        if action.as_str() == "iam:PassRole"
            || (is_own && info.levels().contains(Levels::TAGGING))
            || in_request()
        {
            return Some(ShownBy::Parameters);
        }
        Some(match self.visibility(id) {
            Visibility::NeverLogged { .. } | Visibility::NoPublicOperation => ShownBy::Nothing,
            Visibility::Management | Visibility::Data { .. } if is_own => ShownBy::Nothing,
            Visibility::Management | Visibility::Data { .. } => ShownBy::OwnEvent,
        })
    }
}
