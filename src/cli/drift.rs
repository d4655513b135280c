//! `leastwise drift`: what changed between two audits, ledgers, snapshots, plans or states.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use leastwise::analyze;
use leastwise::aws;
use leastwise::carrier::Side as Moment;
use leastwise::drift::{self, DriftError, Side};
use leastwise::ident::Time;
use leastwise::ingest::{IngestError, Quiet};
use leastwise::store::Store;

use super::audit::{self, FailOn};
use super::aws::AwsArgs;
use super::config::Config;
use super::time::{self, When};
use super::{Exit, Failure, Terminal, count};

/// Show what changed between two audits, ledgers or snapshots: grants, trust, boundaries, use, bindings, findings
///
/// Grants are compared by meaning: what allows more comes with a request that only the new side allows. Each side is a report (or
/// its folder), a ledger that `leastwise ingest` made (in a folder, or s3://BUCKET/PREFIX), an IAM snapshot (a file or a folder), `terraform show -json` of a plan or a
/// state, or a CloudFormation template. One ledger may stand on both sides, with another window on each.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The old side
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new side; of a Terraform plan given on both sides, what is planned
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// CloudTrail logs of the time between: who changed what, and when; files, folders, or s3://BUCKET/PREFIX (repeatable)
    #[arg(long, value_name = "SOURCE")]
    logs: Vec<String>,
    /// What is granted, for OLD when it is a ledger: as `audit --iam` takes it (repeatable)
    #[arg(long, value_name = "FILE|DIR", help_heading = "Ledgers")]
    old_iam: Vec<PathBuf>,
    /// The same for NEW
    #[arg(long, value_name = "FILE|DIR", help_heading = "Ledgers")]
    new_iam: Vec<PathBuf>,
    /// Kubernetes manifests, for OLD when it is a ledger: as `audit --kubernetes` takes them (repeatable)
    #[arg(long, value_name = "FILE|DIR", help_heading = "Ledgers")]
    old_kubernetes: Vec<PathBuf>,
    /// The same for NEW
    #[arg(long, value_name = "FILE|DIR", help_heading = "Ledgers")]
    new_kubernetes: Vec<PathBuf>,
    /// Start of the window that is looked at in OLD, when it is a ledger [default: its first event]
    #[arg(long, value_name = "TIME", help_heading = "Ledgers")]
    old_since: Option<When>,
    /// End of that window, exclusive [default: just after its last event]
    #[arg(long, value_name = "TIME", help_heading = "Ledgers")]
    old_until: Option<When>,
    /// Start of the window that is looked at in NEW, when it is a ledger
    #[arg(long, value_name = "TIME", help_heading = "Ledgers")]
    new_since: Option<When>,
    /// End of that window, exclusive
    #[arg(long, value_name = "TIME", help_heading = "Ledgers")]
    new_until: Option<When>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 10 when there is a change of this severity or worse [default: none]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    aws: AwsArgs,
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
    let now = time::now();
    let resolved = |when: Option<When>| when.map(|when| when.resolve(now));
    let (config, _) = Config::find(None)?;
    let how =
        How { threads: args.threads.unwrap_or(0), aws: args.aws.clone().over(config.aws()).settings()? };
    let old = Given {
        path: &args.old,
        moment: Moment::Old,
        iam: &args.old_iam,
        kubernetes: &args.old_kubernetes,
        since: resolved(args.old_since),
        until: resolved(args.old_until),
    };
    let new = Given {
        path: &args.new,
        moment: Moment::New,
        iam: &args.new_iam,
        kubernetes: &args.new_kubernetes,
        since: resolved(args.new_since),
        until: resolved(args.new_until),
    };
    let (old, new) = (old.read(&how)?, new.read(&how)?);
    let history = (!args.logs.is_empty())
        .then(|| {
            let inputs =
                analyze::inputs(&args.logs, None, &how.aws).map_err(|error| audit::failure(&error))?;
            drift::read_history(inputs, how.threads).map_err(|error| failure(&error))
        })
        .transpose()?;
    let found = drift::compare(&old, &new, history.as_ref());
    terminal.data(|out| match args.format {
        Format::Text => drift::write_text(&found, out),
        Format::Json => drift::write_json(&found, out),
        Format::Markdown => drift::write_markdown(&found, out),
    })?;
    let broken = history.map_or(0, |history| history.broken_objects);
    if broken > 0 {
        terminal.warning(&format!(
            "{} could not be read to the end: the history may have holes",
            count(broken, "log object")
        ));
    }
    let tripped = args.fail_on.is_some_and(|from| from.is_reached_by(found.worst().map(Into::into)));
    Ok(Exit::of_report(broken == 0, tripped))
}

/// How both sides are read.
struct How {
    threads: usize,
    aws: aws::Settings,
}

/// One side, as the command line gives it.
struct Given<'a> {
    path: &'a Path,
    moment: Moment,
    iam: &'a [PathBuf],
    kubernetes: &'a [PathBuf],
    since: Option<Time>,
    until: Option<Time>,
}

impl Given<'_> {
    fn read(&self, how: &How) -> Result<Side, Failure> {
        super::ingest::check_place(self.path)?;
        // Of what lies in a bucket only a ledger is a side.
        let is_far = self.path.to_str().is_some_and(|text| text.contains("://"));
        if !is_far && !Store::is_at(self.path) {
            self.refuse_extras()?;
            return Side::read(self.path, self.moment).map_err(|error| failure(&error));
        }
        let settings = analyze::Settings {
            store: Some(self.path.to_owned()),
            iam: self.iam.to_vec(),
            kubernetes: self.kubernetes.to_vec(),
            since: self.since,
            until: self.until,
            min_window: audit::MIN_WINDOW,
            threads: how.threads,
            aws: how.aws.clone(),
            ..analyze::Settings::default()
        };
        let audited = analyze::audit(&settings, None, &Quiet, &AtomicBool::new(false));
        let report = audited.map_err(|error| audit::failure(&error))?.report;
        Ok(Side::of_ledger(self.path.to_string_lossy(), report))
    }

    /// A report has its grants and its window in it.
    fn refuse_extras(&self) -> Result<(), Failure> {
        let is_plain =
            self.iam.is_empty() && self.kubernetes.is_empty() && self.since.is_none() && self.until.is_none();
        if is_plain {
            return Ok(());
        }
        let side = match self.moment {
            Moment::Old => "old",
            Moment::New => "new",
        };
        Err(Failure::usage(format!(
            "`{}` is no ledger, so `--{side}-iam`, `--{side}-kubernetes`, `--{side}-since` and `--{side}-until` say nothing of it",
            self.path.display()
        ))
        .hint("a ledger is a folder that `leastwise ingest --store` made; for a report give them to `leastwise audit`"))
    }
}

fn failure(error: &DriftError) -> Failure {
    let failure = Failure::failed(error).causes_of(error);
    match error {
        DriftError::Schema { .. } => failure.hint("compare reports of one version: run the audit of the older side again"),
        DriftError::NoRole(_) | DriftError::Carrier(_) => failure.hint(
            "a side is a report.json or its folder, a ledger that `leastwise ingest` made, a snapshot of `aws iam get-account-authorization-details`, what `terraform show -json` prints of a plan or a state (files in Terraform's own language have no values yet), or a CloudFormation template with roles",
        ),
        DriftError::Twice { .. } => failure.hint("compare one account and one moment a side"),
        DriftError::Ingest(IngestError::Source(source)) => match &source.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
        _ => failure,
    }
}
