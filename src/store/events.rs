//! Deliveries, by account, Region and month.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::StoreError;
use super::columns::{Columns, Rows, TableFile};
use super::manifest::{FileInfo, sync_dir};
use crate::ident::{Time, is_account_id};
use crate::usage::{Call, Delivery, EventKey, Text};

/// Deliveries held back until some are written: 50 MB. As many make a file at most, which is read in one.
const HELD: usize = 1 << 20;
/// Rows of a file that are made at a time.
const ROWS: usize = 1 << 17;
/// Places (account and Region) that have a folder of their own; the others share one. Logs may name any number of them.
const MOST_PLACES: usize = 4_096;
/// The folder name where there is no good one.
const OTHER: &str = "other";

/// Where events lie: account, Region, and month as `YYYY-MM`.
type Place = (Text, Text, String);

/// Sorts deliveries into files.
pub(super) struct EventFiles<'s> {
    dir: &'s Path,
    name: &'s str,
    held: BTreeMap<Place, Vec<Delivery>>,
    n_held: usize,
    /// Accounts and Regions met.
    places: BTreeMap<(Text, Text), ()>,
    round: u32,
    files: Vec<FileInfo>,
}

/// A folder's name of a text that may be anything.
fn folder(text: Option<&str>, is_good: fn(&str) -> bool) -> Text {
    text.filter(|text| is_good(text)).unwrap_or(OTHER).into()
}

fn is_region(text: &str) -> bool {
    (3..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

impl<'s> EventFiles<'s> {
    pub(super) fn new(dir: &'s Path, name: &'s str) -> Self {
        Self {
            dir,
            name,
            held: BTreeMap::new(),
            n_held: 0,
            places: BTreeMap::new(),
            round: 0,
            files: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        delivery: Delivery,
        call: Option<&Call>,
        session: impl FnOnce() -> Option<Text>,
    ) -> Result<(), StoreError> {
        let account = call.and_then(|call| call.recipient_account.clone()).or_else(session);
        let account = folder(account.as_deref(), is_account_id);
        let region = folder(call.map(|call| &*call.region), is_region);
        let mut place = (account, region);
        if !self.places.contains_key(&place) {
            if self.places.len() < MOST_PLACES {
                self.places.insert(place.clone(), ());
            } else {
                place = (OTHER.into(), OTHER.into());
            }
        }
        let (year, month, _) = Time::from_unix(i64::from(delivery.time)).date();
        let month = format!("{year:04}-{month:02}");
        self.held.entry((place.0, place.1, month)).or_default().push(delivery);
        self.n_held += 1;
        if self.n_held >= HELD { self.flush(HELD / 2) } else { Ok(()) }
    }

    /// Writes the places that hold the most, until no more than so many deliveries are held: where few are, they wait, so that
    /// files are few.
    fn flush(&mut self, most: usize) -> Result<(), StoreError> {
        let mut places: Vec<(usize, Place)> =
            self.held.iter().map(|(place, deliveries)| (deliveries.len(), place.clone())).collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        for (n, place) in places {
            if self.n_held <= most {
                break;
            }
            let Some(mut deliveries) = self.held.remove(&place) else { continue };
            self.n_held -= n;
            let (account, region, month) = place;
            // Alike things beside each other take less room.
            deliveries.sort_unstable_by_key(|d| (d.session, d.call, d.time, d.event, *d));
            let below = format!("events/account={account}/region={region}/month={month}");
            let folder = self.dir.join(&below);
            fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
            let path = format!("{below}/{}.{}.parquet", self.name, self.round);
            let mut file = TableFile::create(&self.dir.join(&path))?;
            for part in deliveries.chunks(ROWS) {
                file.write(columns(part))?;
            }
            let bytes = file.finish()?;
            sync_dir(&folder)?;
            self.files.push(FileInfo { path, bytes, month: Some(month) });
        }
        self.round += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<FileInfo>, StoreError> {
        self.flush(0)?;
        Ok(self.files)
    }
}

fn columns(rows: &[Delivery]) -> Columns {
    Columns::default()
        .u64("event_high", rows.iter().map(|row| row.event.halves().0))
        .u64("event_low", rows.iter().map(|row| row.event.halves().1))
        .bool("original", rows.iter().map(|row| Some(row.is_original)))
        .bool("shared", rows.iter().map(|row| Some(row.is_shared)))
        .u64("fingerprint", rows.iter().map(|row| row.fingerprint))
        .u32("time", rows.iter().map(|row| row.time))
        .u32("object", rows.iter().map(|row| row.object))
        .u32("session", rows.iter().map(|row| row.session))
        .u32("call", rows.iter().map(|row| row.call))
}

/// The deliveries of one file.
pub(super) fn read(path: &Path) -> Result<Vec<Delivery>, StoreError> {
    let rows = Rows::read(path, None)?;
    let keys = rows.u64("event_high")?.zip(rows.u64("event_low")?);
    let flags = rows.bool("original")?.zip(rows.bool("shared")?).zip(rows.u64("fingerprint")?);
    let numbers = rows.u32("time")?.zip(rows.u32("object")?).zip(rows.u32("session")?.zip(rows.u32("call")?));
    let mut deliveries = Vec::with_capacity(rows.len());
    for (((high, low), ((original, shared), fingerprint)), ((time, object), (session, call))) in
        keys.zip(flags).zip(numbers)
    {
        deliveries.push(Delivery {
            event: EventKey::of_halves(high, low),
            is_original: original.unwrap_or(true),
            is_shared: shared.unwrap_or_default(),
            fingerprint,
            time,
            object,
            session,
            call,
        });
    }
    Ok(deliveries)
}
