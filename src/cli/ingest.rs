//! `leastwise ingest`: logs into a store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use leastwise::analyze::{self, AuditError, Ingestion, Stored};
use leastwise::ident::Time;

use super::aws::AwsArgs;
use super::config::Config;
use super::live::LIVE;
use super::progress::Bar;
use super::time::{self, When};
use super::{Exit, Failure, Terminal, audit, cancel};

/// Logs into the usage ledger on disk, only what is new
///
/// Reads the objects of SOURCE that the store does not know, and writes down what `audit --store` and `query` need of them. An object
/// is known by its name, size and ETag; a local file by its path, size and the time of its last change. One that changed is read
/// again, and what was read of it before no longer counts. A run that is killed loses what it had not written down yet, nothing else; the next one
/// goes on. In a bucket the store is the same; of two runs that write to it at a time one comes through, and the other one says so.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// CloudTrail logs: files, folders (as CloudTrail delivers them, or any), - for standard input, or s3://BUCKET/PREFIX
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// The store: a folder, made when there is none, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Read no objects of days that hold nothing after this time: RFC 3339, a date, or so long ago (90d)
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    since: Option<When>,
    /// Read no objects of days that hold nothing before this time
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    until: Option<When>,
    /// Let go of events older than this (400d), whole months at a time
    #[arg(long, value_name = "TIME", help_heading = "Store")]
    keep: Option<When>,
    /// Make one segment of all, which reads fastest
    #[arg(long, help_heading = "Store")]
    compact: bool,
    /// Write down what was read after so many objects
    #[arg(long, value_name = "N", default_value_t = 20_000, help_heading = "Store")]
    commit_every: u64,
    #[command(flatten)]
    proof: ProofArgs,
    /// Say what would be read and what that costs, and read nothing
    #[arg(long, help_heading = "Running")]
    dry_run: bool,
    /// The folder of a catalog that `leastwise catalog refresh` made [default: the embedded one]
    #[arg(long, value_name = "DIR", help_heading = "Running")]
    catalog: Option<PathBuf>,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Running")]
    threads: Option<usize>,
    /// Settings file [default: leastwise.toml, from the working directory upward]
    #[arg(long, value_name = "FILE", help_heading = "Running")]
    config: Option<PathBuf>,
    #[command(flatten)]
    aws: AwsArgs,
}

/// Keeping what a check of the logs needs.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Integrity")]
pub(super) struct ProofArgs {
    /// Keep what proves the logs (digest files, hashes of log files, CloudTrail's public keys), so that `audit --store` checks them and needs
    /// nothing more. AWS is asked for the keys, unless --public-keys names them. A store that began with this goes on with it
    #[arg(long)]
    pub(super) verify_logs: bool,
    /// The same with the keys in a file or folder, as `aws cloudtrail list-public-keys` prints them; `live` asks AWS (repeatable)
    #[arg(long, value_name = "FILE|DIR|live")]
    public_keys: Vec<PathBuf>,
}

impl ProofArgs {
    /// Sets what is to be kept, and how keys are had.
    pub(super) fn apply(
        &self,
        configured: &[PathBuf],
        settings: &mut analyze::Settings,
    ) -> Result<(), Failure> {
        let named = if self.public_keys.is_empty() { configured } else { &self.public_keys };
        let (keys, live) = super::verify_logs::public_keys(named)?;
        settings.public_keys = keys;
        settings.live_keys = live || self.verify_logs && named.is_empty();
        Ok(())
    }
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let (config, _) = Config::find(args.config.as_deref())?;
    let now = time::now();
    let aws = args.aws.over(config.aws()).settings()?;
    let sources = if args.sources.is_empty() { config.sources } else { args.sources };
    let Some(store) = args.store.or(config.store) else {
        return Err(Failure::usage("there is no store")
            .hint("name its folder: leastwise ingest logs/ --store ledger/"));
    };
    if sources.is_empty() && args.keep.is_none() && !args.compact {
        return Err(Failure::usage("there is no SOURCE")
            .hint("name CloudTrail log files or folders, or - for standard input: leastwise ingest logs/ --store ledger/"));
    }
    let catalog = args.catalog.or(config.catalog);
    let mut settings = analyze::Settings {
        sources,
        aws,
        // Keys in a snapshot ask for the check, as they do in an audit.
        iam: config.iam.iter().filter(|path| *path != LIVE).map(PathBuf::from).collect(),
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        threads: args.threads.or(config.threads).unwrap_or(0),
        catalog: catalog.map(|folder| super::catalog::chosen(Some(&folder))).transpose()?,
        ..analyze::Settings::default()
    };
    args.proof.apply(&config.public_keys, &mut settings)?;
    if args.dry_run {
        settings.store = Some(store);
        return audit::preview_of(&settings, false, terminal);
    }
    let keep_from = args.keep.map(|when| when.resolve(now));
    let keep_proof = args.proof.verify_logs;
    let how =
        How { keep_from, compact: args.compact, commit_every: args.commit_every, shard: None, keep_proof };
    let stored = into_store(&settings, &store, &how, &cancel::on_signals(), terminal)?;
    if !settings.sources.is_empty() && stored.listed == stored.skipped.values().sum::<u64>() {
        let error = AuditError::NoInput {
            sources: settings.sources,
            skipped: stored.skipped.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect(),
        };
        return Err(audit::failure(&error));
    }
    terminal.data(|out| writeln!(out, "{}", summary(&stored)))?;
    Ok(if is_complete(&stored) { Exit::Done } else { Exit::Incomplete })
}

/// Whether everything that was to be read was.
pub(super) fn is_complete(stored: &Stored) -> bool {
    stored.issues.is_empty() && stored.malformed == 0 && !stored.is_cancelled && stored.unread_keys.is_empty()
}

/// How logs go into a store, besides the settings.
pub(super) struct How {
    pub(super) keep_from: Option<Time>,
    pub(super) compact: bool,
    pub(super) commit_every: u64,
    pub(super) shard: Option<(u64, u64)>,
    pub(super) keep_proof: bool,
}

impl Default for How {
    fn default() -> Self {
        let Ingestion { keep_from, compact, commit_every, shard, keep_proof, .. } =
            Ingestion::new(Path::new(""), Path::new(""));
        Self { keep_from, compact, commit_every, shard, keep_proof }
    }
}

/// Reads what is new into a store and says what is wrong with it.
pub(super) fn into_store(
    settings: &analyze::Settings,
    store: &Path,
    how: &How,
    cancelled: &AtomicBool,
    terminal: &Terminal,
) -> Result<Stored, Failure> {
    check_place(store)?;
    let base = std::env::current_dir()
        .map_err(|error| Failure::failed("the working directory is unknown").because(&error))?;
    let stdin: Option<Box<dyn io::Read + Send>> =
        settings.sources.iter().any(|source| source == "-").then(|| Box::new(io::stdin()) as _);
    let ingestion = Ingestion {
        store,
        base: &base,
        keep_from: how.keep_from,
        commit_every: how.commit_every,
        compact: how.compact,
        shard: how.shard,
        keep_proof: how.keep_proof,
    };
    let bar = Bar::new(terminal.shows_progress());
    let stored = analyze::ingest(settings, &ingestion, stdin, &bar, cancelled);
    bar.finish();
    let stored = stored.map_err(|error| audit::failure(&error))?;
    for issue in &stored.issues {
        terminal.warning(&format!("`{}`: {} ({})", issue.object, issue.detail, issue.kind));
    }
    for unread in &stored.unread_keys {
        let hint = unread.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        terminal.warning(&format!(
            "public keys are missing: {}: {}{hint}; the next run with --verify-logs asks again",
            unread.what, unread.error
        ));
    }
    if stored.changed > 0 {
        terminal.warning(&format!(
            "{} objects have another content than when they were read before: they were read again, and what was read of them before no longer counts",
            stored.changed
        ));
    }
    if stored.is_cancelled {
        terminal.warning("the run was cancelled; what it read is in the store");
    }
    Ok(stored)
}

/// A store lies in a folder or a bucket.
pub(super) fn check_place(store: &Path) -> Result<(), Failure> {
    let address = store.to_str().and_then(|text| text.split_once("://"));
    match address {
        Some((scheme, rest)) if scheme != "s3" || rest.starts_with('/') || rest.is_empty() => {
            Err(Failure::usage(format!("`{}` is no place for a store", store.display()))
                .hint("name a folder, or s3://BUCKET/PREFIX"))
        }
        _ => Ok(()),
    }
}

pub(super) fn summary(stored: &Stored) -> String {
    let Stored { added, changed, known, events, too_old, size: (segments, deliveries), .. } = stored;
    let mut text =
        format!("{added} new objects ({changed} read again), {events} events; {known} objects were known");
    if stored.proven > 0 {
        text.push_str(&format!("; {} were read again for what proves them", stored.proven));
    }
    if *too_old > 0 {
        text.push_str(&format!("; {too_old} events are older than what is kept"));
    }
    text.push_str(&format!("\nthe store holds {deliveries} events in {segments} segments"));
    text
}
