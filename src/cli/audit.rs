//! `leastwise audit`: logs and grants in; report, findings and smaller policies out.

use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use leastwise::analyze::{self, AuditError, Audited, ResourceLevel, SplitNames};
use leastwise::aws::{TableError, price};
use leastwise::ident::Time;
use leastwise::ingest::{IngestError, Preview};
use leastwise::report::{self, Colour, Format, Report, Severity};
use serde::Deserialize;

use super::aws::AwsArgs;
use super::config::Config;
use super::live::{LIVE, Live};
use super::progress::Bar;
use super::terraform::Declared;
use super::time::{self, Percent, Span, When};
use super::{Exit, Failure, Terminal, aws, cancel, preview};

/// Logs and grants in; report, findings and smaller policies out
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// CloudTrail logs: files, folders (as CloudTrail delivers them, or any), - for standard input, s3://BUCKET/PREFIX,
    /// athena:DATABASE.TABLE for the files such a table stands over, or cloudtrail: for the event history of 90 days
    /// (cloudtrail:REGION,REGION for some Regions)
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// Audit everything in this store that `leastwise ingest` made; what is new in SOURCE, if any is named, is read into it first
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// What is granted: the JSON of `aws iam get-account-authorization-details`, a folder of such files, or live: read from AWS now, as
    /// `leastwise snapshot` does
    #[arg(long, value_name = "FILE|DIR|live", help_heading = "Granted side")]
    iam: Vec<String>,
    /// The organization's tree, service control policies and resource control policies, as `leastwise snapshot` writes them
    #[arg(long, value_name = "FILE", help_heading = "Granted side")]
    organization: Option<PathBuf>,
    /// Kubernetes ServiceAccounts, pods and workloads, as YAML or JSON, a folder per cluster; or live: the cluster of kubectl's context
    #[arg(long, value_name = "FILE|DIR|live", help_heading = "Granted side")]
    kubernetes: Vec<String>,
    /// Names for the DAG keys in Airflow's user agents: `airflow dags list --output json`, or one DAG id a line
    #[arg(long, value_name = "FILE", help_heading = "Granted side")]
    airflow_dags: Option<PathBuf>,
    /// The Terraform files that declare the roles: findings point to their lines, and with --out the proposals become a patch for them
    #[arg(long, value_name = "DIR", help_heading = "Granted side")]
    terraform_dir: Option<PathBuf>,
    /// CloudTrail's public keys, as `aws cloudtrail list-public-keys` prints them, or a folder with such files; `live` asks AWS for them: log
    /// files are checked against digest files (repeatable)
    #[arg(long, value_name = "FILE|DIR|live", help_heading = "Integrity")]
    public_keys: Vec<PathBuf>,
    /// Start of the window: RFC 3339, a date, or so long ago (90d, 12h, 2w) [default: the first event]
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    since: Option<When>,
    /// End of the window, exclusive [default: just after the last event]
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    until: Option<When>,
    /// The least window over which absence of use proves anything [default: 7d]
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    min_window: Option<Span>,
    /// Exit with 4 when the logs cover less than this share of the window, in per cent of the hours of all accounts
    #[arg(long, value_name = "PERCENT", help_heading = "Output")]
    min_coverage: Option<Percent>,
    /// Report on this account only (repeatable)
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    account: Vec<String>,
    /// Report on this role only: a name or an ARN, with * and ? (repeatable)
    #[arg(long, value_name = "ROLE", help_heading = "Selection")]
    role: Vec<String>,
    /// Count events of this Region only (repeatable)
    #[arg(long, value_name = "REGION", help_heading = "Selection")]
    region_filter: Vec<String>,
    /// Write report.json, report.html, report.md, findings.sarif and policies/ into this folder
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Print in this format; with --out, write its file too (repeatable) [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    format: Vec<Format>,
    /// Write the run's numbers into this file, in the text format of Prometheus
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    metrics: Option<PathBuf>,
    /// Write the run's numbers to standard error as one line of CloudWatch's embedded metric format
    #[arg(long, help_heading = "Output")]
    emf: bool,
    /// Exit with 10 when there is a finding of this severity or worse [default: none]
    #[arg(long, value_name = "SEVERITY", help_heading = "Output")]
    fail_on: Option<FailOn>,
    /// What proposals do with granted actions the logs could not show [default: keep]
    #[arg(long, value_name = "HOW", help_heading = "Proposals")]
    unobservable: Option<Unobservable>,
    /// How far proposals generalise the resources seen [default: prefix]
    #[arg(long, value_name = "LEVEL", help_heading = "Proposals")]
    resources: Option<Resources>,
    /// Names of roles split off a shared one: {role}, {workload}, {namespace}, {service_account}, {cluster} and {kind} are filled in
    /// [default: {role}-{workload}]
    #[arg(long, value_name = "PATTERN", help_heading = "Proposals")]
    split_names: Option<SplitNames>,
    /// How proposals write names of actions that a shorter wildcard could stand for [default: shortest]
    #[arg(long, value_name = "HOW", help_heading = "Proposals")]
    action_names: Option<ActionNames>,
    /// How many unused granted actions a proposal may keep, where lists of names alone do not fit IAM's quotas [default: 0]
    #[arg(long, value_name = "N", help_heading = "Proposals")]
    max_excess: Option<usize>,
    /// How long a trial is to be watched before what it denies is removed [default: 14d]
    #[arg(long, value_name = "TIME", help_heading = "Proposals")]
    watch: Option<Span>,
    /// The folder of a catalog that `leastwise catalog refresh` made [default: the embedded one]
    #[arg(long, value_name = "DIR", help_heading = "Running")]
    catalog: Option<PathBuf>,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Running")]
    threads: Option<usize>,
    /// Settings file [default: leastwise.toml, from the working directory upward]
    #[arg(long, value_name = "FILE", help_heading = "Running")]
    config: Option<PathBuf>,
    /// Say what would be read and what that costs, and read nothing
    #[arg(long, help_heading = "Running")]
    dry_run: bool,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    later: Later,
}

impl Args {
    /// An option given that only audits take.
    pub(super) fn of_audits_only(&self) -> Option<&'static str> {
        let given = [
            ("--role", !self.role.is_empty()),
            ("--terraform-dir", self.terraform_dir.is_some()),
            ("--metrics", self.metrics.is_some()),
            ("--emf", self.emf),
            ("--fail-on", self.fail_on.is_some()),
            ("--dry-run", self.dry_run),
        ];
        given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
    }

    /// Whether logs or grants are named.
    pub(super) fn names_input(&self) -> bool {
        !self.sources.is_empty() || self.store.is_some() || !self.iam.is_empty() || self.watch.is_some()
    }

    /// The settings file named.
    pub(super) fn config(&self) -> Option<&std::path::Path> {
        self.config.as_deref()
    }

    /// Where to and in which formats.
    pub(super) fn output(self) -> (Option<PathBuf>, Vec<Format>) {
        (self.out, self.format)
    }

    /// Looks at these roles only.
    pub(super) fn choose(&mut self, roles: &[String]) {
        self.role = roles.to_vec();
    }
}

/// Options of the contract that this version cannot do: taken, so that the answer says so.
#[derive(clap::Args, Debug)]
struct Later {
    #[arg(long, hide = true, value_name = "FILE")]
    terraform: Option<String>,
}

impl Later {
    fn refuse(&self) -> Result<(), Failure> {
        let given = [("--terraform", &self.terraform)];
        match given.into_iter().find(|(_, value)| value.is_some()) {
            Some((option, _)) => Err(Failure::usage(format!("this version cannot do `{option}` yet"))
                .hint("it reads logs as SOURCE, grants with --iam, manifests with --kubernetes")),
            None => Ok(()),
        }
    }
}

/// A week: work that comes back does so within one, as a rule, and the logs of a day or two have been taken for all there is.
pub(super) const MIN_WINDOW: i64 = 7 * 86_400;

/// The severity from which findings show in the exit status.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FailOn {
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl FailOn {
    pub(super) fn is_reached_by(self, worst: Option<Severity>) -> bool {
        let from = match self {
            Self::None => return false,
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        };
        worst.is_some_and(|worst| worst >= from)
    }
}

/// What proposals do with granted actions the logs could not show.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unobservable {
    /// They stay as granted
    Keep,
    /// They go
    Drop,
}

/// How far proposals generalise the resources seen.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Resources {
    /// The ARNs seen
    Exact,
    /// Common stable prefixes of the ARNs seen
    Prefix,
    /// Every resource of the type, in the account and Region seen
    Type,
}

/// How proposals write names of actions.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ActionNames {
    /// In the fewest characters that name no other action, and nothing that was not granted
    Shortest,
    /// Whole where they stand alone; a wildcard stands for several
    Whole,
}

/// What is asked for, command line and settings file together.
pub(super) struct Plan {
    pub(super) settings: analyze::Settings,
    live: Live,
    terraform: Option<PathBuf>,
    pub(super) out: Option<PathBuf>,
    pub(super) formats: Vec<Format>,
    fail_on: FailOn,
    is_dry: bool,
    metrics: Option<PathBuf>,
    emf: bool,
}

/// What a report says, and whether something cut the reading short.
pub(super) struct Done {
    pub(super) audited: Audited,
    pub(super) is_cut: bool,
}

/// Reads everything a plan names, and gives the report.
pub(super) fn audit(plan: &mut Plan, terminal: &Terminal) -> Result<Done, Failure> {
    plan.live.read(&mut plan.settings, terminal)?;
    let cancelled = cancel::on_signals();
    let mut is_cut = false;
    if let Some(store) = &plan.settings.store {
        super::ingest::check_place(store)?;
        if !plan.settings.sources.is_empty() {
            let how = super::ingest::How::default();
            let stored = super::ingest::into_store(&plan.settings, store, &how, &cancelled, terminal)?;
            is_cut = stored.is_cancelled;
        }
    }
    let reads_stdin =
        plan.settings.store.is_none() && plan.settings.sources.iter().any(|source| source == "-");
    let stdin: Option<Box<dyn io::Read + Send>> = reads_stdin.then(|| Box::new(io::stdin()) as _);
    let bar = Bar::new(terminal.shows_progress());
    let audited = analyze::audit(&plan.settings, stdin, &bar, &cancelled);
    bar.finish();
    Ok(Done { audited: audited.map_err(|error| failure(&error))?, is_cut })
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let start = std::time::Instant::now();
    let (config, path) = Config::find(args.config.as_deref())?;
    if let Some(path) = path {
        terminal.note(&format!("settings from {}", path.display()));
    }
    let mut plan = plan(args, config, time::now())?;
    let declared = plan.terraform.as_deref().map(Declared::read).transpose()?;
    if plan.is_dry {
        return preview_of(&plan.settings, matches!(plan.formats.as_slice(), [Format::Json]), terminal);
    }
    let done = audit(&mut plan, terminal);
    if let (Err(failure), Some(file)) = (&done, &plan.metrics) {
        // Who watches the file alone must not take the last good run for this one.
        super::metrics::write_end(file, run_end(failure.exit, start))?;
    }
    let Done { audited, is_cut } = done?;
    let Audited { mut report, is_complete, .. } = audited;
    let patch = declared.map(|declared| declared.meet(&mut report, terminal));
    deliver(&report, patch.as_deref(), &plan, terminal)?;
    let reasons = report.incompleteness();
    for reason in &reasons {
        terminal.warning(&format!("the report is not complete: {reason}"));
    }
    for finding in &report.findings {
        if let Some(exception) = finding.exception.as_ref().filter(|exception| exception.expired) {
            terminal.warning(&format!(
                "the exception of {} for {} {} expired {}; the finding counts again",
                exception.owner, finding.code, finding.subject, exception.expires
            ));
        }
    }
    let exit = Exit::of_report(
        is_complete && !is_cut && reasons.is_empty(),
        plan.fail_on.is_reached_by(report.worst()),
    );
    let end = run_end(exit, start);
    if let Some(file) = &plan.metrics {
        super::metrics::write(file, &report, end)?;
    }
    if plan.emf {
        super::metrics::print_emf(&report, end, terminal)?;
    }
    Ok(exit)
}

fn run_end(exit: Exit, start: std::time::Instant) -> report::RunEnd {
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    report::RunEnd { now: time::now(), exit: exit as u8, milliseconds }
}

/// Lists what a run would read, and reads nothing.
pub(super) fn preview_of(
    settings: &analyze::Settings,
    is_json: bool,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if let Some(store) = &settings.store {
        super::ingest::check_place(store)?;
    }
    let cancelled = cancel::on_signals();
    let has_stream = settings.sources.iter().any(|source| source == "-");
    let stdin: Option<Box<dyn io::Read + Send>> = has_stream.then(|| Box::new(io::stdin()) as _);
    let bar = Bar::new(terminal.shows_progress());
    let base = std::env::current_dir()
        .map_err(|error| Failure::failed("the working directory is unknown").because(&error))?;
    let found = analyze::preview(settings, &base, stdin, &bar, &cancelled);
    bar.finish();
    show_preview(&found.map_err(|error| failure(&error))?, settings, is_json, terminal)
}

/// What a run would read; something that cannot be listed makes it incomplete, as it would make the report.
fn show_preview(
    found: &Preview,
    settings: &analyze::Settings,
    is_json: bool,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let estimate = price::estimate(found);
    terminal.data(|out| match is_json {
        true => preview::write_json(found, &estimate, out),
        false => preview::write_text(found, &estimate, out),
    })?;
    if settings.sources.iter().any(|source| source.starts_with("cloudtrail:")) {
        terminal.note("the event history cannot be counted before it is read; LookupEvents costs nothing");
    }
    Ok(Exit::of_report(found.issues.is_empty() && !found.is_cancelled, false))
}

/// An option on the command line wins over the settings file; both together must make sense.
pub(super) fn plan(args: Args, config: Config, now: Time) -> Result<Plan, Failure> {
    args.later.refuse()?;
    let aws = args.aws.over(config.aws()).settings()?;
    let sources = first(args.sources, config.sources);
    let iam = first(args.iam, config.iam);
    let kubernetes = first(args.kubernetes, config.kubernetes);
    let formats = first(args.format, config.format);
    let out = args.out.or(config.out);
    let store = args.store.or(config.store);
    if sources.is_empty() && store.is_none() {
        return Err(Failure::usage("there is no SOURCE").hint(
            "name CloudTrail log files or folders, or - for standard input: leastwise audit logs/ --iam iam/",
        ));
    }
    if out.is_none() && formats.len() > 1 {
        return Err(Failure::usage("several formats need a folder").hint("give it with --out DIR"));
    }
    let since = args.since.or(config.since).map(|when| when.resolve(now));
    let until = args.until.or(config.until).map(|when| when.resolve(now));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Failure::usage(format!("the window is empty: it starts at {since} and ends at {until}")));
    }
    let live = Live::of(&iam, &kubernetes);
    let (public_keys, live_keys) =
        super::verify_logs::public_keys(&first(args.public_keys, config.public_keys))?;
    let settings = analyze::Settings {
        sources,
        store,
        iam: iam.into_iter().filter(|path| path != LIVE).map(PathBuf::from).collect(),
        organization: args.organization.or(config.organization),
        aws,
        kubernetes: kubernetes.into_iter().filter(|path| path != LIVE).map(PathBuf::from).collect(),
        airflow_dags: args.airflow_dags.or(config.airflow_dags),
        since,
        until,
        accounts: first(args.account, config.account),
        roles: first(args.role, config.role),
        regions: first(args.region_filter, config.region_filter),
        min_window: args.min_window.or(config.min_window).map_or(MIN_WINDOW, |span| span.0),
        min_coverage: args.min_coverage.or(config.min_coverage).map(|percent| percent.0),
        exceptions: (1..)
            .zip(&config.exceptions)
            .map(|(number, exception)| exception.read(number))
            .collect::<Result<_, _>>()?,
        now: Some(now),
        expected_accounts: config.accounts.iter().map(|account| account.id.clone()).collect(),
        resources: match args.resources.or(config.resources) {
            Some(Resources::Exact) => ResourceLevel::Exact,
            Some(Resources::Prefix) | None => ResourceLevel::Prefix,
            Some(Resources::Type) => ResourceLevel::Type,
        },
        unobservable: match args.unobservable.or(config.unobservable) {
            Some(Unobservable::Keep) | None => analyze::Unobservable::Keep,
            Some(Unobservable::Drop) => analyze::Unobservable::Drop,
        },
        split_names: args.split_names.or(config.split_names).unwrap_or_default(),
        action_names: match args.action_names.or(config.action_names) {
            Some(ActionNames::Shortest) | None => analyze::ActionNames::Shortest,
            Some(ActionNames::Whole) => analyze::ActionNames::Whole,
        },
        max_excess: args.max_excess.or(config.max_excess).unwrap_or(0),
        watch: args.watch.or(config.watch).map_or(0, |span| span.0),
        public_keys,
        live_keys,
        threads: args.threads.or(config.threads).unwrap_or(0),
        catalog: args
            .catalog
            .or(config.catalog)
            .map(|folder| super::catalog::chosen(Some(&folder)))
            .transpose()?,
        ..analyze::Settings::default()
    };
    let fail_on = args.fail_on.or(config.fail_on).unwrap_or(FailOn::None);
    let terraform = args.terraform_dir.or(config.terraform_dir);
    let (metrics, emf) = (args.metrics.or(config.metrics), args.emf);
    Ok(Plan { settings, live, terraform, out, formats, fail_on, is_dry: args.dry_run, metrics, emf })
}

fn first<T>(typed: Vec<T>, configured: Vec<T>) -> Vec<T> {
    if typed.is_empty() { configured } else { typed }
}

/// The folder first, so that what is printed can point to it; then standard output, in the one format asked for or as text.
fn deliver(report: &Report, patch: Option<&str>, plan: &Plan, terminal: &Terminal) -> Result<(), Failure> {
    if let Some(dir) = &plan.out {
        report::write_patch(patch, dir)
            .and_then(|()| report::write_folder(report, dir, &plan.formats))
            .map_err(|error| Failure::failed("the report cannot be written").because(&error))?;
    }
    match plan.formats.as_slice() {
        [format] if *format != Format::Text => terminal.data(|out| report::write(*format, report, out))?,
        _ => {
            let colour = if terminal.colour { Colour::Ansi } else { Colour::Plain };
            terminal.data(|out| report::write_text(report, colour, out))?;
        }
    }
    if let Some(dir) = &plan.out {
        terminal.note(&format!("report written to {}", dir.join(Format::Html.file_name()).display()));
    }
    Ok(())
}

/// What the process reports when there is no report.
pub(super) fn failure(error: &AuditError) -> Failure {
    match error {
        AuditError::NoInput { skipped, .. } => {
            let found: Vec<String> = skipped.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
            let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
            let hint = format!(
                "looked for CloudTrail log files (.json, .json.gz, or anything holding CloudTrail records) in files and \
                 folders at any depth, and found {found}"
            );
            Failure { exit: Exit::NoInput, ..Failure::failed(error) }.hint(hint)
        }
        AuditError::Aws(error) => aws::failure(error),
        AuditError::Address(_) | AuditError::Table(TableError::Address(_)) => Failure::usage(error),
        AuditError::Table(table) => match table.hint() {
            Some(hint) => Failure::failed(error).hint(hint),
            None => Failure::failed(error),
        },
        AuditError::Ingest(IngestError::Source(source)) => {
            let failure = Failure::failed(error).causes_of(error);
            match &source.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        AuditError::Ingest(IngestError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Failure { exit: Exit::NoInput, ..Failure::failed(error).causes_of(error) }
        }
        AuditError::Inventory(_) => {
            Failure::failed("the granted side cannot be read").because(error).hint(
                "--iam takes what `aws iam get-account-authorization-details` prints, --kubernetes takes manifests",
            )
        }
        _ => Failure::failed(error).causes_of(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_opens_at_its_severity_and_incompleteness_wins() {
        use Severity::{Critical, Info, Low, Medium};
        for (fail_on, worst, reached) in [
            (FailOn::None, Some(Critical), false),
            (FailOn::Low, None, false),
            (FailOn::Low, Some(Info), false),
            (FailOn::Low, Some(Low), true),
            (FailOn::High, Some(Medium), false),
            (FailOn::High, Some(Critical), true),
            (FailOn::Critical, Some(Critical), true),
        ] {
            assert_eq!(fail_on.is_reached_by(worst), reached, "{fail_on:?} {worst:?}");
        }
        for (complete, tripped, exit) in [
            (true, false, Exit::Done),
            (true, true, Exit::Findings),
            (false, false, Exit::Incomplete),
            (false, true, Exit::Incomplete),
        ] {
            assert_eq!(Exit::of_report(complete, tripped), exit);
        }
    }
}
