//! What the message of a refused call says.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use std::borrow::Cow;

use super::text::shortened;
use crate::catalog::{Evidence, Need, Needs, Resource, Verdict};
use crate::ident::{Action, Arn};

/// Messages are kept up to this many bytes.
const LONGEST_MESSAGE: usize = 512;

/// Where the action stands.
const PERFORM: &str = "is not authorized to perform:";
/// Where the resource stands.
const ON: &str = " on resource:";
/// What ends the resource.
const AFTER_RESOURCE: &[&str] =
    &[" because ", " with an explicit deny", ". Go to ", " Encoded authorization", "\n"];
/// What differs from call to call and tells a reader nothing: cut off, so that equal refusals stay one row.
const PER_CALL: &[&str] = &[" Encoded authorization failure message:", ". Go to https://", " Request ID:"];

/// The words of one message.
struct Sentence<'a> {
    action: &'a str,
    /// Byte range of the resource in the message.
    resource: Option<(usize, &'a str)>,
}

fn sentence(message: &str) -> Option<Sentence<'_>> {
    let start = message.find(PERFORM)? + PERFORM.len();
    let rest = message.get(start..)?;
    let action = rest.split_whitespace().next()?.trim_matches(|c: char| ".,;\"'".contains(c));
    let resource = rest.find(ON).and_then(|at| {
        let tail = rest.get(at + ON.len()..)?;
        let blank = tail.len() - tail.trim_start().len();
        let tail = tail.trim_start();
        let end = AFTER_RESOURCE.iter().filter_map(|mark| tail.find(mark)).min().unwrap_or(tail.len());
        let text = tail.get(..end)?.trim_end().trim_end_matches('.');
        (!text.is_empty()).then_some((start + at + ON.len() + blank, text))
    });
    Some(Sentence { action, resource })
}

/// What the refused call needed, by the message; `None` when the message names no action.
pub(super) fn needs(message: &str) -> Option<Needs> {
    let sentence = sentence(message)?;
    let action: Action = sentence.action.parse().ok()?;
    let resource = match sentence.resource.map(|(_, text)| text.trim_matches(['"', '\''])) {
        None => Resource::Unknown("the refusal names no resource"),
        Some("*") => Resource::None,
        Some(text) if Arn::parse(text).is_some() => Resource::Arn(text.to_owned()),
        Some(_) => Resource::Unknown("the refusal names a resource that is no ARN"),
    };
    let need = Need { action, resources: vec![resource], evidence: Evidence::Observed, context: Vec::new() };
    Some(Needs { verdict: Verdict::Mapped, needs: vec![need], rule: "refusal" })
}

/// The role a refused role assumption asked for.
pub(super) fn role_arn(message: &str) -> Option<&str> {
    let (_, text) = sentence(message)?.resource?;
    Arn::parse(text)?.role_name().map(|_| text)
}

/// The message as it is kept: without what differs from call to call, and short.
pub(super) fn kept(message: &str) -> &str {
    let end = PER_CALL.iter().filter_map(|mark| message.find(mark)).min().unwrap_or(message.len());
    shortened(message.get(..end).unwrap_or(message), LONGEST_MESSAGE)
}

/// The message without who and on what: the form kept when one API is refused in too many words.
pub(super) fn without_names(message: &str) -> Cow<'_, str> {
    let Some(Sentence { resource, .. }) = sentence(message) else {
        return Cow::Borrowed(shortened(message, 64));
    };
    let start = message.find(PERFORM).unwrap_or(0);
    match resource {
        Some((at, text)) => {
            let (head, tail) = (message.get(start..at), message.get(at + text.len()..));
            Cow::Owned(format!("{}*{}", head.unwrap_or_default(), tail.unwrap_or_default()))
        }
        None => Cow::Borrowed(message.get(start..).unwrap_or(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_action_and_resource() {
        for (message, action, resource) in [
            (
                "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/p/R",
                "sts:AssumeRole",
                Resource::Arn("arn:aws:iam::1:role/p/R".into()),
            ),
            (
                "User: u is not authorized to perform: organizations:LeaveOrganization on resource: * because no identity-based policy allows the organizations:LeaveOrganization action",
                "organizations:LeaveOrganization",
                Resource::None,
            ),
            (
                "User: u is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k with blanks\" with an explicit deny in a resource-based policy",
                "s3:GetObject",
                Resource::Arn("arn:aws:s3:::b/k with blanks".into()),
            ),
            (
                "User: u is not authorized to perform: ce:GetCostAndUsage",
                "ce:GetCostAndUsage",
                Resource::Unknown("the refusal names no resource"),
            ),
            (
                "User: u is not authorized to perform: logs:PutLogEvents on resource: group",
                "logs:PutLogEvents",
                Resource::Unknown("the refusal names a resource that is no ARN"),
            ),
        ] {
            let needs = needs(message).unwrap();
            assert_eq!(needs.needs[0].action.as_str(), action, "{message}");
            assert_eq!(needs.needs[0].resources, [resource], "{message}");
        }
        assert_eq!(needs("Access Denied"), None);
        assert_eq!(needs("x is not authorized to perform: everything"), None);
    }

    #[test]
    fn what_differs_from_call_to_call_is_not_kept() {
        let blob =
            "You are not authorized to perform this operation. Encoded authorization failure message: abc";
        assert_eq!(kept(blob), "You are not authorized to perform this operation.");
        assert_eq!(kept(&"é".repeat(400)).len(), 512);
        let message = "User: u is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no x allows";
        assert_eq!(
            without_names(message),
            "is not authorized to perform: s3:GetObject on resource: * because no x allows"
        );
        assert_eq!(without_names("Access Denied"), "Access Denied");
    }
}
