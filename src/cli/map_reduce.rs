//! `leastwise map` and `leastwise reduce`: what a distributed engine runs.

use std::path::PathBuf;
use std::str::FromStr;

use leastwise::analyze;

use super::aws::AwsArgs;
use super::{Exit, Failure, Terminal, audit, cancel, ingest};

/// One shard of the objects into mergeable partial rows
///
/// Reads those objects of SOURCE that belong to one shard and writes what was read of them into a folder, a store of its own. `leastwise
/// reduce` makes one store of such folders; the report over it is that of one run over everything, however the objects were shared out.
#[derive(clap::Args, Debug)]
pub(super) struct MapArgs {
    /// CloudTrail logs: files, folders, or - for standard input
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<String>,
    /// The shard, of how many: 0/16 to 15/16 [default: everything]
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Where the partial rows go: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The folder of a catalog that `leastwise catalog refresh` made [default: the embedded one]
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    proof: ingest::ProofArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

/// Partial rows into a ledger
#[derive(clap::Args, Debug)]
pub(super) struct ReduceArgs {
    /// What `leastwise map` wrote, or other stores: folders, or s3://BUCKET/PREFIX
    #[arg(value_name = "PART", required = true)]
    parts: Vec<PathBuf>,
    /// The store: a folder, made when there is none, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Make one segment of all, which reads fastest
    #[arg(long)]
    compact: bool,
    #[command(flatten)]
    aws: AwsArgs,
}

/// `I/N`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Shard(u64, u64);

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('/').and_then(|(shard, of)| Some((shard.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((shard, of)) if shard < of => Ok(Self(shard, of)),
            _ => Err(format!(
                "a shard looks like `0/16`, counted from 0, found `{}`",
                text.chars().take(32).collect::<String>()
            )),
        }
    }
}

pub(super) fn map(args: MapArgs, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let mut settings = analyze::Settings {
        sources: args.sources,
        aws: args.aws.settings()?,
        threads: args.threads.unwrap_or(0),
        catalog: args.catalog.map(|folder| super::catalog::chosen(Some(&folder))).transpose()?,
        ..analyze::Settings::default()
    };
    args.proof.apply(&[], &mut settings)?;
    let shard = args.shard.map(|Shard(shard, of)| (shard, of));
    let how = ingest::How { shard, keep_proof: args.proof.verify_logs, ..ingest::How::default() };
    let stored = ingest::into_store(&settings, &args.out, &how, &cancel::on_signals(), terminal)?;
    terminal.data(|out| writeln!(out, "{}", ingest::summary(&stored)))?;
    Ok(if ingest::is_complete(&stored) { Exit::Done } else { Exit::Incomplete })
}

pub(super) fn reduce(args: ReduceArgs, terminal: &mut Terminal) -> Result<Exit, Failure> {
    args.parts.iter().chain([&args.store]).try_for_each(|place| ingest::check_place(place))?;
    let aws = args.aws.settings()?;
    let stored = analyze::reduce(&args.parts, &args.store, args.compact, &aws)
        .map_err(|error| audit::failure(&error))?;
    terminal.data(|out| writeln!(out, "{}", ingest::summary(&stored)))?;
    Ok(Exit::Done)
}
