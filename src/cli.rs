//! The command line: an outside user of the library.
//!
//! One file per subcommand, each with its `Args` and its `run`. Only [`terminal`] prints; a subcommand returns an [`Exit`] or a
//! [`Failure`], and nothing here ends the process any other way.

mod audit;
mod aws;
mod cancel;
mod catalog;
mod config;
mod drift;
mod evidence;
mod exit;
mod explain;
mod failure;
mod ingest;
mod live;
mod manual;
mod map_reduce;
mod metrics;
mod permissions;
mod preview;
mod progress;
mod prove;
mod query;
mod rightsize;
mod schema;
mod snapshot;
mod terminal;
mod terraform;
mod time;
mod verify_logs;

use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use exit::Exit;
use failure::Failure;
use terminal::Terminal;

/// Which permissions does each AWS workload really use, and what can its roles lose?
///
/// leastwise reads CloudTrail logs, finds the workload behind every session, compares what roles are granted with what was
/// used, and writes smaller policies together with the proof that they neither widen nor break anything.
#[derive(Debug, Parser)]
#[command(
    name = "leastwise",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = EXIT_TABLE
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    talk: terminal::Talk,
}

/// Shown under the help, and repeated in the README.
const EXIT_TABLE: &str = "\
Exit status:
  0   done, nothing at or above --fail-on
  1   failed, no report
  2   wrong usage
  3   no input matched
  4   report written, but it is not complete
  10  findings at or above --fail-on (4 wins when both hold)";

#[derive(Debug, Subcommand)]
enum Command {
    /// Logs and grants in; report, findings and smaller policies out
    Audit(Box<audit::Args>),
    /// Logs into the usage ledger on disk, only what is new
    Ingest(Box<ingest::Args>),
    /// One shard of the objects into mergeable partial rows
    Map(map_reduce::MapArgs),
    /// Partial rows into a ledger
    Reduce(map_reduce::ReduceArgs),
    /// SQL over the usage ledger on disk
    Query(Box<query::Args>),
    /// Explain a refused call, or a role assumption that fails
    Explain(Box<explain::Args>),
    /// Proposals for chosen roles, in any policy format
    Rightsize(Box<rightsize::Args>),
    /// Read the granted side from AWS into a folder that audit reads
    Snapshot(Box<snapshot::Args>),
    /// Print the smallest read-only policy for what leastwise is to do
    Permissions(permissions::Args),
    /// Prove that new policies allow nothing that old ones did not
    Prove(prove::Args),
    /// Show what changed between two audits or snapshots
    Drift(drift::Args),
    /// Make the signed, reproducible bundle for auditors, or check one
    Evidence(Box<evidence::Args>),
    /// Check log files against CloudTrail's digest files
    VerifyLogs(verify_logs::Args),
    /// Show the embedded IAM catalog, and how it maps an event
    Catalog(catalog::Args),
    /// Print the JSON Schema of what leastwise writes
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions(manual::CompletionsArgs),
    /// Print the manual page of leastwise, or of one subcommand
    Man(manual::ManArgs),
}

/// Parses the command line, does what it says, and says how it went.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return terminal::show_usage(&error),
    };
    let mut terminal = Terminal::new(&cli.talk);
    let done = match cli.command {
        Command::Audit(args) => audit::run(*args, &mut terminal),
        Command::Ingest(args) => ingest::run(*args, &mut terminal),
        Command::Map(args) => map_reduce::map(args, &mut terminal),
        Command::Reduce(args) => map_reduce::reduce(args, &mut terminal),
        Command::Query(args) => query::run(*args, &mut terminal),
        Command::Explain(args) => explain::run(*args, &mut terminal),
        Command::Rightsize(args) => rightsize::run(*args, &mut terminal),
        Command::Snapshot(args) => snapshot::run(*args, &mut terminal),
        Command::Permissions(args) => permissions::run(args, &mut terminal),
        Command::Prove(args) => prove::run(&args, &mut terminal),
        Command::Drift(args) => drift::run(&args, &mut terminal),
        Command::Evidence(args) => evidence::run(&args, &mut terminal),
        Command::VerifyLogs(args) => verify_logs::run(&args, &mut terminal),
        Command::Catalog(args) => catalog::run(&args, &mut terminal),
        Command::Schema(args) => schema::run(&args, &mut terminal),
        Command::Completions(args) => manual::completions(&args, &mut Cli::command(), &mut terminal),
        Command::Man(args) => manual::page(&args, Cli::command(), &mut terminal),
    };
    done.unwrap_or_else(|failure: Failure| {
        terminal.failure(&failure);
        failure.exit
    })
}

/// `1 document`, `2 documents`.
fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
