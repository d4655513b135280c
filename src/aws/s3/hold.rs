//! A mark in a bucket that somebody is at work there, which runs out by itself when nobody renews it.
//!
//! The mark is only a courtesy: it keeps two runs from doing the same work. What keeps them from losing each other's work is that a
//! file is replaced only if it is still the one that was read ([`Only`]).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::shelf::{Only, Shelf};
use crate::aws::AwsError;
use crate::ident::Time;

/// Seconds a mark holds after it was written last. A run that was killed blocks others for no longer.
const LEASE: i64 = 120;
/// It is renewed so often.
const RENEWAL: Duration = Duration::from_secs(30);

/// What stands in the mark's file.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Mark {
    /// Who, for a person.
    by: String,
    /// Tells this holder from all others.
    token: String,
    since: Time,
    /// After this it is free.
    until: Time,
}

/// Somebody else is at work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// Who, as they say themselves, shortened.
    pub by: String,
    /// When the mark runs out unless it is renewed; `None` when it cannot be read.
    pub until: Option<Time>,
}

/// The mark, held. It is given back when this value goes.
#[derive(Debug)]
pub struct Hold {
    shelf: Shelf,
    name: String,
    token: String,
    renewing: JoinHandle<()>,
}

impl Hold {
    /// Takes the mark, when it is free or has run out.
    pub fn take(shelf: &Shelf, name: &str, by: &str) -> Result<Result<Self, Held>, AwsError> {
        let now = shelf.now();
        let token = token(now);
        let before = shelf.get(name)?;
        if let Some((text, _)) = &before {
            let Ok(mark) = serde_json::from_slice::<Mark>(text) else {
                return Ok(Err(Held { by: String::new(), until: None }));
            };
            if mark.until > now {
                let by = mark.by.chars().filter(|c| !c.is_control()).take(64).collect();
                return Ok(Err(Held { by, until: Some(mark.until) }));
            }
        }
        let mark =
            Mark { by: by.to_owned(), token: token.clone(), since: now, until: now.plus_seconds(LEASE) };
        let only = before.as_ref().map_or(Only::New, |(_, tag)| Only::Marked(tag));
        let Some(tag) = shelf.put(name, &text(&mark), only)? else {
            // Somebody was faster by a moment.
            return Ok(Err(Held { by: String::new(), until: Some(mark.until) }));
        };
        let renewing = shelf.aws().spawn(renew(shelf.clone(), name.to_owned(), mark, tag));
        Ok(Ok(Self { shelf: shelf.clone(), name: name.to_owned(), token, renewing }))
    }

    /// Letters and digits that no other holder has.
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// Writes the mark anew until somebody else has it.
async fn renew(shelf: Shelf, name: String, mut mark: Mark, mut tag: String) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        mark.until = shelf.now().plus_seconds(LEASE);
        match shelf.written(&name, &text(&mark), Only::Marked(&tag)).await {
            Ok(Some(new)) => tag = new,
            Ok(None) => return,
            // The next try may do; until then the mark holds, or somebody else takes it.
            Err(_) => {}
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.renewing.abort();
        // Only if it is still one's own. When it cannot be given back, it runs out.
        let Ok(Some((found, tag))) = self.shelf.get(&self.name) else { return };
        if let Ok(mut mark) = serde_json::from_slice::<Mark>(&found)
            && mark.token == self.token
        {
            mark.until = mark.since;
            let _ = self.shelf.put(&self.name, &text(&mark), Only::Marked(&tag));
        }
    }
}

fn text(mark: &Mark) -> Vec<u8> {
    let mut text = serde_json::to_vec(mark).unwrap_or_default();
    text.push(b'\n');
    text
}

fn token(now: Time) -> String {
    // A new one has other keys each time.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_i64(now.unix());
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}
