//! Whether CloudTrail could show the use of an action.

use super::curated::Curated;
use super::index::{ActionId, Catalog};

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
    /// Nowhere.
    NeverLogged {
        /// What AWS says about it.
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
        if info.has_operation() { Visibility::Management } else { Visibility::NoPublicOperation }
    }
}
