//! ARN formats such as `arn:${Partition}:s3:::${BucketName}/${ObjectName}`: matching and filling in.

/// Variables whose values may hold `/` and `:`; all others end at the next separator.
///
/// Without the distinction a bucket's format would match its objects' ARNs, and a function's format its versions'.
const SPANNING: &[&str] = &[
    "Alias",
    "ClusterSnapshotName",
    "DbClusterSnapshotName",
    "LogGroupName",
    "LogStreamName",
    "ObjectName",
    "OidcProviderName",
    "ParameterNameWithoutLeadingSlash",
    "RepositoryName",
    "RoleName",
    "SecretId",
    "SnapshotName",
    "StreamLabel",
    "ThingName",
    "UrlEncodedResourceARN",
];

/// A piece of a format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Segment<'a> {
    /// Text as written.
    Literal(&'a str),
    /// `${Name}`.
    Variable(&'a str),
    /// `*`: anything AWS has not given a name.
    Any,
}

/// An ARN format, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ArnFormat<'a> {
    segments: Vec<Segment<'a>>,
    /// By segment: whether it is a variable that may hold separators, and whether it may be empty.
    loose: Vec<(bool, bool)>,
}

impl<'a> ArnFormat<'a> {
    /// Takes a format apart. A `${` without its `}` is literal text.
    pub(super) fn parse(format: &'a str) -> Self {
        let mut segments = Vec::new();
        let literal = |segments: &mut Vec<_>, text: &'a str| {
            for (place, piece) in text.split('*').enumerate() {
                segments.extend((place > 0).then_some(Segment::Any));
                segments.extend((!piece.is_empty()).then_some(Segment::Literal(piece)));
            }
        };
        let mut rest = format;
        while let Some((before, tail)) = rest.split_once("${")
            && let Some((name, after)) = tail.split_once('}')
        {
            literal(&mut segments, before);
            segments.push(Segment::Variable(name));
            rest = after;
        }
        literal(&mut segments, rest);
        let loose = segments.iter().map(|segment| match segment {
            Segment::Literal(_) => (false, false),
            // What AWS itself owns has an empty account: `arn:aws:ssm:eu-west-1::document/AWS-RunShellScript`.
            Segment::Variable(name) => (is_spanning(name), *name == "Account"),
            Segment::Any => (true, true),
        });
        let loose = loose.collect();
        Self { segments, loose }
    }

    /// The pieces in order.
    pub(super) fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// Whether `arn` is of this format. Linear: each variable takes the shortest text the next piece allows.
    pub(super) fn matches(&self, arn: &str) -> bool {
        let mut rest = arn;
        let mut segments = self.segments.iter().zip(&self.loose).peekable();
        while let Some((segment, (spans, may_be_empty))) = segments.next() {
            if let Segment::Literal(text) = segment {
                let Some(tail) = rest.strip_prefix(text) else { return false };
                rest = tail;
                continue;
            }
            let ends = |byte: u8| matches!(byte, b':' | b'/');
            let end = match segments.peek() {
                Some((Segment::Literal(next), _)) if *spans => place_of(next, rest),
                // No ASCII byte is part of another character.
                Some((Segment::Literal(next), _)) if next.starts_with(|c: char| c.is_ascii()) => {
                    let next = next.bytes().next();
                    rest.bytes().position(|byte| ends(byte) || Some(byte) == next)
                }
                Some((Segment::Literal(next), _)) => {
                    let next = next.chars().next();
                    rest.find(|c| c == ':' || c == '/' || Some(c) == next)
                }
                _ if *spans => Some(rest.len()),
                _ => rest.bytes().position(ends).or(Some(rest.len())),
            };
            let Some((value, tail)) = end.and_then(|end| rest.split_at_checked(end)) else { return false };
            if value.is_empty() && !*may_be_empty {
                return false;
            }
            rest = tail;
        }
        rest.is_empty()
    }
}

/// Where a piece begins; most are one separator.
fn place_of(piece: &str, text: &str) -> Option<usize> {
    match piece.as_bytes() {
        [byte] if byte.is_ascii() => memchr::memchr(*byte, text.as_bytes()),
        _ => text.find(piece),
    }
}

/// A text with `${Name}` replaced by the value of each name; a `${` without its `}` reaches to the end.
pub fn filled<'v>(format: &str, value: impl Fn(&str) -> &'v str) -> String {
    let mut text = String::with_capacity(format.len());
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(value(name));
        rest = after;
    }
    text.push_str(rest);
    text
}

fn is_spanning(variable: &str) -> bool {
    variable.ends_with("Path") || SPANNING.contains(&variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_of_its_format_and_of_no_other() {
        let bucket = "arn:${Partition}:s3:::${BucketName}";
        let object = "arn:${Partition}:s3:::${BucketName}/${ObjectName}";
        let function = "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}";
        let stream = "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}:log-stream:${LogStreamName}";
        let backend = "arn:${Partition}:amplifybackend:${Region}:${Account}:/backend/${AppId}/*";
        for (format, arn, is) in [
            (bucket, "arn:aws:s3:::b", true),
            (bucket, "arn:aws:s3:::b/k", false),
            (bucket, "arn:aws:s3:::", false),
            (object, "arn:aws:s3:::b/a/b:c", true),
            (object, "arn:aws:s3:::b", false),
            (object, "arn:aws:s3:::b/", false),
            (function, "arn:aws:lambda:eu-west-1:1:function:f", true),
            (function, "arn:aws:lambda:eu-west-1:1:function:f:live", false),
            (stream, "arn:aws:logs:eu-west-1:1:log-group:/aws/x:log-stream:2026/[1]x", true),
            (stream, "arn:aws:logs:eu-west-1:1:log-group:/aws/x", false),
            (backend, "arn:aws:amplifybackend:eu-west-1:1:/backend/a/b/c", true),
            (
                "arn:${Partition}:ssm:${Region}:${Account}:document/${DocumentName}",
                "arn:aws:ssm:eu-west-1::document/AWS-X",
                true,
            ),
            ("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}", "arn:aws:iam::1:role/a/b", true),
            (
                "arn:${Partition}:apigateway:${Region}::/domainnames/${DomainName}+${DomainIdentifier}",
                "arn:aws:apigateway:r::/domainnames/a+b",
                true,
            ),
        ] {
            assert_eq!(ArnFormat::parse(format).matches(arn), is, "{format} {arn}");
        }
    }
}
