//! Log objects in S3: listed many parts at a time, fetched as many at once as helps, handed over whole.
//!
//! ```text
//! list: folders of the layout ─▶ stretches of keys ─▶ pages ─▶ filter (day, kind, known) ─▶ fetch ─▶ workers
//!         16 requests at a time, 2 when ahead                   8 to 256 at a time, at most 64 MB not yet read
//! ```

mod fetch;
mod gauge;
mod hold;
mod keys;
mod list;
mod shelf;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::types::RequestPayer;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

pub use self::hold::{Held, Hold};
pub use self::shelf::{Only, Shelf};

use self::fetch::{Fetcher, UNITS};
use self::gauge::Gauge;
use self::list::{Found, Lister};
use super::sent::Sent;
use super::{Aws, AwsError, Trouble};
use crate::ingest::{Feed, FetchError, Fetched, ObjectRef, Source, SourceError, Transfer};

/// Where requests go when no Region is set; S3 there knows where each bucket is.
const FALLBACK_REGION: &str = "us-east-1";
/// Listed objects that wait to be fetched before listing waits too,
const ENOUGH: usize = 1_024;
/// and before it takes its time.
const PLENTY: usize = ENOUGH / 2;
/// How soon a raised flag is seen.
const BLINK: Duration = Duration::from_millis(50);
/// Refusals of the same kind, and nothing but these, after which the rest need not be tried.
const HOPELESS: u64 = 2_000;

/// A bucket, or a part of one: `s3://BUCKET[/PREFIX]`.
#[derive(Clone, Debug)]
pub struct Bucket {
    aws: Aws,
    url: String,
    bucket: String,
    prefix: String,
}

/// Refusals and successes so far.
#[derive(Default)]
struct Luck {
    n_fetched: u64,
    n_refused: u64,
    last: Option<FetchError>,
}

impl Bucket {
    /// `None` when `url` is not of this form.
    pub fn parse(aws: &Aws, url: &str) -> Option<Self> {
        let rest = url.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        (!bucket.is_empty()).then(|| Self {
            aws: aws.clone(),
            url: url.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    fn error(&self, error: AwsError) -> SourceError {
        let hint = error.hint();
        SourceError { name: self.url.clone(), cause: Box::new(error), hint }
    }

    fn payer(&self) -> Option<RequestPayer> {
        self.aws.settings().requester_pays.then_some(RequestPayer::Requester)
    }

    /// Lists once, and once more where S3 says the bucket is.
    async fn open(
        &self,
        feed: &Feed<'_>,
        sent: &Sent,
        stop: &Arc<AtomicBool>,
    ) -> Result<(Lister, list::Page, Option<String>), AwsError> {
        let mut region = self.aws.region().is_none().then(|| FALLBACK_REGION.to_owned());
        loop {
            let lister = Lister {
                client: self.aws.s3(region.as_deref(), sent),
                bucket: self.bucket.clone(),
                payer: self.payer(),
                window: feed.window(),
                today: super::now().plus_seconds(86_400),
                stop: Arc::clone(stop),
                is_ahead: Arc::default(),
            };
            match lister.open(&self.prefix).await {
                Ok(page) => return Ok((lister, page, region)),
                Err(error) => match error.trouble() {
                    Trouble::WrongRegion(Some(right)) if region.as_ref() != Some(right) => {
                        region = Some(right.clone());
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    async fn all(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError> {
        let (listing, getting) = (Sent::default(), Sent::default());
        let stop = Arc::new(AtomicBool::new(false));
        let opened = self.open(feed, &listing, &stop).await;
        let (lister, first, region) = opened.map_err(|error| self.error(error))?;
        let retries = Arc::new(AtomicU64::new(0));
        let fetcher = Fetcher {
            client: self.aws.s3(region.as_deref(), &getting),
            bucket: self.bucket.clone(),
            payer: self.payer(),
            most: feed.most_bytes() as u64,
            in_flight: Arc::new(Semaphore::new(UNITS as usize)),
            retries: Arc::clone(&retries),
        };
        let (sender, mut pages) = mpsc::channel(4);
        let is_ahead = Arc::clone(&lister.is_ahead);
        let walk = self.aws.spawn(lister.walk(first, sender));
        let start = Instant::now();
        let mut gauge = Gauge::new();
        let mut waiting: VecDeque<(String, ObjectRef)> = VecDeque::new();
        let mut under_way = JoinSet::new();
        let mut luck = Luck::default();
        let (mut bytes, mut is_listed) = (0, false);
        loop {
            if !stop.load(Ordering::Relaxed) && (feed.is_stopped() || luck.is_hopeless()) {
                stop.store(true, Ordering::Relaxed);
                waiting.clear();
                walk.abort();
                is_listed = true;
            }
            while under_way.len() < gauge.limit()
                && let Some((key, object)) = waiting.pop_front()
            {
                let fetch = fetcher.clone().fetch(key, object);
                under_way.spawn_on(fetch, self.aws.handle());
            }
            is_ahead.store(waiting.len() >= PLENTY, Ordering::Relaxed);
            if is_listed && under_way.is_empty() {
                break;
            }
            tokio::select! {
                page = pages.recv(), if !is_listed && waiting.len() < ENOUGH => match page {
                    Some(Found::Objects(objects)) => {
                        waiting.extend(objects.into_iter().filter(|(_, object)| feed.wants(object)));
                    }
                    Some(Found::Missed(prefix, error)) => self.miss(feed, &prefix, &error),
                    None => is_listed = true,
                },
                Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                    // A task neither panics nor is aborted; if one did, its object would count as missing.
                    let Ok((object, fetched)) = done else { continue };
                    let size = luck.saw(&fetched);
                    bytes += size;
                    let had_enough = feed.put(object, fetched);
                    gauge.came(size, getting.throttled(), had_enough, start.elapsed());
                }
                () = tokio::time::sleep(BLINK) => {}
            }
        }
        luck.verdict().map_err(|error| SourceError {
            name: self.url.clone(),
            cause: error.detail.into(),
            hint: None,
        })?;
        Ok(Transfer {
            lists: listing.attempts(),
            gets: getting.attempts(),
            retries: listing.retries() + getting.retries() + retries.load(Ordering::Relaxed),
            throttled: listing.throttled() + getting.throttled(),
            bytes,
        })
    }

    fn miss(&self, feed: &Feed<'_>, prefix: &str, error: &AwsError) {
        let kind = if *error.trouble() == Trouble::Denied { "list-denied" } else { "list-failed" };
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        feed.miss(format!("s3://{}/{prefix}", self.bucket), kind, format!("{}{hint}", error.detail()));
    }
}

impl Luck {
    /// Counts an object; gives its bytes.
    fn saw(&mut self, fetched: &Result<Fetched, FetchError>) -> u64 {
        match fetched {
            Ok(fetched) => {
                self.n_fetched += 1;
                fetched.bytes.len() as u64
            }
            Err(error) => {
                if matches!(error.kind, "denied" | "kms-denied") {
                    self.n_refused += 1;
                    self.last.get_or_insert_with(|| error.clone());
                } else {
                    self.n_fetched += 1;
                }
                0
            }
        }
    }

    fn is_hopeless(&self) -> bool {
        self.n_fetched == 0 && self.n_refused >= HOPELESS
    }

    /// An error when everything was refused.
    fn verdict(self) -> Result<(), FetchError> {
        match self.last {
            Some(error) if self.n_fetched == 0 => Err(error),
            _ => Ok(()),
        }
    }
}

impl Source for Bucket {
    fn name(&self) -> &str {
        &self.url
    }

    fn read(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError> {
        self.aws.run(self.all(feed))
    }
}
