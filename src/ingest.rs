//! From a source of objects to one merged collector: the only place where log bytes enter.
//!
//! ```text
//! folder, file, standard input ─▶ objects, sorted ─▶ N workers, each: read ─▶ inflate (capped) ─▶ containers ─▶ records
//! source: lists, fetches ─▶ bounded channel of whole objects ─┘              ─▶ its own collector ─▶ one merge
//! ```
//!
//! Nothing a log holds stops a run, and nothing vanishes uncounted: every object is read, skipped or failed
//! ([`ObjectCounts::balances`]), every record goes to the collector as an event or is counted as malformed or skipped by
//! kind. An object with a readable head and a broken end counts as read and has an [`Issue`]; one of which nothing could be
//! read counts as failed and has an [`Issue`].

mod collect;
mod container;
mod decode;
mod feed;
mod key;
mod object;
mod pipeline;
mod source;
mod stream;
mod survey;

pub use collect::{Collect, Recorder};
pub use feed::{Feed, FetchError, Fetched, Known, ObjectRef, Source, SourceError, Transfer};
pub(crate) use key::{LONGEST_SESSION, is_account};
pub use key::{LogKey, LogKind};
pub use pipeline::{
    DigestFile, Fate, Ingested, Issue, ObjectCounts, Outcome, Preview, Progress, Quiet, Run, preview, run,
};
pub use source::{IngestError, Input};
pub use survey::{LocalCopy, Surveyed, survey};

/// What one object may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of one object, inflated. CloudTrail's own objects stay below 50 MB.
    pub object_bytes: usize,
    /// Nesting of JSON.
    pub depth: usize,
    /// Whether records that repeat a known caller's known call may be taken as such without being parsed, and of a known caller's
    /// new call only what tells the call is. Without it the same comes out of valid JSON, later.
    pub repeats: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { object_bytes: 256 << 20, depth: 256, repeats: true }
    }
}
