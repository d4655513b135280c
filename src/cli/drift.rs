//! `leastwise drift`: what changed between two audits, snapshots, plans or states.

use std::path::PathBuf;

use leastwise::carrier::Side as When;
use leastwise::drift::{self, DriftError, Side};

use super::audit::FailOn;
use super::{Exit, Failure, Terminal};

/// Show what changed between two audits or snapshots: grants, trust, boundaries, use, bindings, findings
///
/// Grants are compared by meaning: what allows more comes with a request that only the new side allows. Each side is a report (or
/// its folder), an IAM snapshot (a file or a folder), `terraform show -json` of a plan or a state, or a CloudFormation template.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The old side
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new side; of a Terraform plan given on both sides, what is planned
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// CloudTrail logs of the time between: who changed what, and when (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    logs: Vec<PathBuf>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 10 when there is a change of this severity or worse [default: none]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For a pull request or a ticket
    Markdown,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let old = Side::read(&args.old, When::Old).map_err(|error| failure(&error))?;
    let new = Side::read(&args.new, When::New).map_err(|error| failure(&error))?;
    let history = (!args.logs.is_empty())
        .then(|| drift::read_history(&args.logs, args.threads.unwrap_or(0)))
        .transpose()
        .map_err(|error| failure(&error))?;
    let found = drift::compare(&old, &new, history.as_ref());
    terminal.data(|out| match args.format {
        Format::Text => drift::write_text(&found, out),
        Format::Json => drift::write_json(&found, out),
        Format::Markdown => drift::write_markdown(&found, out),
    })?;
    let broken = history.map_or(0, |history| history.broken_objects);
    if broken > 0 {
        terminal.warning(&format!(
            "{broken} log objects could not be read to their end: the history may have holes"
        ));
    }
    let tripped = args.fail_on.is_some_and(|from| from.is_reached_by(found.worst().map(Into::into)));
    Ok(Exit::of_report(broken == 0, tripped))
}

fn failure(error: &DriftError) -> Failure {
    let failure = Failure::failed(error).causes_of(error);
    match error {
        DriftError::Schema { .. } => failure.hint("compare reports of one version: run the audit of the older side again"),
        DriftError::NoRole(_) => failure.hint(
            "a side is a report.json or its folder, a snapshot of `aws iam get-account-authorization-details`, what `terraform show -json` prints, or a CloudFormation template with roles",
        ),
        DriftError::Twice { .. } => failure.hint("compare one account and one moment a side"),
        _ => failure,
    }
}
