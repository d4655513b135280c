//! Why the granted side cannot be read.

/// An input that had to be read and could not be: without it no comparison is possible, so an audit ends here.
///
/// What is wrong with a single policy document or manifest is no error but a problem of the
/// [`Inventory`](super::Inventory).
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// A file or folder holds no public keys.
    #[error("`{file}` holds no public keys of CloudTrail: {detail}")]
    PublicKeys {
        /// As given.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// The file or folder cannot be opened.
    #[error("cannot read `{file}`: {source}")]
    Io {
        /// As the user named it.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is larger than any snapshot.
    #[error("`{file}` has {bytes} bytes; a snapshot file has at most {limit}")]
    TooLarge {
        /// As the user named it.
        file: String,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The text is no JSON, or not of the shape AWS prints.
    #[error("`{file}` line {line} column {column}: {reason}")]
    Json {
        /// As the user named it.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was expected.
        reason: String,
    },
    /// A principal or policy has no usable ARN.
    #[error("`{file}` at `{pointer}`: {reason}")]
    Shape {
        /// As the user named it.
        file: String,
        /// JSON pointer inside the file's value.
        pointer: String,
        /// What was expected.
        reason: String,
    },
    /// JSON, but nothing a snapshot is made of.
    #[error(
        "`{file}` is no snapshot: expected what `aws iam get-account-authorization-details` prints (`RoleDetailList`, …)"
    )]
    NotASnapshot {
        /// As the user named it.
        file: String,
    },
    /// JSON, but no organization.
    #[error(
        "`{file}` is no organization: expected `Roots`, `OrganizationalUnits` and `Accounts` with `ParentId`, and `Policies` with `Content` and `Targets`, as `leastwise snapshot` writes them"
    )]
    NotAnOrganization {
        /// As the user named it.
        file: String,
    },
    /// Not a list of Airflow DAGs.
    #[error("`{file}` is no list of DAGs (`airflow dags list --output json`, or one id a line): {reason}")]
    NotDags {
        /// As the user named it.
        file: String,
        /// What was expected.
        reason: String,
    },
    /// A folder without a single snapshot file.
    #[error("`{folder}` holds no snapshot file (`*.json`)")]
    NoSnapshot {
        /// As the user named it.
        folder: String,
    },
}
