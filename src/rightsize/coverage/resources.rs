//! Of which resources the logs hold data events.
//!
//! A trail's selectors may name single resources, so the events of one bucket do not show that those of another are recorded. What a policy
//! names is looked at resource by resource: a bucket (an access point), a table, a function, a stream, whatever lies inside it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::catalog::Resource;
use crate::inventory::ArnRange;
use crate::usage::Usage;

/// So many resources of a kind in the logs show that its events are not recorded of one chosen resource alone.
const SEVERAL: usize = 2;

/// By kind of data event (`resources[].type`), the resources events were seen of: a bucket's ARN with a slash, a table's, a function's.
pub type SeenOfAccount = BTreeMap<String, BTreeSet<String>>;

/// The resources data events were seen of, by account and kind, and accounts with events of the RDS Data API among their management events.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeenResources {
    by_account: BTreeMap<String, Arc<SeenOfAccount>>,
    rds_data: BTreeSet<String>,
}

impl SeenResources {
    /// Looks at every call of the window; refused ones show that events are recorded as well as others.
    pub fn of(usage: &Usage) -> Self {
        let mut by_account: BTreeMap<String, SeenOfAccount> = BTreeMap::new();
        let mut rds_data = BTreeSet::new();
        for row in usage.rows.iter() {
            let Some(account) = row.call.recipient_account.as_deref() else { continue };
            let Some(kind) = row.call.data_type.as_deref() else {
                if row.call.source.as_ref() == RDS_DATA && !rds_data.contains(account) {
                    rds_data.insert(account.to_owned());
                }
                continue;
            };
            let arns =
                row.call.needs.needs.iter().flat_map(|need| &need.resources).filter_map(|one| match one {
                    Resource::Arn(arn) => {
                        let (text, is_whole) = literal(arn);
                        container(&text, is_whole).map(str::to_owned)
                    }
                    _ => None,
                });
            for arn in arns {
                let kinds = by_account.get(account);
                if !kinds.and_then(|kinds| kinds.get(kind)).is_some_and(|known| known.contains(&arn)) {
                    let kinds = by_account.entry(account.to_owned()).or_default();
                    kinds.entry(kind.to_owned()).or_default().insert(arn);
                }
            }
        }
        let by_account = by_account.into_iter().map(|(account, kinds)| (account, Arc::new(kinds))).collect();
        Self { by_account, rds_data }
    }

    /// Of one account.
    pub(super) fn of_account(&self, account: &str) -> Arc<SeenOfAccount> {
        self.by_account.get(account).cloned().unwrap_or_default()
    }

    /// Whether management events of the RDS Data API were seen.
    pub(super) fn has_rds_data(&self, account: &str) -> bool {
        self.rds_data.contains(account)
    }
}

/// `eventSource` of the RDS Data API, which trails may leave out of their management events.
pub(in crate::rightsize) const RDS_DATA: &str = "rdsdata.amazonaws.com";

/// The part of a pattern before its first wildcard or variable, and whether that is all of it. A bucket stands for what is in it.
fn literal(pattern: &str) -> (Cow<'_, str>, bool) {
    let end = pattern.find(['*', '?']).unwrap_or(pattern.len());
    let end = pattern.find("${").map_or(end, |at| at.min(end));
    let text = pattern.get(..end).unwrap_or_default();
    let is_whole = text.len() == pattern.len();
    let is_bucket = is_whole && text.split(':').nth(2) == Some("s3") && !text.contains('/');
    (if is_bucket { Cow::Owned(format!("{text}/")) } else { Cow::Borrowed(text) }, is_whole)
}

/// The bucket with its slash, the access point, table, function, … that the text lies in; `None` when the text ends before it does, unless it
/// is whole.
fn container(text: &str, is_whole: bool) -> Option<&str> {
    let (at, _) = text.match_indices(':').nth(4)?;
    let resource = text.get(at + 1..)?;
    let service = text.split(':').nth(2)?;
    let end = if service == "s3" && !resource.starts_with("accesspoint/") {
        resource.find('/')? + 1
    } else {
        let second = resource.find(['/', ':']).and_then(|first| {
            let rest = resource.get(first + 1..)?;
            Some(first + 1 + rest.find(['/', ':'])?)
        });
        match second {
            Some(second) => second,
            None if is_whole && !resource.is_empty() => resource.len(),
            None => return None,
        }
    };
    text.get(..at + 1 + end)
}

/// Whether the events of all that a pattern of a policy names are recorded, as far as the resources they were seen of tell.
pub(super) fn were_seen(seen: &BTreeSet<String>, pattern: &str) -> bool {
    let (text, is_whole) = literal(pattern);
    match container(&text, is_whole) {
        Some(one) => seen.contains(one),
        // It names many: several of them are in the logs, and nothing chosen.
        None => {
            let start = Bound::Included(&*text);
            let of_these = seen.range::<str, _>((start, Bound::Unbounded));
            of_these.take_while(|arn| arn.starts_with(&*text)).take(SEVERAL).count() == SEVERAL
        }
    }
}

/// Whether all that a pattern of a policy names lies in one of the ranges of a trail's selectors.
pub(super) fn lie_within(ranges: &[&ArnRange], pattern: &str) -> bool {
    let (text, is_whole) = literal(pattern);
    ranges.iter().any(|range| match range {
        ArnRange::StartsWith(start) => text.starts_with(start.as_str()),
        // What lies inside the resource is told as an event of it.
        ArnRange::Exactly(arn) => text
            .strip_prefix(arn.as_str())
            .is_some_and(|rest| rest.starts_with(['/', ':']) || (rest.is_empty() && is_whole)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_container_is_told_by_it() {
        for (pattern, expected) in [
            ("arn:aws:s3:::b/*", Some("arn:aws:s3:::b/")),
            ("arn:aws:s3:::b/a/${aws:username}/*", Some("arn:aws:s3:::b/")),
            ("arn:aws:s3:::b", Some("arn:aws:s3:::b/")),
            ("arn:aws:s3:::b*", None),
            ("arn:aws:s3:::b*/k", None),
            ("arn:aws:s3:eu-west-1:1:accesspoint/p/object/*", Some("arn:aws:s3:eu-west-1:1:accesspoint/p")),
            ("arn:aws:dynamodb:eu-west-1:1:table/t", Some("arn:aws:dynamodb:eu-west-1:1:table/t")),
            ("arn:aws:dynamodb:eu-west-1:1:table/t/index/*", Some("arn:aws:dynamodb:eu-west-1:1:table/t")),
            ("arn:aws:dynamodb:eu-west-1:1:table/t*", None),
            ("arn:aws:lambda:eu-west-1:1:function:f:*", Some("arn:aws:lambda:eu-west-1:1:function:f")),
            ("arn:aws:lambda:eu-west-1:1:function:*", None),
            ("arn:aws:sqs:eu-west-1:1:q", Some("arn:aws:sqs:eu-west-1:1:q")),
            ("arn:aws:sqs:eu-west-1:1:", None),
            ("*", None),
            ("", None),
            ("${x}", None),
        ] {
            let (text, is_whole) = literal(pattern);
            assert_eq!(container(&text, is_whole), expected, "{pattern}");
        }
    }

    #[test]
    fn one_bucket_does_not_show_the_others() {
        let seen = |buckets: &[&str]| buckets.iter().map(|name| format!("arn:aws:s3:::{name}/")).collect();
        for (buckets, pattern, expected) in [
            (&["a"][..], "arn:aws:s3:::a/*", true),
            (&["a"], "arn:aws:s3:::a/x/*", true),
            (&["a"], "arn:aws:s3:::a", true),
            (&["a"], "arn:aws:s3:::b/*", false),
            (&["a", "c"], "arn:aws:s3:::b/*", false),
            (&["a"], "*", false),
            (&["a", "b"], "*", true),
            (&["app-a", "b"], "arn:aws:s3:::app-*", false),
            (&["app-a", "app-b"], "arn:aws:s3:::app-*", true),
            (&[], "arn:aws:s3:::a/*", false),
        ] {
            assert_eq!(were_seen(&seen(buckets), pattern), expected, "{buckets:?} {pattern}");
        }
    }

    #[test]
    fn selectors_reach_as_far_as_their_words() {
        let bucket = ArnRange::StartsWith("arn:aws:s3:::a/".to_owned());
        let function = ArnRange::Exactly("arn:aws:lambda:eu-west-1:1:function:f".to_owned());
        let ranges = [&bucket, &function];
        for (pattern, expected) in [
            ("arn:aws:s3:::a/*", true),
            ("arn:aws:s3:::a/x", true),
            ("arn:aws:s3:::a", true),
            ("arn:aws:s3:::a*", false),
            ("arn:aws:s3:::ab/*", false),
            ("arn:aws:lambda:eu-west-1:1:function:f", true),
            ("arn:aws:lambda:eu-west-1:1:function:f:live", true),
            ("arn:aws:lambda:eu-west-1:1:function:f*", false),
            ("arn:aws:lambda:eu-west-1:1:function:fg", false),
            ("*", false),
        ] {
            assert_eq!(lie_within(&ranges, pattern), expected, "{pattern}");
        }
    }
}
