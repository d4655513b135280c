//! What a finding is about, as other tools name it: an account, and a thing in it.

use super::{Finding, Report};
use crate::ident::{Arn, is_account_id};

/// The thing a finding is about.
pub(super) struct Subject<'r> {
    /// The account it lies in; twelve digits, or empty when nothing tells.
    pub(super) account: &'r str,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(super) partition: &'r str,
    /// The Region, `us-east-1` and its like for what has none.
    pub(super) region: &'r str,
    /// Its kind in AWS's words, where it is a thing of AWS.
    pub(super) kind: Option<&'static str>,
    /// The name a person knows it by.
    pub(super) name: &'r str,
}

impl<'r> Subject<'r> {
    pub(super) fn of(finding: &'r Finding, report: &'r Report) -> Self {
        let subject = finding.subject.as_str();
        if let Some(arn) = Arn::parse(subject) {
            let kind = match (arn.service, arn.resource.split(['/', ':']).next()) {
                ("iam", Some("role")) => Some("AwsIamRole"),
                ("iam", Some("user")) => Some("AwsIamUser"),
                ("iam", Some("policy")) => Some("AwsIamPolicy"),
                ("s3", _) => Some("AwsS3Bucket"),
                ("cloudtrail", Some("trail")) => Some("AwsCloudTrailTrail"),
                _ => None,
            };
            let region = if arn.region.is_empty() { home(arn.partition) } else { arn.region };
            let name = arn.role_name().unwrap_or_else(|| arn.resource.rsplit('/').next().unwrap_or(subject));
            return Self { account: arn.account, partition: arn.partition, region, kind, name };
        }
        let last = subject.rsplit(':').next().unwrap_or(subject);
        if is_account_id(last) {
            let partition = partition_of(last, report);
            return Self {
                account: last,
                partition,
                region: home(partition),
                kind: Some("AwsAccount"),
                name: subject,
            };
        }
        // A workload lies where the first role it used does.
        let workload = report.workloads.iter().find(|workload| workload.id == subject);
        let role = workload.and_then(|workload| Arn::parse(workload.roles.first()?));
        let (account, partition) = role
            .map(|role| (role.account, role.partition))
            .or_else(|| report.coverage.accounts.first().map(|first| (first.account.as_str(), "aws")))
            .unwrap_or(("", "aws"));
        Self { account, partition, region: home(partition), kind: None, name: subject }
    }
}

/// The partition an account's roles tell.
fn partition_of<'r>(account: &str, report: &'r Report) -> &'r str {
    let mut roles = report.roles.iter().filter(|role| role.account == account);
    roles.find_map(|role| Arn::parse(&role.arn)).map_or("aws", |arn| arn.partition)
}

/// The Region that stands for what is global in a partition.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// The words of a framework, as people write them.
pub(super) fn framework(key: &str) -> &str {
    match key {
        "SOC2" => "SOC 2",
        "ISO27001" => "ISO/IEC 27001:2022",
        "NIST80053" => "NIST SP 800-53 Rev. 5",
        other => other,
    }
}

/// The first so many characters, with a sign where there were more.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
