//! Encoded messages of refused calls, read by AWS.

use super::{Aws, AwsError, calls};

/// The longest message STS takes, in bytes.
pub const LONGEST_ENCODED: usize = 10_240;

/// Has STS decode the message of a refused call; the JSON it gives. Only the account that was refused can ask.
///
/// `region` is where the call was refused, for settings that name none.
///
/// # Errors
///
/// The caller may not ask, the message is cut off or of another account, or STS cannot be reached.
///
/// See: <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
pub fn decode_message(aws: &Aws, encoded: &str, region: Option<&str>) -> Result<String, AwsError> {
    let call = calls::DECODE_MESSAGE;
    let sts = match (aws.region(), region.filter(|region| !region.is_empty())) {
        (None, Some(region)) => aws.in_region(region).sts(),
        _ => aws.sts(),
    };
    let told = aws.run(sts.decode_authorization_message().encoded_message(encoded).send());
    let told = told.map_err(|error| AwsError::of(call.service, call.operation, "", &error))?;
    Ok(told.decoded_message().unwrap_or_default().to_owned())
}
