//! Calls of services whose client is not here, by that of a service that speaks the same protocol (AWS JSON 1.1).
//!
//! Credentials, retries, time limits and TLS are those of every other call. Only where it goes, for which service it is signed, and what it
//! says are another service's; its answer is taken as it came.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_cloudtrail::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_cloudtrail::config::{ConfigBag, Intercept, RuntimeComponents, interceptors};
use aws_sdk_cloudtrail::error::BoxError;
use aws_sdk_cloudtrail::{Client, Config};
use aws_smithy_types::Document;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::ask::{Account, Unread};
use super::calls::Call;

/// A service in a Region.
pub(super) struct JsonService<'a> {
    account: &'a Account,
    client: Client,
    /// What stands before the operation in `X-Amz-Target`.
    target: &'static str,
}

/// Where the service is, and what it is signed as.
#[derive(Clone, Debug)]
struct At {
    url: String,
    service: &'static str,
    region: String,
}

impl ResolveEndpoint for At {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        let scheme = [("name", "sigv4"), ("signingName", self.service), ("signingRegion", &self.region)];
        let scheme = scheme.map(|(name, value)| (name.to_owned(), Document::from(value.to_owned())));
        let schemes = Document::Array(vec![Document::Object(scheme.into_iter().collect())]);
        EndpointFuture::ready(Ok(Endpoint::builder()
            .url(self.url.clone())
            .property("authSchemes", schemes)
            .build()))
    }
}

impl<'a> JsonService<'a> {
    pub(super) fn new(
        account: &'a Account,
        service: &'static str,
        target: &'static str,
        region: &str,
    ) -> Self {
        let config = account.aws.in_region(region).config().clone();
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = config.endpoint_url().map(str::to_owned);
        let url = url.unwrap_or_else(|| format!("https://{service}.{region}.amazonaws.com{suffix}"));
        let at = At { url, service, region: region.to_owned() };
        let client = Client::from_conf(Config::from(&config).to_builder().endpoint_resolver(at).build());
        Self { account, client, target }
    }

    /// Makes a call about `on` (empty: the account as a whole).
    pub(super) async fn ask(&self, call: &Call, on: &str, body: &Value) -> Result<Value, Unread> {
        let (target, body) = (format!("{}.{}", self.target, call.operation), body.to_string());
        let answer = Answer::default();
        let sent = self
            .client
            // Any operation without parts in the path does: what it would say is replaced.
            .describe_trails()
            .customize()
            .interceptor(answer.clone())
            .mutate_request(move |request| {
                let headers = request.headers_mut();
                headers.insert("x-amz-target", target.clone());
                headers.insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .send();
        self.account.ask(call, on, sent).await?;
        let text = std::mem::take(&mut *answer.0.lock().unwrap_or_else(PoisonError::into_inner));
        serde_json::from_slice(&text).map_err(|error| Unread {
            what: format!("{} {} on {on} of account {}", call.service, call.operation, self.account.id),
            error: format!("the answer is no JSON: {error}"),
            hint: None,
        })
    }

    /// The texts of a list in all pages of a call.
    pub(super) async fn texts(
        &self,
        call: &Call,
        on: &str,
        body: &Value,
        list: &str,
    ) -> Result<Vec<String>, Unread> {
        let (mut texts, mut body) = (Vec::new(), body.clone());
        loop {
            let page = self.ask(call, on, &body).await?;
            let found = page.get(list).and_then(Value::as_array).into_iter().flatten();
            texts.extend(found.filter_map(Value::as_str).map(str::to_owned));
            match (page.get("nextToken").and_then(Value::as_str), &mut body) {
                (Some(token), Value::Object(members)) if !token.is_empty() => {
                    members.insert("nextToken".to_owned(), token.into());
                }
                _ => break,
            }
        }
        texts.sort();
        texts.dedup();
        Ok(texts)
    }
}

/// Keeps an answer as it came.
#[derive(Clone, Debug, Default)]
struct Answer(Arc<Mutex<Vec<u8>>>);

impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn read_after_deserialization(
        &self,
        context: &interceptors::AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        bytes.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}
