//! How fast a bucket is read, against a folder with the same objects.
//!
//! ```text
//! cargo bench --bench s3                  # about 600 MB of made logs
//! cargo bench --bench s3 -- --size 200    # megabytes
//! ```
//!
//! The same objects (1.6 MB inflated, as busy accounts deliver them) are ingested from a folder, from an S3 server on this machine, and
//! from that server with 30 ms before the first byte of each answer, in turns, on two threads. The server is a process of its own but shares the
//! processors; it answers from memory and checks no signature, so that as little as possible of it is measured. Prints the medians and
//! the throughput of each way as a part of the folder's, by the clock and by this process's processor time (without the server's).
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
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use leastwise::aws::{Aws, Bucket, Credentials, Settings};
use leastwise::catalog::Catalog;
use leastwise::ingest::{Input, Recorder, Run, run};
use leastwise::record::Event;
use leastwise::usage::Scope;
use s3s::Body;

use made::processor;

const THREADS: usize = 2;
const TURNS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut megabytes = 600;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--size" => megabytes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(megabytes),
            // This program, started by itself.
            "--serve" => {
                let folder = arguments.next().unwrap();
                let delay = arguments.next().unwrap().parse().unwrap();
                return serve(Path::new(&folder), Duration::from_millis(delay));
            }
            _ => {}
        }
    }
    let folder = tempfile::Builder::new().prefix("leastwise-bench-").tempdir().unwrap();
    let made = made::make(folder.path(), megabytes * 1_000_000, 20, 3);
    let stored: u64 = made.objects.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    println!(
        "input     {:>8} objects, {} events, {} MB inflated, {} kB an object as stored",
        made.objects.len(),
        made.events,
        made.bytes / 1_000_000,
        stored / made.objects.len() as u64 / 1_000
    );
    let (near, far) = (Server::start(folder.path(), 0), Server::start(folder.path(), 30));
    let (mut times, mut processors): ([Vec<Duration>; 3], [Vec<Duration>; 3]) = Default::default();
    for _ in 0..TURNS {
        let inputs = [Input::Path(folder.path().to_owned()), near.input(), far.input()];
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
    fn start(folder: &Path, delay: u64) -> Self {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.arg("--serve").arg(folder).arg(delay.to_string()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn input(&self) -> Input {
        let settings = Settings {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(self.url.clone()),
            path_style: true,
            credentials: Some(Credentials::new("AKIABENCH", "secret", None, None, "bench")),
            ..Settings::default()
        };
        let aws = Aws::connect(&settings).unwrap();
        Input::Source(Box::new(Bucket::parse(&aws, "s3://bench/").unwrap()))
    }
}

/// Serves the files of a folder as bucket `bench`, from memory.
fn serve(folder: &Path, delay: Duration) {
    let mut objects = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let key = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                objects.insert(key, fs::read(&path).unwrap());
            }
        }
    }
    let objects = Arc::new(objects);
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

fn answer(objects: &BTreeMap<String, Vec<u8>>, uri: &hyper::Uri) -> hyper::Response<Body> {
    let key = uri.path().trim_start_matches("/bench").trim_start_matches('/');
    if !key.is_empty() {
        let bytes = objects[key].clone();
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
    for (key, bytes) in objects.range(after.clone()..) {
        if !key.starts_with(&prefix) || *key == after {
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
                let size = bytes.len();
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
