//! CloudTrail's event history: management events of 90 days, for those who have no bucket.
//!
//! `LookupEvents` gives fifty events a page, the newest first, one Region at a time, and takes two requests a second in each. A page
//! becomes an object, which is read like any other carrier of records.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use std::time::Duration;

use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use serde_json::json;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::MissedTickBehavior;

use super::sent::Sent;
use super::{Aws, AwsError, Trouble, calls, regions};
use crate::ident::{Time, TimeRange};
use crate::ingest::{Feed, Fetched, LONGEST_SESSION, ObjectRef, Source, SourceError, Transfer};

/// Two requests a second, in each Region of each account; the limit cannot be raised.
const PACE: Duration = Duration::from_millis(500);
/// How far back the history goes.
const KEPT: i64 = 90 * 86_400;
/// The most AWS gives.
const PAGE: i32 = 50;
/// How soon a raised flag is seen.
const BLINK: Duration = Duration::from_millis(50);

/// `cloudtrail:` or `cloudtrail:REGION,REGION`.
#[derive(Clone, Debug)]
pub struct EventHistory {
    aws: Aws,
    url: String,
    /// As named; empty is all of the partition.
    regions: Vec<String>,
}

/// What a Region's reader tells.
enum News {
    Page { region: String, number: u64, page: Box<LookupEventsOutput> },
    Failed { region: String, error: AwsError },
}

impl EventHistory {
    /// `None` when `url` is not of this form.
    pub fn parse(aws: &Aws, url: &str) -> Option<Self> {
        let rest = url.strip_prefix("cloudtrail:")?;
        let regions: Vec<String> =
            rest.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let is_region = |text: &String| {
            text.contains('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        regions.iter().all(is_region).then(|| Self { aws: aws.clone(), url: url.to_owned(), regions })
    }

    /// The Regions to ask, and whether a Region that takes no credentials is one the account does not have.
    fn regions(&self) -> Vec<(String, bool)> {
        if !self.regions.is_empty() {
            return self.regions.iter().map(|region| (region.clone(), false)).collect();
        }
        let (always, optional) = regions::of_partition(self.aws.region());
        let own = |names: &[&str], optional| -> Vec<(String, bool)> {
            names.iter().map(|name| ((*name).to_owned(), optional)).collect()
        };
        let mut regions = own(always, false);
        regions.extend(own(optional, true));
        regions
    }

    async fn all(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError> {
        if feed.is_preview() {
            return Ok(Transfer::default());
        }
        let account = self.account().await.map_err(|error| self.error(error))?;
        let sent = Sent::default();
        let (sender, mut news) = mpsc::channel(8);
        let mut readers = Vec::new();
        let regions = self.regions();
        for (region, _) in &regions {
            let client = self.aws.in_region(region).cloudtrail(&sent);
            let reader = read(client, region.clone(), feed.window(), sender.clone());
            readers.push(self.aws.spawn(reader));
        }
        drop(sender);
        let (mut n_pages, mut bytes) = (0_u64, 0);
        let mut failed = Vec::new();
        loop {
            if feed.is_stopped() {
                // What is in the channel came already; nothing new is asked for.
                readers.iter().for_each(tokio::task::JoinHandle::abort);
            }
            tokio::select! {
                news = news.recv() => match news {
                    Some(News::Page { region, number, page }) => {
                        n_pages += 1;
                        bytes += give(feed, &account, &region, number, &page);
                    }
                    Some(News::Failed { region, error }) => failed.push((region, error)),
                    None => break,
                },
                () = tokio::time::sleep(BLINK) => {}
            }
        }
        let is_absent = |region: &str, error: &AwsError| {
            *error.trouble() == Trouble::BadCredentials
                && regions.iter().any(|(name, is_optional)| name == region && *is_optional)
        };
        if n_pages == 0
            && let Some(at) = failed.iter().position(|(region, error)| !is_absent(region, error))
        {
            return Err(self.error(failed.swap_remove(at).1));
        }
        for (region, error) in failed.iter().filter(|(region, error)| !is_absent(region, error)) {
            let kind = if *error.trouble() == Trouble::Denied { "list-denied" } else { "list-failed" };
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            let place = format!("cloudtrail:/{account}/CloudTrail/{region}/");
            feed.miss(place, kind, format!("{}{hint}", error.detail()));
        }
        Ok(Transfer {
            lists: sent.attempts(),
            gets: 0,
            retries: sent.retries(),
            throttled: sent.throttled(),
            bytes,
        })
    }

    async fn account(&self) -> Result<String, AwsError> {
        let fallback = self.regions().into_iter().next().map(|(region, _)| region).unwrap_or_default();
        let aws = if self.aws.region().is_some() { self.aws.clone() } else { self.aws.in_region(&fallback) };
        let account = aws.caller().await?.account;
        Ok(if account.is_empty() { "unknown".to_owned() } else { account })
    }

    fn error(&self, error: AwsError) -> SourceError {
        let hint = error.hint();
        SourceError { name: self.url.clone(), cause: Box::new(error), hint }
    }
}

/// One event of the history by its id, as the record's JSON; `None` when the history does not have it (any more).
///
/// # Errors
///
/// The caller may not ask, or CloudTrail cannot be reached.
pub fn lookup_event(aws: &Aws, region: &str, id: &str) -> Result<Option<String>, AwsError> {
    let call = calls::LOOKUP_EVENTS;
    let error = |error| AwsError::of(call.service, call.operation, region, &error);
    let by_id = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventId)
        .attribute_value(id)
        .build()
        .map_err(|error| AwsError::local("cannot ask for an event", &error))?;
    let client = aws.in_region(region).cloudtrail(&Sent::default());
    let page = aws.run(client.lookup_events().lookup_attributes(by_id).send()).map_err(error)?;
    Ok(page.events().iter().find_map(|event| event.cloud_trail_event()).map(str::to_owned))
}

/// All pages of one Region, at the pace AWS allows.
async fn read(client: aws_sdk_cloudtrail::Client, region: String, window: TimeRange, news: Sender<News>) {
    let oldest = super::now().plus_seconds(-KEPT);
    let from = window.from.plus_seconds(-LONGEST_SESSION).max(oldest);
    let to = (window.to < TimeRange::ALWAYS.to).then_some(window.to);
    if to.is_some_and(|to| to <= from) {
        return;
    }
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut token, mut number) = (None, 0);
    loop {
        pace.tick().await;
        let request = client
            .lookup_events()
            .max_results(PAGE)
            .start_time(DateTime::from_secs(from.unix()))
            .set_end_time(to.map(|to| DateTime::from_secs(to.unix())))
            .set_next_token(token);
        let page = match request.send().await {
            Ok(page) => page,
            Err(error) => {
                let error = AwsError::of("cloudtrail", "LookupEvents", &region, &error);
                // Nobody listens any more when the run has ended.
                let _ = news.send(News::Failed { region, error }).await;
                return;
            }
        };
        token = page.next_token().map(str::to_owned);
        number += 1;
        let region = region.clone();
        if news.send(News::Page { region, number, page: Box::new(page) }).await.is_err() || token.is_none() {
            return;
        }
    }
}

/// A page as an object in CloudTrail's own layout, so that account, Region and day are told by its name; gives its bytes.
fn give(feed: &Feed<'_>, account: &str, region: &str, number: u64, page: &LookupEventsOutput) -> u64 {
    if page.events().is_empty() {
        return 0;
    }
    let newest = page.events().iter().filter_map(|event| event.event_time()).map(DateTime::secs).max();
    let (year, month, day) = newest.map_or_else(super::now, Time::from_unix).date();
    let name = format!("cloudtrail:/{account}/CloudTrail/{region}/{year:04}/{month:02}/{day:02}/{number:06}");
    let object = ObjectRef { name, ..ObjectRef::default() };
    if !feed.wants(&object) {
        return 0;
    }
    let events: Vec<_> = page
        .events()
        .iter()
        .map(|event| json!({"CloudTrailEvent": event.cloud_trail_event().unwrap_or_default()}))
        .collect();
    let bytes = json!({"Events": events}).to_string().into_bytes();
    let size = bytes.len() as u64;
    feed.put(object, Ok(Fetched { bytes, etag: None, served_etag: None, metadata: Vec::new(), guard: None }));
    size
}

impl Source for EventHistory {
    fn name(&self) -> &str {
        &self.url
    }

    fn read(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError> {
        self.aws.run(self.all(feed))
    }
}
