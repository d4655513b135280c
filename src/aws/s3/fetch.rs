//! One object, whole: tried until it is what was listed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::RequestPayer;
use tokio::sync::Semaphore;

use crate::aws::{AwsError, Trouble};
use crate::ingest::{FetchError, Fetched, ObjectRef};

/// Tries of one object whose body broke off or is not what was listed; each has the SDK's own attempts inside.
const TRIES: u32 = 10;
/// Tries where S3 asked to slow down through all of those attempts: more would make a bucket that is busy for hours hold up the run for days.
const TRIES_WHEN_BUSY: u32 = 2;
/// Doubled from try to try, with full jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The unit in which bytes in flight are counted.
const UNIT: u64 = 1 << 10;
/// Units of all objects fetched and not yet read together.
pub(super) const UNITS: u32 = 64 << 10;

/// Fetches objects of one bucket.
#[derive(Clone)]
pub(super) struct Fetcher {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) payer: Option<RequestPayer>,
    /// Bytes of an object beyond which nothing more is fetched.
    pub(super) most: u64,
    pub(super) in_flight: Arc<Semaphore>,
    /// Tries after the first one of each object.
    pub(super) retries: Arc<AtomicU64>,
}

/// Why one try gave nothing.
enum Failed {
    /// Another try may do.
    Again(FetchError),
    /// One more may.
    Busy(FetchError),
    Finally(FetchError),
}

impl Fetcher {
    /// Waits for room, then fetches.
    pub(super) async fn fetch(
        self,
        key: String,
        object: ObjectRef,
    ) -> (ObjectRef, Result<Fetched, FetchError>) {
        let size = object.size.unwrap_or_default().min(self.most);
        let units = u32::try_from(size / UNIT + 1).unwrap_or(UNITS).min(UNITS);
        let room = Arc::clone(&self.in_flight).acquire_many_owned(units).await;
        let mut fetched = self.tries(&key, &object).await;
        if let (Ok(fetched), Ok(room)) = (&mut fetched, room) {
            fetched.guard = Some(Box::new(room));
        }
        (object, fetched)
    }

    async fn tries(&self, key: &str, object: &ObjectRef) -> Result<Fetched, FetchError> {
        let mut other = None;
        let mut tried = 0;
        loop {
            match self.get(key, object, &mut other).await {
                Ok(fetched) => return Ok(fetched),
                Err(Failed::Finally(error)) => return Err(error),
                Err(Failed::Again(error)) if tried + 1 >= TRIES => return Err(error),
                Err(Failed::Busy(error)) if tried + 1 >= TRIES_WHEN_BUSY => return Err(error),
                Err(Failed::Again(_) | Failed::Busy(_)) => {}
            }
            tried += 1;
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause(tried)).await;
        }
    }

    /// One try. `other` is the mark of what the try before gave instead of what was listed.
    async fn get(
        &self,
        key: &str,
        object: &ObjectRef,
        other: &mut Option<String>,
    ) -> Result<Fetched, Failed> {
        let is_capped = object.size.is_some_and(|size| size > self.most);
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_request_payer(self.payer.clone())
            // What was listed and not what took its place; asked for once, to learn what did.
            .set_if_match(object.etag.clone().filter(|_| other.is_none()))
            .set_range(is_capped.then(|| format!("bytes=0-{}", self.most)));
        let answer = request.send().await.map_err(|error| {
            if error.raw_response().is_some_and(|response| response.status().as_u16() == 412) {
                *other = Some(String::new());
                return Failed::Again(changed());
            }
            let is_network = error.raw_response().is_none();
            let error = AwsError::of("s3", "GetObject", "", &error);
            let fetch_error = of(&error);
            // The SDK has tried ten times; only what a pause may heal is tried again.
            match error.trouble() {
                Trouble::Unreachable if is_network => Failed::Again(fetch_error),
                Trouble::Throttled => Failed::Busy(fetch_error),
                _ => Failed::Finally(fetch_error),
            }
        })?;
        let mut new_etag = None;
        if let (Some(listed), Some(got)) = (object.etag.as_deref(), answer.e_tag())
            && listed.trim_matches('"') != got.trim_matches('"')
        {
            // The same other mark twice in a row: the object was written over since it was listed.
            if other.as_deref() != Some(got) {
                *other = Some(got.to_owned());
                return Err(Failed::Again(changed()));
            }
            new_etag = Some(got.to_owned());
        }
        let served_etag = answer.e_tag().map(str::to_owned);
        let expected = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let metadata = metadata(&answer);
        let bytes = body(answer, expected).await?;
        let listed = object.size.filter(|_| new_etag.is_none() && !is_capped);
        if let Some(listed) = listed.filter(|listed| *listed != bytes.len() as u64) {
            return Err(again(format!("{} bytes came instead of the {listed} listed", bytes.len())));
        }
        Ok(Fetched { bytes, etag: new_etag, served_etag, metadata, guard: None })
    }
}

fn metadata(answer: &GetObjectOutput) -> Vec<(String, String)> {
    let mut metadata: Vec<(String, String)> =
        answer.metadata().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    metadata.sort_unstable();
    metadata
}

async fn body(mut answer: GetObjectOutput, expected: Option<u64>) -> Result<Vec<u8>, Failed> {
    let room = expected.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    // What a header claims is believed up to a point.
    let mut bytes = Vec::with_capacity(room.min(64 << 20));
    while let Some(chunk) = answer.body.next().await {
        let chunk = chunk.map_err(|error| again(format!("the body broke off: {error}")))?;
        bytes.extend_from_slice(&chunk);
    }
    match expected {
        Some(expected) if expected != bytes.len() as u64 => {
            Err(again(format!("{} bytes came instead of {expected}", bytes.len())))
        }
        _ => Ok(bytes),
    }
}

fn again(detail: String) -> Failed {
    Failed::Again(FetchError { kind: "fetch-failed", detail })
}

fn changed() -> FetchError {
    let detail =
        "each answer had another ETag than the one listed: run again when nobody writes to it".to_owned();
    FetchError { kind: "changed", detail }
}

fn of(error: &AwsError) -> FetchError {
    let kind = match error.trouble() {
        Trouble::NoSuchKey => "deleted",
        Trouble::Denied => "denied",
        Trouble::KmsDenied => "kms-denied",
        Trouble::Archived => "archived",
        _ => "fetch-failed",
    };
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    FetchError { kind, detail: format!("{}{hint}", error.detail()) }
}

/// A time between nothing and twice the last one, so that those who failed together do not come back together.
fn pause(tried: u32) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << tried.min(10)).min(LONGEST_PAUSE);
    // A new one has other keys each time.
    let chance = RandomState::new().build_hasher().finish() % 1_000;
    most.mul_f64(f64::from(u32::try_from(chance).unwrap_or_default()) / 1_000.0)
}
