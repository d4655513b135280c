//! What several tests share: where the real input lies.

use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};

/// The package's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of real input: `$variable`, else `../shared/NAME` beside the checkout.
///
/// Absent input fails the test in CI (`CI=true`); elsewhere it is announced loudly and the test does nothing.
fn real_input(variable: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| root().join("../shared").join(name), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{name} must be present in CI; looked at {}", path.display());
    eprintln!("NOT RUN: {name} is absent ({}); set {variable} to run this test", path.display());
    None
}

/// Real CloudTrail logs, snapshots, trust policies and manifests.
pub(crate) fn corpus() -> Option<PathBuf> {
    real_input("LEASTWISE_CORPUS", "corpus")
}

/// Policy conformance cases.
pub(crate) fn policy_cases() -> Option<PathBuf> {
    real_input("LEASTWISE_POLICY_CASES", "policy-cases")
}

/// The values of a JSON lines file, one a line; a name that ends in `.gz` is inflated.
pub(crate) fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).unwrap();
    }
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Documents of AWS's service reference, as AWS served them.
pub(crate) fn service_reference() -> Option<PathBuf> {
    real_input("LEASTWISE_SERVICE_REFERENCE", "facts/catalog-data/service-reference")
}

/// A program of the Python tools that `tests/run` installs (`tests/requirements.txt`).
///
/// A test that needs one and does not find it fails: `tests/run` would have installed it.
pub(crate) fn python_tool(name: &str) -> PathBuf {
    let tools = std::env::var_os("LEASTWISE_TEST_TOOLS")
        .map_or_else(|| root().join("target/test-tools"), PathBuf::from);
    let path = tools.join("venv/bin").join(name);
    assert!(path.is_file(), "`{name}` is not in {}; `tests/run` installs it", tools.display());
    path
}

/// The Node packages that `tests/run` installs (`tests/tools/package.json`).
pub(crate) fn node_modules() -> PathBuf {
    let tools = std::env::var_os("LEASTWISE_TEST_TOOLS")
        .map_or_else(|| root().join("target/test-tools"), PathBuf::from);
    let path = tools.join("node/node_modules");
    assert!(path.is_dir(), "{} is missing; `tests/run` installs it", path.display());
    path
}

/// A server that answers like AWS, gone with the test.
pub(crate) struct Moto {
    child: std::process::Child,
    port: u16,
}

impl Moto {
    /// Starts one on a port the system chooses, which nobody else can have taken meanwhile; fails when it does not start.
    pub(crate) fn start() -> Self {
        let mut child = std::process::Command::new(python_tool("moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
        let (mut all, mut line) = (String::new(), String::new());
        let port = loop {
            line.clear();
            // It ends when the server does.
            assert!(said.read_line(&mut line).unwrap() > 0, "moto_server did not start: {all}");
            all.push_str(&line);
            if let Some((_, port)) = line.trim_end().split_once("Running on http://127.0.0.1:") {
                break port.parse().unwrap();
            }
        };
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, port }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
