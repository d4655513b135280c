//! `leastwise prove`: is a new set of policies a subset of an old one?

use std::fs;
use std::path::{Path, PathBuf};

use leastwise::policy::{Policy, PolicyKind, parse};
use leastwise::proof::{Proof, Settings, Verdict, no_new_access};
use leastwise::report::printable;
use serde_json::json;

use super::{Exit, Failure, Terminal};

/// Prove that new policies allow nothing that old ones did not
///
/// Prints `proven`, or `refuted` with a request that only the new policies allow, or `unknown` with the reason; exits with 0, 10
/// or 4.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A policy document of the old set; several make one set
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
    // A document with principals is a resource or trust policy; anything else is an identity policy.
    parse(&text, PolicyKind::Identity).or_else(|error| {
        parse(&text, PolicyKind::Resource)
            .or_else(|_| parse(&text, PolicyKind::Trust))
            .map_err(|_| Failure::failed(format!("`{}` is no policy", path.display())).because(&error))
    })
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
