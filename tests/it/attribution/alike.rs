//! Sessions that stand for others: whatever is worked out from a summary is the same as with every session kept.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use leastwise::attribution::{Access, Labels, access, resolve};
use leastwise::catalog::Catalog;
use leastwise::ident::TimeRange;
use leastwise::ingest::{Input, Recorder, Run, run};
use leastwise::inventory::{self, Inventory};
use leastwise::usage::{Caps, Keep, Ledger, Scope, Usage};

use crate::support;
use crate::world::{self, Options};

fn ledger(folder: &Path) -> Ledger {
    ledger_with(folder, Caps::default())
}

fn ledger_with(folder: &Path, caps: Caps) -> Ledger {
    let cancel = AtomicBool::new(false);
    let window = TimeRange::ALWAYS;
    let settings = Run { window, threads: 2, ..Run::new(&cancel) };
    let recorder = || Recorder::with_caps(Scope::default(), caps, |event| Catalog::embedded().needs(event));
    run(vec![Input::Path(folder.to_owned())], &settings, recorder).unwrap().collector.into_ledger()
}

/// The summary with all sessions and the usual one, which say the same of every principal.
fn both(ledger: &Ledger, inventory: &Inventory) -> (Usage, Usage) {
    let all = ledger.clone().finish_with(Keep::All).unwrap();
    let alike = ledger.clone().finish().unwrap();
    // Labels show what the sessions that are kept are called.
    let of = |usage: &Usage| {
        let mut access = access(usage, &resolve(usage, inventory), inventory);
        let shares = access.principals.values_mut().flat_map(|principal| &mut principal.workloads);
        shares.for_each(|share| share.labels = Labels::default());
        access
    };
    let (expected, found): (Access, Access) = (of(&all), of(&alike));
    assert_eq!(found.principals.len(), expected.principals.len());
    for (principal, expected) in &expected.principals {
        let found = &found.principals[principal];
        assert_eq!(found.workloads, expected.workloads, "{principal}");
        assert_eq!(found.denied, expected.denied, "{principal}");
        assert_eq!(found, expected, "{principal}");
    }
    assert_eq!(found, expected);
    assert_eq!(all.counts, alike.counts);
    (all, alike)
}

/// Held in memory, or written to a file: a few sessions are put aside many times, and more of them a few times.
#[test]
fn sessions_that_were_put_aside_come_back() {
    let world = tempfile::tempdir().unwrap();
    world::write(world.path(), Options { seed: 8, days: 3, scale: 4 }).unwrap();
    let expected = ledger(world.path());
    for keep in [Keep::Alike, Keep::All] {
        let expected = expected.clone().finish_with(keep).unwrap();
        assert!(expected.sessions.len() > 100, "{}", expected.sessions.len());
        for sessions in [10, 400] {
            let caps = Caps { sessions, ..Caps::default() };
            let found = ledger_with(world.path(), caps).finish_with(keep).unwrap();
            assert!(found == expected, "{sessions} sessions at hand, {keep:?}");
        }
    }
}

#[test]
fn in_a_busy_world_few_sessions_stand_for_many() {
    for (seed, scale) in [(5, 6), (6, 3)] {
        let world = tempfile::tempdir().unwrap();
        world::write(world.path(), Options { seed, days: 4, scale }).unwrap();
        let granted = |folder: &str| [world.path().join(folder)].map(PathBuf::from);
        let inventory = inventory::read(&granted("iam"), &granted("kubernetes")).unwrap();
        let ledger = ledger(world.path());
        for inventory in [&inventory, &Inventory::default()] {
            let (all, alike) = both(&ledger, inventory);
            assert!(alike.sessions.len() * 2 < all.sessions.len(), "{}", alike.sessions.len());
            assert!(alike.issuances.len() < all.issuances.len(), "{}", alike.issuances.len());
            let stood_for: u64 = alike.groups.iter().map(|group| group.others).sum();
            assert!(stood_for > 0);
        }
    }
}

#[test]
fn in_real_logs_nothing_changes() {
    let Some(corpus) = support::corpus() else { return };
    both(&ledger(&corpus), &Inventory::default());
}
