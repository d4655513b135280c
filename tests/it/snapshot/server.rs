//! A server that stands between leastwise and moto: it refuses what a policy does not allow, answers what moto lacks or gets wrong, and
//! writes down what was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use leastwise::catalog::Catalog;
use leastwise::eval::{
    Context, Layer, Layers, Principal, Request as Asked, RequestResource, Verdict, decide,
};
use leastwise::policy::{Policy, PolicyKind, parse};
use serde_json::{Value, json};

use crate::support;

/// A request, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) access_key: String,
    /// Of a form, decoded; of anything else empty.
    pub(super) form: BTreeMap<String, String>,
    /// Of a JSON body; else null.
    pub(super) json: Value,
    raw: Vec<u8>,
}

/// What the server says.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Status, type and body.
    Say(u16, &'static str, String),
    /// The connection ends in the middle of the answer.
    Cut,
    /// An error in the protocol of the service.
    Error(u16, &'static str, String),
}

impl Answer {
    pub(super) fn xml(text: impl Into<String>) -> Self {
        Self::Say(200, "text/xml", text.into())
    }

    pub(super) fn json(value: &Value) -> Self {
        Self::Say(200, "application/x-amz-json-1.1", value.to_string())
    }
}

type Handler = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

/// What the server knows.
#[derive(Clone, Default)]
struct State {
    asked: Arc<Mutex<Vec<Request>>>,
    policy: Arc<Mutex<Option<Policy>>>,
    moto: Option<String>,
}

pub(super) struct Server {
    pub(super) url: String,
    state: State,
}

impl Server {
    /// `answer` goes first; what it leaves goes to moto, when there is one.
    pub(super) fn new(
        moto: Option<&Moto>,
        answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State { moto: moto.map(|moto| moto.address.clone()), ..State::default() };
        let (of_server, answer): (State, Arc<Handler>) = (state.clone(), Arc::new(answer));
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, answer) = (of_server.clone(), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &state, &*answer));
            }
        });
        Self { url, state }
    }

    /// From now on only what this policy allows is done.
    pub(super) fn enforce(&self, policy: &Value) {
        let policy = parse(&policy.to_string(), PolicyKind::Identity).unwrap();
        *self.state.policy.lock().unwrap() = Some(policy);
    }

    /// What was asked since last time, as `service Operation`.
    pub(super) fn asked(&self) -> BTreeSet<String> {
        let asked = std::mem::take(&mut *self.state.asked.lock().unwrap());
        asked.iter().map(|request| format!("{} {}", request.service, request.operation)).collect()
    }
}

fn serve(mut stream: TcpStream, state: &State, answer: &Handler) {
    let Some(request) = read(&stream) else { return };
    state.asked.lock().unwrap().push(request.clone());
    let refused = state.policy.lock().unwrap().as_ref().is_some_and(|policy| !allows(policy, &request));
    let said = if refused {
        let what = format!(
            "User: arn:aws:iam::123456789012:user/reader is not authorized to perform: {}:{}",
            request.service, request.operation
        );
        let code = if is_query(&request.service) { "AccessDenied" } else { "AccessDeniedException" };
        Some(Answer::Error(403, code, what))
    } else {
        answer(&request)
    };
    let said = match (said, &state.moto) {
        (Some(said), _) => said,
        (None, Some(moto)) => {
            let _ = stream.write_all(&forward(moto, &request.raw));
            return;
        }
        (None, None) => Answer::Error(404, "ResourceNotFoundException", "nothing here".to_owned()),
    };
    let (status, kind, body) = match said {
        Answer::Cut => {
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n<half");
            return;
        }
        Answer::Say(status, kind, body) => (status, kind, body),
        Answer::Error(status, code, message) if is_query(&request.service) => (
            status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            ),
        ),
        Answer::Error(status, code, message) => {
            let body = json!({"__type": code, "code": code, "message": message}).to_string();
            (status, "application/x-amz-json-1.1", body)
        }
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn is_query(service: &str) -> bool {
    ["iam", "sts"].contains(&service)
}

/// Whether an evaluator of policies lets the request pass: the action is the one the catalog tells for the operation.
fn allows(policy: &Policy, request: &Request) -> bool {
    let source = format!("{}.amazonaws.com", request.service);
    let mapped = Catalog::embedded().map(&source, &request.operation).actions;
    let Some(action) = mapped.first() else {
        // No permission is needed.
        return request.operation == "GetCallerIdentity";
    };
    let role = request.form.get("RoleArn").cloned();
    let asked = Asked {
        principal: Principal::from_arn("arn:aws:iam::123456789012:user/reader").unwrap(),
        action: action.clone(),
        resource: role.map_or(RequestResource::None, RequestResource::Arn),
        resource_account: Some("123456789012".to_owned()),
        context: Context::closed(),
    };
    // A role's own policy is taken to agree.
    let text = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "*", "Resource": "*"}]});
    let agreeing = parse(&text.to_string(), PolicyKind::Resource).unwrap();
    let layers =
        Layers { identity: Layer::of([policy]), resource: Some(Layer::of([&agreeing])), ..Layers::default() };
    decide(&asked, &layers).verdict == Verdict::Allowed
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut raw = Vec::new();
    let (mut length, mut target, mut signed) = (0, String::new(), String::new());
    let mut first = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-amz-target" => target = value.trim().to_owned(),
            "authorization" => signed = value.trim().to_owned(),
            // The relay speaks one request a connection.
            "connection" => continue,
            _ => {}
        }
        let is_end = line == "\r\n";
        if is_end {
            raw.extend_from_slice(b"Connection: close\r\n");
        }
        raw.extend_from_slice(line.as_bytes());
        if is_end {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    raw.extend_from_slice(&body);
    let body = String::from_utf8_lossy(&body).into_owned();
    let scope: Vec<&str> = signed.split_once("Credential=")?.1.split(['/', ',']).collect();
    let path = first.split(' ').nth(1)?.to_owned();
    let form: BTreeMap<String, String> = match scope.get(3) {
        Some(service) if is_query(service) => pairs(&body),
        _ => BTreeMap::new(),
    };
    let operation = if let Some(action) = form.get("Action") {
        action.clone()
    } else if !target.is_empty() {
        target.rsplit('.').next()?.to_owned()
    } else {
        let parts: Vec<&str> = path.split('?').next()?.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["clusters"] => "ListClusters",
            ["clusters", _] => "DescribeCluster",
            ["clusters", _, "pod-identity-associations"] => "ListPodIdentityAssociations",
            ["clusters", _, "pod-identity-associations", _] => "DescribePodIdentityAssociation",
            _ => "?",
        }
        .to_owned()
    };
    Some(Request {
        service: (*scope.get(3)?).to_owned(),
        operation,
        access_key: (*scope.first()?).to_owned(),
        form,
        json: serde_json::from_str(&body).unwrap_or_default(),
        raw,
    })
}

fn pairs(body: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let hex = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
                }
                b'+' => b' ',
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Sends a request as it is and gives back the answer as it is.
fn forward(address: &str, raw: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(raw).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// A moto server of its own, gone with the value.
pub(super) struct Moto {
    _server: support::Moto,
    address: String,
}

impl Moto {
    pub(super) fn start() -> Self {
        let server = support::Moto::start();
        Self { address: server.address(), _server: server }
    }

    /// Calls an operation of IAM, STS (forms) or of a service that speaks JSON; the body of the answer.
    pub(super) fn call(&self, service: &str, operation: &str, parameters: &[(&str, &str)]) -> String {
        let (body, more) = if is_query(service) {
            let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
            let all = [("Action", operation), ("Version", version)];
            let pairs: Vec<String> = all
                .iter()
                .chain(parameters)
                .map(|(name, value)| format!("{name}={}", encoded(value)))
                .collect();
            (pairs.join("&"), "Content-Type: application/x-www-form-urlencoded\r\n".to_owned())
        } else {
            let object: serde_json::Map<String, Value> =
                parameters.iter().map(|(name, value)| ((*name).to_owned(), typed(value))).collect();
            let target = match service {
                "organizations" => "AWSOrganizationsV20161128",
                "ecs" => "AmazonEC2ContainerServiceV20141113",
                "cloudtrail" => "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
                other => panic!("{other}"),
            };
            (
                Value::Object(object).to_string(),
                format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}.{operation}\r\n"),
            )
        };
        self.send("POST", "/", service, &more, &body)
    }

    pub(super) fn send(&self, method: &str, path: &str, service: &str, more: &str, body: &str) -> String {
        let raw = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = String::from_utf8(forward(&self.address, raw.as_bytes())).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path} {body}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// Lists, objects, texts in quotes and truth values are JSON; anything else is a text, account ids too.
fn typed(value: &str) -> Value {
    match value.as_bytes() {
        [b'[' | b'{' | b'"', ..] => serde_json::from_str(value).unwrap(),
        b"true" => Value::Bool(true),
        _ => json!(value),
    }
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
