//! Chromium, headless, driven through chromedriver on a free port of this machine; both gone with the test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Ends the driver, whatever became of the test.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One browser with one tab.
pub(super) struct Page {
    client: Client,
    /// The session's address at the driver, for what Chromium has beyond the standard.
    session: String,
    agent: ureq::Agent,
}

/// Runs `visit` in a fresh browser; the browser is closed before a failure goes on.
pub(super) fn browse(visit: impl AsyncFnOnce(&Page)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let profile = tempfile::tempdir().unwrap();
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}; `tests/run` installs it"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _driver = Driver(child);
    let port: u16 = lines
        .find_map(|line| {
            line.unwrap().rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        })
        .expect("chromedriver says on which port it listens");
    let driver = format!("http://127.0.0.1:{port}");
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        // Clicks hit what they aim at only when nothing glides.
        "--force-prefers-reduced-motion",
        // A test may follow hundreds of links at once.
        "--disable-ipc-flooding-protection",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("--user-data-dir={}", profile.path().display())])
    .collect::<Vec<_>>();
    let capabilities = json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    });
    runtime.block_on(async {
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&driver)
            .await
            .unwrap();
        let id = client.session_id().await.unwrap().unwrap();
        let session = format!("{driver}/session/{id}");
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let _open = Open { session: session.clone(), agent: agent.clone() };
        let page = Page { client, session, agent };
        visit(&page).await;
    });
}

/// Closes the browser: one that lost its driver would live on.
struct Open {
    session: String,
    agent: ureq::Agent,
}

impl Drop for Open {
    fn drop(&mut self) {
        // The driver may be gone already.
        let _ = self.agent.delete(&self.session).call();
    }
}

impl Page {
    /// Opens a file, with the logs of whatever was open before forgotten.
    pub(super) async fn open(&self, file: &Path) {
        self.client.goto("about:blank").await.unwrap();
        self.log("browser");
        self.log("performance");
        self.client.goto(&format!("file://{}", file.display())).await.unwrap();
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = self
            .agent
            .post(format!("{}/{path}", self.session))
            .header("content-type", "application/json")
            .send(body.to_string())
            .unwrap();
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["value"].take()
    }

    /// A command of the Chrome DevTools protocol.
    pub(super) fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn log(&self, kind: &str) -> Vec<String> {
        let entries = self.post("se/log", &json!({ "type": kind }));
        entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What the browser wrote to its console since it was last asked.
    pub(super) fn console(&self) -> Vec<String> {
        self.log("browser")
    }

    /// The addresses asked for since it was last asked.
    pub(super) fn requests(&self) -> Vec<String> {
        self.log("performance")
            .iter()
            .map(|message| serde_json::from_str::<Value>(message).unwrap()["message"].take())
            .filter(|message| message["method"] == "Network.requestWillBeSent")
            .map(|message| message["params"]["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) async fn js(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    pub(super) async fn js_with(&self, script: &str, argument: Value) -> Value {
        self.client.execute(script, vec![argument]).await.unwrap()
    }

    /// Waits until `script` returns true: what follows a click or a changed fragment comes later.
    pub(super) async fn until(&self, script: &str, argument: Value) {
        for _ in 0..600 {
            if self.js_with(script, argument.clone()).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never true: {script} with {argument}");
    }

    pub(super) async fn find(&self, selector: &str) -> Element {
        self.client.find(Locator::Css(selector)).await.unwrap()
    }

    pub(super) async fn click(&self, selector: &str) {
        // To the middle: at the top, the page's own bar would lie above it.
        self.js_with(
            "document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })",
            Value::from(selector),
        )
        .await;
        self.find(selector).await.click().await.unwrap();
    }

    pub(super) async fn type_in(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    pub(super) async fn press(&self, key: &Key) {
        self.type_in(key).await;
    }

    /// What has the focus.
    pub(super) async fn focus(&self) -> Value {
        self.js("const e = document.activeElement;
            return { text: e.textContent.slice(0, 80), toggle: e.dataset.toggle ?? null,
                pressed: e.getAttribute('aria-pressed'), outline: getComputedStyle(e).outlineStyle }")
            .await
    }
}
