//! The report value and its writers; the only input of a writer is the report.
//!
//! [`Report`] is the view of a finished audit, in exactly the shape of `report.json` (`leastwise.report/v1`): what is not in
//! it, no writer can show. A writer formats and never decides: counting, grading and sorting are done before.

mod format;
mod json;
mod model;

pub use format::{Format, UnknownFormat};
pub use json::{schema, write as write_json};
pub use model::*;
