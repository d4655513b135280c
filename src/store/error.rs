//! Why a store cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use polars::error::PolarsError;

use crate::aws::AwsError;
use crate::usage::LedgerError;

/// Why a store cannot be used. Whatever happens, what the manifest names stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none.
    #[error("there is no store in `{}`; `leastwise ingest SOURCE --store DIR` makes one", .0.display())]
    Missing(PathBuf),
    /// Something else lies there.
    #[error("`{}` is not empty and no store; name a new folder, or one that `leastwise ingest` made", .0.display())]
    NotAStore(PathBuf),
    /// Another run writes to it.
    #[error("another run is writing to the store `{}`{by}; wait until it is done, or end it", .dir.display())]
    Locked {
        /// The store.
        dir: PathBuf,
        /// What the other run said of itself.
        by: String,
    },
    /// Another run wrote to it since this one began.
    #[error(
        "another run has written to the store `{}` since this one began: what this one read is not in it; run it again, it goes on where the store ends",
        .0.display()
    )]
    Overtaken(PathBuf),
    /// The address is not one.
    #[error("`{0}` is no place for a store; name a folder, or s3://BUCKET/PREFIX")]
    Address(String),
    /// The bucket does not do what it should.
    #[error("{}{}", .0, advice(.0))]
    Bucket(#[from] AwsError),
    /// A later version made it.
    #[error(
        "the store `{}` has the schema `{found}`, and this version knows `{known}`; use a newer leastwise, or another folder",
        .dir.display()
    )]
    Newer {
        /// The store.
        dir: PathBuf,
        /// What it says.
        found: String,
        /// The newest schema known here.
        known: &'static str,
    },
    /// A file that the manifest names is not as it was written.
    #[error(
        "the store's file `{}` is damaged: {detail}; restore it from a backup, or remove the store and read the logs anew",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        detail: String,
    },
    /// The system refuses.
    #[error("cannot {what} `{}`{}", .path.display(), hint(.source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// More than can be numbered.
    #[error("more than a billion objects in one go; name fewer sources at a time")]
    TooMany,
    /// The ledger cannot be read back or summed up.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A question the store cannot answer.
    #[error("the query cannot be answered: {0}")]
    Query(String),
}

fn advice(error: &AwsError) -> String {
    error.hint().map(|hint| format!("; {hint}")).unwrap_or_default()
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ": no room is left; nothing is lost: make room (TMPDIR names another folder for temporary files) and run it again, it goes on where the store ends"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            ": it may not be written; nothing is lost"
        }
        _ => "",
    }
}

impl StoreError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Of reading Parquet.
    pub(super) fn parquet(path: &Path) -> impl FnOnce(PolarsError) -> Self {
        let path = path.to_owned();
        move |error| match error {
            PolarsError::IO { error, .. } => {
                let source = io::Error::new(error.kind(), error.to_string());
                Self::Io { what: "read", path, source }
            }
            other => Self::Damaged { path, detail: other.to_string() },
        }
    }
}
