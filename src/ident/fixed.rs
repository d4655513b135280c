//! Texts of which a program knows a few, read back from a file.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// More than the program has; of more, a file was tampered with.
const MOST: usize = 1_024;
/// The longest is a sentence.
const LONGEST: usize = 256;
/// Stands for whatever is too many or too long.
const OTHER: &str = "unknown to this version";

/// The text itself, kept for as long as the process lives: for names of rules and kinds that were written down and come back.
pub fn fixed(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match known.get(text) {
        Some(text) => text,
        None if known.len() < MOST && text.len() <= LONGEST => {
            let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
            known.insert(kept);
            kept
        }
        None => OTHER,
    }
}
