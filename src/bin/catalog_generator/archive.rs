//! The archives of npm and PyPI, read without a tool.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::Result;

/// The JSON files of an archive, by path; gzipped members inflated.
pub(super) fn files_of(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    if name.ends_with(".whl") { unzipped(bytes) } else { untarred(bytes) }
}

fn untarred(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut tar)?;
    let mut files = BTreeMap::new();
    let mut rest = tar.as_slice();
    while let Some((header, body)) =
        rest.split_at_checked(512).filter(|(header, _)| header.iter().any(|byte| *byte != 0))
    {
        let field = |range: std::ops::Range<usize>| {
            let bytes = header.get(range).unwrap_or_default();
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).trim().to_owned()
        };
        let size = usize::from_str_radix(&field(124..136), 8)?;
        let (prefix, name) = (field(345..500), field(0..100));
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let content = body.get(..size).ok_or("the archive is cut off")?;
        if Path::new(&path).extension().is_some_and(|extension| extension == "json") {
            files.insert(path, content.to_vec());
        }
        rest = body.get(size.next_multiple_of(512)..).unwrap_or_default();
    }
    Ok(files)
}

fn unzipped(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let number = |at: usize, width: usize| -> Result<usize> {
        let field = bytes.get(at..at + width).ok_or("the archive is cut off")?;
        Ok(field.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    };
    let tail = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or("no zip directory")?;
    let (count, mut at) = (number(tail + 10, 2)?, number(tail + 16, 4)?);
    let mut files = BTreeMap::new();
    for _ in 0..count {
        let (method, size, name_length) = (number(at + 10, 2)?, number(at + 20, 4)?, number(at + 28, 2)?);
        let (extra, comment, header) = (number(at + 30, 2)?, number(at + 32, 2)?, number(at + 42, 4)?);
        let name = String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name_length).unwrap_or_default())
            .into_owned();
        at += 46 + name_length + extra + comment;
        if !name.ends_with("/service-2.json.gz") {
            continue;
        }
        let start = header + 30 + number(header + 26, 2)? + number(header + 28, 2)?;
        let packed = bytes.get(start..start + size).ok_or("the archive is cut off")?;
        let mut member = Vec::new();
        match method {
            0 => member.extend_from_slice(packed),
            _ => _ = flate2::read::DeflateDecoder::new(packed).read_to_end(&mut member)?,
        }
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(member.as_slice()).read_to_end(&mut text)?;
        files.insert(name, text);
    }
    Ok(files)
}
