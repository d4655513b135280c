//! The ledger on disk: what was read stays read, and a report over a year of logs takes the reading of one day.
//!
//! ```text
//! DIR/store.json                                    the manifest: which files count, written last
//! DIR/lock                                          held by the one run that writes
//! DIR/segments/NAME/objects.parquet                 the objects read: name, mark of the content, size, counts, issues
//! DIR/segments/NAME/digests.parquet                 CloudTrail's digest files among them, as they are
//! DIR/segments/NAME/{sessions,calls,issuances,…}    the small tables of what was read in one go
//! DIR/events/account=A/region=R/month=M/NAME.N      one row for each delivery of an event
//! ```
//!
//! A segment is a [`usage::Partial`](crate::usage::Partial): everything a ledger is made of, sorted, and nothing that depends on
//! an order. Reading the store makes one ledger of all segments, so the sums are those of one run over everything: an event
//! counts once over all runs, sessions go on, other accounts' copies find each other. Who was behind a session is worked out
//! after that, from all there is.
//!
//! INVARIANT: a file that the manifest names is whole and never changes. Files are written under names no manifest has, brought
//! to the disk, and only then named by a new manifest that takes the place of the old one at once. So a run that is killed
//! leaves the store as it was before, or as it is after; what it left behind without naming it is swept away by the next.
//!
//! In a bucket (`s3://BUCKET/PREFIX`) the layout is the same. Files go there under names no other run has, and the manifest is replaced
//! only if it is still the one this run began with; so of two runs that write, whatever `lock` says, one comes through and the other is told. Files
//! that no manifest names any more are removed a day later, when nobody reads by an old manifest. `lock` there runs out two minutes
//! after the run that holds it ended without giving it back.
//!
//! What proves the logs is kept where it was asked for: digest files, hashes of log files (in `objects`), and in the manifest the public
//! keys. An object that was read without is read again when it is asked for later.
//!
//! An object is known by its name (a local file by its whole path), its size, and the mark of its content: the ETag of an S3
//! object, the time of the last change of a file. When size or mark are others than before, it is read again, and what was read
//! from it before no longer counts.

mod columns;
mod compact;
mod digests;
mod error;
mod events;
mod find;
mod list;
mod lock;
mod manifest;
mod objects;
mod place;
mod query;
mod rows;
mod segment;
mod table;
mod writer;

pub use error::StoreError;
pub use find::ReadFrom;
pub use objects::{Known, ReadObjects};
pub use place::Place;
pub use query::{Cells, NAMED, Named, View, answer, named};
pub use rows::{issuance_word, kind_word};
pub use table::{Evidence, Restored, Store};
pub use writer::{Added, Batch, Proof, Writer};
