//! `leastwise snapshot`: the granted side, read from AWS into a folder of files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;
use leastwise::aws::{self, Part, Plan, Snapshot, SnapshotError, Times};
use leastwise::ident::is_account_id;
use serde_json::json;

use super::aws::AwsArgs;
use super::{Exit, Failure, Terminal, time};

/// Read the granted side from AWS: IAM, Organizations, EKS, ECS, CloudTrail's trails and keys
///
/// Writes a folder of files in the shapes the AWS command line prints, sorted, so that two snapshots of the same account are the same
/// bytes. `leastwise audit --iam DIR` reads it. What could not be read is named in DIR/failures.json, and the exit status is 4.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The folder to write; an earlier snapshot in it is replaced
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    #[command(flatten)]
    what: What,
    /// Say which calls would be made, and make none
    #[arg(long)]
    dry_run: bool,
    /// How --dry-run prints
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
    #[command(flatten)]
    aws: AwsArgs,
}

/// What to read of the granted side, and where.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct What {
    /// Read this part only (repeatable) [default: all]
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    only: Vec<Piece>,
    /// Leave this part out (repeatable)
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    skip: Vec<Piece>,
    /// Read this account (repeatable) [default: the caller's own; with --member-role, all active ones of the organization]
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    account: Vec<String>,
    /// The role to take on in other accounts: its name, with its path
    #[arg(long, value_name = "NAME")]
    member_role: Option<String>,
    /// The external id that the member role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "member_role")]
    member_external_id: Option<String>,
    /// Where to look for clusters, trails and keys; `all` is every Region that needs no opt-in [default: the Region of the settings]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    regions: Vec<String>,
}

/// A part of a snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Piece {
    /// Users, groups, roles, policies, instance profiles, OIDC and SAML providers
    Iam,
    /// What IAM last saw each role do
    LastAccessed,
    /// The organization's tree, SCPs and RCPs
    Organization,
    /// EKS clusters and Pod Identity associations
    Eks,
    /// ECS services and tasks, and their roles
    Ecs,
    /// CloudTrail's trails with their selectors
    Trails,
    /// CloudTrail's public keys
    PublicKeys,
}

impl Piece {
    const fn part(self) -> Part {
        match self {
            Self::Iam => Part::Iam,
            Self::LastAccessed => Part::LastAccessed,
            Self::Organization => Part::Organization,
            Self::Eks => Part::Eks,
            Self::Ecs => Part::Ecs,
            Self::Trails => Part::Trails,
            Self::PublicKeys => Part::PublicKeys,
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

impl What {
    /// As the library takes it.
    pub(super) fn plan(self) -> Result<Plan, Failure> {
        let only: BTreeSet<Part> = match self.only.as_slice() {
            [] => Part::ALL.into(),
            some => some.iter().map(|piece| piece.part()).collect(),
        };
        let skipped: BTreeSet<Part> = self.skip.iter().map(|piece| piece.part()).collect();
        if let Some(wrong) = self.account.iter().find(|id| !is_account_id(id)) {
            return Err(Failure::usage(format!("`{wrong}` is no account id"))
                .hint("an account id has twelve digits: --account 111122223333"));
        }
        let role = self.member_role.as_deref().unwrap_or_default();
        if role.contains(':') || role.contains('*') {
            return Err(Failure::usage(format!("`{role}` is no name of a role")).hint(
                "give the name the role has in every account, with its path: --member-role audit/leastwise",
            ));
        }
        let regions = match self.regions.iter().any(|region| region == "all") {
            true => aws::DEFAULT_REGIONS.map(str::to_owned).into(),
            false => self.regions,
        };
        Ok(Plan {
            parts: only.difference(&skipped).copied().collect(),
            regions,
            accounts: self.account,
            member_role: self.member_role,
            external_id: self.member_external_id,
            now: time::now(),
        })
    }
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let plan = args.what.plan()?;
    if plan.parts.is_empty() {
        return Err(Failure::usage("there is no part left to read"));
    }
    if args.dry_run {
        preview(&plan, args.format, terminal)?;
        return Ok(Exit::Done);
    }
    let taken = take(&args.aws.settings()?, &plan, terminal)?;
    let Some(out) = args.out else {
        return Err(Failure::usage("there is no folder to write: give --out DIR"));
    };
    aws::write_folder(&taken, &out)
        .map_err(|error| Failure::failed("the snapshot cannot be written").because(&error))?;
    let accounts = taken.accounts.len();
    terminal.note(&format!(
        "{} files of {accounts} {} written to {}",
        taken.files.len(),
        if accounts == 1 { "account" } else { "accounts" },
        out.display()
    ));
    Ok(if taken.unread.is_empty() { Exit::Done } else { Exit::Incomplete })
}

/// Reads from AWS; says what could not be read, and that waiting may take a while.
pub(super) fn take(settings: &aws::Settings, plan: &Plan, terminal: &Terminal) -> Result<Snapshot, Failure> {
    let way = aws::Aws::connect(settings).map_err(|error| super::aws::failure(&error))?;
    terminal.note("reading the granted side from AWS");
    let taken = aws::take(&way, plan).map_err(|error| match error {
        SnapshotError::Aws(error) => super::aws::failure(&error),
        error @ SnapshotError::NoAccounts(_) => Failure::usage(error)
            .hint("name them with --account, or let the organization be read by its management account"),
    })?;
    for unread in &taken.unread {
        terminal.warning(&format!("not read: {}: {}", unread.what, unread.error));
    }
    let mut hints: Vec<&str> = taken.unread.iter().filter_map(|unread| unread.hint.as_deref()).collect();
    hints.sort_unstable();
    hints.dedup();
    for hint in hints.iter().take(3) {
        terminal.note(&format!("hint: {hint}"));
    }
    Ok(taken)
}

fn preview(plan: &Plan, form: Form, terminal: &Terminal) -> Result<(), Failure> {
    let calls = plan.calls();
    let often = |times: Times| match times {
        Times::Once => "once".to_owned(),
        Times::Each(thing) => format!("for each {thing}"),
    };
    terminal.data(|out| match form {
        Form::Text => {
            for call in &calls {
                let needs = call.action.unwrap_or("no permission");
                writeln!(out, "{} {}, {}; needs {needs}", call.service, call.operation, often(call.times))?;
            }
            Ok(())
        }
        Form::Json => {
            let list: Vec<serde_json::Value> = calls
                .iter()
                .map(|call| {
                    json!({"service": call.service, "operation": call.operation, "times": often(call.times),
                        "part": call.part.map(Part::as_str), "action": call.action})
                })
                .collect();
            writeln!(out, "{:#}", serde_json::Value::from(list))
        }
    })
}
