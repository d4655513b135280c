//! How much reading, mapping and counting cost on top of inflating alone, and how much memory they take.
//!
//! ```text
//! cargo bench --bench audit                   # about 1 GB of made logs
//! cargo bench --bench audit -- --size 100     # megabytes, for a quick look
//! cargo bench --bench audit -- --objects 50   # half of the calls on S3 objects
//! ```
//!
//! Makes logs shaped like real ones (1.8 KB an event, CloudTrail's layout in a bucket, gzip) in a temporary folder, inflates
//! them alone and ingests them (inflate, parse, map to actions, ledger, merge, sums) on two threads in turns, and prints the
//! medians, their ratio, and the peak of resident memory of a process that ingests a tenth of the input and of one that
//! ingests all of it. The folder goes at the end.
//!
//! What the logs hold: 300 workloads, few of them busy, in 60 roles, each with a bucket, a key, tables and a log group, in
//! sessions of an hour that begin with `AssumeRoleWithWebIdentity`; a caller makes some calls in a row. One call in five
//! (`--objects`, in percent) is S3's, on date-partitioned keys: four in ten of these on a key that is never seen again, four
//! on one of a bucket's recent objects, two on one that everybody reads. One other call in sixteen names something else that
//! is never seen again. One in twenty is refused. The objects shrink to a thirteenth, as busy real ones do (they hold long random ids).
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

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;
use flate2::{Compression, Decompress, FlushDecompress};
use leastwise::catalog::Catalog;
use leastwise::ident::Time;
use leastwise::ingest::{Input, Recorder, Run, run};
use leastwise::record::Event;
use leastwise::usage::{Scope, Usage};

const THREADS: usize = 2;
const TURNS: usize = 5;
/// Inflated size of one object, as busy accounts deliver them.
const OBJECT: usize = 1_600_000;
/// 2026-01-01.
const START: i64 = 1_767_225_600;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut megabytes, mut objects) = (1_100, 20);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--size" => megabytes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(megabytes),
            "--objects" => objects = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(objects),
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
    for _ in 0..TURNS {
        let (time, cpu) = timed(|| assert_eq!(inflate(&large.objects), large.bytes));
        alone.push(time);
        alone_cpu.push(cpu);
        let (time, cpu) = timed(|| assert_eq!(ingest(&all).counts.counted, large.events));
        whole.push(time);
        whole_cpu.push(cpu);
    }
    let (alone, whole) = (median(alone), median(whole));
    let (alone_cpu, whole_cpu) = (median(alone_cpu), median(whole_cpu));
    let rate = |time: Duration| large.bytes as f64 / 1e6 / time.as_secs_f64();
    println!("inflate   {:>8.2} s, {:>6.0} MB/s", alone.as_secs_f64(), rate(alone));
    println!(
        "ingest    {:>8.2} s, {:>6.0} MB/s, {:.0} events/s",
        whole.as_secs_f64(),
        rate(whole),
        large.events as f64 / whole.as_secs_f64()
    );
    println!("ratio     {:>8.2}", whole.as_secs_f64() / alone.as_secs_f64());
    println!(
        "processor {:>8.2} s alone, {:.2} s with ingest: ratio {:.2}",
        alone_cpu.as_secs_f64(),
        whole_cpu.as_secs_f64(),
        whole_cpu.as_secs_f64() / alone_cpu.as_secs_f64()
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

/// Time all threads of this process spent on a processor, where the system tells (Linux: ticks of 10 ms).
fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
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

/// Reads and inflates every object, on as many threads, with reused state and buffers; gives the bytes.
fn inflate(objects: &[PathBuf]) -> u64 {
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
            sum += text.len() as u64;
        }
        sum
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

struct Made {
    objects: Vec<PathBuf>,
    bytes: u64,
    events: u64,
}

/// A small generator: equal logs on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// Makes objects of together `size` bytes inflated under `folder`.
fn make(folder: &Path, size: usize, objects: u64, seed: u64) -> Made {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
    let mut made = Made { objects: Vec::new(), bytes: 0, events: 0 };
    let mut text = String::new();
    let mut caller = 0;
    let mut sessions = HashMap::new();
    while made.bytes < size as u64 {
        let number = i64::try_from(made.objects.len()).unwrap();
        let minute = Time::from_unix(START + number * 300);
        let region = ["us-east-1", "eu-west-1"][made.objects.len() % 2];
        text.clear();
        text.push_str(r#"{"Records":["#);
        while text.len() < OBJECT {
            if !text.ends_with('[') {
                text.push(',');
            }
            // A caller makes eight calls in a row, on average; the lower its number, the busier it is.
            if dice.roll(8) == 0 {
                caller = dice.roll(300);
                caller = dice.roll(caller + 1);
            }
            let hour = minute.unix() / 3_600;
            if sessions.insert(caller, hour) != Some(hour) {
                issuance(&mut text, &mut dice, caller, minute, region);
                made.events += 1;
                text.push(',');
            }
            event(&mut text, &mut dice, (caller, objects), made.events, minute, region);
            made.events += 1;
        }
        text.push_str("]}");
        let (year, month, day) = minute.date();
        let place =
            folder.join(format!("AWSLogs/111122223333/CloudTrail/{region}/{year}/{month:02}/{day:02}"));
        fs::create_dir_all(&place).unwrap();
        let path = place.join(format!("111122223333_CloudTrail_{region}_{number:016}.json.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::new(6));
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap().flush().unwrap();
        made.bytes += text.len() as u64;
        made.objects.push(path);
    }
    made
}

/// An object of a bucket: one of five that everybody reads, one of the 500 of the last hours, or one that is new.
fn key(dice: &mut Dice, minute: Time) -> String {
    let (kind, now) = (dice.roll(10), minute.unix().unsigned_abs() / 3_600);
    if kind < 2 {
        return format!("config/common/settings-{}.json", dice.roll(5));
    }
    let hour = if kind < 6 { now.saturating_sub(dice.roll(5)) } else { now };
    let ((year, month, day), hour_of_day) = (minute.date(), hour % 24);
    let part = if kind < 6 { dice.roll(100) } else { 100 + dice.roll(100_000) };
    let id = if kind < 6 { part * 2_654_435_761 % (1 << 32) } else { dice.roll(1 << 32) };
    format!(
        "events/year={year}/month={month:02}/day={day:02}/hour={hour_of_day:02}/part-{part:05}-{id:08x}.snappy.parquet"
    )
}

/// Random text as long ids are made of.
fn noise(dice: &mut Dice, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..length).map(|_| char::from(LETTERS[usize::try_from(dice.roll(64)).unwrap()])).collect()
}

/// Role, session name, access key and beginning of the session a workload has at a time.
fn session(workload: u64, minute: Time) -> (String, String, String, Time) {
    let began = Time::from_unix(minute.unix() / 3_600 * 3_600);
    let name = format!("botocore-session-{}", 1_700_000_000 + workload * 7_919 + began.unix().unsigned_abs());
    let key = format!("ASIA{:016X}", workload << 40 | began.unix().unsigned_abs());
    (format!("app-{:02}", workload % 60), name, key, began)
}

const ISSUER: &str = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";

/// The call that opened a session.
fn issuance(text: &mut String, dice: &mut Dice, workload: u64, minute: Time, region: &str) {
    let (role, session, key, began) = session(workload, minute);
    let subject = format!("system:serviceaccount:team-{}:app-{workload}", workload % 20);
    let token = noise(dice, 400);
    write!(
        text,
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"WebIdentityUser","principalId":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}:sts.amazonaws.com:{subject}","userName":"{subject}","identityProvider":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}},"eventTime":"{began}","eventSource":"sts.amazonaws.com","eventName":"AssumeRoleWithWebIdentity","awsRegion":"{region}","sourceIPAddress":"10.0.0.{}","userAgent":"Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#5.10.0","requestParameters":{{"roleArn":"arn:aws:iam::111122223333:role/workloads/{role}","roleSessionName":"{session}"}},"responseElements":{{"credentials":{{"accessKeyId":"{key}","sessionToken":"{token}","expiration":"Jan 1, 2026, 1:00:00 AM"}},"subjectFromWebIdentityToken":"{subject}","assumedRoleUser":{{"assumedRoleId":"AROAEXAMPLE{role}:{session}","arn":"arn:aws:sts::111122223333:assumed-role/{role}/{session}"}},"provider":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}","audience":"sts.amazonaws.com"}},"requestID":"{:08x}-0000-4000-8000-{:012x}","eventID":"{:08x}-1111-4111-8111-{:012x}","readOnly":true,"resources":[{{"accountId":"111122223333","type":"AWS::IAM::Role","ARN":"arn:aws:iam::111122223333:role/workloads/{role}"}}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"sts.{region}.amazonaws.com"}}}}"#,
        dice.roll(250),
        dice.roll(1 << 32),
        dice.roll(1 << 48),
        dice.roll(1 << 32),
        dice.roll(1 << 48),
    )
    .unwrap();
}

/// One event: a role session of a workload reads, writes and describes; one in twenty is refused.
fn event(
    text: &mut String,
    dice: &mut Dice,
    (workload, objects): (u64, u64),
    number: u64,
    minute: Time,
    region: &str,
) {
    let (role, session, access_key, created) = session(workload, minute);
    let time = minute.plus_seconds(i64::try_from(dice.roll(300)).unwrap());
    let denied = dice.roll(20) == 0;
    let (bucket, table) = (workload % 40, workload % 40 + 40 * dice.roll(3));
    let key = key(dice, minute);
    let (source, name, request, resources, data) = match if dice.roll(100) < objects { 0 } else { 1 + dice.roll(16) } {
        0 => (
            "s3.amazonaws.com",
            ["GetObject", "PutObject", "HeadObject"][usize::try_from(dice.roll(3)).unwrap()],
            format!(r#"{{"bucketName":"data-lake-{bucket}","Host":"data-lake-{bucket}.s3.{region}.amazonaws.com","key":"{key}"}}"#),
            format!(r#"[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::data-lake-{bucket}/{key}"}},{{"accountId":"111122223333","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data-lake-{bucket}"}}]"#),
            true,
        ),
        1..6 => (
            "kms.amazonaws.com",
            "Decrypt",
            format!(r#"{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::data-lake-{bucket}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#),
            format!(r#"[{{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:{region}:111122223333:key/{bucket:08x}-1111-2222-3333-444455556666"}}]"#),
            false,
        ),
        6..11 => (
            "ec2.amazonaws.com",
            "DescribeInstances",
            r#"{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}}]}}"#.to_owned(),
            "null".to_owned(),
            false,
        ),
        11..16 => (
            "dynamodb.amazonaws.com",
            "DescribeTable",
            format!(r#"{{"tableName":"orders-{table}"}}"#),
            format!(r#"[{{"accountId":"111122223333","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:{region}:111122223333:table/orders-{table}"}}]"#),
            false,
        ),
        _ => (
            "logs.amazonaws.com",
            "CreateLogStream",
            format!(r#"{{"logGroupName":"/aws/lambda/app-{bucket}","logStreamName":"2026/01/01/[$LATEST]{:016x}"}}"#, dice.roll(u64::MAX)),
            "null".to_owned(),
            false,
        ),
    };
    let error = if denied { r#""errorCode":"AccessDenied","errorMessage":"Access Denied","# } else { "" };
    let (a, b, c) = (dice.roll(1 << 32), dice.roll(u64::MAX), dice.roll(u64::MAX));
    // S3 tells a long random id of the host that answered.
    let host = if data { noise(dice, 76) } else { String::new() };
    write!(
        text,
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{role}:{session}","arn":"arn:aws:sts::111122223333:assumed-role/{role}/{session}","accountId":"111122223333","accessKeyId":"{access_key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{role}","arn":"arn:aws:iam::111122223333:role/workloads/{role}","accountId":"111122223333","userName":"{role}"}},"webIdFederationData":{{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF","attributes":{{}}}},"attributes":{{"creationDate":"{created}","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","eventSource":"{source}","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"10.{}.{}.{}","userAgent":"[Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#5.10.0 md/arch#x86_64 lang/python#3.11.6 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.34.0]",{error}"requestParameters":{request},"responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{host}","bytesTransferredOut":{}}},"requestID":"{a:08X}{:08X}","eventID":"{:08x}-{:04x}-4{:03x}-{:04x}-{number:012x}","readOnly":{},"resources":{resources},"eventType":"AwsApiCall","managementEvent":{},"recipientAccountId":"111122223333","eventCategory":"{}","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{source}"}}}}"#,
        a % 250,
        b % 250,
        c % 250,
        a % 100_000,
        c % (1 << 32),
        c % (1 << 32),
        b % (1 << 16),
        a % (1 << 12),
        0x8000 + b % (1 << 14),
        name != "PutObject" && name != "CreateLogStream",
        !data,

        if data { "Data" } else { "Management" },
    )
    .unwrap();
}
