//! IAM actions.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// An IAM action such as `s3:GetObject`: a service prefix and a name.
///
/// IAM compares both parts without case; this type does too, and shows the text as it was written.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
#[derive(Clone, Debug)]
pub struct Action(Arc<str>); // INVARIANT: exactly one split at the first colon, both parts non-empty, no wildcard.

impl Action {
    /// The part before the colon, as written.
    pub fn service(&self) -> &str {
        self.0.split_once(':').map_or("", |(service, _)| service)
    }

    /// The part after the colon, as written.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }

    /// The whole text, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Action {
    type Err = InvalidAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        match text.split_once(':') {
            Some((service, name)) if plain(service) && plain(name) => Ok(Self(text.into())),
            _ => Err(InvalidAction(text.to_owned())),
        }
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        // Nearly all come from one catalog, and are one text.
        Arc::ptr_eq(&self.0, &other.0) || self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Action {}

impl Hash for Action {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl PartialOrd for Action {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Action {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        let lower = |byte: u8| byte.to_ascii_lowercase();
        self.0.bytes().map(lower).cmp(other.0.bytes().map(lower))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that should have been an IAM action.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an IAM action looks like `s3:GetObject`, found `{0}`")]
pub struct InvalidAction(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_distinguish_actions_but_is_kept() {
        let (a, b): (Action, Action) = ("s3:GetObject".parse().unwrap(), "S3:getobject".parse().unwrap());
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), Ordering::Equal);
        assert_eq!(b.to_string(), "S3:getobject");
        assert_eq!((a.service(), a.name()), ("s3", "GetObject"));
    }

    #[test]
    fn patterns_and_fragments_are_refused() {
        for text in ["", "s3", "s3:", ":Get", "s3:Get*", "s3:Get Object", "*", "s3:Get:Object"] {
            assert_eq!(text.parse::<Action>(), Err(InvalidAction(text.to_owned())), "{text}");
        }
    }
}
