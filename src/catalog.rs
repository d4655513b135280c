//! What AWS publishes about IAM actions, and the step from an event to the actions and resources it needed.
//!
//! [`Catalog`] answers what an action is; [`Catalog::needs`] what one event needed. The ground: the event's source gives the
//! service prefix, its name the operation, the operation its actions; see `data/` for the tables and where they come from.

mod beside;
mod curated;
mod explain;
mod facts;
mod format;
mod index;
mod naming;
mod narrow;
mod need;
mod needs;
mod packed;
mod pass_role;
mod reference;
mod refresh;
mod resource;
mod section;
mod trial;
mod visibility;

pub use beside::{Beside, ShownBy, hides_parameters};
pub use explain::{
    MapError, MappedBeside, MappedNarrowing, MappedNeed, MappedRole, MappedVisibility, Mapping,
};
pub use format::filled;
pub use index::{ActionId, ActionInfo, ActionResource, Catalog, CatalogError, Levels, ResourceType};
pub use naming::{is_same_name, stem};
pub use need::{Evidence, Need, Needs, Resource, Verdict};
pub use needs::{Candidates, GUESSED};
pub use packed::packed;
pub use reference::{Document, DocumentError};
pub use refresh::{Fetch, FetchError, Fetched, LARGEST_DOCUMENT, Refresh, RefreshError, Refreshed, load};
pub use trial::{TRIAL_KEY, TRIAL_NAME, is_trial_name};
pub use visibility::Visibility;
