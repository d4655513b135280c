//! What is kept of the message of a refused call.

use super::text::shortened;
use crate::catalog::{Evidence, Need, Needs, Resource, Verdict};
use crate::ident::Arn;
use crate::record::Denial;

/// Messages are kept up to this many bytes.
const LONGEST_MESSAGE: usize = 512;
/// Those that are no sentence of IAM's, up to this many where they are too many.
const LONGEST_OTHER: usize = 64;

/// What the refused call needed, by the message; `None` when the message names no action.
pub(super) fn needs(message: &str) -> Option<Needs> {
    let denial = Denial::parse("", Some(message), "");
    let resource = match denial.resource {
        None => Resource::Unknown("the refusal names no resource"),
        Some(text) if text == "*" => Resource::None,
        Some(text) if Arn::parse(&text).is_some() => Resource::Arn(text),
        Some(_) => Resource::Unknown("the refusal names a resource that is no ARN"),
    };
    let need = Need {
        action: denial.action?,
        resources: vec![resource],
        evidence: Evidence::Observed,
        context: Vec::new(),
    };
    Some(Needs { verdict: Verdict::Mapped, needs: vec![need], rule: "refusal" })
}

/// The role a refused role assumption asked for.
pub(super) fn role_arn(message: &str) -> Option<&str> {
    Denial::resource_in(message).filter(|text| Arn::parse(text).is_some_and(|arn| arn.role_name().is_some()))
}

/// The message as it is kept: without what differs from call to call, and short.
pub(super) fn kept(message: &str) -> &str {
    shortened(Denial::constant_part(message), LONGEST_MESSAGE)
}

/// The message without who and on what: the form kept when one API is refused in too many words.
pub(super) fn without_names(message: &str) -> String {
    Denial::without_names(message).unwrap_or_else(|| shortened(message, LONGEST_OTHER).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_what_was_needed() {
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
        let role =
            "User: u is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/p/R";
        assert_eq!(role_arn(role), Some("arn:aws:iam::1:role/p/R"));
        assert_eq!(role_arn(&role.replace("role/p/R", "user/x")), None);
    }

    #[test]
    fn what_differs_from_call_to_call_is_not_kept() {
        let blob =
            "You are not authorized to perform this operation. Encoded authorization failure message: abc";
        assert_eq!(kept(blob), "You are not authorized to perform this operation.");
        assert_eq!(kept(&"é".repeat(400)).len(), 512);
        assert_eq!(without_names("Access Denied"), "Access Denied");
        assert_eq!(without_names(&"x".repeat(100)).len(), 64);
    }
}
