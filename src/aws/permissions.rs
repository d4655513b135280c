//! The smallest policy that lets this program do its work, generated from the table of calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::calls::{CALLS, Feature, On, Part};

/// Where things are, as ARNs; what is not named is written as a placeholder in capitals.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Buckets of logs, each with a prefix or without: `BUCKET` or `BUCKET/PREFIX`.
    pub logs: Vec<String>,
    /// ARNs of the keys the logs are encrypted with.
    pub keys: Vec<String>,
    /// The place of a store, `BUCKET` or `BUCKET/PREFIX`.
    pub store: Option<String>,
    /// ARN of the key it is encrypted with.
    pub store_key: Option<String>,
    /// The role in member accounts.
    pub member_role: Option<String>,
    /// `aws`, `aws-cn` or `aws-us-gov`; none is `aws`.
    pub partition: Option<String>,
}

/// A policy document with one statement for each feature and kind of resource. Of a snapshot only the parts given count.
pub fn policy(features: &BTreeSet<Feature>, parts: &BTreeSet<Part>, places: &Places) -> Value {
    let mut actions: BTreeMap<(Feature, On), BTreeSet<&str>> = BTreeMap::new();
    for call in CALLS.iter().filter(|call| features.contains(&call.feature)) {
        if call.part.is_none_or(|part| parts.contains(&part))
            && let Some(action) = call.action
        {
            actions.entry((call.feature, call.on)).or_default().insert(action);
        }
    }
    let statements: Vec<Value> = actions
        .into_iter()
        .map(|((feature, on), actions)| {
            json!({
                "Sid": sid(feature, on),
                "Effect": "Allow",
                "Action": actions,
                "Resource": resources(on, places),
            })
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Letters and digits only, as IAM wants it.
fn sid(feature: Feature, on: On) -> String {
    let words = feature.as_str().split('-').map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    let place = match on {
        On::Everything => "",
        On::LogBucket | On::StoreBucket => "Bucket",
        On::LogObjects | On::StoreObjects => "Objects",
        On::LogKey | On::StoreKey => "Key",
        On::MemberRole => "Role",
    };
    format!("{}{place}", words.collect::<String>())
}

fn resources(on: On, places: &Places) -> Value {
    let partition = places.partition.as_deref().unwrap_or("aws");
    let bucket =
        |place: &String| format!("arn:{partition}:s3:::{}", place.split('/').next().unwrap_or(place));
    let objects = |place: &String| format!("arn:{partition}:s3:::{}/*", place.trim_end_matches('/'));
    let logs = || if places.logs.is_empty() { vec!["LOG-BUCKET".to_owned()] } else { places.logs.clone() };
    let list = |places: Vec<String>, one: &dyn Fn(&String) -> String| {
        let set: BTreeSet<String> = places.iter().map(one).collect();
        json!(set)
    };
    let key = || json!(format!("arn:{partition}:kms:REGION:ACCOUNT:key/KEY-ID"));
    let store = || places.store.clone().unwrap_or_else(|| "STORE-BUCKET".to_owned());
    match on {
        On::Everything => json!("*"),
        On::StoreBucket => json!(bucket(&store())),
        On::StoreObjects => json!(objects(&store())),
        On::StoreKey => places.store_key.as_ref().map_or_else(key, |key| json!(key)),
        On::LogBucket => list(logs(), &bucket),
        On::LogObjects => list(logs(), &objects),
        On::LogKey if places.keys.is_empty() => key(),
        On::LogKey => list(places.keys.clone(), &String::clone),
        On::MemberRole => {
            let name = places.member_role.as_deref().unwrap_or("MEMBER-ROLE").trim_start_matches('/');
            json!(format!("arn:{partition}:iam::*:role/{name}"))
        }
    }
}

/// Whether placeholders stand in the policy, to be replaced by hand.
pub fn has_placeholders(policy: &Value) -> bool {
    let text = policy.to_string();
    ["LOG-BUCKET", "STORE-BUCKET", "KEY-ID", "MEMBER-ROLE"].iter().any(|word| text.contains(word))
}
