//! `leastwise schema`: the JSON Schema of what leastwise writes.

use leastwise::report;

use super::{Exit, Failure, Terminal};

/// Print the JSON Schema of what leastwise writes
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Whose schema
    #[arg(value_name = "NAME")]
    name: Name,
}

/// The documents that have a schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Name {
    /// `report.json`
    Report,
    /// What `leastwise explain --format json` prints of one call
    Explanation,
    /// What `leastwise drift --format json` prints
    Drift,
    /// What `leastwise rightsize --format json` prints
    Proposals,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let schema = match args.name {
        Name::Report => report::schema(),
        Name::Explanation => report::explanation_schema(),
        Name::Drift => leastwise::drift::schema(),
        Name::Proposals => report::proposals_schema(),
    };
    terminal.data(|out| writeln!(out, "{schema:#}"))?;
    Ok(Exit::Done)
}
