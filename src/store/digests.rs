//! Digest files, kept as they were found: what they prove is worked out when all of them and all log files are known.

use std::collections::BTreeMap;

use serde_json::json;

use super::StoreError;
use super::columns::{Columns, Rows};
use crate::ingest::{DigestFile, ObjectRef};

/// A digest file and the number of its object.
pub(super) type Numbered = (u32, DigestFile);

pub(super) fn columns(rows: &[Numbered]) -> Columns {
    let metadata: Vec<Option<String>> = rows
        .iter()
        .map(|(_, file)| &file.metadata)
        .map(|pairs| {
            (!pairs.is_empty()).then(|| json!(pairs.iter().cloned().collect::<BTreeMap<_, _>>()).to_string())
        })
        .collect();
    Columns::default()
        .u32("object", rows.iter().map(|(number, _)| *number))
        .bytes("text", rows.iter().map(|(_, file)| file.text.as_deref().ok()))
        .text("trouble", rows.iter().map(|(_, file)| file.text.as_ref().err().map(String::as_str)))
        .text("metadata", metadata.iter().map(Option::as_deref))
}

/// `object` gives the object of a number, and none for one that no longer counts.
pub(super) fn read(
    rows: &Rows,
    object: impl Fn(u32) -> Option<(u32, ObjectRef)>,
) -> Result<Vec<Numbered>, StoreError> {
    let mut files = Vec::new();
    let texts = rows.bytes("text")?.zip(rows.text("trouble")?).zip(rows.text("metadata")?);
    for (number, ((text, trouble), metadata)) in rows.u32("object")?.zip(texts) {
        let Some((number, object)) = object(number) else { continue };
        let metadata: BTreeMap<String, String> = serde_json::from_str(metadata.unwrap_or("{}"))
            .map_err(|_| rows.damaged(format!("the metadata of digest {number} cannot be read")))?;
        let text = match (text, trouble) {
            (Some(text), _) => Ok(text.to_vec()),
            (None, trouble) => Err(trouble.unwrap_or_default().to_owned()),
        };
        files.push((number, DigestFile { object, text, metadata: metadata.into_iter().collect() }));
    }
    Ok(files)
}
