//! The scratch file: what a ledger does not keep at hand, one thing written after the other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A file without a name in the system's folder for temporary files, made when something is first written; copies share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch(Option<Arc<Mutex<File>>>);

impl Scratch {
    /// Writes bytes behind all others; gives where they lie.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let file = match &self.0 {
            Some(file) => file,
            None => self.0.insert(Arc::new(Mutex::new(tempfile::tempfile()?))),
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let place = file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)?;
        Ok(place)
    }

    /// Fills `into` with what lies at a place that [`Scratch::append`] gave.
    pub(super) fn read(&self, place: u64, into: &mut [u8]) -> io::Result<()> {
        let file = self.0.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place))?;
        file.read_exact(into)
    }
}
