//! One run writes at a time, and what somebody reads stays where it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::StoreError;
use super::place::Place;
use crate::aws::{Hold, Shelf};

/// In a folder the system lets it go when the process ends, however it ends; in a bucket it runs out.
#[derive(Debug)]
pub(super) enum Lock {
    Folder(File),
    Bucket(Box<Hold>),
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Self::Folder(file) = self {
            // Closing is not enough: a program that is being started elsewhere in this process has the file too for a moment.
            let _ = file.unlock();
        }
    }
}

const NAME: &str = "lock";

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(StoreError::io("open the lock", path))
}

impl Lock {
    /// The right to write.
    pub(super) fn write(place: &Place) -> Result<Self, StoreError> {
        match place.shelf() {
            Some(shelf) => Self::in_bucket(shelf, place),
            None => Self::in_folder(place.dir()),
        }
    }

    fn in_bucket(shelf: &Shelf, place: &Place) -> Result<Self, StoreError> {
        let own = format!("process {} since {}", std::process::id(), shelf.now());
        Hold::take(shelf, NAME, &own)?.map(|hold| Self::Bucket(Box::new(hold))).map_err(|held| {
            let by = if held.by.is_empty() { String::new() } else { format!("{}; ", held.by) };
            let lock = shelf.url(NAME);
            let by = match held.until {
                Some(until) => format!(" ({by}its lock `{lock}` runs out at {until} unless it is renewed)"),
                None => format!(" (its lock `{lock}` cannot be read: remove it if nobody is at work)"),
            };
            StoreError::Locked { dir: place.name(""), by }
        })
    }

    /// What tells the names this run writes from those of others.
    pub(super) fn suffix(&self) -> String {
        match self {
            // Nobody else can write.
            Self::Folder(_) => String::new(),
            Self::Bucket(hold) => format!("-{}", hold.token()),
        }
    }

    fn in_folder(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                // Only for the message of another run, so it does not matter if it cannot be written.
                let _ = file.set_len(0).and_then(|()| file.rewind());
                let _ = writeln!(file, "process {}", std::process::id());
                Ok(Self::Folder(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = (&file).take(64).read_to_string(&mut by);
                let by = by.trim();
                let by = if by.is_empty() { String::new() } else { format!(" ({by})") };
                Err(StoreError::Locked { dir: dir.to_owned(), by })
            }
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
        }
    }

    /// Keeps files from being swept away. Without it (a store that may only be read) reading goes on.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let file = open(&dir.join("readers")).ok()?;
        file.try_lock_shared().ok().map(|()| Self::Folder(file))
    }

    /// Whether nobody reads; nobody begins while it is held.
    pub(super) fn sweep(dir: &Path) -> Option<Self> {
        let file = open(&dir.join("readers")).ok()?;
        file.try_lock().ok().map(|()| Self::Folder(file))
    }
}
