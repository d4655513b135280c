//! The Regions there are.
//!
//! See: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>

/// The Regions every account of the `aws` partition has without asking for them.
pub const DEFAULT_REGIONS: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
];

/// Regions that an account has when somebody asked for them; in others nothing happens, and no credentials are valid.
const OPTIONAL: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// All Regions of the partition that a Region is of (none is `aws`): those each account has, and those it may have.
pub(super) fn of_partition(region: Option<&str>) -> (&'static [&'static str], &'static [&'static str]) {
    match region {
        Some(region) if region.starts_with("us-gov-") => (&["us-gov-east-1", "us-gov-west-1"], &[]),
        Some(region) if region.starts_with("cn-") => (&["cn-north-1", "cn-northwest-1"], &[]),
        _ => (&DEFAULT_REGIONS, OPTIONAL),
    }
}
