//! Exceptions: findings somebody knows of and answers for, until a day.

use super::{Code, Evidence, Finding, Severity};
use crate::ident::Time;
use crate::ident::glob::Glob;

/// A finding, or several, that somebody answers for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exception {
    /// Findings of this code; none is every code.
    pub code: Option<Code>,
    /// Findings whose subject matches this pattern (`*`, `?`); none is every subject.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// From this moment on it counts no more.
    pub expires: Time,
}

/// What exceptions say of one finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Excepted<'e> {
    /// The exception; of several the one that lasts longest.
    pub exception: &'e Exception,
    /// It has expired, and the finding counts.
    pub is_expired: bool,
}

impl Exception {
    fn matches(&self, finding: &Finding) -> bool {
        let subject =
            self.subject.as_deref().is_none_or(|subject| Glob::new(subject).matches(&finding.subject));
        self.code.is_none_or(|code| code == finding.code) && subject
    }

    /// The exception as a finding's subject.
    fn name(&self) -> String {
        let code = self.code.map_or("*", Code::as_str);
        format!("{code} {}", self.subject.as_deref().unwrap_or("*"))
    }
}

/// What exceptions say of a finding at this moment.
pub fn excepted<'e>(exceptions: &'e [Exception], finding: &Finding, now: Time) -> Option<Excepted<'e>> {
    let matching = exceptions.iter().filter(|exception| exception.matches(finding));
    // The first of equals, so that the order of the file decides.
    let exception = matching.rev().max_by_key(|exception| exception.expires)?;
    Some(Excepted { exception, is_expired: exception.expires <= now })
}

/// `unmatched-exception`: exceptions that no finding needs any more, or that were never spelled right.
pub fn unmatched(exceptions: &[Exception], findings: &[Finding]) -> Vec<Finding> {
    let mut unmatched: Vec<Finding> = exceptions
        .iter()
        .filter(|exception| !findings.iter().any(|finding| exception.matches(finding)))
        .map(|exception| {
            let fact = format!(
                "owner {}, expires {}, reason: {}",
                exception.owner, exception.expires, exception.reason
            );
            let name = exception.name();
            Finding::new(Code::UnmatchedException, &name, Severity::Low, Evidence::Fact(fact))
                .title(format!("No finding matches the exception `{name}`"))
                .detail("The finding is gone, or the exception's code or subject is not spelled as in the report.")
        })
        .collect();
    unmatched.sort_by(|a, b| a.subject.cmp(&b.subject));
    unmatched.dedup_by(|a, b| a.subject == b.subject);
    unmatched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(code: Option<Code>, subject: Option<&str>, expires: &str) -> Exception {
        Exception {
            code,
            subject: subject.map(str::to_owned),
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            expires: expires.parse().unwrap(),
        }
    }

    #[test]
    fn exceptions_match_by_code_and_subject_until_they_expire() {
        let fact = Evidence::Fact("x".to_owned());
        let finding = Finding::new(Code::UnusedRole, "arn:aws:iam::1:role/break-glass", Severity::High, fact);
        let now: Time = "2026-06-01".parse().unwrap();
        for (code, subject, expires, expected) in [
            (Some(Code::UnusedRole), Some("arn:aws:iam::*:role/break-*"), "2027-01-01", Some(false)),
            (Some(Code::UnusedRole), None, "2027-01-01", Some(false)),
            (None, Some("*break-glass"), "2027-01-01", Some(false)),
            (Some(Code::UnusedRole), None, "2026-06-01", Some(true)),
            (Some(Code::RootUse), None, "2027-01-01", None),
            (Some(Code::UnusedRole), Some("break-glass"), "2027-01-01", None),
        ] {
            let all = [exception(code, subject, expires)];
            let excepted = excepted(&all, &finding, now).map(|one| one.is_expired);
            assert_eq!(excepted, expected, "{code:?} {subject:?}");
            assert_eq!(unmatched(&all, std::slice::from_ref(&finding)).is_empty(), expected.is_some());
        }
        // One that has expired hides none that lasts.
        let both = [exception(None, None, "2026-01-01"), exception(None, None, "2027-01-01")];
        assert_eq!(excepted(&both, &finding, now).map(|one| one.is_expired), Some(false));
    }
}
