//! Columns of Parquet files: written from iterators, read back as iterators, and nothing of polars beyond.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use polars::error::PolarsError;
use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{
    BinaryChunked, Column, DataFrame, IntoColumn, ParquetCompression, ParquetReader, ParquetWriter,
    PolarsResult, SerReader, StringChunked,
};

use super::StoreError;

/// Columns on their way to a file.
#[derive(Default)]
pub(super) struct Columns(Vec<Column>);

impl Columns {
    pub(super) fn text<'t>(mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) -> Self {
        let values: StringChunked = values.collect();
        self.0.push(values.with_name(name.into()).into_column());
        self
    }

    pub(super) fn bytes<'t>(mut self, name: &str, values: impl Iterator<Item = Option<&'t [u8]>>) -> Self {
        let values: BinaryChunked = values.collect();
        self.0.push(values.with_name(name.into()).into_column());
        self
    }

    pub(super) fn u32(mut self, name: &str, values: impl Iterator<Item = u32>) -> Self {
        self.0.push(Column::new(name.into(), values.collect::<Vec<u32>>()));
        self
    }

    pub(super) fn u64(mut self, name: &str, values: impl Iterator<Item = u64>) -> Self {
        self.0.push(Column::new(name.into(), values.collect::<Vec<u64>>()));
        self
    }

    pub(super) fn i64(mut self, name: &str, values: impl Iterator<Item = Option<i64>>) -> Self {
        self.0.push(Column::new(name.into(), values.collect::<Vec<Option<i64>>>()));
        self
    }

    pub(super) fn bool(mut self, name: &str, values: impl Iterator<Item = Option<bool>>) -> Self {
        self.0.push(Column::new(name.into(), values.collect::<Vec<Option<bool>>>()));
        self
    }

    pub(super) fn frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new_infer_height(self.0)
    }
}

/// Remembers what the system said: polars keeps only the words of it.
struct Watched {
    file: File,
    refusal: Arc<Mutex<Option<io::Error>>>,
}

impl Watched {
    fn remember<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &done
            && error.kind() != io::ErrorKind::Interrupted
        {
            let code = error.raw_os_error();
            let copy = code.map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error);
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        }
        done
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.file.write(bytes);
        self.remember(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.file.flush();
        self.remember(done)
    }
}

/// A file that is being written, frame by frame.
pub(super) struct TableFile {
    path: PathBuf,
    file: File,
    refusal: Arc<Mutex<Option<io::Error>>>,
    writer: Option<BatchedWriter<BufWriter<Watched>>>,
}

impl TableFile {
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let file = File::create_new(path).map_err(StoreError::io("create", path))?;
        Ok(Self { path: path.to_owned(), file, refusal: Arc::default(), writer: None })
    }

    /// What went wrong, as the system says it where it did.
    fn failed(&self, error: PolarsError) -> StoreError {
        let source = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        let source = source.unwrap_or_else(|| io::Error::other(error.to_string()));
        StoreError::io("write", &self.path)(source)
    }

    pub(super) fn write(&mut self, columns: Columns) -> Result<(), StoreError> {
        let frame = columns.frame().map_err(|error| self.failed(error))?;
        if self.writer.is_none() {
            let file = self.file.try_clone().map_err(StoreError::io("write", &self.path))?;
            let watched = Watched { file, refusal: Arc::clone(&self.refusal) };
            let writer = ParquetWriter::new(BufWriter::new(watched))
                .with_compression(ParquetCompression::Zstd(None))
                .batched(frame.schema())
                .map_err(|error| self.failed(error))?;
            self.writer = Some(writer);
        }
        let written = self.writer.as_mut().map_or(Ok(()), |writer| writer.write_batch(&frame));
        written.map_err(|error| self.failed(error))
    }

    /// Brings it to the disk; its size.
    pub(super) fn finish(mut self) -> Result<u64, StoreError> {
        if let Some(writer) = self.writer.take() {
            writer.finish().map_err(|error| self.failed(error))?;
        }
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        Ok(synced.map_err(StoreError::io("write", &self.path))?.len())
    }
}

/// A file that was read.
pub(super) struct Rows {
    frame: DataFrame,
    path: PathBuf,
}

impl Rows {
    /// All of it, or some columns.
    pub(super) fn read(path: &Path, columns: Option<&[&str]>) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io("read", path))?;
        let columns = columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let frame = ParquetReader::new(file)
            .with_columns(columns)
            .set_rechunk(true)
            .finish()
            .map_err(StoreError::parquet(path))?;
        Ok(Self { frame, path: path.to_owned() })
    }

    pub(super) fn len(&self) -> usize {
        self.frame.height()
    }

    fn column<'f, T>(
        &'f self,
        name: &str,
        kind: impl FnOnce(&'f Column) -> PolarsResult<T>,
    ) -> Result<T, StoreError> {
        self.frame.column(name).and_then(kind).map_err(StoreError::parquet(&self.path))
    }

    pub(super) fn text<'r>(
        &'r self,
        name: &str,
    ) -> Result<impl Iterator<Item = Option<&'r str>> + use<'r>, StoreError> {
        Ok(self.column(name, Column::str)?.iter())
    }

    pub(super) fn bytes<'r>(
        &'r self,
        name: &str,
    ) -> Result<impl Iterator<Item = Option<&'r [u8]>> + use<'r>, StoreError> {
        Ok(self.column(name, Column::binary)?.iter())
    }

    pub(super) fn u32<'r>(&'r self, name: &str) -> Result<impl Iterator<Item = u32> + use<'r>, StoreError> {
        Ok(self.column(name, Column::u32)?.iter().map(Option::unwrap_or_default))
    }

    pub(super) fn u64<'r>(&'r self, name: &str) -> Result<impl Iterator<Item = u64> + use<'r>, StoreError> {
        Ok(self.column(name, Column::u64)?.iter().map(Option::unwrap_or_default))
    }

    pub(super) fn i64<'r>(
        &'r self,
        name: &str,
    ) -> Result<impl Iterator<Item = Option<i64>> + use<'r>, StoreError> {
        Ok(self.column(name, Column::i64)?.iter())
    }

    pub(super) fn bool<'r>(
        &'r self,
        name: &str,
    ) -> Result<impl Iterator<Item = Option<bool>> + use<'r>, StoreError> {
        Ok(self.column(name, Column::bool)?.iter())
    }

    /// What is wrong with a value.
    pub(super) fn damaged(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), detail: detail.into() }
    }
}
