//! The one integration binary, in reading order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test fails by panicking, and what it says goes to the test's output"
)]

mod conformance;
mod support;

#[path = "../world/mod.rs"]
mod world;

mod labels;
mod layers;

mod attribution;
mod bindings;
mod browser;
mod carrier;
mod catalog;
mod chosen;
mod cli;
#[cfg(feature = "kubernetes")]
mod cluster;
mod code;
mod drift;
mod eval;
mod evidence;
mod explain;
mod findings;
mod identities;
mod ingest;
mod integrity;
mod inventory;
mod machine;
mod policy;
mod proof;
mod report;
mod rightsize;
mod s3;
mod samples;
mod schedule;
mod snapshot;
mod staged;
mod store;
mod terraform;
