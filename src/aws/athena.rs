//! Tables of Athena that stand over CloudTrail's log files: where the files lie.
//!
//! A table is only a name for a place: `athena:DATABASE.TABLE` is read from the bucket, as if its address had been given. No query is run.
//!
//! See: <https://docs.aws.amazon.com/athena/latest/ug/cloudtrail-logs.html> and
//! <https://docs.aws.amazon.com/glue/latest/webapi/API_GetTable.html>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ask::{Account, Unread};
use super::calls;
use super::json_call::JsonService;
use super::{Aws, AwsError};

/// Why a table cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TableError {
    /// The address is not one.
    #[error("`{0}` is no address of a table: `athena:DATABASE.TABLE`")]
    Address(String),
    /// No Region is set anywhere.
    #[error("`{0}`: no Region is known, and a table is one Region's")]
    NoRegion(String),
    /// The catalog does not tell.
    #[error("cannot read `{table}`: {}: {}", .unread.what, .unread.error)]
    Unread {
        /// As the user named it.
        table: String,
        /// What AWS said.
        unread: Unread,
    },
    /// It does not stand over log files.
    #[error("`{table}` does not stand over CloudTrail's log files: {why}")]
    NoLogs {
        /// As the user named it.
        table: String,
        /// A clause.
        why: String,
    },
}

impl TableError {
    /// What to do about it, one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address(_) => None,
            Self::NoRegion(_) => Some("give --region, or set AWS_REGION".to_owned()),
            Self::Unread { unread, .. } => unread.hint.clone(),
            Self::NoLogs { .. } => {
                Some("name the place of the log files themselves: s3://BUCKET/PREFIX".to_owned())
            }
        }
    }
}

/// The places of a table's files, `s3://…`, none below another; `None` when `address` does not begin with `athena:`.
pub fn table_locations(aws: &Aws, address: &str) -> Option<Result<Vec<String>, TableError>> {
    let name = address.strip_prefix("athena:")?;
    let Some((database, table)) = name.split_once('.').filter(|(a, b)| !a.is_empty() && !b.is_empty()) else {
        return Some(Err(TableError::Address(address.to_owned())));
    };
    let Some(region) = aws.region().map(str::to_owned) else {
        return Some(Err(TableError::NoRegion(address.to_owned())));
    };
    // Whose catalog it is, is the caller's matter.
    let account = Account { aws: aws.clone(), id: "of the caller".to_owned() };
    Some(aws.run(locations(&account, &region, address, (database, table))))
}

async fn locations(
    account: &Account,
    region: &str,
    address: &str,
    (database, table): (&str, &str),
) -> Result<Vec<String>, TableError> {
    let glue = JsonService::new(account, "glue", "AWSGlue", region);
    let unread = |unread: Unread| TableError::Unread { table: address.to_owned(), unread };
    let no_logs = |why: &str| TableError::NoLogs { table: address.to_owned(), why: why.to_owned() };
    let on = format!("{database}.{table}");
    let body = json!({"DatabaseName": database, "Name": table});
    let answer = glue.ask(&calls::GET_TABLE, &on, &body).await.map_err(unread)?;
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/Table/TableType") == "VIRTUAL_VIEW" {
        return Err(no_logs("it is a view"));
    }
    let serde = text("/Table/StorageDescriptor/SerdeInfo/SerializationLibrary");
    // CloudTrail's own, and the JSON ones that read the same files.
    if !["CloudTrail", "Json"].iter().any(|word| serde.contains(word)) {
        return Err(no_logs(&format!("it is read by `{}`", AwsError::shown(serde))));
    }
    let mut places = BTreeSet::new();
    // With partition projection the places of partitions follow from a pattern.
    let pattern = text("/Table/Parameters/storage.location.template");
    let fixed = pattern.split("${").next().unwrap_or_default();
    let fixed = fixed.rfind('/').and_then(|end| fixed.get(..=end)).unwrap_or_default();
    places.extend([text("/Table/StorageDescriptor/Location"), fixed].map(str::to_owned));
    let is_projected = text("/Table/Parameters/projection.enabled") == "true";
    let keys = answer.pointer("/Table/PartitionKeys").and_then(Value::as_array);
    if !is_projected && keys.is_some_and(|keys| !keys.is_empty()) {
        let mut token = None;
        loop {
            let body = json!({
                "DatabaseName": database, "TableName": table, "NextToken": token, "ExcludeColumnSchema": true,
            });
            let page = glue.ask(&calls::GET_PARTITIONS, &on, &body).await.map_err(unread)?;
            let partitions = page.get("Partitions").and_then(Value::as_array).into_iter().flatten();
            let of_partition =
                |one: &Value| one.pointer("/StorageDescriptor/Location")?.as_str().map(str::to_owned);
            places.extend(partitions.filter_map(of_partition));
            token = page
                .get("NextToken")
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
    }
    let places = outermost(places);
    if places.is_empty() {
        return Err(no_logs("it has no place in S3"));
    }
    Ok(places)
}

/// Folders in S3, each once, and none that lies in another.
fn outermost(places: BTreeSet<String>) -> Vec<String> {
    let folders: BTreeSet<String> = places
        .iter()
        .filter(|place| place.strip_prefix("s3://").is_some_and(|rest| !rest.is_empty()))
        .map(|place| format!("{}/", place.trim_end_matches('/')))
        .collect();
    // What lies in a folder comes right behind it.
    let mut outer: Vec<String> = Vec::new();
    for folder in folders {
        if outer.last().is_none_or(|last| !folder.starts_with(last)) {
            outer.push(folder);
        }
    }
    outer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_folders_are_read_once() {
        let places = ["s3://b/a", "s3://b/a/1", "s3://b/a-2/", "s3://b/a/", "", "hdfs://x", "s3://c/x/y/"];
        let found = outermost(places.map(str::to_owned).into());
        assert_eq!(found, ["s3://b/a-2/", "s3://b/a/", "s3://c/x/y/"]);
    }
}
