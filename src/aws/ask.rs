//! One call: made, and told in full when it fails.

use std::future::Future;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use serde_json::{Value, json};

use super::calls::Call;
use super::{Aws, AwsError};

/// Something that could not be read, and so is missing from the snapshot.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unread {
    /// `iam GetAccountAuthorizationDetails of account 111122223333`.
    pub what: String,
    /// AWS's code and message.
    pub error: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Unread {
    pub(super) fn new(what: impl Into<String>, error: &AwsError) -> Self {
        Self { what: what.into(), error: error.detail().to_owned(), hint: error.hint() }
    }

    /// As a snapshot's folder keeps it.
    pub(super) fn json(&self) -> Value {
        json!({"what": self.what, "error": self.error, "hint": self.hint})
    }
}

/// An account, seen as somebody in it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) aws: Aws,
    pub(super) id: String,
}

impl Account {
    /// Makes a call about `on` (empty: the account as a whole).
    pub(super) async fn ask<T, E>(
        &self,
        call: &Call,
        on: &str,
        sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Unread>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        sent.await.map_err(|error| self.unread(call, on, &error))
    }

    pub(super) fn unread<E>(&self, call: &Call, on: &str, error: &SdkError<E, HttpResponse>) -> Unread
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let on = if on.is_empty() { String::new() } else { format!(" on {on}") };
        let what = format!("{} {}{on} of account {}", call.service, call.operation, self.id);
        Unread::new(what, &AwsError::of(call.service, call.operation, &self.id, error))
    }
}

/// The items of all pages of a paginated call.
macro_rules! pages {
    ($account:expr, $call:expr, $on:expr, $paginator:expr, |$page:ident| $take:expr) => {{
        let mut stream = $paginator.send();
        let mut number = 0;
        loop {
            number += 1;
            match stream.next().await {
                None => break Ok(()),
                Some(Ok($page)) => $take,
                Some(Err(error)) => {
                    let place = if number > 1 {
                        format!("page {number}{}{}", if $on.is_empty() { "" } else { " of " }, $on)
                    } else {
                        $on.to_owned()
                    };
                    break Err($account.unread($call, &place, &error));
                }
            }
        }
    }};
}
pub(super) use pages;
