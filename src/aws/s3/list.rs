//! Lists a bucket, many parts at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::RequestPayer;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use super::keys::{Range, Step, is_layout, step};
use crate::aws::AwsError;
use crate::ident::{Time, TimeRange};
use crate::ingest::ObjectRef;

/// Requests in flight that list,
const SIDE_BY_SIDE: usize = 16;
/// and while more is listed than can be fetched soon: an answer of a thousand keys takes a megabyte.
const WHEN_AHEAD: usize = 2;

/// Lists one bucket.
#[derive(Clone)]
pub(super) struct Lister {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) payer: Option<RequestPayer>,
    pub(super) window: TimeRange,
    /// The last day worth looking for.
    pub(super) today: Time,
    pub(super) stop: Arc<AtomicBool>,
    /// There is plenty to fetch.
    pub(super) is_ahead: Arc<AtomicBool>,
}

/// What a listing gives.
pub(super) enum Found {
    /// Keys with what is listed of them.
    Objects(Vec<(String, ObjectRef)>),
    /// A prefix that cannot be listed.
    Missed(String, AwsError),
}

/// One answer.
#[derive(Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, ObjectRef)>,
    pub(super) more: Vec<Step>,
}

impl Lister {
    /// The first look: what the user's prefix stands for. A folder or an object of just this name, else all keys that begin so.
    pub(super) async fn open(&self, prefix: &str) -> Result<Page, AwsError> {
        if prefix.is_empty() || prefix.ends_with('/') {
            return self.page(step(prefix.to_owned(), 0, &self.window)).await;
        }
        let answer = self.request(prefix, None, true).await?;
        let folder = format!("{prefix}/");
        let mut page = Page { objects: self.objects(&answer), more: Vec::new() };
        page.objects.retain(|(key, _)| key == prefix);
        if prefixes(&answer).any(|found| found == folder) {
            page.more.push(step(folder, 0, &self.window));
        }
        if page.objects.is_empty() && page.more.is_empty() {
            page.more.push(Step::Keys(Range { prefix: prefix.to_owned(), ..Range::default() }));
        }
        Ok(page)
    }

    /// Walks everything that `first` leads to.
    pub(super) async fn walk(self, first: Page, found: Sender<Found>) {
        let Page { objects, mut more } = first;
        let mut under_way = JoinSet::new();
        if found.send(Found::Objects(objects)).await.is_err() {
            return;
        }
        loop {
            let is_ahead = self.is_ahead.load(Ordering::Relaxed) || found.capacity() < found.max_capacity();
            let most = if is_ahead { WHEN_AHEAD } else { SIDE_BY_SIDE };
            while under_way.len() < most
                && !self.stop.load(Ordering::Relaxed)
                && let Some(step) = more.pop()
            {
                let lister = self.clone();
                under_way.spawn(async move { (place(&step), lister.page(step).await) });
            }
            let Some(done) = under_way.join_next().await else { return };
            // A task neither panics nor is aborted but with this whole walk.
            let Ok((place, page)) = done else { continue };
            let news = match page {
                Ok(page) => {
                    more.extend(page.more);
                    Found::Objects(page.objects)
                }
                Err(error) => Found::Missed(place, error),
            };
            if found.send(news).await.is_err() {
                return;
            }
        }
    }

    async fn page(&self, step: Step) -> Result<Page, AwsError> {
        match step {
            Step::Folder { prefix, unknown } => self.folder(prefix, unknown).await,
            Step::Keys(range) => self.keys(range).await,
        }
    }

    async fn folder(&self, prefix: String, unknown: usize) -> Result<Page, AwsError> {
        let mut answer = self.request(&prefix, None, true).await?;
        let mut page = Page::default();
        let is_ours = is_layout(&prefix) || prefixes(&answer).any(is_layout);
        if !is_ours && answer.is_truncated() == Some(true) {
            // Thousands of folders that are none of CloudTrail's: a request each would be too many.
            return self.keys(Range { prefix, ..Range::default() }).await;
        }
        loop {
            page.objects.extend(self.objects(&answer));
            page.more.extend(prefixes(&answer).map(|child| step(child.to_owned(), unknown, &self.window)));
            let Some(token) =
                answer.next_continuation_token().filter(|_| answer.is_truncated() == Some(true))
            else {
                return Ok(page);
            };
            let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix).delimiter("/");
            let next = request.set_request_payer(self.payer.clone()).continuation_token(token).send().await;
            answer =
                next.map_err(|error| AwsError::of("s3", "ListObjectsV2", &self.place(&prefix), &error))?;
        }
    }

    async fn keys(&self, range: Range) -> Result<Page, AwsError> {
        let answer = self.request(&range.prefix, range.after.as_deref(), false).await?;
        let mut objects = self.objects(&answer);
        let mut more = Vec::new();
        if answer.is_truncated() == Some(true)
            && let (Some((first, _)), Some((last, _))) = (objects.first(), objects.last())
        {
            more = range.clone().rest(first, last, self.today).into_iter().map(Step::Keys).collect();
        }
        objects.retain(|(key, _)| range.holds(key));
        objects.shrink_to_fit();
        Ok(Page { objects, more })
    }

    async fn request(
        &self,
        prefix: &str,
        after: Option<&str>,
        is_folder: bool,
    ) -> Result<ListObjectsV2Output, AwsError> {
        self.client
            .list_objects_v2()
            .bucket(&self.bucket)
            .set_prefix(Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
            .set_start_after(after.map(str::to_owned))
            .set_delimiter(is_folder.then(|| "/".to_owned()))
            .set_request_payer(self.payer.clone())
            .send()
            .await
            .map_err(|error| AwsError::of("s3", "ListObjectsV2", &self.place(prefix), &error))
    }

    fn place(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", self.bucket)
    }

    fn objects(&self, answer: &ListObjectsV2Output) -> Vec<(String, ObjectRef)> {
        let objects = answer.contents().iter().filter_map(|object| {
            let key = object.key()?.to_owned();
            let about = ObjectRef {
                name: self.place(&key),
                size: object.size().and_then(|size| u64::try_from(size).ok()),
                etag: object.e_tag().map(str::to_owned),
                last_modified: object.last_modified().map(|time| Time::from_unix(time.secs())),
            };
            Some((key, about))
        });
        objects.collect()
    }
}

fn prefixes(answer: &ListObjectsV2Output) -> impl Iterator<Item = &str> {
    answer.common_prefixes().iter().filter_map(|prefix| prefix.prefix())
}

fn place(step: &Step) -> String {
    match step {
        Step::Folder { prefix, .. } => prefix.clone(),
        Step::Keys(range) => range.prefix.clone(),
    }
}
