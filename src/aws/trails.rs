//! CloudTrail's trails: what they record, whether they do, and the keys their digests are signed with.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, EventSelector, Trail};
use aws_smithy_types::DateTime;
use serde_json::Value;

use super::ask::{Account, Unread, pages};
use super::calls;
use super::shape::{Object, sorted, texts};
use crate::ident::Time;

/// How far back keys are asked for: as long as logs are kept as a rule.
const KEY_DAYS: i64 = 400;

/// The trails that record something of the account in these Regions: `describe-trails` (with `IsLogging` of `get-trail-status`), and what
/// `get-event-selectors` prints of each. Whatever fails leaves the rest.
pub(super) async fn trails(account: &Account, regions: &[String]) -> (Vec<Value>, Vec<Unread>) {
    let mut trails: BTreeMap<String, Trail> = BTreeMap::new();
    let mut failed = Vec::new();
    for region in regions {
        let client = Client::new(account.aws.in_region(region).config());
        let asked = client.describe_trails().include_shadow_trails(true).send();
        match account.ask(&calls::DESCRIBE_TRAILS, region, asked).await {
            Ok(answer) => trails.extend(
                answer
                    .trail_list()
                    .iter()
                    .filter_map(|trail| Some((trail.trail_arn()?.to_owned(), trail.clone()))),
            ),
            Err(unread) => failed.push(unread),
        }
    }
    let (mut described, mut selectors) = (Vec::new(), Vec::new());
    for (arn, trail) in &trails {
        // Selectors and status are told where the trail is at home only.
        let home = trail.home_region().or(account.aws.region()).unwrap_or_default();
        let client = Client::new(account.aws.in_region(home).config());
        let status = client.get_trail_status().name(arn).send();
        let is_logging = match account.ask(&calls::GET_TRAIL_STATUS, arn, status).await {
            Ok(status) => status.is_logging(),
            Err(unread) => {
                failed.push(unread);
                None
            }
        };
        described.push(description(trail, is_logging));
        let asked = client.get_event_selectors().trail_name(arn).send();
        match account.ask(&calls::GET_EVENT_SELECTORS, arn, asked).await {
            Ok(found) => {
                let basic = found.event_selectors();
                let advanced = found.advanced_event_selectors();
                selectors.push(
                    Object::default()
                        .text("TrailARN", Some(arn))
                        .value("EventSelectors", list(basic, self::basic))
                        .value("AdvancedEventSelectors", list(advanced, self::advanced))
                        .build(),
                );
            }
            Err(unread) => failed.push(unread),
        }
    }
    if described.is_empty() {
        return (Vec::new(), failed);
    }
    let first = Object::default().list("trailList", described, &["TrailARN"]).build();
    (std::iter::once(first).chain(selectors).collect(), failed)
}

/// In the order AWS keeps them; none is none.
fn list<T>(items: &[T], one: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| Value::Array(items.iter().map(one).collect()))
}

fn description(trail: &Trail, is_logging: Option<bool>) -> Value {
    let flag = |flag: Option<bool>| flag.map(Value::from);
    Object::default()
        .text("Name", trail.name())
        .text("S3BucketName", trail.s3_bucket_name())
        .text("S3KeyPrefix", trail.s3_key_prefix())
        .value("IncludeGlobalServiceEvents", flag(trail.include_global_service_events()))
        .value("IsMultiRegionTrail", flag(trail.is_multi_region_trail()))
        .text("HomeRegion", trail.home_region())
        .text("TrailARN", trail.trail_arn())
        .value("LogFileValidationEnabled", flag(trail.log_file_validation_enabled()))
        .text("CloudWatchLogsLogGroupArn", trail.cloud_watch_logs_log_group_arn())
        .text("KmsKeyId", trail.kms_key_id())
        .value("HasCustomEventSelectors", flag(trail.has_custom_event_selectors()))
        .value("HasInsightSelectors", flag(trail.has_insight_selectors()))
        .value("IsOrganizationTrail", flag(trail.is_organization_trail()))
        .value("IsLogging", flag(is_logging))
        .build()
}

fn basic(selector: &EventSelector) -> Value {
    let resources = selector.data_resources().iter().map(|resource| {
        Object::default()
            .text("Type", resource.r#type())
            .value("Values", Some(texts(resource.values())))
            .build()
    });
    Object::default()
        .text("ReadWriteType", selector.read_write_type().map(|kind| kind.as_str()))
        .value("IncludeManagementEvents", selector.include_management_events().map(Into::into))
        .value("DataResources", Some(Value::Array(resources.collect())))
        .value("ExcludeManagementEventSources", Some(texts(selector.exclude_management_event_sources())))
        .build()
}

fn advanced(selector: &AdvancedEventSelector) -> Value {
    let fields = selector.field_selectors().iter().map(|field| {
        let some = |values: &[String]| (!values.is_empty()).then(|| texts(values));
        Object::default()
            .text("Field", Some(field.field()))
            .value("Equals", some(field.equals()))
            .value("StartsWith", some(field.starts_with()))
            .value("EndsWith", some(field.ends_with()))
            .value("NotEquals", some(field.not_equals()))
            .value("NotStartsWith", some(field.not_starts_with()))
            .value("NotEndsWith", some(field.not_ends_with()))
            .build()
    });
    Object::default()
        .text("Name", selector.name())
        .value("FieldSelectors", Some(Value::Array(fields.collect())))
        .build()
}

/// `list-public-keys` of a Region, as far back as logs are kept.
pub(super) async fn recent_keys(account: &Account, region: &str, now: Time) -> Result<Value, Unread> {
    let from = now.plus_seconds(-KEY_DAYS * 86_400);
    public_keys(account, &calls::LIST_PUBLIC_KEYS, region, (from, now)).await
}

/// `list-public-keys` of a Region: keys valid at any moment of a time.
pub(super) async fn public_keys(
    account: &Account,
    call: &calls::Call,
    region: &str,
    (from, to): (Time, Time),
) -> Result<Value, Unread> {
    let client = Client::new(account.aws.in_region(region).config());
    let at = |time: Time| DateTime::from_secs(time.unix());
    let asked = client.list_public_keys().start_time(at(from)).end_time(at(to)).into_paginator();
    let mut keys = Vec::new();
    pages!(account, call, region, asked, |page| {
        keys.extend(page.public_key_list().iter().map(|key| {
            let value = key.value().map(|value| aws_smithy_types::base64::encode(value.as_ref()));
            Object::default()
                .text("Value", value.as_deref())
                .time("ValidityStartTime", key.validity_start_time())
                .time("ValidityEndTime", key.validity_end_time())
                .text("Fingerprint", key.fingerprint())
                .build()
        }));
    })?;
    Ok(Object::default()
        .value("PublicKeyList", Some(sorted(keys, &["ValidityStartTime", "Fingerprint"])))
        .build())
}
