//! `leastwise permissions`: the smallest policy for what leastwise is to do.

use std::collections::BTreeSet;

use clap::ValueEnum;
use leastwise::aws::{Feature, Part, Places, has_placeholders, policy};

use super::{Exit, Failure, Terminal};

/// Print the smallest policy for what leastwise is to do: read-only, but for a store
///
/// Generated from the calls it makes, one statement for each feature. A bucket, key or role that is not named stands in the policy as a
/// placeholder in capitals.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What it is for (repeatable, or a list) [default: audit,snapshot]
    #[arg(long = "for", value_enum, value_name = "FEATURE", value_delimiter = ',')]
    features: Vec<Use>,
    /// A bucket of logs: BUCKET or BUCKET/PREFIX (repeatable)
    #[arg(long, value_name = "BUCKET")]
    bucket: Vec<String>,
    /// ARN of the key the logs are encrypted with (repeatable) [default: a placeholder]
    #[arg(long, value_name = "ARN")]
    key: Vec<String>,
    /// Where a store lies: BUCKET or BUCKET/PREFIX
    #[arg(long, value_name = "BUCKET")]
    store: Option<String>,
    /// ARN of the key the store is encrypted with [default: a placeholder]
    #[arg(long, value_name = "ARN")]
    store_key: Option<String>,
    /// The role to take on in member accounts
    #[arg(long, value_name = "NAME")]
    member_role: Option<String>,
    /// aws, aws-cn or aws-us-gov [default: aws]
    #[arg(long, value_name = "PARTITION")]
    partition: Option<String>,
}

/// Something that needs permissions.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Use {
    /// Logs in a bucket
    Audit,
    /// Tables named as `athena:DATABASE.TABLE`, beside audit
    Athena,
    /// Logs from `cloudtrail:`
    LookupEvents,
    /// Digests and public keys
    VerifyLogs,
    /// A store in a bucket, read and written
    Store,
    /// The granted side: IAM, EKS, trails
    Snapshot,
    /// The organization's tree and policies
    Organization,
    /// Roles in member accounts
    MemberAccounts,
    /// Encoded messages that `explain` has AWS decode
    Explain,
}

impl Use {
    const fn feature(self) -> Feature {
        match self {
            Self::Audit => Feature::Audit,
            Self::Athena => Feature::Athena,
            Self::LookupEvents => Feature::LookupEvents,
            Self::VerifyLogs => Feature::VerifyLogs,
            Self::Store => Feature::Store,
            Self::Snapshot => Feature::Snapshot,
            Self::Organization => Feature::Organization,
            Self::MemberAccounts => Feature::MemberAccounts,
            Self::Explain => Feature::Explain,
        }
    }
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let features: BTreeSet<Feature> = match args.features.as_slice() {
        [] => [Feature::Audit, Feature::Snapshot].into(),
        some => some.iter().map(|one| one.feature()).collect(),
    };
    let place = |place: &String| place.strip_prefix("s3://").unwrap_or(place).to_owned();
    let places = Places {
        logs: args.bucket.iter().map(place).collect(),
        keys: args.key,
        store: args.store.as_ref().map(place),
        store_key: args.store_key,
        member_role: args.member_role,
        partition: args.partition,
    };
    let document = policy(&features, &Part::ALL.into(), &places);
    terminal.data(|out| writeln!(out, "{document:#}"))?;
    if has_placeholders(&document) {
        terminal.note("replace what stands in capitals, or name it with --bucket, --key, --store, --store-key and --member-role");
    }
    Ok(Exit::Done)
}
