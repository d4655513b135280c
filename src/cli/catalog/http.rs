//! Fetching documents of the service reference.

use std::time::Duration;

use leastwise::catalog::{Fetch, FetchError, Fetched, LARGEST_DOCUMENT};
use ureq::Agent;

/// Attempts per document; what fails for good fails at once.
const ATTEMPTS: u32 = 4;
/// Before the second attempt; doubled before each later one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// For one document, all in all.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server that has the service reference.
#[derive(Debug)]
pub(super) struct Server {
    agent: Agent,
    /// Without a slash at the end.
    base: String,
}

/// Whether another attempt may help.
enum Failed {
    ForNow(String),
    ForGood(String),
}

impl Server {
    pub(super) fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("leastwise/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            // From HTTPS nothing leads back to HTTP.
            .https_only(base.starts_with("https://"))
            .max_redirects(3);
        Self { agent: config.build().into(), base: base.trim_end_matches('/').to_owned() }
    }

    fn once(&self, path: &str, etag: Option<&str>) -> Result<Fetched, Failed> {
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("Accept", "application/json");
        if let Some(etag) = etag {
            request = request.header("If-None-Match", etag);
        }
        let mut response = request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::TooManyRedirects => {
                Failed::ForGood(error.to_string())
            }
            error => Failed::ForNow(error.to_string()),
        })?;
        match response.status().as_u16() {
            200 => {}
            304 if etag.is_some() => return Ok(Fetched::Unchanged),
            status @ (408 | 425 | 429 | 500..=599) => {
                return Err(Failed::ForNow(format!("the server answered {status}")));
            }
            status => return Err(Failed::ForGood(format!("the server answered {status}"))),
        }
        let header = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let length =
            response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let too_large = || Failed::ForGood(format!("it has more than {LARGEST_DOCUMENT} bytes"));
        if length.is_some_and(|length: u64| length > LARGEST_DOCUMENT as u64) {
            return Err(too_large());
        }
        let read = response.body_mut().with_config().limit(LARGEST_DOCUMENT as u64).read_to_vec();
        let body = read.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => too_large(),
            error => Failed::ForNow(format!("the answer was cut off: {error}")),
        })?;
        // A connection that closes early must not pass for a short document.
        if length.is_some_and(|length| length != body.len() as u64) {
            return Err(Failed::ForNow("the answer was cut off".to_owned()));
        }
        Ok(Fetched::Document { body, etag: header })
    }
}

impl Fetch for Server {
    fn fetch(&self, path: &str, etag: Option<&str>) -> Result<Fetched, FetchError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match self.once(path, etag) {
                Ok(fetched) => return Ok(fetched),
                Err(Failed::ForGood(why)) => return Err(FetchError(why)),
                Err(Failed::ForNow(why)) if attempt == ATTEMPTS => {
                    return Err(FetchError(format!("{why} ({ATTEMPTS} attempts)")));
                }
                Err(Failed::ForNow(_)) => {
                    std::thread::sleep(pause);
                    pause *= 2;
                }
            }
        }
        Err(FetchError("not attempted".to_owned()))
    }
}
