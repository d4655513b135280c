//! A made-up organization that writes CloudTrail logs, and keeps its own books about who did what.
//!
//! Two accounts, two EKS clusters and a good dozen kinds of workloads act out some days; an organization trail delivers what it
//! records into a folder as a bucket would hold it, with the IAM snapshots, cluster descriptions and manifests beside the logs.
//! `truth.json` says what happened. It is kept while the play runs, from what each actor meant to do (`calls.rs` states the
//! actions each call needed, by AWS's documentation), and so knows nothing of how the tool works.
//!
//! Everything follows from the seed: no clock, no environment, no generator but [`random`]'s. Another seed gives other
//! names, Regions, volumes and orders. Account ids, keys and addresses are invented; tokens are placeholders.

mod calls;
mod cast;
mod clock;
mod dags;
mod deliver;
mod grants;
mod incidents;
mod mixes;
pub(crate) mod organization;
mod palette;
mod play;
mod random;
mod record;
mod snapshot;
mod stage;
mod truth;

use std::io;
use std::path::Path;

use serde_json::Value;

use cast::Cast;
use deliver::{Trail, write_file};
use play::Play;
use truth::Truth;

/// The seed of `sample-logs/`.
pub(crate) const SAMPLE_SEED: u64 = 1;

/// Whether the logs of this world are whole: no object cut off, no broken record.
fn is_tidy(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// Which world to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Names, volumes, order: everything.
    pub(crate) seed: u64,
    /// Days from 2026-06-01.
    pub(crate) days: i64,
    /// How many times the usual volume.
    pub(crate) scale: u64,
}

impl Options {
    /// What lies in `sample-logs/`.
    pub(crate) const SAMPLE: Self = Self { seed: SAMPLE_SEED, days: 14, scale: 1 };
}

/// Writes a world into a folder, and returns its truth as written to `truth.json`.
pub(crate) fn write(folder: &Path, options: Options) -> io::Result<Value> {
    let start = clock::date(2026, 6, 1);
    let cast = Cast::new(options.seed);
    let play = Play::new(&cast, options.seed, start, options.days);
    let mut trail = Trail::new(&cast, folder, options.seed, start, options.days);
    let mut truth = Truth::default();
    for index in 0..options.days {
        for pass in 0..options.scale {
            trail.accept(play.day(index, pass));
        }
        trail.deliver_until(start + (index + 1) * clock::DAY - 1, &mut truth)?;
    }
    trail.deliver_until(i64::MAX - 1, &mut truth)?;
    trail.deliver_other_objects(start, options.days, &mut truth)?;

    for (number, account) in cast.accounts.iter().enumerate() {
        write_json(&folder.join(format!("iam/{account}.json")), &cast.account_snapshot(number))?;
    }
    for (name, value) in cast.eks_files() {
        write_json(&folder.join("iam").join(name), &value)?;
    }
    for (cluster, file, text) in cast.manifests() {
        write_file(&folder.join("kubernetes").join(cluster).join(file), text.as_bytes())?;
    }
    write_json(&folder.join("airflow-dags.json"), &dags::list())?;
    let truth = truth.to_json(&cast);
    write_json(&folder.join("truth.json"), &truth)?;
    Ok(truth)
}

fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    write_file(path, format!("{text}\n").as_bytes())
}
