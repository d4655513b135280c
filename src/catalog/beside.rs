//! Actions AWS documents as needed beside another one ("dependent actions"), and what would show that one of them was needed.
//!
//! A call of another service is made with a forward access session of the caller, which CloudTrail records as an event of that caller;
//! an action of the same service is checked inside the call itself, and no event of its own follows.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>

use super::index::{ActionId, Catalog, Levels};
use super::visibility::Visibility;

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

impl Catalog {
    /// The actions AWS documents as needed beside this one in some uses, as far as the catalog has them; sorted by action.
    pub fn beside(&self, id: ActionId) -> impl Iterator<Item = Beside> {
        let info = self.info(id);
        let service = info.map_or("", |info| info.action().service());
        let documented = info.into_iter().flat_map(|info| info.dependent_actions());
        documented.filter_map(move |action| {
            let other = self.find(action).filter(|other| *other != id)?;
            Some(Beside { id: other, shown_by: self.shown_by(service, other)? })
        })
    }

    fn shown_by(&self, caller: &str, id: ActionId) -> Option<ShownBy> {
        let info = self.info(id)?;
        let is_own = info.action().service() == caller;
        if info.action().as_str() == "iam:PassRole" || (is_own && info.levels().contains(Levels::TAGGING)) {
            return Some(ShownBy::Parameters);
        }
        Some(match self.visibility(id) {
            Visibility::NeverLogged { .. } | Visibility::NoPublicOperation => ShownBy::Nothing,
            Visibility::Management | Visibility::Data { .. } if is_own => ShownBy::Nothing,
            Visibility::Management | Visibility::Data { .. } => ShownBy::OwnEvent,
        })
    }
}
