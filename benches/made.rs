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
pub(crate) const OBJECT: usize = 1_600_000;
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

/// What logs are made like.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Bytes inflated, all objects together.
    pub(crate) size: usize,
    /// Bytes inflated of one object.
    pub(crate) object: usize,
    /// Seconds from one object to the next.
    pub(crate) seconds: i64,
    /// Calls on S3 objects, in percent.
    pub(crate) objects: u64,
    pub(crate) seed: u64,
}

/// Makes objects of together `size` bytes inflated under `folder`.
pub(crate) fn make(folder: &Path, size: usize, objects: u64, seed: u64) -> Made {
    make_shaped(folder, Shape { size, object: OBJECT, seconds: 300, objects, seed })
}

/// The same, of another shape.
pub(crate) fn make_shaped(folder: &Path, shape: Shape) -> Made {
    let Shape { size, object, seconds, objects, seed } = shape;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
    let mut made = Made { objects: Vec::new(), bytes: 0, events: 0 };
    let mut text = String::new();
    let mut caller = 0;
    let mut sessions = HashMap::new();
    while made.bytes < size as u64 {
        let number = i64::try_from(made.objects.len()).unwrap();
        let minute = Time::from_unix(START + number * seconds);
        let region = ["us-east-1", "eu-west-1"][made.objects.len() % 2];
        text.clear();
        text.push_str(r#"{"Records":["#);
        while text.len() < object {
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
            event(&mut text, &mut dice, (caller, objects), minute, region);
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

/// A random UUID, as AWS's ids of events and of most requests are.
fn uuid(dice: &mut Dice) -> String {
    let (a, b, c, d) = (dice.roll(1 << 32), dice.roll(1 << 16), dice.roll(1 << 12), dice.roll(1 << 14));
    format!("{a:08x}-{b:04x}-4{c:03x}-{:04x}-{:012x}", 0x8000 + d, dice.roll(1 << 48))
}

/// A request id as S3 writes it.
fn s3_request(dice: &mut Dice) -> String {
    const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (0..16).map(|_| char::from(LETTERS[usize::try_from(dice.roll(36)).unwrap()])).collect()
}

/// The program a workload is written in, as it names itself.
fn agent(workload: u64) -> String {
    let (minor, patch) = (30 + workload % 7, workload % 50);
    match workload % 4 {
        0 | 1 => format!(
            "[Boto3/1.{minor}.{patch} md/Botocore#1.{minor}.{patch} ua/2.0 os/linux#5.10.{} md/arch#x86_64 lang/python#3.11.{} md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.{minor}.{patch}]",
            190 + workload % 30,
            workload % 12
        ),
        2 => format!(
            "aws-sdk-go-v2/1.{minor}.{patch} ua/2.1 os/linux lang/go#1.2{}.{} md/GOOS#linux md/GOARCH#amd64 api/dynamodb#1.{minor}.2",
            workload % 4,
            workload % 10
        ),
        _ => format!(
            "aws-sdk-java/2.{minor}.{patch} md/io#sync md/http#Apache ua/2.1 os/Linux#5.10.{} lang/java#17.0.{} md/OpenJDK_64-Bit_Server_VM#17.0.{}+7-LTS md/vendor#Amazon.com_Inc. md/en_US cfg/auth-source#stat m/D",
            190 + workload % 30,
            workload % 14,
            workload % 14
        ),
    }
}

/// Address of the pod a workload's session runs in.
fn address(workload: u64, minute: Time) -> String {
    let pod = (workload * 7_919 + minute.unix().unsigned_abs() / 3_600).wrapping_mul(2_654_435_761) >> 8;
    format!("10.{}.{}.{}", pod % 4, (pod >> 8) % 250, (pod >> 16) % 250)
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
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"WebIdentityUser","principalId":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}:sts.amazonaws.com:{subject}","userName":"{subject}","identityProvider":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}},"eventTime":"{began}","eventSource":"sts.amazonaws.com","eventName":"AssumeRoleWithWebIdentity","awsRegion":"{region}","sourceIPAddress":"{}","userAgent":"{}","requestParameters":{{"roleArn":"arn:aws:iam::111122223333:role/workloads/{role}","roleSessionName":"{session}"}},"responseElements":{{"credentials":{{"accessKeyId":"{key}","sessionToken":"{token}","expiration":"Jan 1, 2026, 1:00:00 AM"}},"subjectFromWebIdentityToken":"{subject}","assumedRoleUser":{{"assumedRoleId":"AROAEXAMPLE{role}:{session}","arn":"arn:aws:sts::111122223333:assumed-role/{role}/{session}"}},"provider":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}","audience":"sts.amazonaws.com"}},"requestID":"{}","eventID":"{}","readOnly":true,"resources":[{{"accountId":"111122223333","type":"AWS::IAM::Role","ARN":"arn:aws:iam::111122223333:role/workloads/{role}"}}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"sts.{region}.amazonaws.com"}}}}"#,
        address(workload, minute),
        agent(workload),
        uuid(dice),
        uuid(dice),
    )
    .unwrap();
}

/// One event: a role session of a workload reads, writes and describes; one in twenty is refused.
fn event(text: &mut String, dice: &mut Dice, (workload, objects): (u64, u64), minute: Time, region: &str) {
    let (role, session, access_key, created) = session(workload, minute);
    let time = minute.plus_seconds(i64::try_from(dice.roll(300)).unwrap());
    let denied = dice.roll(20) == 0;
    let (bucket, table) = (workload % 40, workload % 40 + 40 * dice.roll(3));
    let key = key(dice, minute);
    let is_data = dice.roll(100) < objects;
    let (service, name, request, resources) = match if is_data { 0 } else { 1 + dice.roll(16) } {
        0 => (
            "s3",
            ["GetObject", "PutObject", "HeadObject"][usize::try_from(dice.roll(3)).unwrap()],
            format!(r#"{{"bucketName":"data-lake-{bucket}","Host":"data-lake-{bucket}.s3.{region}.amazonaws.com","key":"{key}"}}"#),
            format!(r#"[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::data-lake-{bucket}/{key}"}},{{"accountId":"111122223333","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data-lake-{bucket}"}}]"#),
        ),
        1..6 => (
            "kms",
            "Decrypt",
            format!(r#"{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::data-lake-{bucket}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#),
            format!(r#"[{{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:{region}:111122223333:key/{bucket:08x}-1111-2222-3333-444455556666"}}]"#),
        ),
        6..11 => (
            "ec2",
            "DescribeInstances",
            r#"{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}}]}}"#.to_owned(),
            String::new(),
        ),
        11..14 => (
            "dynamodb",
            "DescribeTable",
            format!(r#"{{"tableName":"orders-{table}"}}"#),
            format!(r#"[{{"accountId":"111122223333","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:{region}:111122223333:table/orders-{table}"}}]"#),
        ),
        14 => ("ssm", "GetParameter", format!(r#"{{"name":"/app-{workload}/settings-{}","withDecryption":true}}"#, table / 40), String::new()),
        15 => ("secretsmanager", "GetSecretValue", format!(r#"{{"secretId":"arn:aws:secretsmanager:{region}:111122223333:secret:app-{workload}/database-AbCdEf"}}"#), String::new()),
        _ => (
            "logs",
            "CreateLogStream",
            format!(r#"{{"logGroupName":"/aws/lambda/app-{bucket}","logStreamName":"2026/01/01/[$LATEST]{:016x}{:016x}"}}"#, dice.roll(u64::MAX), dice.roll(u64::MAX)),
            String::new(),
        ),
    };
    let error = if denied { r#""errorCode":"AccessDenied","errorMessage":"Access Denied","# } else { "" };
    // S3 alone tells more, and there a long random id of the host that answered.
    let (additional, request_id) = if is_data {
        let (sent, host) = (dice.roll(100_000), noise(dice, 76));
        let told = format!(
            r#""additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{host}","bytesTransferredOut":{sent}}},"#
        );
        (told, s3_request(dice))
    } else {
        (String::new(), uuid(dice))
    };
    let resources = if resources.is_empty() { resources } else { format!(r#""resources":{resources},"#) };
    write!(
        text,
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{role}:{session}","arn":"arn:aws:sts::111122223333:assumed-role/{role}/{session}","accountId":"111122223333","accessKeyId":"{access_key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{role}","arn":"arn:aws:iam::111122223333:role/workloads/{role}","accountId":"111122223333","userName":"{role}"}},"webIdFederationData":{{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}","attributes":{{}}}},"attributes":{{"creationDate":"{created}","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"{}","userAgent":"{}",{error}"requestParameters":{request},"responseElements":null,{additional}"requestID":"{request_id}","eventID":"{}","readOnly":{},{resources}"eventType":"AwsApiCall","managementEvent":{},"recipientAccountId":"111122223333","eventCategory":"{}","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.{region}.amazonaws.com"}}}}"#,
        address(workload, minute),
        agent(workload),
        uuid(dice),
        name != "PutObject" && name != "CreateLogStream",
        !is_data,
        if is_data { "Data" } else { "Management" },
    )
    .unwrap();
}
