//! `leastwise prove`: is a new set of policies a subset of an old one?

use std::fs;
use std::path::{Path, PathBuf};

use leastwise::policy::{Policy, PolicyKind, parse};
use leastwise::proof::{Proof, Settings, Verdict, no_new_access};
use leastwise::report::printable;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Exit, Failure, Terminal};

/// Prove that new policies allow nothing that old ones did not
///
/// Prints `proven`, or `refuted` with a request that only the new policies allow, or `unknown` with the reason; exits with 0, 10
/// or 4.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A policy document of the old set, or what `aws iam get-policy-version`, `get-role-policy`, `get-role` and the like print; several
    /// make one set
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    old: Vec<PathBuf>,
    /// A policy document of the new set; several make one set
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    new: Vec<PathBuf>,
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
    let old = read_all(&args.old)?;
    let new = read_all(&args.new)?;
    let settings = Settings { keep_denies: args.keep_denies, ..Settings::default() };
    let proof = no_new_access(&old.iter().collect::<Vec<_>>(), &new.iter().collect::<Vec<_>>(), &settings);
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

fn read_all(paths: &[PathBuf]) -> Result<Vec<Policy>, Failure> {
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Policy, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("cannot read `{}`", path.display())).because(&error))?;
    let text = printed_by_aws(&text).unwrap_or(text);
    // A document with principals is a resource or trust policy; anything else is an identity policy.
    parse(&text, PolicyKind::Identity).or_else(|error| {
        parse(&text, PolicyKind::Resource)
            .or_else(|_| parse(&text, PolicyKind::Trust))
            .map_err(|_| Failure::failed(format!("`{}` is no policy", path.display())).because(&error))
    })
}

/// What the AWS CLI prints around a document.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    /// `iam get-role-policy`, `get-user-policy`, `get-group-policy`.
    policy_document: Option<Box<RawValue>>,
    /// `s3api get-bucket-policy`, `kms get-key-policy`, `lambda get-policy`.
    policy: Option<Box<RawValue>>,
    /// `secretsmanager get-resource-policy`.
    resource_policy: Option<Box<RawValue>>,
    /// `iam get-policy-version`.
    policy_version: Option<PolicyVersion>,
    /// `iam get-role`.
    role: Option<Role>,
    /// `sns get-topic-attributes`, `sqs get-queue-attributes`.
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyVersion {
    document: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    assume_role_policy_document: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    policy: Box<RawValue>,
}

/// The document inside what the AWS CLI prints, as it was written; `None` when the text is none of that.
fn printed_by_aws(text: &str) -> Option<String> {
    let printed: Printed = serde_json::from_str(text).ok()?;
    let document = printed
        .policy_document
        .or(printed.policy_version.map(|version| version.document))
        .or(printed.role.map(|role| role.assume_role_policy_document))
        .or(printed.attributes.map(|attributes| attributes.policy))
        .or(printed.resource_policy)
        .or(printed.policy)?;
    // A string holds the document, as JSON or percent-encoded.
    serde_json::from_str::<String>(document.get()).ok().or_else(|| Some(document.get().to_owned()))
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
