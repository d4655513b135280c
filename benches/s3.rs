//! How fast a bucket is read, against a folder with the same objects.
//!
//! ```text
//! cargo bench --bench s3                  # about 600 MB of made logs
//! cargo bench --bench s3 -- --size 200    # megabytes
//! cargo bench --bench s3 -- --memory      # what 1 GB and 10 GB take; --size MB for the smaller one
//! cargo bench --bench s3 -- --days 90     # so many nightly runs into a store; --size MB for a day
//! ```
//!
//! The same objects (1.6 MB inflated, as busy accounts deliver them) are ingested from a folder, from an S3 server on this machine, and
//! from that server with 30 ms before the first byte of each answer, in turns, on two threads. The server is a process of its own but shares the
//! processors; it answers from memory and checks no signature, so that as little as possible of it is measured. Prints the medians and
//! the throughput of each way as a part of the folder's, by the clock and by this process's processor time (without the server's).
//!
//! `--memory` prints the peak of resident memory of processes that sum up, and that audit, a bucket, one that goes on for ten times as
//! long, and one that is ten times as busy over the same time: what is kept grows with sessions, not with calls.
//!
//! `--days` lets a bucket grow by a day at a time (20 MB in objects of 100 kB, unless told) and ingests it into one store each night, everything
//! listed each time. Prints what the first nights and the last ones took, compaction included, a night on which nothing was new,
//! and reading the last day's objects alone into an empty store.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_precision_loss,
    reason = "a measurement fails by panicking and prints its result"
)]

#[path = "made.rs"]
mod made;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use leastwise::analyze::{self, Ingestion};
use leastwise::aws::{Aws, Bucket, Credentials, Settings};
use leastwise::catalog::Catalog;
use leastwise::ident::Time;
use leastwise::ingest::{Input, Quiet, Recorder, Run, run};
use leastwise::record::Event;
use leastwise::report::{self, Format};
use leastwise::usage::Scope;
use s3s::Body;

use made::{Shape, processor};

const THREADS: usize = 2;
const TURNS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut megabytes, mut is_memory, mut days) = (None, false, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--size" => megabytes = arguments.next().and_then(|text| text.parse().ok()),
            "--memory" => is_memory = true,
            "--days" => days = arguments.next().and_then(|text| text.parse().ok()),
            // This program, started by itself.
            "--serve" => {
                let folder = arguments.next().unwrap();
                let delay = arguments.next().unwrap().parse().unwrap();
                let keep = arguments.next().unwrap() == "memory";
                return serve(Path::new(&folder), Duration::from_millis(delay), keep);
            }
            "--sum-up" => return report_memory(&arguments.next().unwrap(), sum_up),
            "--audit" => return report_memory(&arguments.next().unwrap(), audit),
            _ => {}
        }
    }
    let folder = tempfile::Builder::new().prefix("leastwise-bench-").tempdir().unwrap();
    match days {
        Some(days) => nights(folder.path(), days, megabytes.unwrap_or(20)),
        None if is_memory => memory(folder.path(), megabytes.unwrap_or(1_000)),
        None => throughput(folder.path(), megabytes.unwrap_or(600)),
    }
}

/// A bucket against a folder.
fn throughput(folder: &Path, megabytes: usize) {
    let made = made::make(folder, megabytes * 1_000_000, 20, 3);
    let stored: u64 = made.objects.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    println!(
        "input     {:>8} objects, {} events, {} MB inflated, {} kB an object as stored",
        made.objects.len(),
        made.events,
        made.bytes / 1_000_000,
        stored / made.objects.len() as u64 / 1_000
    );
    let (near, far) = (Server::start(folder, 0, true), Server::start(folder, 30, true));
    let (mut times, mut processors): ([Vec<Duration>; 3], [Vec<Duration>; 3]) = Default::default();
    for _ in 0..TURNS {
        let inputs = [Input::Path(folder.to_owned()), near.input(), far.input()];
        for (way, input) in inputs.into_iter().enumerate() {
            let before = processor();
            times[way].push(ingest(input, made.events));
            processors[way].push(processor() - before);
        }
    }
    let (times, processors) = (times.map(median), processors.map(median));
    for (way, (time, cpu)) in
        ["folder", "bucket", "bucket, 30 ms"].into_iter().zip(times.into_iter().zip(processors))
    {
        println!(
            "{way:<14}{:>8.2} s, {:>5.0} MB/s, {:.2} of the folder; processor {:.2} s, {:.2} of the folder",
            time.as_secs_f64(),
            made.bytes as f64 / 1e6 / time.as_secs_f64(),
            times[0].as_secs_f64() / time.as_secs_f64(),
            cpu.as_secs_f64(),
            processors[0].as_secs_f64() / cpu.as_secs_f64()
        );
    }
}

/// A bucket, and two ten times as large: over ten times the time, with new sessions all along, and over the same time.
fn memory(folder: &Path, megabytes: usize) {
    let own = std::env::current_exe().unwrap();
    let mut peaks: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (name, megabytes, seconds, seed) in
        [("one", megabytes, 300, 5), ("longer", megabytes * 10, 300, 6), ("busier", megabytes * 10, 30, 6)]
    {
        let folder = folder.join(name);
        let shape = Shape { size: megabytes * 1_000_000, object: made::OBJECT, seconds, objects: 20, seed };
        let made = made::make_shaped(&folder, shape);
        let server = Server::start(&folder, 0, false);
        println!("{name:<7}{} objects, {} MB inflated", made.objects.len(), made.bytes / 1_000_000);
        for way in ["--sum-up", "--audit"] {
            let child = Command::new(&own).args([way, &server.url]).output().unwrap();
            assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
            let text = String::from_utf8(child.stdout).unwrap();
            print!("{name:<7}{way:<9} {text}");
            let peak = text.split_whitespace().next().and_then(|number| number.parse().ok());
            peaks.entry(way).or_default().push(peak.unwrap());
        }
    }
    for (way, peaks) in peaks {
        let by_one = |at: usize| peaks[at] as f64 / peaks[0].max(1) as f64;
        println!("{way:<9} ten times by one: {:.2} longer, {:.2} busier", by_one(1), by_one(2));
    }
}

/// Does the work on a bucket and tells the peak of this process.
fn report_memory(url: &str, work: fn(&str) -> u64) {
    let before = peak();
    let (start, events) = (Instant::now(), work(url));
    println!(
        "{} MB at most ({before} MB before), {events} events in {:.0} s",
        peak(),
        start.elapsed().as_secs_f64()
    );
}

/// Peak of resident memory in megabytes, where the system tells (Linux).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) / 1_000
}

/// In one pool, as an audit is.
fn sum_up(url: &str) -> u64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap();
    pool.install(|| sum_up_here(url))
}

fn sum_up_here(url: &str) -> u64 {
    let cancel = AtomicBool::new(false);
    let catalog = Catalog::embedded();
    let settings = Run { threads: THREADS, ..Run::new(&cancel) };
    let make = || Recorder::new(Scope::default(), |event: &Event<'_>| catalog.needs(event));
    let aws = Aws::connect(&aws_settings(url)).unwrap();
    let bucket = Input::Source(Box::new(Bucket::parse(&aws, "s3://bench/").unwrap()));
    let ingested = run(vec![bucket], &settings, make).unwrap();
    assert!(ingested.issues.is_empty() && ingested.objects.balances());
    ingested.collector.into_ledger().finish().unwrap().counts.counted
}

/// The whole of it, up to the report.
fn audit(url: &str) -> u64 {
    let settings = analyze::Settings {
        sources: vec!["s3://bench/".to_owned()],
        aws: aws_settings(url),
        threads: THREADS,
        ..analyze::Settings::default()
    };
    let audited = analyze::audit(&settings, None, &Quiet, &AtomicBool::new(false)).unwrap();
    assert!(audited.is_complete);
    report::write(Format::Json, &audited.report, &mut std::io::sink()).unwrap();
    audited.report.coverage.events.counted
}

/// A store that a run goes into every night.
fn nights(folder: &Path, days: i64, megabytes: usize) {
    const OBJECT: usize = 100_000;
    let logs = folder.join("logs");
    let per_day = (megabytes * 1_000_000 / OBJECT).max(1);
    let shape = Shape {
        size: per_day * OBJECT * usize::try_from(days).unwrap(),
        object: OBJECT,
        // Rounded up, so that a day holds no more objects than it should.
        seconds: (86_400 + i64::try_from(per_day).unwrap() - 1) / i64::try_from(per_day).unwrap(),
        objects: 20,
        seed: 7,
    };
    let made = made::make_shaped(&logs, shape);
    println!(
        "input     {} objects, {} events, {} MB inflated, {days} days",
        made.objects.len(),
        made.events,
        made.bytes / 1_000_000
    );
    let server = Server::start(&logs, 0, true);
    let first: Time = "2026-01-01".parse().unwrap();
    let store = folder.join("store");
    let mut taken = Vec::new();
    let mut n_events = 0;
    for day in 0..days {
        server.show(Some(first.plus_seconds(day * 86_400)));
        let (time, stored) = night(&server.url, &store);
        n_events += stored.events;
        taken.push((time, stored.added));
    }
    server.show(None);
    let (rest, last) = night(&server.url, &store);
    n_events += last.events;
    assert_eq!(n_events, made.events, "every event is in the store once");
    let ten = taken.len().min(10);
    let mean = |nights: &[(Duration, u64)]| {
        let seconds: f64 = nights.iter().map(|(time, _)| time.as_secs_f64()).sum();
        let objects: u64 = nights.iter().map(|(_, objects)| objects).sum();
        (seconds / nights.len() as f64, objects / nights.len() as u64)
    };
    let (early, late) = (mean(&taken[..ten]), mean(&taken[taken.len() - ten..]));
    println!("first {ten}  {:>8.3} s a night on average, {} new objects", early.0, early.1);
    println!("last {ten}   {:>8.3} s a night on average, {} new objects", late.0, late.1);
    println!("ratio     {:>8.2}", late.0 / early.0);
    println!("the rest  {:>8.3} s, {} new objects of {} listed", rest.as_secs_f64(), last.added, last.listed);
    let (idle, nothing) = night(&server.url, &store);
    assert_eq!(nothing.added, 0);
    println!("nothing   {:>8.3} s, {} objects listed", idle.as_secs_f64(), nothing.listed);
    let alone = folder.join("alone");
    let one = folder.join("one");
    let path = |day: i64| {
        let (year, month, day) = first.plus_seconds(day * 86_400).date();
        format!("{year}/{month:02}/{day:02}")
    };
    for object in made.objects.iter().filter(|object| object.to_str().unwrap().contains(&path(days - 1))) {
        let to = one.join(object.strip_prefix(&logs).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(object, to).unwrap();
    }
    let server = Server::start(&one, 0, true);
    let (time, stored) = night(&server.url, &alone);
    println!(
        "alone     {:>8.3} s, the {} objects of one day into an empty store",
        time.as_secs_f64(),
        stored.added
    );
}

/// One run into a store.
fn night(url: &str, store: &Path) -> (Duration, analyze::Stored) {
    let settings = analyze::Settings {
        sources: vec!["s3://bench/".to_owned()],
        aws: aws_settings(url),
        threads: THREADS,
        ..analyze::Settings::default()
    };
    let start = Instant::now();
    let how = Ingestion::new(store, Path::new(""));
    let stored = analyze::ingest(&settings, &how, None, &Quiet, &AtomicBool::new(false)).unwrap();
    assert!(stored.issues.is_empty());
    (start.elapsed(), stored)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ingest(input: Input, events: u64) -> Duration {
    let cancel = AtomicBool::new(false);
    let catalog = Catalog::embedded();
    let start = Instant::now();
    let settings = Run { threads: THREADS, ..Run::new(&cancel) };
    let make = || Recorder::new(Scope::default(), |event: &Event<'_>| catalog.needs(event));
    let ingested = run(vec![input], &settings, make).unwrap();
    assert!(ingested.issues.is_empty() && ingested.objects.balances());
    assert_eq!(ingested.collector.into_ledger().finish().unwrap().counts.counted, events);
    start.elapsed()
}

/// The server's process; it goes with the value.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Server {
    /// `keep`: the objects are read once, and answered from memory.
    fn start(folder: &Path, delay: u64, keep: bool) -> Self {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.arg("--serve").arg(folder).arg(delay.to_string()).arg(if keep { "memory" } else { "disk" });
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn input(&self) -> Input {
        let aws = Aws::connect(&aws_settings(&self.url)).unwrap();
        Input::Source(Box::new(Bucket::parse(&aws, "s3://bench/").unwrap()))
    }

    /// Lets the server list what was delivered up to this day, or all.
    fn show(&self, day: Option<Time>) {
        let upto = day.map_or("9".to_owned(), |day| {
            let (year, month, day) = day.date();
            format!("{year}/{month:02}/{day:02}")
        });
        let mut socket = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        write!(socket, "GET /upto/{upto} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn aws_settings(url: &str) -> Settings {
    Settings {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(url.to_owned()),
        path_style: true,
        credentials: Some(Credentials::new("AKIABENCH", "secret", None, None, "bench")),
        ..Settings::default()
    }
}

/// What the server has.
struct Shelf {
    objects: BTreeMap<String, Stored>,
    /// The last day that is listed, as it stands in keys.
    upto: Mutex<String>,
}

enum Stored {
    Here(Vec<u8>),
    There(PathBuf, u64),
}

impl Stored {
    fn size(&self) -> u64 {
        match self {
            Self::Here(bytes) => bytes.len() as u64,
            Self::There(_, size) => *size,
        }
    }
}

/// Serves the files of a folder as bucket `bench`.
fn serve(folder: &Path, delay: Duration, keep: bool) {
    let mut objects = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let key = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                let size = fs::metadata(&path).unwrap().len();
                let stored =
                    if keep { Stored::Here(fs::read(&path).unwrap()) } else { Stored::There(path, size) };
                objects.insert(key, stored);
            }
        }
    }
    let objects = Arc::new(Shelf { objects, upto: Mutex::new("9".to_owned()) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            let objects = Arc::clone(&objects);
            let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let objects = Arc::clone(&objects);
                async move {
                    tokio::time::sleep(delay).await;
                    Ok::<_, Infallible>(answer(&objects, request.uri()))
                }
            });
            tokio::spawn(async move {
                let _ =
                    Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer).await;
            });
        }
    });
}

fn answer(shelf: &Shelf, uri: &hyper::Uri) -> hyper::Response<Body> {
    if let Some(upto) = uri.path().strip_prefix("/upto/") {
        upto.clone_into(&mut shelf.upto.lock().unwrap());
        return hyper::Response::new(Body::empty());
    }
    let key = uri.path().trim_start_matches("/bench").trim_start_matches('/');
    if !key.is_empty() {
        let bytes = match &shelf.objects[key] {
            Stored::Here(bytes) => bytes.clone(),
            Stored::There(path, _) => fs::read(path).unwrap(),
        };
        let mut answer = hyper::Response::new(Body::from(bytes));
        answer.headers_mut().insert("etag", hyper::header::HeaderValue::from_static("\"e\""));
        return answer;
    }
    let query = uri.query().unwrap_or_default();
    let parameter = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().replace("%2F", "/")
    };
    let (prefix, after, is_folder) =
        (parameter("prefix"), parameter("start-after"), !parameter("delimiter").is_empty());
    let mut text = String::from("<ListBucketResult>");
    let (mut n, mut last) = (0, String::new());
    let upto = shelf.upto.lock().unwrap().clone();
    for (key, stored) in shelf.objects.range(after.clone()..) {
        let day = key.split('/').skip(4).take(3).collect::<Vec<_>>().join("/");
        if !key.starts_with(&prefix) || *key == after || day > upto {
            continue;
        }
        if n == 1_000 {
            break;
        }
        match key[prefix.len()..].find('/').filter(|_| is_folder) {
            Some(end) => {
                let folder = &key[..prefix.len() + end + 1];
                if folder != last {
                    text.push_str(&format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"));
                    folder.clone_into(&mut last);
                    n += 1;
                }
            }
            None => {
                let size = stored.size();
                text.push_str(&format!(
                    "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;e&quot;</ETag></Contents>"
                ));
                n += 1;
            }
        }
    }
    text.push_str(&format!("<IsTruncated>{}</IsTruncated></ListBucketResult>", n == 1_000));
    hyper::Response::new(Body::from(text))
}
