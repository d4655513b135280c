//! What is written in one go: a ledger's tables and the objects they came from.

use std::fs;
use std::path::Path;

use super::StoreError;
use super::columns::{Columns, Rows, TableFile};
use super::digests::{self, Numbered};
use super::events::{self, EventFiles};
use super::manifest::{FileInfo, Segment, sync_dir};
use super::objects::{self, ObjectRow};
use super::place::Place;
use super::rows;
use crate::ident::Time;
use crate::usage::{Partial, SessionFacts, Tables, Text};

/// Rows made at a time of the tables that may be long.
const PART: usize = 1 << 17;

/// Digest files made at a time.
const DIGESTS: usize = 4_096;

/// Writes a segment; nothing knows of it until a manifest names it.
///
/// `number` gives the number of an object in `objects` by its number in the ledger. Deliveries before `from` are left out; how
/// many is told.
pub(super) fn write(
    dir: &Path,
    name: &str,
    partial: &Partial,
    objects: &[ObjectRow],
    digests: &[Numbered],
    number: impl Fn(u32) -> Option<u32>,
    from: Option<Time>,
) -> Result<(Segment, u64), StoreError> {
    let below = format!("segments/{name}");
    let folder = dir.join(&below);
    fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
    let mut files = Vec::new();
    let mut table = |table: &str, parts: &mut dyn Iterator<Item = Columns>| -> Result<(), StoreError> {
        let path = format!("{below}/{table}.parquet");
        let mut file = TableFile::create(&dir.join(&path))?;
        for part in parts {
            file.write(part)?;
        }
        files.push(FileInfo { path, bytes: file.finish()?, month: None });
        Ok(())
    };
    let starts = |n: usize| (0..n.max(1)).step_by(PART);
    table("objects", &mut objects.chunks(PART).map(objects::columns))?;
    if !digests.is_empty() {
        table("digests", &mut digests.chunks(DIGESTS).map(digests::columns))?;
    }
    let sessions = starts(partial.n_sessions()).map(|from| rows::sessions(&partial.sessions(from, PART)));
    table("sessions", &mut { sessions })?;
    let issuances = starts(partial.n_issuances()).map(|from| rows::issuances(&partial.issuances(from, PART)));
    table("issuances", &mut { issuances })?;
    let tables = &partial.tables;
    table("calls", &mut std::iter::once(rows::calls(&tables.calls)))?;
    table("shared", &mut std::iter::once(rows::shared(&tables.shared)))?;
    table("ids", &mut std::iter::once(rows::ids(&tables.ids)))?;
    table("folds", &mut std::iter::once(rows::folds(&tables.folds)))?;
    table("agents", &mut std::iter::once(rows::agents(&tables.agents)))?;
    if tables.agents_are_cut {
        let note = Columns::default().text("note", std::iter::once(Some("more sessions than are kept")));
        table("agents-cut", &mut std::iter::once(note))?;
    }
    sync_dir(&folder)?;
    let accounts: Vec<Option<Text>> = (0..partial.n_sessions())
        .step_by(PART)
        .flat_map(|from| partial.sessions(from, PART))
        .map(|session| session.account)
        .collect();
    let mut events = EventFiles::new(dir, name);
    let (mut n_events, mut n_before) = (0, 0);
    for part in 0..Partial::PARTS {
        for mut delivery in partial.deliveries(part)? {
            if from.is_some_and(|from| Time::from_unix(i64::from(delivery.time)) < from) {
                n_before += 1;
                continue;
            }
            let Some(object) = number(delivery.object) else { continue };
            delivery.object = object;
            n_events += 1;
            let call = tables.calls.get(delivery.call as usize);
            events.add(delivery, call, || accounts.get(delivery.session as usize)?.clone())?;
        }
    }
    files.extend(events.finish()?);
    for part in ["segments", "events"] {
        sync_dir(&dir.join(part))?;
    }
    let segment = Segment {
        name: name.to_owned(),
        catalog: Default::default(),
        events: n_events,
        objects: objects.len() as u64,
        replaced: Vec::new(),
        files,
    };
    Ok((segment, n_before))
}

/// A segment's table, by its name; none when it has none.
pub(super) fn table(
    place: &Place,
    segment: &Segment,
    name: &str,
    columns: Option<&[&str]>,
) -> Result<Option<Rows>, StoreError> {
    let ending = format!("/{name}.parquet");
    let Some(file) = segment.files.iter().find(|file| file.month.is_none() && file.path.ends_with(&ending))
    else {
        return Ok(None);
    };
    Rows::read(&place.file(file)?, columns).map(Some)
}

fn wanted<T>(
    place: &Place,
    segment: &Segment,
    name: &str,
    read: impl FnOnce(&Rows) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let rows = table(place, segment, name, None)?.ok_or_else(|| StoreError::Damaged {
        path: place.name(&format!("segments/{}", segment.name)),
        detail: format!("the table `{name}` is missing"),
    })?;
    read(&rows)
}

/// The small tables of a segment.
pub(super) fn tables(place: &Place, segment: &Segment) -> Result<(Vec<SessionFacts>, Tables), StoreError> {
    let sessions = wanted(place, segment, "sessions", rows::read_sessions)?;
    let tables = Tables {
        calls: wanted(place, segment, "calls", rows::read_calls)?,
        shared: wanted(place, segment, "shared", rows::read_shared)?,
        ids: wanted(place, segment, "ids", rows::read_ids)?,
        folds: wanted(place, segment, "folds", rows::read_folds)?,
        agents: wanted(place, segment, "agents", rows::read_agents)?,
        agents_are_cut: table(place, segment, "agents-cut", None)?.is_some(),
    };
    Ok((sessions, tables))
}

pub(super) fn issuances(
    place: &Place,
    segment: &Segment,
) -> Result<Vec<crate::usage::IssuedRow>, StoreError> {
    wanted(place, segment, "issuances", rows::read_issuances)
}

/// The deliveries of a segment, file by file.
pub(super) fn deliveries(
    place: &Place,
    segment: &Segment,
    mut take: impl FnMut(Vec<crate::usage::Delivery>),
) -> Result<(), StoreError> {
    for file in segment.files.iter().filter(|file| file.month.is_some()) {
        take(events::read(&place.file(file)?)?);
    }
    Ok(())
}
