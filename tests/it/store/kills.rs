//! A run that is killed at any moment leaves a store that is whole, and the next one goes on.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use leastwise::store::Store;
use leastwise::usage::Scope;

use super::{assert_same, audit, bring, leastwise, sample_objects, settings, text};

const KILLS: usize = 50;

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    bring(&sample_objects()[..6], &logs);
    let expected = audit(&settings(&logs, None));
    let mut seed = u64::from(std::process::id()) << 32 | 0x9e37_79b9;
    eprintln!("seed {seed:#x}");
    let mut random = |below: u128| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        u128::from(seed) % below.max(1)
    };
    // How long a whole run takes here.
    let store = dir.path().join("whole");
    let args = |store: &str| {
        ["ingest", text(&logs), "--store", store, "--commit-every", "1", "--threads", "1"].map(str::to_owned)
    };
    let start = Instant::now();
    assert!(leastwise(&args(text(&store)).each_ref().map(String::as_str)).status.success());
    let whole = start.elapsed().as_micros();

    let (mut kills, mut finished, mut round) = (0, 0, 0);
    while kills < KILLS || finished == 0 {
        let store = dir.path().join(format!("store-{round}"));
        round += 1;
        let mut known = 0;
        loop {
            let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
                .args(args(text(&store)))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if kills < KILLS {
                thread::sleep(Duration::from_micros(u64::try_from(random(whole)).unwrap()));
                child.kill().unwrap();
            }
            let status = child.wait().unwrap();
            let is_done = status.success();
            kills += usize::from(!is_done);
            // Whatever is named is whole, and nothing known is lost.
            if store.join("store.json").exists() {
                let restored = Store::open(&store).unwrap().restore(Scope::default()).unwrap();
                assert!(restored.objects.counts.listed >= known);
                known = restored.objects.counts.listed;
            }
            if is_done {
                break;
            }
        }
        finished += 1;
        assert_same(&audit(&settings(&logs, Some(&store))), &expected);
        fs::remove_dir_all(&store).unwrap();
    }
    eprintln!("{kills} kills, {finished} stores finished");
}
