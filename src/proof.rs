//! Is one set of policies a subset of another, and does it still allow what was observed?
//!
//! Statements become regions of requests; what the new set allows and the old does not is computed by cutting regions out of
//! regions, and each remainder is tested for emptiness with small automata and a small theory for each kind of condition. Every
//! inexact construct is read so that `proven` is never said wrongly; `refuted` is only said with a request that the evaluator,
//! which shares no matcher with this module, confirms. All else is `unknown`, with the reason.

mod arena;
mod automaton;
mod budget;
mod conditions;
mod confirm;
mod effective;
mod engine;
mod index;
mod key;
mod literal;
mod observed;
mod pattern;
mod shape;
mod space;
mod subset;
mod together;
mod witness;

pub use budget::{Budget, Exhausted};
pub use effective::{ActionGrant, Cut, Effective, GrantLayer, LayerReach, LayeredGrant, Left};
pub use engine::Place;
pub use observed::{Granting, Observed, ObservedResource, Replay, Retained, granted, retained};
pub use subset::{Proof, Settings, Verdict, no_new_access};
pub use together::{Shared, Step, Together};
pub use witness::Witness;
