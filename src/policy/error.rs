//! Why a document is no policy.

/// Why a document could not be read as an IAM policy.
///
/// Only what leaves the meaning open is an error; what is merely unusual is a lint on the parsed [`Policy`](super::Policy). `at` is a JSON
/// pointer (RFC 6901); it is empty for the document itself.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not JSON.
    #[error("not valid JSON at line {line}, column {column}: {message}")]
    Json {
        /// From one.
        line: usize,
        /// From one.
        column: usize,
        /// What the JSON reader says, without the position.
        message: String,
    },
    /// The text begins like a percent-encoded document, and is none.
    #[error("percent-encoding does not decode to text (byte {offset})")]
    Encoding {
        /// Offset of the first byte that does not decode; for text that is no UTF-8, how much of it is.
        offset: usize,
    },
    /// The text is longer than any policy AWS stores.
    #[error("document of {bytes} bytes is larger than the {limit} a policy may have")]
    TooLarge {
        /// Size of the document.
        bytes: usize,
        /// The cap.
        limit: usize,
    },
    /// A value of the wrong kind.
    #[error("at `{at}`: expected {expected}, found {found}")]
    Unexpected {
        /// JSON pointer.
        at: String,
        /// What the grammar allows there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// A member that must be there is not.
    #[error("at `{at}`: `{member}` is missing")]
    Missing {
        /// JSON pointer of the object that lacks it.
        at: String,
        /// The member, such as `Effect`.
        member: &'static str,
    },
    /// Two members that exclude each other.
    #[error("at `{at}`: `{first}` and `{second}` exclude each other")]
    Both {
        /// JSON pointer of the object that has both.
        at: String,
        /// Such as `Action`.
        first: &'static str,
        /// Such as `NotAction`.
        second: &'static str,
    },
    /// A member that this kind of policy cannot have.
    #[error("at `{at}`: `{member}` cannot stand in this kind of policy ({kind})")]
    Forbidden {
        /// JSON pointer of the object that has it.
        at: String,
        /// Such as `Principal`.
        member: &'static str,
        /// The kind, in words.
        kind: &'static str,
    },
}

/// `text` cut to a length fit for a message.
pub(super) fn shorten(text: &str) -> String {
    const LIMIT: usize = 60;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
