//! `leastwise prove`: is a new set of policies a subset of an old one?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use leastwise::carrier::{self, Carried, Part, Side};
use leastwise::inventory;
use leastwise::policy::Policy;
use leastwise::proof::{Proof, Settings, Verdict};
use leastwise::report::printable;
use serde_json::json;

use super::{Exit, Failure, Terminal};

/// More than any plan or template; snapshots may be larger still.
const MAX_BYTES: u64 = 1 << 30;

/// Prove that new policies allow nothing that old ones did not
///
/// Prints `proven`, or `refuted` with a request that only the new policies allow, or `unknown` with the reason; exits with 0, 10
/// or 4.
///
/// A FILE is a policy document (JSON, YAML, or as the AWS CLI prints it), a snapshot (`aws iam get-account-authorization-details`, or a
/// folder), a Terraform plan or state (`terraform show -json`, `terraform.tfstate`), or a CloudFormation template. Of a plan, the old side
/// is its prior state.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What holds the old policies; several files make one set
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    old: Vec<PathBuf>,
    /// What holds the new policies; several files make one set
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    new: Vec<PathBuf>,
    /// The role that is meant where a file holds several: its ARN, name, or address in the file
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The role on the new side, where it is called otherwise there
    #[arg(long, value_name = "ROLE")]
    new_role: Option<String>,
    /// Compare the roles' trust policies instead of what they grant
    #[arg(long)]
    trust: bool,
    /// A snapshot that holds the texts of managed policies the other files only name
    #[arg(long, num_args = 1.., value_name = "FILE")]
    managed: Vec<PathBuf>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Demand that the new set holds every deny of the old one: resource policies may allow what it cuts
    #[arg(long)]
    keep_denies: bool,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let managed = managed(&args.managed)?;
    let old = sets(&args.old, Side::Old, args.role.as_deref(), &managed)?;
    let new_role = args.new_role.as_deref().or(args.role.as_deref());
    let new = sets(&args.new, Side::New, new_role, &managed)?;
    let settings = Settings { keep_denies: args.keep_denies, ..Settings::default() };
    let part = if args.trust { Part::Trust } else { Part::Identity };
    let proof = carrier::compare(&old, &new, part, &settings);
    let text = match args.format {
        Format::Text => as_text(&proof),
        Format::Json => {
            let answer = json!({
                "no_new_access": proof.verdict,
                "witness": proof.witness,
                "reasons": proof.reasons,
            });
            format!("{answer:#}")
        }
    };
    terminal.data(|out| writeln!(out, "{text}"))?;
    Ok(match proof.verdict {
        Verdict::Proven => Exit::Done,
        Verdict::Refuted => Exit::Findings,
        Verdict::Unknown => Exit::Incomplete,
    })
}

/// The chosen set of each file.
fn sets(
    paths: &[PathBuf],
    side: Side,
    role: Option<&str>,
    managed: &BTreeMap<String, Policy>,
) -> Result<Vec<Carried>, Failure> {
    paths.iter().map(|path| one(path, side, role, managed)).collect()
}

fn one(
    path: &Path,
    side: Side,
    role: Option<&str>,
    managed: &BTreeMap<String, Policy>,
) -> Result<Carried, Failure> {
    let name = path.display().to_string();
    let failed =
        |error: &dyn std::error::Error| Failure::failed(format!("cannot compare `{name}`")).because(error);
    let all = if path.is_dir() {
        let inventory = inventory::read(&[path.to_owned()], &[]).map_err(|error| failed(&error))?;
        carrier::of_inventory(&inventory)
    } else {
        let unreadable =
            |error: &dyn std::error::Error| Failure::failed(format!("cannot read `{name}`")).because(error);
        let bytes = fs::metadata(path).map_err(|error| unreadable(&error))?.len();
        if bytes > MAX_BYTES {
            return Err(Failure::failed(format!("`{name}` has {bytes} bytes; at most {MAX_BYTES} are read")));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        carrier::read(&name, &text, side).map_err(|error| failed(&error))?
    };
    let mut set = carrier::choose(&name, all, role).map_err(|error| failed(&error))?;
    set.resolve(managed);
    Ok(set)
}

/// Managed policies of snapshots, by ARN.
fn managed(paths: &[PathBuf]) -> Result<BTreeMap<String, Policy>, Failure> {
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let inventory = inventory::read(paths, &[])
        .map_err(|error| Failure::failed("cannot read the managed policies".to_owned()).because(&error))?;
    Ok(inventory.managed_policies())
}

fn as_text(proof: &Proof) -> String {
    let mut lines = vec![match proof.verdict {
        Verdict::Proven => "proven: the new policies allow nothing that the old ones did not".to_owned(),
        Verdict::Refuted => "refuted: the new policies allow something that the old ones did not".to_owned(),
        Verdict::Unknown => "unknown: neither proven nor refuted".to_owned(),
    }];
    if let Some(witness) = &proof.witness {
        lines.push(format!("  action    {}", printable(&witness.action)));
        lines.push(format!("  resource  {}", printable(&witness.resource)));
        lines.extend(
            witness.principal.iter().map(|principal| format!("  principal {}", printable(principal))),
        );
        lines.extend(witness.context.iter().map(|(key, values)| {
            format!("  context   {} = {}", printable(key), printable(&values.join(", ")))
        }));
    }
    lines.extend(proof.reasons.iter().map(|reason| format!("  {}", printable(reason))));
    lines.join("\n")
}
