//! Whether a call succeeded, was refused, or failed for a reason other than permission.

/// What became of a call, as far as permissions go.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// No error: the permission was there and was used.
    Succeeded,
    /// An authorization error: the permission was missing or taken away. Never use.
    Denied,
    /// Another error after authorization, such as a missing object: the permission was used.
    FailedAuthorized,
    /// An error from which nothing follows: throttling, bad or expired credentials, a service that is not enabled.
    FailedUnproven,
}

/// Sorts an event by its `errorCode` and `errorMessage`.
///
/// A code counts as a denial after dropping a `Client.`/`Server.` prefix and an `Exception` suffix, without case; so does
/// any message that says `is not authorized to perform`. The code `"200"` and an empty code are successes that some
/// services write. See IAM's "Troubleshoot access denied error messages".
pub fn classify(error_code: Option<&str>, error_message: Option<&str>) -> Outcome {
    let Some(code) = error_code.map(str::trim).filter(|code| !code.is_empty()) else {
        return match error_message {
            Some(message) if message.contains("is not authorized to perform") => Outcome::Denied,
            _ => Outcome::Succeeded,
        };
    };
    let strip_start = |text: &'_ str, prefix: &str| {
        text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)).then_some(prefix.len())
    };
    let start = strip_start(code, "Client.").or_else(|| strip_start(code, "Server.")).unwrap_or(0);
    let bare = code.get(start..).unwrap_or(code);
    let bare = bare.strip_suffix("Exception").unwrap_or(bare);
    let is_one_of = |names: &[&str]| names.iter().any(|name| bare.eq_ignore_ascii_case(name));
    if is_one_of(DENIALS) || error_message.is_some_and(|text| text.contains("is not authorized to perform")) {
        Outcome::Denied
    } else if bare == "200" {
        Outcome::Succeeded
    } else if is_one_of(UNPROVEN) {
        Outcome::FailedUnproven
    } else {
        Outcome::FailedAuthorized
    }
}

const DENIALS: &[&str] = &[
    "AccessDenied",
    "UnauthorizedOperation",
    "UnauthorizedAccess",
    "Unauthorized",
    "AuthorizationError",
    "NotAuthorized",
    "VpceAccessDenied",
    "AccessForbidden",
    "Forbidden",
    "EncryptionKeyAccessDenied",
];

/// Errors raised before, or instead of, an authorization decision.
const UNPROVEN: &[&str] = &[
    "Throttling",
    "Throttled",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequests",
    "SlowDown",
    "RequestThrottled",
    "ProvisionedThroughputExceeded",
    "RequestThrottledException",
    "PriorRequestNotComplete",
    "InvalidAccess",
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "InvalidToken",
    "ExpiredToken",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "MissingAuthenticationToken",
    "InvalidIdentityToken",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "OptInRequired",
    "SubscriptionRequired",
    "InternalError",
    "InternalFailure",
    "InternalServer",
    "InternalServerError",
    "InternalService",
    "ServiceUnavailable",
    "Unavailable",
    "ServerException",
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_sorted() {
        for (code, message, outcome) in [
            (None, None, Outcome::Succeeded),
            (Some(""), None, Outcome::Succeeded),
            (Some("200"), None, Outcome::Succeeded),
            (Some("AccessDenied"), None, Outcome::Denied),
            (Some("AccessDeniedException"), None, Outcome::Denied),
            (Some("Client.UnauthorizedOperation"), None, Outcome::Denied),
            (Some("client.unauthorizedoperation"), None, Outcome::Denied),
            (Some("VpceAccessDenied"), None, Outcome::Denied),
            (None, Some("User: x is not authorized to perform: s3:GetObject"), Outcome::Denied),
            (Some("NoSuchKey"), None, Outcome::FailedAuthorized),
            (Some("Client.DryRunOperation"), None, Outcome::FailedAuthorized),
            (Some("ThrottlingException"), None, Outcome::FailedUnproven),
            (Some("ExpiredTokenException"), None, Outcome::FailedUnproven),
            (Some("é"), None, Outcome::FailedAuthorized),
        ] {
            assert_eq!(classify(code, message), outcome, "{code:?} {message:?}");
        }
    }
}
