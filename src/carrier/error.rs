//! Why a file gives no policies.

use crate::inventory::InventoryError;
use crate::policy::PolicyError;

/// A file that carries no policies that could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// A document cannot be read.
    #[error("`{file}`{} is no policy: {source}", place(.at))]
    Document {
        /// As the user named it.
        file: String,
        /// JSON pointer or address inside it; empty when the file is the document.
        at: String,
        /// Why.
        source: PolicyError,
    },
    /// The file looks like one of a known kind and is not of its shape.
    #[error("`{file}` is no {kind}: {reason}")]
    Shape {
        /// As the user named it.
        file: String,
        /// What it looks like.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot that cannot be read.
    #[error(transparent)]
    Snapshot(#[from] InventoryError),
    /// There is neither a role nor a policy.
    #[error("`{file}` holds neither a role nor a policy")]
    Nothing {
        /// As the user named it.
        file: String,
    },
    /// Nothing in the file is called so.
    #[error("`{file}` holds nothing called `{name}`; it holds {}", listed(.names))]
    NotFound {
        /// As the user named it.
        file: String,
        /// What was asked for.
        name: String,
        /// What is there.
        names: Vec<String>,
    },
    /// Several sets could be meant.
    #[error("`{file}` holds several: {}; choose one with `--role`", listed(.names))]
    Several {
        /// As the user named it.
        file: String,
        /// What is there.
        names: Vec<String>,
    },
}

fn place(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!(" at `{at}`") }
}

/// The first ten names.
fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    let mut text: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => return "nothing that has a name".to_owned(),
        n if n > MOST => text.push(format!("{} more", n - MOST)),
        _ => {}
    }
    text.join(", ")
}
