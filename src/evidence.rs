//! The bundle for auditors: a report with everything needed to check it, in files that standard tools read.
//!
//! ```text
//! report.json ─▶ derived files (populations, samples, controls, OSCAL, sign-off) ─▶ SHA256SUMS ─▶ signature, time stamp
//! logs, ledger, snapshots ─▶ hashes and places of sample events ─┘
//! ```
//!
//! The same report and inputs give the same bytes, so that everything but signature and time stamp can be made again and compared:
//! [`verify`] does that, and `sha256sum -c`, `minisign -V` and `openssl ts -verify` check the rest without this program.

mod bundle;
mod check;
mod controls;
mod inputs;
mod population;
mod samples;
mod sign;
mod texts;
mod time_stamp;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use bundle::{Bundle, File, derived, write};
pub use check::{Checked, Problem, Signature, verify};
pub use inputs::{InputFile, Inputs, LedgerObject};
pub use samples::Located;
pub use sign::{Comments, PublicKey, SecretKey};
pub use time_stamp::{request, response};

/// Turns the bytes of [`SUMS`] into an RFC 3161 response.
pub type TimeStamper<'f> = &'f dyn Fn(&[u8]) -> Result<Vec<u8>, EvidenceError>;
/// Reads the logs and grants of a report again, and looks for the events named.
pub type InputReader<'f> =
    &'f dyn Fn(&crate::report::Report, &BTreeSet<&str>) -> Result<Inputs, EvidenceError>;

/// Ids of the events the report names as samples.
pub fn sample_events(report: &crate::report::Report) -> BTreeSet<&str> {
    samples::ids(report)
}

/// The list of hashes.
pub const SUMS: &str = "SHA256SUMS";
/// Its signature.
pub const SIGNATURE: &str = "SHA256SUMS.minisig";
/// Its time stamp: an RFC 3161 response.
pub const TIME_STAMP: &str = "SHA256SUMS.tsr";

/// Why a bundle cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file or folder.
    #[error("cannot read or write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The folder for the bundle has something in it.
    #[error("`{}` exists and is not empty; a bundle is never written over anything", .0.display())]
    Occupied(PathBuf),
    /// Logs or grants cannot be read.
    #[error(transparent)]
    Ingest(#[from] crate::ingest::IngestError),
    /// A store that cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A source that cannot be reached.
    #[error("{0}")]
    Source(String),
    /// A key, or what is signed with it.
    #[error("{0}")]
    Key(String),
    /// A time stamp that is none.
    #[error("the time stamp authority gave no time stamp: {0}")]
    TimeStamp(String),
}
