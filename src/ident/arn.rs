//! Amazon Resource Names.

use std::fmt;

/// The six parts of an ARN, borrowed from its text.
///
/// The resource part keeps all further colons and slashes. The parts are not validated: account ids and Regions in logs
/// are sometimes masked, and a masked ARN must still come back as it was.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    /// The service namespace, such as `iam`.
    pub service: &'a str,
    /// Empty for global services.
    pub region: &'a str,
    /// The account id; empty for some services, such as S3 buckets.
    pub account: &'a str,
    /// Everything after the fifth colon.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits `text` at its first five colons; `None` when it is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let arn = Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        (!arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }

    /// For an IAM role ARN: the role's name without its path.
    pub fn role_name(&self) -> Option<&'a str> {
        if self.service != "iam" {
            return None;
        }
        let path = self.resource.strip_prefix("role/")?;
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// For an STS session ARN (`assumed-role/NAME/SESSION`): the role's name and the session's.
    pub fn assumed_role(&self) -> Option<(&'a str, &'a str)> {
        if self.service != "sts" {
            return None;
        }
        self.resource.strip_prefix("assumed-role/")?.split_once('/')
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

/// The role ARN behind a session ARN, as far as the session tells: the role's path is not in it.
///
/// `arn:aws:sts::1:assumed-role/Name/session` gives `arn:aws:iam::1:role/Name`.
pub fn role_arn_from_session(session_arn: &str) -> Option<String> {
    let arn = Arn::parse(session_arn)?;
    let (role, _) = arn.assumed_role()?;
    Some(format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_comes_back_as_it_was() {
        for text in [
            "arn:aws:iam::123456789012:role/a/b/Name",
            "arn:aws:s3:::bucket/key:with:colons",
            "arn:aws-cn:logs:cn-north-1:123456789xxx:log-group:/a:*",
        ] {
            assert_eq!(Arn::parse(text).map(|arn| arn.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in
            ["", "arn", "arn:aws:iam::1", "urn:aws:iam::1:role/x", "arn::iam::1:role/x", "arn:aws:iam::1:"]
        {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_roles_and_sessions() {
        let role = Arn::parse("arn:aws:iam::1:role/service-role/App").unwrap();
        assert_eq!(role.role_name(), Some("App"));
        assert_eq!(
            role_arn_from_session("arn:aws:sts::1:assumed-role/App/i-0abc").as_deref(),
            Some("arn:aws:iam::1:role/App")
        );
        assert_eq!(role_arn_from_session("arn:aws:iam::1:user/x"), None);
    }
}
