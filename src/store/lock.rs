//! One run writes at a time, and what somebody reads stays where it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::StoreError;

/// The system lets it go when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held")] File);

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
    pub(super) fn write(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                // Only for the message of another run, so it does not matter if it cannot be written.
                let _ = file.set_len(0).and_then(|()| file.rewind());
                let _ = writeln!(file, "process {}", std::process::id());
                Ok(Self(file))
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
        file.try_lock_shared().ok().map(|()| Self(file))
    }

    /// Whether nobody reads; nobody begins while it is held.
    pub(super) fn sweep(dir: &Path) -> Option<Self> {
        let file = open(&dir.join("readers")).ok()?;
        file.try_lock().ok().map(|()| Self(file))
    }
}
