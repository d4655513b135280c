//! `leastwise catalog refresh`, against a server of this process and against folders.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leastwise::catalog::{self, Catalog, Levels, Visibility};
use serde_json::{Value, json};

use crate::support;

/// How the server answers a request.
#[derive(Clone)]
enum Answer {
    /// Status and body, with an `ETag` of the body that is honoured.
    Whole(u16, Vec<u8>),
    /// As many bytes are promised, and the body sent before the connection closes.
    Cut(usize, Vec<u8>),
    /// No length is told, and spaces come without end.
    Endless,
    /// Nothing comes.
    Silence,
}

/// Answers by path, in turn; the last one stays. What is not listed is 404.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<BTreeMap<String, Vec<Answer>>>>);

/// Paths asked for, with the `If-None-Match` given.
type Asked = Mutex<Vec<(String, Option<String>)>>;

struct Server {
    url: String,
    pages: Pages,
    asked: Arc<Asked>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, pages: Pages::default(), asked: Arc::default() };
        let (pages, asked) = (server.pages.clone(), Arc::clone(&server.asked));
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (pages, asked) = (pages.clone(), Arc::clone(&asked));
                std::thread::spawn(move || answer(stream, &pages, &asked));
            }
        });
        server
    }

    fn page(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.pages.0.lock().unwrap().insert(path.to_owned(), answers.into_iter().collect());
    }

    /// An index of these services, all changed at the same time, and their documents.
    fn reference(&self, modified: Option<i64>, documents: &[Value]) {
        let entries = documents.iter().map(|document| {
            let name = document["Name"].as_str().unwrap();
            let path = format!("/v1/{name}/{name}.json");
            self.page(&path, [whole(document)]);
            let mut entry = json!({"service": name, "url": format!("https://elsewhere.example{path}")});
            if let Some(modified) = modified {
                entry["modified"] = modified.into();
            }
            entry
        });
        let index: Value = entries.collect();
        self.page("/", [whole(&index)]);
    }

    fn asked(&self) -> Vec<String> {
        let mut asked: Vec<_> =
            std::mem::take(&mut *self.asked.lock().unwrap()).into_iter().map(|(path, _)| path).collect();
        asked.sort();
        asked
    }

    fn refresh(&self, to: &Path) -> (i32, String, String) {
        run(&[
            "catalog",
            "refresh",
            "--endpoint-url",
            &self.url,
            "--to",
            to.to_str().unwrap(),
            "--format",
            "json",
        ])
    }
}

fn whole(value: &Value) -> Answer {
    Answer::Whole(200, value.to_string().into_bytes())
}

fn answer(mut stream: TcpStream, pages: &Pages, asked: &Asked) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    // A client that only looked is none.
    if reader.read_line(&mut first).is_err() || first.is_empty() {
        return;
    }
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let mut etag = None;
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("if-none-match")
        {
            etag = Some(value.to_owned());
        }
    }
    asked.lock().unwrap().push((path.clone(), etag.clone()));
    let answer = {
        let mut pages = pages.0.lock().unwrap();
        match pages.get_mut(&path) {
            None => Answer::Whole(404, Vec::new()),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
        }
    };
    // Clients may leave early: that is what some tests are about.
    let _ = match answer {
        Answer::Whole(status, body) => {
            let own = format!("\"{}-{}\"", body.len(), body.iter().map(|byte| u64::from(*byte)).sum::<u64>());
            let known = status == 200 && etag.as_ref() == Some(&own);
            let (status, body) = if known { (304, Vec::new()) } else { (status, body) };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nETag: {own}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
        }
        Answer::Cut(promised, body) => {
            let head = format!("HTTP/1.1 200 X\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
        }
        Answer::Endless => {
            let head = stream.write_all(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");
            head.and_then(|()| {
                loop {
                    stream.write_all(&[b' '; 65_536])?;
                }
            })
        }
        Answer::Silence => stream.read_to_end(&mut Vec::new()).map(drop),
    };
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leastwise"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    let output = command(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A document of a service no catalog knows, with these actions.
fn document(name: &str, actions: &[&str]) -> Value {
    let actions: Vec<_> = actions
        .iter()
        .map(|action| {
            json!({"Name": action, "Resources": [{"Name": "thing"}], "ActionConditionKeys": ["aws:TagKeys"],
                "Annotations": {"Properties": {"IsWrite": true}}})
        })
        .collect();
    json!({"Name": name, "Version": "v1.4", "Actions": actions,
        "Resources": [{"Name": "thing", "ARNFormats": [format!("arn:${{Partition}}:{name}:${{Region}}:${{Account}}:thing/${{ThingId}}")]}]})
}

#[test]
fn a_refresh_takes_what_is_new_and_the_next_one_nothing() {
    let server = Server::new();
    let to = tempfile::tempdir().unwrap();
    let mut coffee = document("coffee", &["BrewCup", "WashCup"]);
    coffee["Operations"] = json!([
        {"Name": "BrewLargeCup", "AuthorizedActions": [{"Name": "BrewCup", "Service": "coffee"},
            {"Name": "PassRole", "Service": "iam", "Context": {"iam:PassedToService": ["kettle.coffee.amazonaws.com"]}}]},
        {"Name": "BrewOrWash", "AuthorizedActions": [{"Name": "BrewCup", "Service": "coffee"}, {"Name": "WashCup", "Service": "coffee"}]},
        {"Name": "Unmapped"}]);
    server.reference(Some(1_785_247_299), &[coffee.clone(), document("tea", &["PourTea"])]);

    let (exit, told, said) = server.refresh(to.path());
    assert_eq!(exit, 0, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let embedded = Catalog::embedded();
    assert_eq!(told["date"], "2026-07-28");
    assert_eq!((told["taken"].as_u64(), told["unchanged"].as_u64()), (Some(2), Some(0)));
    assert_eq!(told["services"].as_u64().unwrap() as usize, embedded.n_services() + 2);
    assert_eq!(told["actions"].as_u64().unwrap() as usize, embedded.n_actions() + 3);
    assert_eq!(
        (told["new_actions"].as_u64(), told["kept_services"].as_array().map(Vec::len)),
        (Some(3), Some(embedded.n_services()))
    );
    // Hosts in the index are not followed.
    assert_eq!(server.asked(), ["/", "/v1/coffee/coffee.json", "/v1/tea/tea.json"]);

    let refreshed = catalog::load(to.path()).unwrap();
    assert_eq!((refreshed.date(), refreshed.source()), ("2026-07-28", "service-reference"));
    let brew = refreshed.info(refreshed.find("coffee:BrewCup").unwrap()).unwrap();
    assert!(brew.has_operation() && brew.levels() == Levels::WRITE);
    assert_eq!(brew.condition_keys().collect::<Vec<_>>(), ["aws:TagKeys"]);
    assert!(brew.resource_types().all(|part| part.required && part.kind.name == "thing"));
    // The services AWS does not tell of stay, with all that is known of them.
    let passed = refreshed.info(refreshed.find("lambda:CreateFunction").unwrap()).unwrap();
    assert!(passed.dependent_actions().any(|action| action == "iam:PassRole"));
    for (event, actions, rule) in [
        ("BrewCup", &["coffee:BrewCup"][..], "same-name"),
        ("BrewLargeCup", &["coffee:BrewCup"], "operation-table"),
        ("BrewOrWash", &[], "unknown-event"),
        ("Unmapped", &[], "unknown-event"),
    ] {
        let mapping = refreshed.map("coffee.amazonaws.com", event);
        assert_eq!(
            (mapping.actions.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), mapping.rule),
            (actions, rule),
            "{event}"
        );
    }
    let event = r#"{"recipientAccountId":"123456789012","awsRegion":"eu-west-1","requestParameters":{"thingId":"t1","roleArn":"arn:aws:iam::123456789012:role/R"}}"#;
    let mapping = refreshed.map_record("coffee", "BrewLargeCup", event).unwrap();
    assert_eq!(mapping.needs[0].resources, ["arn:aws:coffee:eu-west-1:123456789012:thing/t1"]);
    assert_eq!(mapping.needs[1].context["iam:PassedToService"], "kettle.coffee.amazonaws.com");

    // Nothing changed: only the index is asked for.
    let (exit, told, _) = server.refresh(to.path());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((exit, told["taken"].as_u64(), told["unchanged"].as_u64()), (0, Some(0), Some(2)));
    assert_eq!(server.asked(), ["/"]);

    // One changed: it alone is fetched.
    coffee["Actions"].as_array_mut().unwrap().push(json!({"Name": "GrindBeans"}));
    server.page("/v1/coffee/coffee.json", [whole(&coffee)]);
    server.page("/", [whole(&json!([
        {"service": "coffee", "url": "x", "modified": 1_785_300_000}, {"service": "tea", "url": "x", "modified": 1_785_247_299}]))]);
    let (exit, told, _) = server.refresh(to.path());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((exit, told["taken"].as_u64(), told["unchanged"].as_u64()), (0, Some(1), Some(1)));
    assert_eq!(server.asked(), ["/", "/v1/coffee/coffee.json"]);
    assert!(catalog::load(to.path()).unwrap().find("coffee:GrindBeans").is_some());
}

#[test]
fn without_dates_in_the_index_the_server_is_asked_what_changed() {
    let server = Server::new();
    let to = tempfile::tempdir().unwrap();
    server.reference(None, &[document("coffee", &["BrewCup"])]);
    assert_eq!(server.refresh(to.path()).0, 0);
    server.asked();
    let (exit, told, _) = server.refresh(to.path());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((exit, told["taken"].as_u64(), told["unchanged"].as_u64()), (0, Some(0), Some(1)));
    let asked = server.asked.lock().unwrap().clone();
    assert!(asked.iter().any(|(path, etag)| path == "/v1/coffee/coffee.json" && etag.is_some()), "{asked:?}");
}

#[test]
fn a_refreshed_catalog_is_used_when_asked_for_and_only_then() {
    let server = Server::new();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("refreshed");
    let at = to.to_str().unwrap();
    server.reference(Some(1_785_247_299), &[document("coffee", &["BrewCup"])]);
    assert_eq!(server.refresh(&to).0, 0);
    let json = |args: &[&str]| -> Value {
        let (exit, told, said) = run(args);
        assert_eq!(exit, 0, "{said}");
        serde_json::from_str(&told).unwrap()
    };
    let shown = json(&["catalog", "--catalog", at, "--format", "json"]);
    assert_eq!(
        (shown["source"].as_str(), shown["date"].as_str()),
        (Some("service-reference"), Some("2026-07-28"))
    );
    let shown = json(&["catalog", "--format", "json"]);
    assert_eq!(
        (shown["source"].as_str(), shown["date"].as_str()),
        (Some("embedded"), Some(Catalog::embedded().date()))
    );
    let event = ["catalog", "map", "coffee.amazonaws.com", "BrewCup", "--format", "json"];
    assert_eq!(json(&event)["verdict"], "unknown");
    assert_eq!(json(&[&event[..], &["--catalog", at]].concat())["actions"], json!(["coffee:BrewCup"]));

    let record = r#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:x",
        "arn":"arn:aws:sts::111122223333:assumed-role/app/x","accountId":"111122223333","sessionContext":{"sessionIssuer":
        {"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333","userName":"app"}}},
        "eventTime":"2026-03-02T10:00:00Z","eventSource":"coffee.amazonaws.com","eventName":"BrewCup","awsRegion":"eu-west-1",
        "eventID":"1","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}]}"#;
    let log = dir.path().join("log.json");
    fs::write(&log, record).unwrap();
    let audit = ["audit", log.to_str().unwrap(), "--format", "json"];
    let role = |report: &Value| report["roles"][0].clone();
    let with = json(&[&audit[..], &["--catalog", at]].concat());
    assert_eq!(with["tool"]["catalog"]["source"], "service-reference");
    assert_eq!(role(&with)["used"][0]["action"], "coffee:BrewCup");
    let without = json(&audit);
    assert_eq!(without["tool"]["catalog"]["source"], "embedded");
    // Not dropped: a call whose action the catalog does not know.
    assert_eq!(role(&without)["used"], json!([]));
    assert_eq!(
        (role(&without)["calls"].as_u64(), role(&without)["unmapped"].to_string()),
        (Some(1), r#"{"coffee.amazonaws.com BrewCup":1}"#.to_owned())
    );

    fs::write(to.join("catalog.tsv"), "leastwise-catalog 1\t2026-01-01\t1\t1\n@s3\t1\t9\nGet\n").unwrap();
    for args in [&["catalog", "--catalog", at][..], &["audit", log.to_str().unwrap(), "--catalog", at]] {
        let (exit, told, said) = run(args);
        assert_eq!((exit, told.as_str()), (2, ""));
        assert!(
            said.contains("holds no refreshed catalog") && said.contains("catalog refresh --to DIR"),
            "{said}"
        );
    }
}

#[test]
fn a_killed_run_is_taken_up_where_it_stopped() {
    let server = Server::new();
    let to = tempfile::tempdir().unwrap();
    // Neither dates nor, for the sake of the test, anything else tells that a document is current.
    let documents: Vec<_> =
        ["coffee", "juice", "tea", "water"].map(|name| document(name, &["Pour"])).to_vec();
    server.reference(None, &documents);
    server.page("/v1/water/water.json", [Answer::Silence]);
    let mut child =
        command(&["catalog", "refresh", "--endpoint-url", &server.url, "--to", to.path().to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
    let kept = || fs::read_to_string(to.path().join("state.json")).unwrap_or_default();
    let start = Instant::now();
    while !["coffee", "juice", "tea"].iter().all(|name| kept().contains(name)) {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the run does not get to its third document: {}",
            kept()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(catalog::load(to.path()).is_err(), "a run that was killed leaves no catalog");
    server.asked();

    server.page("/v1/water/water.json", [whole(&documents[3])]);
    let (exit, told, said) = server.refresh(to.path());
    assert_eq!(exit, 0, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((told["taken"].as_u64(), told["unchanged"].as_u64()), (Some(1), Some(3)));
    assert_eq!(server.asked(), ["/", "/v1/water/water.json"]);
    let refreshed = catalog::load(to.path()).unwrap();
    assert!(["coffee", "juice", "tea", "water"].iter().all(|name| refreshed.has_service(name)));
}

#[test]
fn what_fails_for_a_moment_is_tried_again_and_what_is_unsound_is_named_and_kept_out() {
    let server = Server::new();
    let to = tempfile::tempdir().unwrap();
    let names = ["busy", "cut", "gone", "html", "huge", "endless", "newer", "other", "odd", "s3"];
    let documents: Vec<_> = names.map(|name| document(name, &["Pour", "Wash"])).to_vec();
    server.reference(Some(1_785_247_299), &documents);
    let page = |name: &str, answers: Vec<Answer>| server.page(&format!("/v1/{name}/{name}.json"), answers);
    let good = |place: usize| whole(&documents[place]);
    page("busy", vec![Answer::Whole(503, Vec::new()), Answer::Whole(429, Vec::new()), good(0)]);
    page(
        "cut",
        vec![Answer::Cut(9_999, b"{\"Name\":\"cut\"".to_vec()), Answer::Cut(10, Vec::new()), good(1)],
    );
    page("gone", vec![Answer::Whole(404, Vec::new())]);
    page("html", vec![Answer::Whole(200, b"<html>\x1b[31msign in</html>".to_vec())]);
    page("huge", vec![Answer::Cut(1 << 40, b"{".to_vec())]);
    page("endless", vec![Answer::Endless]);
    let mut newer = documents[6].clone();
    newer["Version"] = "v2.0".into();
    page("newer", vec![whole(&newer)]);
    page("other", vec![good(0)]);
    let mut odd = documents[8].clone();
    odd["Actions"][0]["Name"] = "Po\u{1b}[2Jur*".into();
    page("odd", vec![whole(&odd)]);
    // `s3` stays as it is here: two actions, where the embedded catalog has 165.

    let (exit, told, said) = server.refresh(to.path());
    assert_eq!(exit, 4, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["taken"].as_u64(), Some(2));
    let refused: BTreeMap<&str, &str> = told["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), entry["reason"].as_str().unwrap()))
        .collect();
    let known = Catalog::embedded().expand("s3:*").len();
    for (name, reason) in [
        ("gone", "the server answered 404"),
        ("html", "not of the shape of a service reference"),
        ("huge", "it has more than 33554432 bytes"),
        ("endless", "it has more than 33554432 bytes"),
        ("newer", "schema version `v2.0` is not known"),
        ("other", "it is about `busy`"),
        ("odd", "`Po[2Jur*` cannot be a name"),
        ("s3", &format!("it has 2 actions where {known} are known")),
    ] {
        assert!(refused[name].starts_with(reason), "{name}: {}", refused[name]);
    }
    assert_eq!(refused.len(), 8);
    assert!(!said.contains('\u{1b}') && !told.to_string().contains("\\u001b"), "{said}");
    let refreshed = catalog::load(to.path()).unwrap();
    assert!(refreshed.has_service("busy") && refreshed.has_service("cut") && !refreshed.has_service("html"));
    assert_eq!(refreshed.expand("s3:*").len(), known);

    // A server that is down, or an index that is none, changes nothing.
    let before = fs::read(to.path().join("catalog.tsv")).unwrap();
    for answer in [
        Answer::Whole(500, Vec::new()),
        Answer::Whole(200, b"{}".to_vec()),
        Answer::Whole(200, b"[]".to_vec()),
        Answer::Whole(200, br#"[{"service":"../../etc","url":"x"}]"#.to_vec()),
        Answer::Whole(200, vec![b'['; 100_000]),
    ] {
        server.page("/", [answer]);
        let (exit, told, said) = server.refresh(to.path());
        assert_eq!((exit, told.as_str()), (1, ""), "{said}");
        assert!(said.contains("the list of services"), "{said}");
        assert_eq!(fs::read(to.path().join("catalog.tsv")).unwrap(), before);
    }
}

#[test]
fn documents_of_a_folder_do_as_well() {
    let from = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    fs::create_dir_all(from.path().join("v1/coffee")).unwrap();
    let write = |name: &str, value: &Value| fs::write(from.path().join(name), value.to_string()).unwrap();
    write("v1/coffee/coffee.json", &document("coffee", &["BrewCup"]));
    write("index.json", &json!([{"service": "coffee", "url": "x", "modified": 1_785_247_299}]));
    let refresh = || {
        run(&[
            "catalog",
            "refresh",
            "--from",
            from.path().to_str().unwrap(),
            "--to",
            to.path().to_str().unwrap(),
            "--format",
            "json",
        ])
    };
    let (exit, told, said) = refresh();
    assert_eq!(exit, 0, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((told["taken"].as_u64(), told["date"].as_str()), (Some(1), Some("2026-07-28")));
    write("mapping.json", &json!({"SDK": {}}));
    let (exit, told, said) = refresh();
    assert_eq!(exit, 4, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (told["unchanged"].as_u64(), told["refused"][0]["name"].as_str()),
        (Some(1), Some("mapping.json"))
    );
    let nothing = tempfile::tempdir().unwrap();
    let (exit, _, said) = run(&[
        "catalog",
        "refresh",
        "--from",
        nothing.path().to_str().unwrap(),
        "--to",
        nothing.path().to_str().unwrap(),
    ]);
    assert_eq!(exit, 1);
    assert!(said.contains("no document of the service reference could be taken"), "{said}");
}

#[test]
fn documents_as_aws_serves_them_make_a_catalog() {
    let Some(folder) = support::service_reference() else { return };
    let to = tempfile::tempdir().unwrap();
    let (exit, told, said) = run(&[
        "catalog",
        "refresh",
        "--from",
        folder.to_str().unwrap(),
        "--to",
        to.path().to_str().unwrap(),
        "--format",
        "json",
    ]);
    // The folder also holds a shortened document of S3 and the SDK's mapping.
    assert_eq!(exit, 4, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let refused: Vec<_> =
        told["refused"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(
        (told["taken"].as_u64(), refused),
        (Some(2), vec!["example.v1.4.json", "mapping-example.json"])
    );
    let (refreshed, embedded) = (catalog::load(to.path()).unwrap(), Catalog::embedded());
    assert_eq!((refreshed.expand("s3:*").len(), refreshed.expand("iam:*").len()), (165, 176));
    // What AWS lacks comes from the embedded catalog, and what both have agrees.
    let (mut same, mut required) = (0, 0);
    for id in refreshed.expand("s3:*").into_iter().chain(refreshed.expand("iam:*")) {
        let new = refreshed.info(id).unwrap();
        let Some(old) = embedded.find(new.action().as_str()).and_then(|id| embedded.info(id)) else {
            continue;
        };
        same += usize::from(old.levels() == new.levels());
        required += new.resource_types().filter(|part| part.required).count();
        assert!(!old.has_operation() || new.has_operation(), "{}", new.action());
        assert!(old.dependent_actions().eq(new.dependent_actions()), "{}", new.action());
    }
    assert!(same > 300 && required > 200, "{same} {required}");
    let visibility = |catalog: &Catalog, action: &str| catalog.visibility(catalog.find(action).unwrap());
    // AWS's own flag settles what the project's tables leave open.
    assert_eq!(visibility(&refreshed, "iam:CreateRole"), Visibility::Management);
    assert!(matches!(visibility(&refreshed, "s3:GetObject"), Visibility::Data { .. }));
    assert!(matches!(visibility(&refreshed, "iam:PassRole"), Visibility::NeverLogged { .. }));
    assert_eq!(visibility(&refreshed, "s3:ReplicateObject"), Visibility::NoPublicOperation);
}

#[test]
fn a_service_that_lost_most_of_its_actions_is_taken_when_the_user_says_so() {
    let server = Server::new();
    let to = tempfile::tempdir().unwrap();
    let many: Vec<String> = (0..40).map(|number| format!("Brew{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    server.reference(Some(1_785_247_299), &[document("coffee", &many)]);
    assert_eq!(server.refresh(to.path()).0, 0);
    server.reference(Some(1_785_300_000), &[document("coffee", &many[..10])]);
    let (exit, told, _) = server.refresh(to.path());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (exit, told["refused"][0]["reason"].as_str()),
        (4, Some("it has 10 actions where 40 are known"))
    );
    assert!(catalog::load(to.path()).unwrap().find("coffee:Brew39").is_some());

    let at = to.path().to_str().unwrap();
    let (exit, told, said) = run(&[
        "catalog",
        "refresh",
        "--allow-fewer",
        "--endpoint-url",
        &server.url,
        "--to",
        at,
        "--format",
        "json",
    ]);
    assert_eq!(exit, 0, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((told["taken"].as_u64(), told["refused"].as_array().map(Vec::len)), (Some(1), Some(0)));
    let refreshed = catalog::load(to.path()).unwrap();
    assert!(refreshed.find("coffee:Brew9").is_some() && refreshed.find("coffee:Brew10").is_none());
    // What the models of inputs say is kept.
    assert!(
        refreshed.map("lambda", "CreateFunction20150331").passes.iter().any(|role| role.parameter == "role")
    );
}
