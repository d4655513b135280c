//! leastwise reads AWS CloudTrail logs and shows, with proof, which permissions each workload really uses, and what its
//! roles can lose.
//!
//! # The way of a record
//!
//! ```text
//! bytes ─▶ record ─▶ catalog (which actions, on what) ─▶ a worker's ledger ─▶ one merge
//!       ─▶ attribution (which workload) ─▶ comparison with the granted side ─▶ proposals, findings ─▶ one report ─▶ writers
//! ```
//!
//! # Invariants
//!
//! 1. Bytes enter in [`ingest`] and [`aws`] and, for the granted side, in [`inventory::read`] only. Every other module is a function of
//!    its arguments.
//! 2. Text becomes types once. Past [`record::Event::parse`] and [`policy`] nobody looks at JSON; past the command line nobody
//!    looks at flags.
//! 3. A module uses only modules in a lower layer; `tests/it/layers.rs` holds the table and enforces it.
//! 4. The library never prints and never exits, and outside [`aws`] it never reads the clock or the environment: "now" is an argument.
//! 5. Nothing is dropped silently: what cannot be read is counted and named, and the counters balance.
//! 6. Unseen is not unused: what the logs could not show is never called unused.
//! 7. Same input, same bytes out, whatever the number of threads and the order of files.
//! 8. A proposal never allows what was not allowed before, and never refuses what was seen to succeed; both are proven, or the
//!    report says that they are not.

pub mod ident;

pub mod integrity;

pub mod catalog;
pub mod finding;
pub mod inventory;
pub mod policy;
pub mod record;

pub mod attribution;
pub mod carrier;
pub mod eval;
pub mod proof;
pub mod usage;

pub mod checks;
pub mod explain;
pub mod rightsize;

pub mod aws;
pub mod cluster;
pub mod ingest;
pub mod report;

pub mod store;
pub mod terraform;

pub mod analyze;
pub mod drift;
pub mod evidence;
