//! `leastwise verify-logs`: are these the log files CloudTrail delivered, all of them and nothing else?

use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use leastwise::analyze::{self, VerifySettings};
use leastwise::inventory;
use leastwise::report;

use super::aws::AwsArgs;
use super::cancel;
use super::live::LIVE;
use super::progress::Bar;
use super::time::{self, When};
use super::{Exit, Failure, Terminal};

/// Check log files against CloudTrail's digest files
///
/// Signatures, hashes, gaps, files that are missing and files that do not belong.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// CloudTrail logs with their digest files: files, folders (as CloudTrail delivers them, or any), - for standard input, or
    /// s3://BUCKET/PREFIX
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<String>,
    /// CloudTrail's public keys, as `aws cloudtrail list-public-keys` prints them (one call a Region), or a folder with such files; `live`
    /// asks AWS for those of the digest files found; without keys hashes are compared and signatures are not (repeatable)
    #[arg(long, value_name = "FILE|DIR|live")]
    public_keys: Vec<PathBuf>,
    /// Start of the time that must be covered: RFC 3339, a date, or so long ago (90d, 12h, 2w) [default: all there is]
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// End of that time, exclusive [default: all there is]
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Print in this format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: VerifyFormat,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    #[command(flatten)]
    aws: AwsArgs,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum VerifyFormat {
    /// For a person, in the words of `aws cloudtrail validate-logs`
    Text,
    /// The report's `coverage.integrity`
    Json,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let now = time::now();
    let (since, until) = (args.since.map(|when| when.resolve(now)), args.until.map(|when| when.resolve(now)));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Failure::usage(format!("the window is empty: it starts at {since} and ends at {until}")));
    }
    let (keys, live_keys) = public_keys(&args.public_keys)?;
    let settings = VerifySettings {
        sources: args.sources.clone(),
        aws: args.aws.clone().settings()?,
        since,
        until,
        keys,
        live_keys,
        threads: args.threads,
    };
    let stdin: Option<Box<dyn io::Read + Send>> =
        args.sources.iter().any(|source| source == "-").then(|| Box::new(io::stdin()) as _);
    let bar = Bar::new(terminal.shows_progress());
    let verified = analyze::verify_logs(&settings, stdin, &bar, &cancel::on_signals());
    bar.finish();
    let verified = verified.map_err(|error| super::audit::failure(&error))?;
    let integrity = analyze::integrity(&verified.verification);
    match args.format {
        VerifyFormat::Text => {
            terminal.data(|out| report::write_integrity(&verified.verification, out))?;
        }
        VerifyFormat::Json => terminal.data(|out| {
            serde_json::to_writer_pretty(&mut *out, &integrity)?;
            out.write_all(b"\n")
        })?,
    }
    for issue in &verified.issues {
        terminal.warning(&format!("`{}` could not be read: {} ({})", issue.object, issue.kind, issue.detail));
    }
    for unread in &verified.unread_keys {
        let hint = unread.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        terminal.warning(&format!("public keys are missing: {}: {}{hint}", unread.what, unread.error));
    }
    if settings.keys.is_empty() && !settings.live_keys {
        terminal.note(
            "without --public-keys no signature is checked; `aws cloudtrail list-public-keys` prints them, and `--public-keys live` asks for them",
        );
    }
    if verified.is_cancelled {
        terminal.warning("the run was cancelled: what was not read looks missing");
    }
    let is_whole = integrity.status == report::IntegrityStatus::Verified
        && verified.issues.is_empty()
        && verified.unread_keys.is_empty();
    Ok(if is_whole && !verified.is_cancelled { Exit::Done } else { Exit::Incomplete })
}

/// Keys from the files and folders named, and whether AWS is to be asked for more.
pub(super) fn public_keys(named: &[PathBuf]) -> Result<(leastwise::integrity::PublicKeys, bool), Failure> {
    let (live, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        named.iter().cloned().partition(|path| path.as_os_str() == LIVE);
    let keys = inventory::read_public_keys(&paths).map_err(|error| {
        Failure::failed("the public keys cannot be read").because(&error).hint(
            "--public-keys takes what `aws cloudtrail list-public-keys --start-time T --end-time T --region REGION` prints, or `live`",
        )
    })?;
    Ok((keys, !live.is_empty()))
}
