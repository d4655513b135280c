//! The made logs that the benchmarks read; `audit.rs` says what they hold.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use leastwise::ident::Time;

/// Inflated size of one object, as busy accounts deliver them.
const OBJECT: usize = 1_600_000;
/// 2026-01-01.
const START: i64 = 1_767_225_600;

/// Time all threads of this process spent on a processor, where the system tells (Linux: ticks of 10 ms).
pub(crate) fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// What was made.
pub(crate) struct Made {
    pub(crate) objects: Vec<PathBuf>,
    /// Inflated.
    pub(crate) bytes: u64,
    pub(crate) events: u64,
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
pub(crate) fn make(folder: &Path, size: usize, objects: u64, seed: u64) -> Made {
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
