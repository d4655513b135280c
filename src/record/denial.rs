//! What the text of an access-denied error says: which action, on what, and which kind of policy refused.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use std::ops::Range;

use crate::ident::Action;

/// The text of one denial, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    /// The action the sentence names; it may be another one than the event's (`kms:Decrypt` under `GetObject`).
    pub action: Option<Action>,
    /// The resource the sentence names: an ARN, a pattern or `*`.
    pub resource: Option<String>,
    /// `identity | boundary | scp | rcp | session | resource | trust | vpc-endpoint | unknown`. One message names one layer even
    /// when several refuse.
    pub layer: &'static str,
    /// The layer denies explicitly; otherwise it lacks an allow, or the text does not tell.
    pub explicit: bool,
    /// ARN of the policy that denies, where AWS names it.
    pub policy: Option<String>,
    /// Under which `iam:GetAuthorizationDetails` tells the whole evaluation.
    pub authorization_id: Option<String>,
    /// The message ends in a blob that only `sts:DecodeAuthorizationMessage` can read.
    pub encoded: bool,
}

/// Longest sample kept of a message, in characters.
const SAMPLE_CHARACTERS: usize = 400;
/// Longer words are blobs (encoded messages, tokens) and no part of a sentence.
const WORD_CHARACTERS: usize = 160;

impl Denial {
    /// Reads a refused call: `code` is `errorCode`, `name` the event's name.
    pub fn parse(code: &str, message: Option<&str>, name: &str) -> Self {
        let text = message.map(one_line).unwrap_or_default();
        let encoded = find(&text, ENCODED).is_some();
        let authorization_id = find(&text, AUTHORIZATION_ID).and_then(|start| {
            let rest = text.get(start + AUTHORIZATION_ID.len()..)?.trim_start();
            let id: String = rest.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
            (id.len() == 36).then_some(id)
        });
        let Sentence { action, resource, rest } = Sentence::of(&text);
        let resource = resource.and_then(|at| text.get(at)).map(str::to_owned);
        let (layer, explicit, policy) = layer(rest);
        let mut denial = Self { action, resource, layer, explicit, policy, authorization_id, encoded };
        if denial.layer == "unknown" {
            denial.layer = match (code, name) {
                ("VpceAccessDenied", _) => "vpc-endpoint",
                // Only a trust policy decides on callers that are no IAM principals.
                (_, "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML") => "trust",
                _ => "unknown",
            };
        }
        denial
    }

    /// The encoded reason in a message, cut off or not.
    pub fn encoded_part(message: &str) -> Option<&str> {
        let start = find(message, ENCODED)? + ENCODED.len();
        let blob = message.get(start..)?.split_whitespace().next()?;
        Some(blob.trim_matches(|c: char| "\"'`),".contains(c)))
    }

    /// Whom the sentence names: `User: ARN is not authorized …`.
    pub fn principal(message: Option<&str>) -> Option<&str> {
        let rest = message?.split_once("User:")?.1.trim_start();
        rest.split_whitespace().next().filter(|text| text.starts_with("arn:"))
    }

    /// What the sentence names after `on resource:`, as it stands in the message.
    pub fn resource_in(message: &str) -> Option<&str> {
        message.get(Sentence::of(message).resource?)
    }

    /// A message as it may be shown: one line, shortened, without blobs and control characters.
    pub fn shown(message: &str) -> String {
        let text = one_line(message);
        let text = match find(&text, ENCODED) {
            Some(start) => format!("{}{ENCODED} …", text.get(..start).unwrap_or_default()),
            None => text,
        };
        let mut words = Vec::new();
        for word in text.split(' ') {
            if word.chars().count() > WORD_CHARACTERS && !word.contains("arn:") {
                words.push("…");
            } else {
                words.push(word);
            }
        }
        let text = words.join(" ");
        let mut short: String = text.chars().take(SAMPLE_CHARACTERS).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        short
    }

    /// A message without whom it names and on what, as one line: what equal refusals have in common. `None` when it does not say that
    /// something was not authorized.
    pub fn without_names(message: &str) -> Option<String> {
        let text = one_line(message);
        let start = find(&text, PERFORM)?;
        let Some(at) = Sentence::of(&text).resource else { return text.get(start..).map(str::to_owned) };
        // EC2 says it twice; what lies before the resource is told from the first on.
        let head = text.get(start..at.start).unwrap_or_default();
        Some(format!("{head}*{}", text.get(at.end..).unwrap_or_default()))
    }

    /// The text up to what differs from call to call and tells a reader nothing: encoded messages, links, request ids.
    pub fn constant_part(message: &str) -> &str {
        let ends = [ENCODED, TRAILER, "Request ID:"];
        let end = ends.iter().filter_map(|mark| find(message, mark)).min().unwrap_or(message.len());
        message.get(..end).unwrap_or(message).trim_end()
    }
}

/// What stands before the action.
const PERFORM: &str = "not authorized to perform";
/// What stands before the resource.
const ON: &str = "on resource:";
/// What stands before a blob that only AWS can read.
const ENCODED: &str = "Encoded authorization failure message:";
/// What begins the pointer to more.
const TRAILER: &str = ". Go to https://";
const AUTHORIZATION_ID: &str = "authorization id:";

/// The parts of the sentence in a message.
struct Sentence<'a> {
    action: Option<Action>,
    /// Where the resource stands in the message, without quotes.
    resource: Option<Range<usize>>,
    /// What follows the resource, or the action where none is named.
    rest: &'a str,
}

impl<'a> Sentence<'a> {
    fn of(message: &'a str) -> Self {
        let end = [ENCODED, TRAILER].iter().filter_map(|mark| find(message, mark)).min();
        let sentence = end.and_then(|end| message.get(..end)).unwrap_or(message);
        let (action, rest) = action(sentence);
        let Some(start) = find(rest, ON).map(|at| at + ON.len()) else {
            return Self { action, resource: None, rest };
        };
        let offset = sentence.len() - rest.len() + start;
        let rest = rest.get(start..).unwrap_or_default();
        let ends = AFTER_RESOURCE.iter().filter_map(|next| find(rest, next));
        let end = ends.chain(rest.find('\n')).min().unwrap_or(rest.len());
        let (text, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let quotes = [' ', '"', '\'', '`'];
        let blank = text.len() - text.trim_start_matches(quotes).len();
        let text = text.trim_matches(quotes).trim_end_matches('.').trim_end_matches(quotes);
        let resource = (!text.is_empty()).then(|| offset + blank..offset + blank + text.len());
        Self { action, resource, rest }
    }
}

/// Runs of white space and control characters as one blank.
fn one_line(text: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Position of `needle`, without ASCII case.
fn find(text: &str, needle: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(&needle.to_ascii_lowercase())
}

/// The text after the first `needle`.
fn after<'a>(text: &'a str, needle: &str) -> Option<&'a str> {
    text.get(find(text, needle)? + needle.len()..)
}

/// The action and what follows it. EC2 writes `You are not authorized to perform this operation.` in front of the sentence.
fn action(sentence: &str) -> (Option<Action>, &str) {
    let mut rest = sentence;
    while let Some(tail) = after(rest, PERFORM) {
        rest = tail;
        let start = tail.trim_start_matches([':', ' ', '[', '"', '`', '\'']);
        let end = start.find([' ', ',', ']', '"', '`', '\'']).unwrap_or(start.len());
        let (word, tail) = start.split_at_checked(end).unwrap_or((start, ""));
        if let Ok(action) = word.trim_end_matches('.').parse() {
            return (Some(action), tail);
        }
    }
    (None, rest)
}

/// What ends the resource.
const AFTER_RESOURCE: [&str; 2] = [" because ", " with an explicit deny"];

/// Layer, whether it denies explicitly, and the policy's ARN.
fn layer(text: &str) -> (&'static str, bool, Option<String>) {
    if let Some(rest) = after(text, "because no ") {
        let end = find(rest, " allows the ").or_else(|| find(rest, " allows ")).unwrap_or(rest.len());
        return (layer_name(rest.get(..end).unwrap_or_default()), false, None);
    }
    let Some(rest) = after(text, "with an explicit deny") else {
        return ("unknown", false, None);
    };
    let name = ["in an ", "in a ", "in the "].iter().find_map(|start| rest.trim_start().strip_prefix(start));
    let Some(name) = name else {
        return ("unknown", true, None);
    };
    let (name, policy) = match name.split_once(": ") {
        Some((name, policy)) => (name, Some(policy)),
        None => (name, None),
    };
    let policy = policy.and_then(|text| text.split(' ').next()).map(|text| text.trim_end_matches('.'));
    let policy = policy.filter(|text| text.starts_with("arn:")).map(str::to_owned);
    (layer_name(name.trim_end_matches('.')), true, policy)
}

fn layer_name(text: &str) -> &'static str {
    match text.trim().to_ascii_lowercase().trim_end_matches(" policy") {
        "identity-based" | "identity" => "identity",
        "permissions boundary" => "boundary",
        "service control" => "scp",
        "resource control" => "rcp",
        "session" => "session",
        "resource-based" | "resource" => "resource",
        "role trust" | "trust" => "trust",
        "vpc endpoint" => "vpc-endpoint",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = "User: arn:aws:sts::111111111111:assumed-role/r/s is not authorized to perform:";

    fn read(message: &str) -> (String, String, &'static str, bool) {
        let denial = Denial::parse("AccessDenied", Some(message), "X");
        let action = denial.action.map(|action| action.to_string()).unwrap_or_default();
        (action, denial.resource.unwrap_or_default(), denial.layer, denial.explicit)
    }

    #[test]
    fn every_documented_form_is_read() {
        let arn = "arn:aws:s3:::b/k";
        for (layer, implicit, explicit) in [
            ("identity", Some("identity-based policy"), Some("an identity-based policy")),
            ("boundary", Some("permissions boundary"), Some("a permissions boundary")),
            ("scp", Some("service control policy"), Some("a service control policy")),
            ("rcp", None, Some("a resource control policy")),
            ("session", Some("session policy"), Some("a session policy")),
            ("resource", Some("resource-based policy"), Some("a resource-based policy")),
            ("trust", Some("role trust policy"), Some("the role trust policy")),
            ("vpc-endpoint", Some("VPC endpoint policy"), Some("a VPC endpoint policy")),
            ("identity", None, Some("an identity policy")),
        ] {
            let on = format!("{WHO} s3:GetObject on resource: {arn}");
            let expected = |explicit| ("s3:GetObject".to_owned(), arn.to_owned(), layer, explicit);
            if let Some(name) = implicit {
                let text = format!("{on} because no {name} allows the s3:GetObject action");
                assert_eq!(read(&text), expected(false), "{text}");
            }
            if let Some(name) = explicit {
                let text = format!("{on} with an explicit deny in {name}");
                assert_eq!(read(&text), expected(true), "{text}");
                assert_eq!(read(&format!("{text}.")), expected(true), "{text}.");
                let policy = "arn:aws:iam::111111111111:policy/p";
                let text = format!("{text}: {policy}");
                assert_eq!(read(&text), expected(true), "{text}");
                let denial = Denial::parse("AccessDenied", Some(&text), "X");
                assert_eq!(denial.policy.as_deref(), Some(policy));
            }
        }
    }

    #[test]
    fn older_and_odd_texts() {
        let owned = |action: &str, resource: &str, layer, explicit| {
            (action.to_owned(), resource.to_owned(), layer, explicit)
        };
        for (text, expected) in [
            ("", owned("", "", "unknown", false)),
            ("Access Denied", owned("", "", "unknown", false)),
            ("You are not authorized to perform this operation.", owned("", "", "unknown", false)),
            (&format!("{WHO} lambda:ListFunctions"), owned("lambda:ListFunctions", "", "unknown", false)),
            (
                &format!("{WHO} iam:GetUser on resource: user x"),
                owned("iam:GetUser", "user x", "unknown", false),
            ),
            (
                &format!(
                    "{WHO} logs:Put on resource: arn:aws:logs:r:1:log-group::log-stream: with an explicit deny"
                ),
                owned("logs:Put", "arn:aws:logs:r:1:log-group::log-stream:", "unknown", true),
            ),
            (
                &format!(
                    "{WHO} s3:ListBucket\n on resource: \"arn:aws:s3:::b\"\n  because no identity-based policy allows the s3:ListBucket action"
                ),
                owned("s3:ListBucket", "arn:aws:s3:::b", "identity", false),
            ),
            (
                "User: arn:aws:iam::1:user/with space is not authorized to perform: organizations:LeaveOrganization on resource: * because no identity-based policy allows the organizations:LeaveOrganization action",
                owned("organizations:LeaveOrganization", "*", "identity", false),
            ),
            (
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                owned("sts:AssumeRoleWithWebIdentity", "", "unknown", false),
            ),
            (
                "User: x is not authorized to perform: s3:PutBucketPolicy on resource: arn:aws:s3:::b because public policies are blocked by the BlockPublicPolicy block public access setting.",
                owned("s3:PutBucketPolicy", "arn:aws:s3:::b", "unknown", false),
            ),
            (
                "User: x is not authorized to perform: ec2:* on resource: y because no aliens allow it",
                owned("", "y", "unknown", false),
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn ec2_messages_with_encoded_blobs() {
        let blob = "Zm9v".repeat(300);
        let bare = format!(
            "You are not authorized to perform this operation. Encoded authorization failure message: {blob}"
        );
        let denial = Denial::parse("Client.UnauthorizedOperation", Some(&bare), "RunInstances");
        assert!(denial.encoded && denial.action.is_none() && denial.layer == "unknown");
        assert!(!Denial::shown(&bare).contains("Zm9v") && Denial::shown(&bare).ends_with("message: …"));
        let full = format!(
            "You are not authorized to perform this operation. {WHO} ec2:RunInstances on resource: arn:aws:ec2:r:1:instance/* because no identity-based policy allows the ec2:RunInstances action. Encoded authorization failure message: {blob}"
        );
        let denial = Denial::parse("Client.UnauthorizedOperation", Some(&full), "RunInstances");
        assert_eq!(denial.action, Some("ec2:RunInstances".parse().unwrap()));
        assert_eq!(denial.resource.as_deref(), Some("arn:aws:ec2:r:1:instance/*"));
        assert_eq!((denial.layer, denial.encoded), ("identity", true));
    }

    #[test]
    fn the_troubleshooter_trailer_gives_its_id() {
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        let text = format!(
            "{WHO} s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in an identity policy: arn:aws:iam::1:policy/p. Go to https://console.aws.amazon.com/iam/home#/access-troubleshooter for complete details, or call the iam:GetAuthorizationDetails API with the following authorization id: {id}"
        );
        let denial = Denial::parse("AccessDenied", Some(&text), "GetObject");
        assert_eq!(denial.authorization_id.as_deref(), Some(id));
        assert_eq!(denial.policy.as_deref(), Some("arn:aws:iam::1:policy/p"));
        assert_eq!((denial.layer, denial.explicit), ("identity", true));
        assert_eq!(denial.resource.as_deref(), Some("arn:aws:s3:::b/k"));
    }

    #[test]
    fn code_and_event_tell_where_the_text_does_not() {
        for (code, message, name, layer) in [
            (
                "VpceAccessDenied",
                "The request was denied due to a VPC endpoint policy",
                "GetObject",
                "vpc-endpoint",
            ),
            ("AccessDenied", "An unknown error occurred", "AssumeRoleWithWebIdentity", "trust"),
            ("AccessDenied", "An unknown error occurred", "GetObject", "unknown"),
        ] {
            assert_eq!(Denial::parse(code, Some(message), name).layer, layer);
        }
    }

    #[test]
    fn samples_are_one_short_line_without_blobs() {
        let token = "A".repeat(500);
        let text = Denial::shown(&format!("first\nline\u{7} token {token} end {}", "word ".repeat(200)));
        assert!(text.starts_with("first line token … end word") && text.ends_with('…'), "{text}");
        assert!(text.chars().count() <= SAMPLE_CHARACTERS + 1);
    }

    #[test]
    fn what_equal_refusals_have_in_common() {
        for (message, common) in [
            (
                format!("{WHO} s3:GetObject on resource: \"arn:aws:s3:::b/k\" because no x allows"),
                Some("not authorized to perform: s3:GetObject on resource: \"*\" because no x allows"),
            ),
            (
                format!("{WHO} s3:ListBucket\n on resource: a"),
                Some("not authorized to perform: s3:ListBucket on resource: *"),
            ),
            (format!("{WHO} ce:GetCostAndUsage"), Some("not authorized to perform: ce:GetCostAndUsage")),
            ("Access Denied".to_owned(), None),
        ] {
            assert_eq!(Denial::without_names(&message).as_deref(), common, "{message}");
        }
        let blob =
            "You are not authorized to perform this operation. Encoded authorization failure message: abc";
        assert_eq!(Denial::constant_part(blob), "You are not authorized to perform this operation.");
    }
}
