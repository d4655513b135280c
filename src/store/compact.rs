//! Fewer segments of many.

use std::collections::BTreeSet;
use std::path::Path;

use super::StoreError;
use super::digests;
use super::manifest::Segment;
use super::objects::{self, ObjectRow};
use super::place::Place;
use super::segment;
use super::table::take;
use crate::ident::Time;
use crate::usage::{Caps, Reading, Restorer, Scope};

/// So many segments of one size become one; each event is then written anew once for every factor of this that the store grew.
const MOST: usize = 8;

/// The places of segments that are worth becoming one; none when none are.
pub(super) fn choose(segments: &[Segment], all: bool) -> Option<Vec<usize>> {
    if all {
        let is_worth = segments.len() > 1 || segments.iter().any(|segment| !segment.replaced.is_empty());
        return is_worth.then(|| (0..segments.len()).collect());
    }
    let tier = |segment: &Segment| segment.events.max(1).ilog(MOST as u64);
    let tiers: BTreeSet<u32> = segments.iter().map(tier).collect();
    tiers.into_iter().find_map(|wanted| {
        // Smaller ones go along: they cost little, and are no use alone.
        let places: Vec<usize> = (0..)
            .zip(segments)
            .filter(|(_, segment)| tier(segment) <= wanted)
            .map(|(place, _)| place)
            .collect();
        let n_wanted = segments.iter().filter(|segment| tier(segment) == wanted).count();
        (n_wanted >= MOST).then_some(places)
    })
}

/// Makes one segment in `dir` of some, each in a store's place; of their objects those that `keep` takes. Gives what was kept.
pub(super) fn merge(
    dir: &Path,
    sources: &[(&Place, &Segment)],
    from: Option<Time>,
    name: &str,
    mut keep: impl FnMut(&ObjectRow) -> bool,
) -> Result<(Segment, Vec<ObjectRow>), StoreError> {
    let reading = Reading { scope: Scope::default(), from };
    let mut restorer = Restorer::new(reading, Caps::default());
    let mut rows = Vec::new();
    let mut digest_files = Vec::new();
    let mut catalog = BTreeSet::new();
    for (place, segment) in sources {
        place.bring(&segment.files)?;
        catalog.extend(segment.catalog.iter().cloned());
        let mut numbers: Vec<Option<u32>> = Vec::new();
        if let Some(table) = segment::table(place, segment, "objects", None)? {
            for (row, old) in objects::read(&table)?.into_iter().zip(0_u32..) {
                let is_kept = segment.replaced.binary_search(&old).is_err() && keep(&row);
                let new = u32::try_from(rows.len()).map_err(|_| StoreError::TooMany)?;
                numbers.push(is_kept.then_some(new));
                if is_kept {
                    rows.push(row);
                }
            }
        }
        if let Some(table) = segment::table(place, segment, "digests", None)? {
            let object = |old: u32| {
                let new = numbers.get(old as usize).copied().flatten()?;
                Some((new, rows.get(new as usize)?.object()))
            };
            digest_files.extend(digests::read(&table, object)?);
        }
        take(place, segment, &mut restorer, |old| numbers.get(old as usize).copied().flatten())?;
    }
    let partial = restorer.into_ledger().into_partial()?;
    let (mut merged, _) = segment::write(dir, name, &partial, &rows, &digest_files, Some, from)?;
    merged.catalog = catalog;
    Ok((merged, rows))
}
