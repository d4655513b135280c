//! What can go wrong with a call, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Characters of a message of AWS's (or of what poses as AWS) that are shown.
const LONGEST_MESSAGE: usize = 300;

/// A call that failed, attempts exhausted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsError {
    /// What was tried: `s3 ListObjectsV2 on bucket/prefix`.
    what: String,
    trouble: Trouble,
    /// AWS's code and message, or the system's.
    detail: String,
}

/// The kinds of trouble a user can do something about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// Nothing in environment, files, container or instance.
    NoCredentials,
    /// There are some, and AWS does not take them: expired, revoked, of another partition.
    BadCredentials,
    /// No policy allows the call.
    Denied,
    /// The object is encrypted with a key whose policy (or the caller's) does not allow `kms:Decrypt`.
    KmsDenied,
    /// There is no such bucket.
    NoSuchBucket,
    /// There is no such object (any more).
    NoSuchKey,
    /// The object is in an archive tier.
    Archived,
    /// The bucket is elsewhere; where, if AWS said so.
    WrongRegion(Option<String>),
    /// No Region is set anywhere.
    NoRegion,
    /// Too many requests, for longer than attempts last.
    Throttled,
    /// No answer: no connection, no name, no TLS, no time.
    Unreachable,
    /// The disk is full.
    NoRoom,
    /// Anything else.
    Other,
}

impl AwsError {
    /// From what the SDK gives.
    pub fn of<E>(service: &str, operation: &str, resource: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let on = if resource.is_empty() { String::new() } else { format!(" on `{resource}`") };
        let what = format!("{service} {operation}{on}");
        let code = error.code().unwrap_or_default();
        let message = error.message().unwrap_or_default();
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let region = error
            .raw_response()
            .and_then(|response| response.headers().get("x-amz-bucket-region"))
            .map(str::to_owned);
        let detail = match (code, message) {
            ("", "") if status > 0 => format!("HTTP status {status}"),
            ("", "") => deepest(error),
            ("", message) => message.to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        let trouble = match error {
            // It never left: a bucket's name that is none, say.
            SdkError::ConstructionFailure(_) if code.is_empty() => {
                match classify(error, code, message, status, region) {
                    Trouble::Unreachable => Trouble::Other,
                    trouble => trouble,
                }
            }
            _ => classify(error, code, message, status, region),
        };
        Self { what, trouble, detail: shortened(&detail) }
    }

    /// Something on this side of the network.
    pub(super) fn local(what: &str, error: &dyn Error) -> Self {
        Self { what: what.to_owned(), trouble: Trouble::Other, detail: shortened(&error.to_string()) }
    }

    /// A file on this side of the network.
    pub(super) fn file(what: &str, error: &io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let trouble = match error.kind() {
            FileTooLarge | QuotaExceeded | StorageFull => Trouble::NoRoom,
            _ => Trouble::Other,
        };
        Self { what: what.to_owned(), trouble, detail: shortened(&error.to_string()) }
    }

    /// A call whose trouble was told before.
    pub(super) fn told(what: &str, detail: &str) -> Self {
        Self { what: what.to_owned(), trouble: Trouble::Other, detail: detail.to_owned() }
    }

    /// Text from outside as messages show it.
    pub(super) fn shown(text: &str) -> String {
        shortened(text)
    }

    /// See [`Trouble`].
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// AWS's code and message, shortened; they are text from outside.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What to do, one sentence; `None` where the message says it all.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.trouble {
            Trouble::NoCredentials => {
                "set AWS_PROFILE or give --profile (`aws sts get-caller-identity` shows whether it works); `aws sso login` renews SSO"
                    .to_owned()
            }
            Trouble::BadCredentials => {
                "the credentials are expired or not valid here: renew them (`aws sso login`), or choose others with --profile"
                    .to_owned()
            }
            Trouble::Denied => format!(
                "the caller's policies (or the bucket's, or an SCP) do not allow it: `leastwise permissions` prints the smallest policy \
                 that does; this was {}",
                self.what
            ),
            Trouble::KmsDenied => {
                "allow the caller kms:Decrypt on the key of the trail's bucket, in the key's policy too when the key is another account's"
                    .to_owned()
            }
            Trouble::NoSuchBucket => {
                "check the name; a bucket of another partition or endpoint needs --region or --endpoint-url".to_owned()
            }
            Trouble::NoSuchKey => "it was deleted after it was listed; the rest is not touched by that".to_owned(),
            Trouble::Archived => "restore it with `aws s3api restore-object`, then run again".to_owned(),
            Trouble::WrongRegion(Some(region)) => format!("the bucket is in {region}: give --region {region}"),
            Trouble::WrongRegion(None) => "the bucket is in another Region: give it with --region".to_owned(),
            Trouble::NoRegion => "give --region, or set AWS_REGION".to_owned(),
            Trouble::Throttled => "AWS asked to slow down for longer than ten attempts last: run again later".to_owned(),
            Trouble::Unreachable => {
                "check network, proxy (HTTPS_PROXY), certificates (AWS_CA_BUNDLE), --region and --endpoint-url".to_owned()
            }
            Trouble::NoRoom => {
                "no room is left; nothing is lost: make room, or name another folder for temporary files with TMPDIR, and run again"
                    .to_owned()
            }
            Trouble::Other => return None,
        })
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.detail)
    }
}

impl Error for AwsError {}

fn classify(
    error: &(dyn Error + 'static),
    code: &str,
    message: &str,
    status: u16,
    region: Option<String>,
) -> Trouble {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AllAccessDisabled"
            if message.contains("kms:") || message.contains("KMS") =>
        {
            return Trouble::KmsDenied;
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AllAccessDisabled" => {
            return Trouble::Denied;
        }
        "NoSuchBucket" => return Trouble::NoSuchBucket,
        "NoSuchKey" => return Trouble::NoSuchKey,
        "InvalidObjectState" => return Trouble::Archived,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            return Trouble::WrongRegion(region);
        }
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException" => {
            return Trouble::Throttled;
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "InvalidSignatureException" => return Trouble::BadCredentials,
        _ if code.starts_with("KMS.") => return Trouble::KmsDenied,
        _ => {}
    }
    match status {
        301 | 307 => return Trouble::WrongRegion(region),
        401 | 403 => return Trouble::Denied,
        429 | 503 => return Trouble::Throttled,
        _ => {}
    }
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            return match credentials {
                CredentialsError::CredentialsNotLoaded(_) => Trouble::NoCredentials,
                _ => Trouble::BadCredentials,
            };
        }
        let text = error.to_string();
        if text.contains("region must be set")
            || text.contains("Missing Region")
            || text.contains("MissingRegion")
        {
            return Trouble::NoRegion;
        }
        cause = error.source();
    }
    if status == 0 { Trouble::Unreachable } else { Trouble::Other }
}

/// The cause of the cause; the outer ones only say that something failed.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        cause = error.source();
    }
    let tail = texts.len().saturating_sub(2);
    texts.split_off(tail).join(": ")
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
    if text.chars().count() > LONGEST_MESSAGE {
        short.push('…');
    }
    short
}
