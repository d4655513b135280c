//! An S3 server in the test's own process, with real signatures, and the faults of a network before it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, ETAG, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use leastwise::aws::{Credentials, Settings};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpRequest, HttpResponse};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "AKIATESTTESTTESTTEST";
pub(crate) const SECRET: &str = "a secret of the tests";

/// What goes wrong with a request; asked for each one with its method, key and query, and the number of times it came before.
pub(crate) type Faults = dyn Fn(&Request) -> Fault + Send + Sync;

/// What a fault may depend on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Bucket and key, or bucket alone.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) method: String,
    /// A whole object is asked for.
    pub(crate) is_get: bool,
    /// The number of requests before this one.
    pub(crate) number: u64,
    /// From the credential scope: the Region the client signs for.
    pub(crate) region: String,
    pub(crate) payer: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    /// The connection goes without an answer.
    Cut,
    /// What was asked for is done, and the connection goes without an answer.
    CutAfter,
    /// The connection goes after half of the body.
    CutBody,
    /// Half of the body, as if it were all.
    Short,
    /// Another ETag.
    WrongEtag,
    /// Nothing for a while.
    Slow(Duration),
    /// Nothing until somebody says so.
    Until(Arc<AtomicBool>),
    /// An error in AWS's form: status, code, message.
    Error(u16, &'static str, &'static str),
    /// What S3 says of a bucket that is in another Region.
    Elsewhere(&'static str),
}

/// The server; it ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Whole objects that were asked for, in order.
    pub(crate) gets: Arc<Mutex<Vec<String>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    /// Folders of `root` are buckets.
    pub(crate) fn start(root: &Path, faults: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Self {
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let faults: Arc<Faults> = Arc::new(faults);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let gets: Arc<Mutex<Vec<String>>> = Arc::default();
        let count = Arc::new(AtomicU64::new(0));
        let all_gets = Arc::clone(&gets);
        let writing: Arc<tokio::sync::Mutex<()>> = Arc::default();
        runtime.spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                socket.set_nodelay(true).unwrap();
                let (service, faults, count, gets) =
                    (service.clone(), Arc::clone(&faults), Arc::clone(&count), Arc::clone(&all_gets));
                let writing = Arc::clone(&writing);
                let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (service, faults, count, gets) =
                        (service.clone(), Arc::clone(&faults), Arc::clone(&count), Arc::clone(&gets));
                    let writing = Arc::clone(&writing);
                    async move {
                        answer(&service, &*faults, &count, &gets, &writing, request.map(Body::from)).await
                    }
                });
                tokio::spawn(async move {
                    // A connection that a fault cuts ends with an error.
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), answer)
                        .await;
                });
            }
        });
        Self { address, gets, runtime: Some(runtime) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the tests reach it.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some(self.url()),
            path_style: true,
            credentials: Some(Credentials::new(KEY, SECRET, None, None, "tests")),
            ..Settings::default()
        }
    }
}

async fn answer(
    service: &S3Service,
    faults: &Faults,
    count: &AtomicU64,
    gets: &Mutex<Vec<String>>,
    writing: &Arc<tokio::sync::Mutex<()>>,
    request: HttpRequest,
) -> io::Result<HttpResponse> {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = request.uri().path().trim_start_matches('/').to_owned();
    if request.method() == hyper::Method::POST && path.is_empty() {
        return match header("x-amz-target").strip_prefix("AWSGlue.").map(str::to_owned) {
            Some(operation) => glue(&operation, request).await,
            None => sts(request).await,
        };
    }
    let region = header("authorization").split('/').nth(2).unwrap_or_default().to_owned();
    let asked = Request {
        is_get: request.method() == hyper::Method::GET && path.trim_end_matches('/').contains('/'),
        method: request.method().to_string(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        number: count.fetch_add(1, Ordering::Relaxed),
        payer: header("x-amz-request-payer") == "requester",
        path,
        region,
    };
    if asked.is_get {
        gets.lock().unwrap().push(asked.path.clone());
    }
    let fault = faults(&asked);
    let mut request = request;
    let asked_to_write = !matches!(*request.method(), hyper::Method::GET | hyper::Method::HEAD);
    if matches!(fault, Fault::Error(..) | Fault::Elsewhere(_)) {
        // Whoever is refused while still sending may see a broken pipe instead of the answer.
        let body = request.body_mut().store_all_limited(64 << 20).await;
        body.map_err(|error| io::Error::other(error.to_string()))?;
    }
    match fault {
        Fault::Cut => return Err(io::Error::other("cut")),
        Fault::Slow(time) => tokio::time::sleep(time).await,
        Fault::Until(ref flag) => {
            while !flag.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Fault::Error(status, code, message) => return Ok(error(status, code, message)),
        Fault::Elsewhere(region) if asked.region != region => {
            let mut answer = error(
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed elsewhere.",
            );
            answer.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static(region));
            return Ok(answer);
        }
        _ => {}
    }
    // A file and what is kept of its checksums are two writes: nobody else writes between them, nor does one who hangs up end there.
    let (service, writing) = (service.clone(), Arc::clone(writing));
    let called = tokio::spawn(async move {
        let _alone = if asked_to_write { Some(writing.lock_owned().await) } else { None };
        service.call(request).await
    });
    let called = called.await.map_err(io::Error::other)?;
    let mut answer = called.map_err(|error| io::Error::other(format!("{error:?}")))?;
    match fault {
        Fault::CutAfter => return Err(io::Error::other("cut")),
        Fault::WrongEtag => {
            let wrong = format!("\"{:032x}\"", asked.number);
            answer.headers_mut().insert(ETAG, HeaderValue::from_str(&wrong).unwrap());
        }
        Fault::CutBody | Fault::Short => {
            let (mut head, mut body) = answer.into_parts();
            let whole = body
                .store_all_limited(64 << 20)
                .await
                .map_err(|error| io::Error::other(error.to_string()))?;
            let half = whole.slice(..whole.len() / 2);
            head.headers.drop_checksums();
            let body = if matches!(fault, Fault::Short) {
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(half.len()));
                Body::from(half)
            } else {
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
                Body::http_body(Broken(Some(half)))
            };
            answer = HttpResponse::from_parts(head, body);
        }
        _ => {}
    }
    Ok(answer)
}

/// The first half of a body, and then the end of the connection.
struct Broken(Option<Bytes>);

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some(self.0.take().map(Frame::data).ok_or_else(|| io::Error::other("cut"))))
    }
}

/// A body that is not the object's must not be told apart by a checksum alone.
trait DropChecksums {
    fn drop_checksums(&mut self);
}

impl DropChecksums for hyper::HeaderMap {
    fn drop_checksums(&mut self) {
        let checksums: Vec<_> =
            self.keys().filter(|name| name.as_str().starts_with("x-amz-checksum")).cloned().collect();
        for name in checksums {
            self.remove(name);
        }
    }
}

/// A data catalog with tables over the bucket `logs`, one a kind.
async fn glue(operation: &str, request: HttpRequest) -> io::Result<HttpResponse> {
    let mut body = request.into_body();
    let asked = body.store_all_limited(1 << 20).await.map_err(|error| io::Error::other(error.to_string()))?;
    let asked: Value = serde_json::from_slice(&asked).unwrap();
    assert_eq!(asked["DatabaseName"], "lake");
    let cloudtrail = "com.amazon.emr.hive.serde.CloudTrailSerde";
    let json = "org.apache.hive.hcatalog.data.JsonSerDe";
    let table = |serde: &str, location: &str, keys: Value, parameters: Value| {
        json!({"Table": {"Name": asked["Name"], "TableType": "EXTERNAL_TABLE", "PartitionKeys": keys, "Parameters": parameters,
            "StorageDescriptor": {"Location": location, "SerdeInfo": {"SerializationLibrary": serde}}}})
    };
    let keys = json!([{"Name": "region", "Type": "string"}]);
    let answer = match (operation, asked["Name"].as_str().or(asked["TableName"].as_str()).unwrap()) {
        ("GetTable", "flat") => table(cloudtrail, "s3://logs/p/AWSLogs", json!([]), json!({})),
        ("GetTable", "split") => table(json, "s3://logs/p/AWSLogs/", keys, json!({})),
        // Two pages: partitions below the table's own place, and one elsewhere.
        ("GetPartitions", "split") => match asked["NextToken"].as_str() {
            None => json!({"NextToken": "2", "Partitions": [
                {"StorageDescriptor": {"Location": "s3://logs/p/AWSLogs/o-a1/111122223330/CloudTrail/eu-west-1/"}}]}),
            Some("2") => json!({"Partitions": [{"StorageDescriptor": {"Location": "s3://logs/elsewhere"}}]}),
            Some(other) => panic!("{other}"),
        },
        ("GetTable", "projected") => table(
            cloudtrail,
            "s3://logs/p/AWSLogs/o-a1",
            keys,
            json!({"projection.enabled": "true",
                "storage.location.template": "s3://logs/p/AWSLogs/o-a1/111122223330/CloudTrail/${region}/${timestamp}"}),
        ),
        ("GetTable", "parquet") => table(
            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            "s3://logs/x",
            json!([]),
            json!({}),
        ),
        ("GetTable", "view") => json!({"Table": {"Name": "view", "TableType": "VIRTUAL_VIEW"}}),
        _ => {
            let text = json!({"__type": "EntityNotFoundException", "Message": "Entity Not Found"});
            let mut response = HttpResponse::new(Body::from(text.to_string()));
            *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
            return Ok(response);
        }
    };
    let mut response = HttpResponse::new(Body::from(answer.to_string()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    Ok(response)
}

/// A role that asks for the external id `outside`, and gives the credentials the bucket takes.
async fn sts(request: HttpRequest) -> io::Result<HttpResponse> {
    let mut body = request.into_body();
    let asked = body.store_all_limited(1 << 20).await.map_err(|error| io::Error::other(error.to_string()))?;
    let asked = String::from_utf8_lossy(&asked).into_owned();
    assert!(asked.contains("Action=AssumeRole&") && asked.contains("RoleSessionName=leastwise"), "{asked}");
    let answer = if asked.contains("ExternalId=outside") {
        format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>token</SessionToken>\
             <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    } else {
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
         <Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
            .to_owned()
    };
    let mut response = HttpResponse::new(Body::from(answer));
    if !asked.contains("ExternalId=outside") {
        *response.status_mut() = hyper::StatusCode::FORBIDDEN;
    }
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/xml"));
    Ok(response)
}

fn error(status: u16, code: &str, message: &str) -> HttpResponse {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>"
    );
    let mut answer = HttpResponse::new(Body::from(text));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/xml"));
    answer
}
