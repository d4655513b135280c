//! `leastwise evidence`: the signed, reproducible bundle for auditors, and its check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Subcommand;
use leastwise::analyze;
use leastwise::aws;
use leastwise::evidence::{
    self, EvidenceError, InputReader, Inputs, PublicKey, SecretKey, Signature, TimeStamper,
};
use leastwise::finding::{Code, Exception};
use leastwise::ident::TimeRange;
use leastwise::ingest::{Input, LocalCopy, Quiet};
use leastwise::report::{self, Report};
use leastwise::store::{Place, Store};

use super::aws::AwsArgs;
use super::{Exit, Failure, Terminal};

/// The password of a signing key; never on the command line, where others see it.
const PASSWORD: &str = "LEASTWISE_MINISIGN_PASSWORD";

/// So much of a signature's comment is shown, in characters.
const LONGEST_COMMENT: usize = 256;

/// Make the signed, reproducible bundle for auditors, or check one
///
/// The bundle holds the report, populations and samples as CSV, the control mapping, OSCAL assessment results, a sign-off sheet and
/// SHA256SUMS; checked with sha256sum, minisign and openssl, or with `leastwise evidence verify`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// report.json of an audit, or the folder it lies in
    #[arg(value_name = "REPORT", required = true)]
    report: Option<PathBuf>,
    /// The folder to make; must not exist, or be empty
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Sign with this minisign secret key; its password, if it has one, is in LEASTWISE_MINISIGN_PASSWORD
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Ask this RFC 3161 authority for a time stamp
    #[arg(long, value_name = "URL")]
    tsa_url: Option<String>,
    #[command(flatten)]
    aws: AwsArgs,
}

/// What the report was made from.
#[derive(clap::Args, Debug)]
struct InputArgs {
    /// The logs the report was made from, also s3://BUCKET/PREFIX: each file and object is hashed, and the sample events are located
    /// (repeatable)
    #[arg(long, value_name = "FILE|DIR|URL")]
    logs: Vec<String>,
    /// Objects of a bucket that were copied into a folder under the same keys (aws s3 sync URL DIR), read instead of the bucket: size and
    /// hash are compared, the ETag is taken as listed (repeatable)
    #[arg(long, value_name = "URL=DIR")]
    logs_copy: Vec<CopyOf>,
    /// The store it was made from (a folder or s3://BUCKET/PREFIX): its files are hashed, and the objects it was read from are listed as
    /// they were then
    #[arg(long, value_name = "DIR|URL")]
    store: Option<PathBuf>,
    /// The snapshots it was made from (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    iam: Vec<PathBuf>,
    /// The organization's file it was made with
    #[arg(long, value_name = "FILE")]
    organization: Option<PathBuf>,
    /// The manifests it was made from (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    kubernetes: Vec<PathBuf>,
    /// The list of Airflow DAGs it was made with
    #[arg(long, value_name = "FILE")]
    airflow_dags: Option<PathBuf>,
}

/// `s3://BUCKET/PREFIX=DIR`.
#[derive(Clone, Debug)]
struct CopyOf {
    url: String,
    dir: PathBuf,
}

impl FromStr for CopyOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once('=') {
            Some((url, dir)) if url.starts_with("s3://") && !dir.is_empty() => {
                Ok(Self { url: url.to_owned(), dir: PathBuf::from(dir) })
            }
            _ => Err("it looks like s3://BUCKET/PREFIX=DIR".to_owned()),
        }
    }
}

impl InputArgs {
    fn are_given(&self) -> bool {
        self.have_use() || !(self.iam.is_empty() && self.kubernetes.is_empty()) || self.organization.is_some()
    }

    /// Whether there are logs, or a ledger.
    fn have_use(&self) -> bool {
        !(self.logs.is_empty() && self.logs_copy.is_empty()) || self.store.is_some()
    }

    fn copies(&self) -> impl Iterator<Item = LocalCopy> + '_ {
        self.logs_copy.iter().map(|copy| LocalCopy::new(&copy.url, copy.dir.clone()))
    }

    fn read(
        &self,
        report: &Report,
        events: &BTreeSet<&str>,
        aws: &aws::Settings,
    ) -> Result<Inputs, EvidenceError> {
        let granted = self.iam.iter().chain(&self.organization).chain(&self.kubernetes);
        let grants: Vec<PathBuf> = granted.chain(&self.airflow_dags).cloned().collect();
        let mut logs = analyze::inputs(&self.logs, None, aws)
            .map_err(|error| EvidenceError::Source(error.to_string()))?;
        logs.extend(self.copies().map(|copy| Input::Source(Box::new(copy))));
        let asked = &report.settings;
        let window = TimeRange {
            from: asked.since.unwrap_or(TimeRange::ALWAYS.from),
            to: asked.until.unwrap_or(TimeRange::ALWAYS.to),
        };
        let mut inputs = Inputs::read(logs, &grants, window, events)?;
        if let Some(path) = &self.store {
            let store = Store::open(Place::of(path, aws)?)?;
            inputs.add_store(&store, &path.to_string_lossy(), window, events)?;
        }
        Ok(inputs)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a bundle: hashes, signature, and that everything follows from the report and its inputs
    Verify(VerifyArgs),
}

#[derive(clap::Args, Debug)]
struct VerifyArgs {
    /// The bundle
    #[arg(value_name = "DIR")]
    bundle: PathBuf,
    /// The minisign public key the bundle must be signed with: a file, or the key itself
    #[arg(long, value_name = "FILE|KEY")]
    public_key: Option<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Make the audit again from the inputs, with the report's settings, and compare
    #[arg(long)]
    again: bool,
    /// With --again, CloudTrail's public keys, as the audit had them: what `aws cloudtrail list-public-keys` prints, or live (repeatable)
    #[arg(long, value_name = "FILE|DIR|live", requires = "again")]
    public_keys: Vec<PathBuf>,
    #[command(flatten)]
    aws: AwsArgs,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    match (&args.command, &args.report, &args.out) {
        (Some(Command::Verify(verify)), ..) => check(verify, terminal),
        (None, Some(report), Some(out)) => make(args, report, out, terminal),
        _ => Err(Failure::usage("a REPORT and --out DIR are needed")),
    }
}

fn make(args: &Args, report: &Path, out: &Path, terminal: &Terminal) -> Result<Exit, Failure> {
    let (original, report) = read_report(report)?;
    let key = args.key.as_deref().map(secret_key).transpose()?;
    let aws = args.aws.clone().settings()?;
    let inputs = args
        .inputs
        .are_given()
        .then(|| args.inputs.read(&report, &evidence::sample_events(&report), &aws))
        .transpose()
        .map_err(|error| failed(&error))?;
    let bundle = evidence::derived(&original, &report, inputs.as_ref());
    let stamp = |sums: &[u8]| time_stamp(args.tsa_url.as_deref().unwrap_or_default(), sums);
    let stamp: Option<TimeStamper<'_>> = if args.tsa_url.is_some() { Some(&stamp) } else { None };
    let files = evidence::write(&bundle, out, key.as_ref(), stamp).map_err(|error| failed(&error))?;
    terminal
        .data(|to| writeln!(to, "{} files in {}", files.len(), report::printable(&out.to_string_lossy())))?;
    if inputs.is_none() {
        terminal.note("input files are not listed: name them with --logs, --iam and --kubernetes");
    }
    if key.is_none() {
        terminal.note("the bundle is not signed: give a minisign key with --key");
    }
    let reasons = report.incompleteness();
    for reason in &reasons {
        terminal.warning(&format!("the report is not complete: {reason}"));
    }
    Ok(if reasons.is_empty() { Exit::Done } else { Exit::Incomplete })
}

fn check(args: &VerifyArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if args.again && !args.inputs.have_use() {
        return Err(Failure::usage("--again makes the audit again, and there is nothing to make it from")
            .hint("name the logs with --logs or --logs-copy, or the ledger with --store"));
    }
    let key = args.public_key.as_deref().map(public_key).transpose()?;
    let aws = args.aws.clone().settings()?;
    let read = |report: &Report, events: &BTreeSet<&str>| args.inputs.read(report, events, &aws);
    let inputs: Option<InputReader<'_>> = if args.inputs.are_given() { Some(&read) } else { None };
    let mut checked = evidence::verify(&args.bundle, key.as_ref(), inputs).map_err(|error| failed(&error))?;
    if args.again
        && let Some(report) = &checked.report
        && let Some(what) = differs(report, args, aws)?
    {
        checked.problems.push(evidence::Problem { file: "report.json".to_owned(), what });
    }
    terminal.data(|out| {
        for problem in &checked.problems {
            writeln!(out, "{}: {}", report::printable(&problem.file), report::printable(&problem.what))?;
        }
        writeln!(out, "{} files have the hash that is listed", checked.files)?;
        writeln!(out, "{} files were made again and are equal", checked.made_again)?;
        let signature = match checked.signature {
            Signature::Good => "the signature is good",
            Signature::NotChecked => "the signature was not checked: give its key with --public-key",
            Signature::None => "there is no signature",
            Signature::Bad => "the signature is bad",
        };
        writeln!(out, "{signature}")?;
        let comments = checked.comments.iter();
        let comments = comments.flat_map(|both| [("signed", &both.signed), ("not signed", &both.unsigned)]);
        for (which, comment) in comments.filter(|(_, comment)| !comment.is_empty()) {
            let comment: String = comment.chars().take(LONGEST_COMMENT).collect();
            writeln!(out, "a comment that is {which}: {}", report::printable(&comment))?;
        }
        if checked.has_time_stamp {
            let data = "-data SHA256SUMS -in SHA256SUMS.tsr -CAfile CA.pem";
            writeln!(out, "a time stamp is present: openssl ts -verify {data}")?;
        }
        if args.again && checked.problems.is_empty() {
            writeln!(out, "the audit was made again and gives the same report")?;
        }
        Ok(())
    })?;
    Ok(if checked.problems.is_empty() { Exit::Done } else { Exit::Findings })
}

/// How an audit of the inputs differs from the report; `None` when it does not.
fn differs(report: &Report, args: &VerifyArgs, aws: aws::Settings) -> Result<Option<String>, Failure> {
    let version = report.tool.version.as_str();
    if version != env!("CARGO_PKG_VERSION") {
        return Ok(Some(format!("it was made by version {version} of leastwise, and this is another")));
    }
    let mut settings = asked(report)?;
    let inputs = &args.inputs;
    settings.sources.clone_from(&inputs.logs);
    settings.copies = inputs.copies().collect();
    settings.store.clone_from(&inputs.store);
    settings.iam.clone_from(&inputs.iam);
    settings.organization.clone_from(&inputs.organization);
    settings.kubernetes.clone_from(&inputs.kubernetes);
    settings.airflow_dags.clone_from(&inputs.airflow_dags);
    settings.aws = aws;
    (settings.public_keys, settings.live_keys) = super::verify_logs::public_keys(&args.public_keys)?;
    let again = analyze::audit(&settings, None, &Quiet, &AtomicBool::new(false))
        .map_err(|error| super::audit::failure(&error))?
        .report;
    let parts = [
        ("coverage", bare(&again).coverage == bare(report).coverage),
        ("log file integrity", again.coverage.integrity == report.coverage.integrity),
        ("workloads", again.workloads == report.workloads),
        ("bindings", again.bindings == report.bindings),
        ("roles", again.roles == report.roles),
        ("unattributed calls", again.unattributed == report.unattributed),
        ("findings", bare(&again).findings == bare(report).findings),
    ];
    let other: Vec<&str> = parts.into_iter().filter(|(_, equal)| !equal).map(|(name, _)| name).collect();
    // Where no key is at hand, digest files are not looked at.
    let looked = |report: &Report| !report.coverage.integrity.chains.is_empty();
    let keys = match (looked(report), looked(&again)) {
        (true, false) => "; the report was made with CloudTrail's public keys: give them with --public-keys",
        (false, true) => "; the report was made without CloudTrail's public keys",
        _ => "",
    };
    Ok((!other.is_empty())
        .then(|| format!("an audit of these inputs gives other {}{keys}", other.join(", "))))
}

/// A report without what is compared by itself or does not follow from its inputs: how often requests had to be repeated, and where
/// Terraform files declare a role.
fn bare(report: &Report) -> Report {
    let mut bare =
        Report { coverage: report.coverage.clone(), findings: report.findings.clone(), ..Report::default() };
    bare.coverage.retries = 0;
    bare.coverage.integrity = report::Integrity::default();
    for finding in &mut bare.findings {
        finding.location = None;
    }
    bare
}

/// The settings a report was made with, as far as they do not name inputs.
fn asked(report: &Report) -> Result<analyze::Settings, Failure> {
    let asked = &report.settings;
    let unknown = |what: String| {
        Failure::failed(format!("the report cannot be made again: {what}"))
            .hint("use the version of leastwise that wrote it")
    };
    let exception = |one: &report::ExceptionSetting| {
        let code = match &one.code {
            None => None,
            Some(word) => Some(
                Code::from_word(word)
                    .ok_or_else(|| unknown(format!("it excepts findings of code `{word}`")))?,
            ),
        };
        Ok(Exception {
            code,
            subject: one.subject.clone(),
            reason: one.reason.clone(),
            owner: one.owner.clone(),
            expires: one.expires,
        })
    };
    // The moment does not matter, but which exceptions had expired by then.
    let expired =
        report.findings.iter().filter_map(|finding| finding.exception.as_ref()).filter(|one| one.expired);
    Ok(analyze::Settings {
        since: asked.since,
        until: asked.until,
        now: expired.map(|one| one.expires).max(),
        accounts: asked.accounts.clone(),
        roles: asked.roles.clone(),
        regions: asked.regions.clone(),
        min_window: asked.min_window,
        min_coverage: asked.min_coverage,
        watch: asked.watch,
        expected_accounts: asked.expected_accounts.clone(),
        exceptions: asked.exceptions.iter().map(exception).collect::<Result<_, _>>()?,
        resources: match asked.resources.as_str() {
            "exact" => analyze::ResourceLevel::Exact,
            "type" => analyze::ResourceLevel::Type,
            _ => analyze::ResourceLevel::Prefix,
        },
        unobservable: match asked.unobservable.as_str() {
            "drop" => analyze::Unobservable::Drop,
            _ => analyze::Unobservable::Keep,
        },
        action_names: match asked.action_names.as_str() {
            "whole" => analyze::ActionNames::Whole,
            _ => analyze::ActionNames::Shortest,
        },
        max_excess: asked.max_excess,
        split_names: match asked.split_names.as_str() {
            "" => analyze::SplitNames::default(),
            text => text.parse().map_err(|error| unknown(format!("its names of split roles: {error}")))?,
        },
        ..analyze::Settings::default()
    })
}

/// The bytes and the value of a report; a folder stands for the `report.json` in it.
pub(super) fn read_report(path: &Path) -> Result<(Vec<u8>, Report), Failure> {
    let path = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let shown = path.display();
    let bytes =
        fs::read(&path).map_err(|error| Failure::failed(format!("cannot read `{shown}`")).because(&error))?;
    let head: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::failed(format!("`{shown}` is no report")).because(&error))?;
    match head.get("schema").and_then(serde_json::Value::as_str) {
        Some(report::SCHEMA) => {}
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            return Err(Failure::failed(format!(
                "`{shown}` is of schema `{other}`, and this version reads `{}`",
                report::SCHEMA
            ))
            .hint("use the version of leastwise that wrote it, or run the audit again"));
        }
        None => {
            return Err(Failure::failed(format!("`{shown}` is no report of leastwise"))
                .hint("name the report.json that `leastwise audit --out DIR` wrote, or its folder"));
        }
    }
    let report = serde_json::from_value(head).map_err(|error| {
        Failure::failed(format!("`{shown}` is no report that this version reads")).because(&error)
    })?;
    Ok((bytes, report))
}

fn secret_key(path: &Path) -> Result<SecretKey, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::failed(format!("cannot read the key `{}`", path.display())).because(&error)
    })?;
    let password = std::env::var(PASSWORD).ok();
    SecretKey::parse(&text, password.as_deref()).map_err(|error| {
        Failure::failed(error)
            .hint(format!("a key with a password needs it in {PASSWORD}; `minisign -G -W` makes one without"))
    })
}

fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let text = if Path::new(given).is_file() {
        fs::read_to_string(given)
            .map_err(|error| Failure::failed(format!("cannot read the key `{given}`")).because(&error))?
    } else {
        given.to_owned()
    };
    PublicKey::parse(&text).map_err(Failure::usage)
}

/// Asks an authority for a time stamp of the data.
fn time_stamp(url: &str, data: &[u8]) -> Result<Vec<u8>, EvidenceError> {
    /// A response with its certificates has a few kilobytes.
    const LARGEST: u64 = 1 << 20;
    let refused = |error: ureq::Error| EvidenceError::TimeStamp(error.to_string());
    let config = ureq::Agent::config_builder()
        .user_agent(concat!("leastwise/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(Duration::from_secs(60)));
    let agent: ureq::Agent = config.build().into();
    let mut answer = agent
        .post(url)
        .header("Content-Type", "application/timestamp-query")
        .send(evidence::request(data).as_slice())
        .map_err(refused)?;
    let bytes = answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(refused)?;
    evidence::response(&bytes, data)
}

fn failed(error: &EvidenceError) -> Failure {
    let failure = Failure::failed(error).causes_of(error);
    match error {
        EvidenceError::Occupied(_) => failure.hint("name a folder that does not exist yet"),
        _ => failure,
    }
}
