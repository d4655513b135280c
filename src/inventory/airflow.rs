//! The ids of Airflow's DAGs, as `airflow dags list` prints them.

use std::path::Path;

use serde::Deserialize;

use super::InventoryError;
use super::read::text;

/// More than any deployment's list.
const MAX_BYTES: u64 = 64 << 20;
/// More DAGs than any deployment runs.
const MAX_DAGS: usize = 1_000_000;

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Id(String),
    Row { dag_id: String },
}

/// Reads DAG ids: JSON (`airflow dags list --output json`: objects with `dag_id`, or plain texts), or one id a line.
///
/// # Errors
///
/// The file cannot be read, is too large, or begins like JSON and is none.
pub fn read_airflow_dags(path: &Path) -> Result<Vec<String>, InventoryError> {
    let text = text(path, MAX_BYTES)?;
    let mut ids: Vec<String> = if text.trim_start().starts_with('[') {
        let entries: Vec<Entry> = serde_json::from_str(&text).map_err(|error| InventoryError::NotDags {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let id = |entry| match entry {
            Entry::Id(id) | Entry::Row { dag_id: id } => id,
        };
        entries.into_iter().map(id).collect()
    } else {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    ids.sort();
    ids.dedup();
    ids.truncate(MAX_DAGS);
    Ok(ids)
}
