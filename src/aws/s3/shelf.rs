//! Files of this program's own in a bucket: whole ones, and small ones that are replaced only if nobody else did so meanwhile.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::FALLBACK_REGION;
use super::fetch::{Fetcher, UNITS};
use crate::aws::sent::Sent;
use crate::aws::{Aws, AwsError, Settings, Trouble};
use crate::ident::Time;
use crate::ingest::ObjectRef;

/// Tries of a small file that comes without its last line break: it was cut short, or somebody else wrote it.
const TRIES_OF_A_TEXT: u32 = 3;
/// Files on their way at the same time.
const SIDE_BY_SIDE: usize = 16;
/// Tries of a write that S3 answers with 409 (`ConditionalRequestConflict`, `OperationAborted`): others write at the
/// same moment. The SDK does not try these again.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// What must be so for a file to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Only<'m> {
    /// There is none of this name.
    New,
    /// It still has this mark.
    Marked(&'m str),
}

/// A part of a bucket: `s3://BUCKET[/PREFIX]`, in which names are below the prefix. Clones share the way there.
#[derive(Clone, Debug)]
pub struct Shelf {
    aws: Aws,
    client: Client,
    bucket: String,
    /// Empty, or with `/` at its end.
    prefix: String,
}

impl Shelf {
    /// Finds the bucket; `None` when `url` is not of this form.
    ///
    /// # Errors
    ///
    /// A bucket that is not there, or that may not be listed.
    pub fn open(settings: &Settings, url: &str) -> Result<Option<Self>, AwsError> {
        let Some(rest) = url.strip_prefix("s3://") else { return Ok(None) };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Ok(None);
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let aws = Aws::connect(settings)?;
        let mut region = aws.region().is_none().then(|| FALLBACK_REGION.to_owned());
        loop {
            let client = aws.s3(region.as_deref(), &Sent::default());
            let shelf = Self { aws: aws.clone(), client, bucket: bucket.to_owned(), prefix: prefix.clone() };
            match shelf.aws.run(shelf.names("", Some(1))) {
                Ok(_) => return Ok(Some(shelf)),
                // Once more where S3 says the bucket is.
                Err(error) => match error.trouble() {
                    Trouble::WrongRegion(Some(right)) if region.as_ref() != Some(right) => {
                        region = Some(right.clone());
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    /// `s3://BUCKET/PREFIX/NAME`.
    pub fn url(&self, name: &str) -> String {
        let url = format!("s3://{}/{}", self.bucket, self.key(name));
        url.trim_end_matches('/').to_owned()
    }

    /// The current second.
    pub fn now(&self) -> Time {
        crate::aws::now()
    }

    pub(super) fn aws(&self) -> &Aws {
        &self.aws
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A small file and its mark; `None` when there is none. Such files end in a line break: one that does not is asked for again, and
    /// given as it is when it stays so.
    pub fn get(&self, name: &str) -> Result<Option<(Vec<u8>, String)>, AwsError> {
        self.aws.run(self.got(name))
    }

    pub(super) async fn got(&self, name: &str) -> Result<Option<(Vec<u8>, String)>, AwsError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let sent = self.client.get_object().bucket(&self.bucket).key(self.key(name)).send().await;
            let answer = match sent {
                Ok(answer) => answer,
                Err(error) => {
                    let error = AwsError::of("s3", "GetObject", &self.url(name), &error);
                    return if *error.trouble() == Trouble::NoSuchKey { Ok(None) } else { Err(error) };
                }
            };
            let mark = answer.e_tag().unwrap_or_default().to_owned();
            match answer.body.collect().await.map(|bytes| bytes.into_bytes()) {
                Ok(bytes) if !bytes.ends_with(b"\n") && tried < TRIES_OF_A_TEXT => {
                    tokio::time::sleep(PAUSE * tried).await;
                }
                Ok(bytes) => return Ok(Some((bytes.to_vec(), mark))),
                Err(error) if tried >= TRIES => {
                    return Err(AwsError::local(&format!("s3 GetObject on `{}`", self.url(name)), &error));
                }
                Err(_) => tokio::time::sleep(PAUSE * tried).await,
            }
        }
    }

    /// Writes a small file, which ends in a line break, on a condition; gives its mark, or `None` when the condition does not hold.
    pub fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<String>, AwsError> {
        self.aws.run(self.written(name, bytes, only))
    }

    pub(super) async fn written(
        &self,
        name: &str,
        bytes: &[u8],
        only: Only<'_>,
    ) -> Result<Option<String>, AwsError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let request = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(self.key(name))
                .content_type("application/json")
                .body(ByteStream::from(bytes.to_vec()));
            let request = match only {
                Only::New => request.if_none_match("*"),
                Only::Marked(mark) => request.if_match(mark),
            };
            let error = match request.send().await {
                Ok(answer) => return Ok(Some(answer.e_tag().unwrap_or_default().to_owned())),
                Err(error) => error,
            };
            match status(&error) {
                409 if tried < TRIES => tokio::time::sleep(PAUSE * tried).await,
                // An attempt whose answer was lost may have written it: then it is what should be there.
                412 | 404 => {
                    let found = self.got(name).await?;
                    return Ok(found.filter(|(there, _)| there == bytes).map(|(_, mark)| mark));
                }
                _ => return Err(AwsError::of("s3", "PutObject", &self.url(name), &error)),
            }
        }
    }

    /// Brings files of a folder here, under the same names.
    pub fn put_files(&self, folder: &Path, names: &[String]) -> Result<(), AwsError> {
        let put = |name: String| {
            let (shelf, path) = (self.clone(), folder.join(&name));
            async move {
                let local = |error: &dyn std::error::Error| {
                    AwsError::local(&format!("cannot read `{}`", path.display()), error)
                };
                let mut tried = 0;
                loop {
                    tried += 1;
                    let body = ByteStream::from_path(&path).await.map_err(|error| local(&error))?;
                    let put =
                        shelf.client.put_object().bucket(&shelf.bucket).key(shelf.key(&name)).body(body);
                    let Err(error) = put.send().await else { return Ok(()) };
                    if tried >= TRIES || status(&error) != 409 {
                        return Err(AwsError::of("s3", "PutObject", &shelf.url(&name), &error));
                    }
                    tokio::time::sleep(PAUSE * tried).await;
                }
            }
        };
        self.side_by_side(names.to_vec(), put)
    }

    /// Brings files from here into a folder, under the same names; each must be as long as told.
    pub fn get_files(&self, folder: &Path, files: &[(String, u64)]) -> Result<(), AwsError> {
        let fetcher = Fetcher {
            client: self.client.clone(),
            bucket: self.bucket.clone(),
            payer: None,
            most: u64::MAX,
            in_flight: Arc::new(Semaphore::new(UNITS as usize)),
            retries: Arc::default(),
        };
        let get = |(name, size): (String, u64)| {
            let (fetcher, key, url) = (fetcher.clone(), self.key(&name), self.url(&name));
            let path = folder.join(&name);
            async move {
                let object = ObjectRef { name: url.clone(), size: Some(size), ..ObjectRef::default() };
                let (_, fetched) = fetcher.fetch(key, object).await;
                let fetched = fetched
                    .map_err(|error| AwsError::told(&format!("s3 GetObject on `{url}`"), &error.detail))?;
                let written = path.parent().map_or(Ok(()), fs::create_dir_all);
                written
                    .and_then(|()| fs::write(&path, &fetched.bytes))
                    .map_err(|error| AwsError::file(&format!("cannot write `{}`", path.display()), &error))
            }
        };
        self.side_by_side(files.to_vec(), get)
    }

    /// The names that begin so, each with the time it was written.
    pub fn list(&self, below: &str) -> Result<Vec<(String, Time)>, AwsError> {
        self.aws.run(self.names(below, None))
    }

    async fn names(&self, below: &str, most: Option<i32>) -> Result<Vec<(String, Time)>, AwsError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.key(below));
        let mut pages = request.set_max_keys(most).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::of("s3", "ListObjectsV2", &self.url(below), &error))?;
            names.extend(page.contents().iter().filter_map(|object| {
                let name = object.key()?.strip_prefix(&self.prefix)?.to_owned();
                Some((name, Time::from_unix(object.last_modified().map_or(0, |time| time.secs()))))
            }));
            if most.is_some() {
                break;
            }
        }
        Ok(names)
    }

    /// Up to so many names, whatever they are.
    pub fn some(&self, most: i32) -> Result<Vec<String>, AwsError> {
        let names = self.aws.run(self.names("", Some(most)))?;
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    /// Removes files; those that are gone already count as removed.
    pub fn delete(&self, names: &[String]) -> Result<(), AwsError> {
        let delete = |name: String| {
            let shelf = self.clone();
            async move {
                let sent = shelf.client.delete_object().bucket(&shelf.bucket).key(shelf.key(&name)).send();
                sent.await.map_err(|error| AwsError::of("s3", "DeleteObject", &shelf.url(&name), &error))?;
                Ok(())
            }
        };
        self.side_by_side(names.to_vec(), delete)
    }

    /// Does something with each item, some at a time; the first error ends it.
    fn side_by_side<T, F>(&self, items: Vec<T>, work: impl Fn(T) -> F) -> Result<(), AwsError>
    where
        F: Future<Output = Result<(), AwsError>> + Send + 'static,
    {
        self.aws.run(async {
            let (mut items, mut under_way) = (items.into_iter(), JoinSet::new());
            loop {
                while under_way.len() < SIDE_BY_SIDE
                    && let Some(item) = items.next()
                {
                    under_way.spawn(work(item));
                }
                let Some(done) = under_way.join_next().await else { return Ok(()) };
                // A task neither panics nor is aborted; if one did, its file would be missing.
                done.map_err(|error| AwsError::local("the network's threads ended", &error))??;
            }
        })
    }
}

/// The HTTP status of an answer; 0 when there was none.
fn status<E>(error: &SdkError<E>) -> u16 {
    error.raw_response().map_or(0, |response| response.status().as_u16())
}
