//! How much reading, mapping and counting cost on top of inflating alone, and how much memory they take.
//!
//! ```text
//! cargo bench --bench audit                   # about 1 GB of made logs
//! cargo bench --bench audit -- --size 100     # megabytes, for a quick look
//! cargo bench --bench audit -- --objects 50   # half of the calls on S3 objects
//! ```
//!
//! Makes logs shaped like real ones (1.7 KB an event, CloudTrail's layout in a bucket, gzip) in a temporary folder, inflates
//! them alone (with their checksums checked, as every reader of gzip does; the ratio without that is told too) and ingests them
//! (inflate, parse, map to actions, ledger, merge, sums) on two threads in turns, and prints the
//! medians, their ratio, and the peak of resident memory of a process that ingests a tenth of the input and of one that
//! ingests all of it. The folder goes at the end.
//!
//! What the logs hold: 300 workloads, few of them busy, in 60 roles, each with a bucket, a key, tables and a log group, in
//! sessions of an hour that begin with `AssumeRoleWithWebIdentity`; a caller makes some calls in a row. One call in five
//! (`--objects`, in percent) is S3's, on date-partitioned keys: four in ten of these on a key that is never seen again, four
//! on one of a bucket's recent objects, two on one that everybody reads. One other call in sixteen names something else that
//! is never seen again. One in twenty is refused.
//!
//! How they compare with real objects, of which the ten largest published ones that we know (0.2 to 1 MB, 185 to 622 events) were
//! measured with gzip level 6; bytes an event that a member costs, compressed, are what an object shrinks by without it:
//!
//! |                                      | real                                   | made      |
//! |--------------------------------------|----------------------------------------|-----------|
//! | inflated / stored                    | 9.5 to 16.0, together 12.3             | 14.1      |
//! | bytes an event, inflated             | 1,180 to 1,570                         | 1,710     |
//! | bytes an event, stored               | 84 to 142                              | 124       |
//! | `eventID`, a random UUID             | 25 to 29                               | 26        |
//! | `requestID`, a UUID; of S3 16 letters| 25; 14                                 | 24 (both) |
//! | `additionalEventData`, S3's only     | 69 an event of S3                      | 82        |
//! | `userIdentity`                       | 2 (one caller) to 7 (35 callers)       | 15 (109)  |
//! | `userAgent`                          | 0.1 to 5                               | 7.5       |
//! | `requestParameters`                  | 5 to 24                                | 9         |
//!
//! The real ones come from laboratories with few callers; those of a busy account, with many, are not published. Members of a session
//! of `AssumeRoleWithWebIdentity` make an event longer than those of a user.
//!
//! The ratio of processor times stays nearly the same when the machine does something else meanwhile; that of wall times does
//! not.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement fails by panicking and prints its result"
)]

#[path = "made.rs"]
mod made;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::{Crc, Decompress, FlushDecompress};
use leastwise::catalog::Catalog;
use leastwise::ingest::{Input, Recorder, Run, run};
use leastwise::record::Event;
use leastwise::usage::{Scope, Usage};
use made::{make, processor};

const THREADS: usize = 2;
const TURNS: usize = 5;
fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut megabytes, mut objects) = (1_100, 20);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--size" => megabytes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(megabytes),
            "--objects" => objects = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(objects),
            // Writes the made objects to a folder and ends, for looking at them.
            "--make" => {
                make(Path::new(&arguments.next().unwrap()), megabytes * 1_000_000, objects, 2);
                return;
            }
            // This program, started by itself on one folder.
            "--memory-of" => return report_memory(Path::new(&arguments.next().unwrap())),
            _ => {}
        }
    }
    let folder = tempfile::Builder::new().prefix("leastwise-bench-").tempdir().unwrap();
    let (tenth, all) = (folder.path().join("tenth"), folder.path().join("all"));
    make(&tenth, megabytes * 100_000, objects, 1);
    let large = make(&all, megabytes * 1_000_000, objects, 2);
    let stored: u64 = large.objects.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    println!(
        "input     {:>8} objects, {:>10} events, {:>6} MB inflated, {:.1} times as stored",
        large.objects.len(),
        large.events,
        large.bytes / 1_000_000,
        large.bytes as f64 / stored as f64
    );
    for (part, folder) in [("a tenth", &tenth), ("all", &all)] {
        let own = std::env::current_exe().unwrap();
        let child = Command::new(own).arg("--memory-of").arg(folder).output().unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        print!("memory    {part}: {}", String::from_utf8(child.stdout).unwrap());
    }

    let (mut alone, mut whole) = (Vec::new(), Vec::new());
    let (mut alone_cpu, mut whole_cpu) = (Vec::new(), Vec::new());
    let (mut bare, mut bare_cpu) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (time, cpu) = timed(|| assert_eq!(inflate(&large.objects, false), large.bytes));
        bare.push(time);
        bare_cpu.push(cpu);
        let (time, cpu) = timed(|| assert_eq!(inflate(&large.objects, true), large.bytes));
        alone.push(time);
        alone_cpu.push(cpu);
        let (time, cpu) = timed(|| assert_eq!(ingest(&all).counts.counted, large.events));
        whole.push(time);
        whole_cpu.push(cpu);
    }
    let (alone, whole) = (median(alone), median(whole));
    let (alone_cpu, whole_cpu) = (median(alone_cpu), median(whole_cpu));
    let (bare, bare_cpu) = (median(bare), median(bare_cpu));
    let rate = |time: Duration| large.bytes as f64 / 1e6 / time.as_secs_f64();
    println!("inflate   {:>8.2} s, {:>6.0} MB/s", alone.as_secs_f64(), rate(alone));
    println!(
        "ingest    {:>8.2} s, {:>6.0} MB/s, {:.0} events/s",
        whole.as_secs_f64(),
        rate(whole),
        large.events as f64 / whole.as_secs_f64()
    );
    let ratio = |time: Duration, floor: Duration| time.as_secs_f64() / floor.as_secs_f64();
    println!("ratio     {:>8.2} ({:.2} with checksums unchecked)", ratio(whole, alone), ratio(whole, bare));
    println!(
        "processor {:>8.2} s alone, {:.2} s with ingest: ratio {:.2} ({:.2} with checksums unchecked)",
        alone_cpu.as_secs_f64(),
        whole_cpu.as_secs_f64(),
        ratio(whole_cpu, alone_cpu),
        ratio(whole_cpu, bare_cpu)
    );
}

/// Ingests a folder and tells the peak of this process.
fn report_memory(folder: &Path) {
    let before = peak();
    let usage = ingest(folder);
    let (counts, n_rows, n_sessions) = (usage.counts, usage.rows.len(), usage.sessions.len());
    println!(
        "{} MB at most ({before} MB before), {} events, {n_rows} rows, {n_sessions} sessions",
        peak(),
        counts.counted
    );
}

/// Wall time and processor time.
fn timed(work: impl FnOnce()) -> (Duration, Duration) {
    let (start, before) = (Instant::now(), processor());
    work();
    (start.elapsed(), processor() - before)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Peak of resident memory in megabytes, where the system tells (Linux).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) / 1_000
}

/// What an audit does up to the sums.
fn ingest(folder: &Path) -> Usage {
    let cancel = AtomicBool::new(false);
    let catalog = Catalog::embedded();
    let settings = Run { threads: THREADS, ..Run::new(&cancel) };
    let make = || Recorder::new(Scope::default(), |event: &Event<'_>| catalog.needs(event));
    let ingested = run(vec![Input::Path(folder.to_owned())], &settings, make).unwrap();
    assert!(ingested.issues.is_empty() && ingested.objects.balances());
    ingested.collector.into_ledger().finish().unwrap()
}

/// Reads and inflates every object, on as many threads, with reused state and buffers, and on demand checks the checksum as
/// every reader of gzip does; gives the bytes.
fn inflate(objects: &[PathBuf], check: bool) -> u64 {
    let next = AtomicUsize::new(0);
    let worker = || {
        let (mut state, mut text, mut sum) = (Decompress::new(false), Vec::new(), 0);
        while let Some(path) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            let raw = fs::read(path).unwrap();
            let size = u32::from_le_bytes(*raw.last_chunk::<4>().unwrap()) as usize;
            text.clear();
            text.reserve(size + 1);
            state.reset(false);
            state.decompress_vec(&raw[10..raw.len() - 8], &mut text, FlushDecompress::Finish).unwrap();
            if check {
                let mut crc = Crc::new();
                crc.update(&text);
                assert_eq!(crc.sum().to_le_bytes(), raw[raw.len() - 8..raw.len() - 4]);
            }
            sum += text.len() as u64;
        }
        sum
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}
