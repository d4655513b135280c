//! Where an event was read from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::columns::Rows;
use super::manifest::Segment;
use super::{Store, StoreError, segment};
use crate::usage::EventKey;

/// An object that an event was read from.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ReadFrom {
    /// As the user named it.
    pub name: String,
    /// What the store knows it by: a local file by its whole path.
    pub key: String,
}

impl Store {
    /// The objects that events were read from, by event id; an event that was delivered several times may have several. Objects
    /// that were read again since with another content are left out. Ids the store does not have are not among the keys.
    pub fn read_from(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<ReadFrom>>, StoreError> {
        let wanted: HashMap<(u64, u64), &String> =
            ids.iter().map(|id| (EventKey::of(id).halves(), id)).collect();
        let mut found: BTreeMap<String, BTreeSet<ReadFrom>> = BTreeMap::new();
        for segment in &self.manifest.segments {
            let numbers = self.numbers(segment, &wanted)?;
            if numbers.is_empty() {
                continue;
            }
            let Some(rows) = segment::table(&self.place, segment, "objects", Some(&["key", "name"]))? else {
                continue;
            };
            for ((key, name), number) in rows.text("key")?.zip(rows.text("name")?).zip(0_u32..) {
                if segment.replaced.binary_search(&number).is_ok() {
                    continue;
                }
                let place =
                    ReadFrom { name: name.unwrap_or_default().into(), key: key.unwrap_or_default().into() };
                for id in numbers.get(&number).into_iter().flatten() {
                    found.entry((*id).clone()).or_default().insert(place.clone());
                }
            }
        }
        Ok(found)
    }

    /// The numbers of a segment's objects that hold the events, each with the ids.
    fn numbers<'i>(
        &self,
        segment: &Segment,
        wanted: &HashMap<(u64, u64), &'i String>,
    ) -> Result<HashMap<u32, BTreeSet<&'i String>>, StoreError> {
        let mut numbers: HashMap<u32, BTreeSet<&String>> = HashMap::new();
        let of_events = || segment.files.iter().filter(|file| file.month.is_some());
        self.place.bring(of_events())?;
        for file in of_events() {
            let path = self.place.file(file)?;
            let rows = Rows::read(&path, Some(&["event_high", "event_low", "object"]))?;
            let keys = rows.u64("event_high")?.zip(rows.u64("event_low")?);
            for (key, object) in keys.zip(rows.u32("object")?) {
                if let Some(id) = wanted.get(&key) {
                    numbers.entry(object).or_default().insert(*id);
                }
            }
        }
        Ok(numbers)
    }
}
