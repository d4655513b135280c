//! The whole flow on one page: logs and grants in, one report out.
//!
//! ```text
//! inventory::read ─┐
//! ingest::run ─▶ Ledger::finish ─▶ attribution::resolve ─▶ attribution::access
//!                  └▶ per role: rightsize::compare ─▶ propose ─▶ privilege ─▶ checks::run ─▶ report::Report
//! ```

mod binding_view;
mod grant_view;
mod hours_view;
mod integrity_view;
mod refusals;
mod role_view;
mod sources;
mod stage_view;
mod stored;
mod view;
mod views;
mod vouching;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::attribution::{self, PrincipalAccess};
use crate::aws::{self, AwsError};
use crate::catalog::Catalog;
use crate::checks::{self, Case, RoleCase};
use crate::finding::{self, Exception};
use crate::ident::glob::Glob;
use crate::ident::{Arn, Time, TimeRange};
use crate::ingest::{self, IngestError, Input, LocalCopy, LogKey, Preview, Progress, Recorder, Run};
use crate::integrity::{Asked, FileHours, FileName, PublicKeys, Verification};
use crate::inventory::{self, Inventory, InventoryError};
use crate::report::{self, Report};
use crate::rightsize::{self, Losses, Passable, RightSized, RightSizer, Subject};
pub use crate::rightsize::{ActionNames, ResourceLevel, SplitNames, Unobservable};
use crate::usage::{Keep, Scope, Usage};
pub use integrity_view::integrity;
pub use refusals::{Refused, StoredEventError, Wanted, refusals, stored_refusals};
pub use sources::inputs;
use sources::trails;
pub use stored::{Ingestion, Stored, ingest, reduce};
pub use views::query;
pub use vouching::{Verified, VerifySettings, verify_logs};

/// What to audit and how.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Files, folders, `s3://BUCKET[/PREFIX]`, `cloudtrail:[REGION,…]`, `athena:DATABASE.TABLE`, or `-` for the reader given beside the settings.
    pub sources: Vec<String>,
    /// Copies of parts of buckets, read as if they were the buckets.
    pub copies: Vec<LocalCopy>,
    /// How sources at AWS are reached.
    pub aws: aws::Settings,
    /// IAM snapshots: files or folders.
    pub iam: Vec<PathBuf>,
    /// Snapshots that this run read from AWS itself.
    pub snapshots: Vec<inventory::Text>,
    /// A file with the organization's tree and policies.
    pub organization: Option<PathBuf>,
    /// Kubernetes manifests: files or folders.
    pub kubernetes: Vec<PathBuf>,
    /// Kubernetes objects that this run read from a cluster itself.
    pub manifests: Vec<inventory::Manifest>,
    /// Parts of the granted side that could not be read, each a sentence.
    pub unread: Vec<String>,
    /// A list of Airflow's DAGs.
    pub airflow_dags: Option<PathBuf>,
    /// Start of the window, inclusive; none is the first event.
    pub since: Option<Time>,
    /// End of the window, exclusive; none is just after the last event.
    pub until: Option<Time>,
    /// Findings somebody answers for.
    pub exceptions: Vec<Exception>,
    /// The moment at which exceptions are looked at; without it none has expired.
    pub now: Option<Time>,
    /// Report on these accounts only; empty is all.
    pub accounts: Vec<String>,
    /// Report on these roles (names or ARNs, `*` and `?` allowed) only; empty is all.
    pub roles: Vec<String>,
    /// Count events of these Regions only; empty is all.
    pub regions: Vec<String>,
    /// Seconds a window must have for absence to prove anything; 0 asks for nothing.
    pub min_window: i64,
    /// The share of all account-hours, in per mille, that must be covered for the report to count as complete.
    pub min_coverage: Option<u32>,
    /// Accounts that should have logs, though neither the snapshot nor any log names them.
    pub expected_accounts: Vec<String>,
    /// See [`ResourceLevel`].
    pub resources: ResourceLevel,
    /// See [`Unobservable`].
    pub unobservable: Unobservable,
    /// What roles split off a shared one are called.
    pub split_names: SplitNames,
    /// How proposals write the names of actions.
    pub action_names: ActionNames,
    /// How many unused granted actions a proposal may keep where it would not fit IAM's quotas otherwise.
    pub max_excess: usize,
    /// Seconds that a trial is watched before what it tried is removed; 0 is two weeks.
    pub watch: i64,
    /// A store, of which everything counts; the sources are read into it by [`ingest`] before.
    pub store: Option<PathBuf>,
    /// CloudTrail's public keys. With any, log files are checked against digest files.
    pub public_keys: PublicKeys,
    /// Whether AWS is asked for keys, those of the Regions and times of the digest files found; log files are checked then, too.
    pub live_keys: bool,
    /// Number of workers; 0 is one per core.
    pub threads: usize,
    /// A refreshed catalog; none is the embedded one.
    pub catalog: Option<&'static Catalog>,
}

impl Settings {
    /// What is asked for; where an end is open, to the end of time.
    pub fn window(&self) -> TimeRange {
        TimeRange {
            from: self.since.unwrap_or(TimeRange::ALWAYS.from),
            to: self.until.unwrap_or(TimeRange::ALWAYS.to),
        }
    }

    fn catalog(&self) -> &'static Catalog {
        self.catalog.unwrap_or_else(Catalog::embedded)
    }
}

/// What an audit gives.
#[derive(Clone, Debug)]
pub struct Audited {
    /// The report.
    pub report: Report,
    /// Everything that was listed could be read to its end, and no record was malformed. If not, the report is not complete.
    pub is_complete: bool,
    /// The run was cancelled.
    pub is_cancelled: bool,
    /// ARNs of all roles granted or used, sorted, whether or not the report is about them.
    pub known_roles: Vec<String>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The granted side cannot be read.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// A source cannot be read at all.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// There is no way to AWS.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A source's address is not one.
    #[error(
        "`{0}` is no address of a source: `s3://BUCKET/PREFIX`, `cloudtrail:`, `cloudtrail:REGION,REGION` or `athena:DATABASE.TABLE`"
    )]
    Address(String),
    /// A table of Athena cannot be read.
    #[error(transparent)]
    Table(#[from] aws::TableError),
    /// The ledger cannot be summed up.
    #[error(transparent)]
    Ledger(#[from] crate::usage::LedgerError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(Box<crate::store::StoreError>),
    /// Nothing in the sources is a CloudTrail log.
    #[error("no CloudTrail log in {}", .sources.join(", "))]
    NoInput {
        /// What was looked at.
        sources: Vec<String>,
        /// Files found there that hold no CloudTrail events, by kind.
        skipped: BTreeMap<String, u64>,
    },
}

/// Reads the granted side and the logs, and works out the report.
///
/// `stdin` is read when a source is `-`. The report is a function of the settings and of what is read: threads and the order of
/// files do not change it.
pub fn audit(
    settings: &Settings,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Audited, AuditError> {
    // One pool for all of it: what a stage gives back is there for the next.
    let threads = settings.threads;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|source| IngestError::Workers { threads, source })?;
    pool.install(|| audit_here(settings, stdin, progress, cancel))
}

fn audit_here(
    settings: &Settings,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Audited, AuditError> {
    let mut inventory = inventory::read_all(&inventory::Sources {
        iam: settings.iam.clone(),
        snapshots: settings.snapshots.clone(),
        organization: settings.organization.clone(),
        kubernetes: settings.kubernetes.clone(),
        manifests: settings.manifests.clone(),
    })?;
    inventory.problems.extend(settings.unread.iter().map(|what| format!("not read: {what}")));
    if let Some(path) = &settings.airflow_dags {
        inventory.airflow_dags = inventory::read_airflow_dags(path)?;
    }
    let mut keys = inventory.public_keys.clone();
    keys.merge(settings.public_keys.clone());
    let keys = vouching::Keys::new(keys, settings.live_keys, &settings.aws);
    let (usage, gathered) = match &settings.store {
        Some(dir) => stored::gather(settings, dir, Some(keys), Keep::Alike)?,
        None => gather(settings, Some(&keys).filter(|keys| !keys.are_none()), stdin, progress, cancel)?,
    };
    let Gathered {
        objects,
        skipped,
        skipped_records,
        n_malformed,
        issues,
        files,
        transfer,
        is_cancelled,
        problems,
        verification,
        notes,
    } = gathered;
    if objects.listed == objects.skipped && issues.is_empty() && !is_cancelled {
        let skipped = skipped.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect();
        let store = settings.store.iter().map(|dir| dir.display().to_string());
        let sources = settings.sources.iter().cloned().chain(store).collect();
        return Err(AuditError::NoInput { sources, skipped });
    }
    inventory.problems.extend(problems);
    let mut coverage = report::Coverage {
        objects: report::Objects {
            listed: objects.listed,
            read: objects.read,
            skipped: objects.skipped,
            failed: objects.failed,
        },
        issues: issues.iter().map(view::issue).collect(),
        events: view::events(&usage.counts),
        retries: transfer.retries,
        is_cancelled,
        ..report::Coverage::default()
    };
    for (kind, n) in skipped.iter().chain(&skipped_records) {
        *coverage.skipped.entry((*kind).to_owned()).or_default() += n;
    }
    let (mut report, known_roles) =
        assemble(settings, &inventory, &usage, (verification.as_ref(), &files), coverage, cancel);
    report.coverage.integrity.notes.extend(notes);
    // Also where it came while roles were looked at.
    let is_cancelled = is_cancelled || cancel.load(Ordering::Relaxed);
    report.coverage.is_cancelled = is_cancelled;
    let is_complete = issues.is_empty() && n_malformed == 0 && !is_cancelled;
    Ok(Audited { report, is_complete, is_cancelled, known_roles })
}

/// What [`audit`] would read, or [`ingest`] where the settings name a store: then what the store knows is left out. Reads no log. `base` is
/// where relative paths of sources begin.
pub fn preview(
    settings: &Settings,
    base: &Path,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Preview, AuditError> {
    let inputs = inputs(&settings.sources, stdin, &settings.aws)?;
    let mut window = settings.window();
    let known = match &settings.store {
        Some(dir) => stored::known(settings, dir, base)?,
        None => None,
    };
    let keeps_proof = match &known {
        Some((_, kept_from, keeps_proof)) => {
            window.from = kept_from.map_or(window.from, |kept| kept.max(window.from));
            *keeps_proof
        }
        None => stored::wants_proof(settings)?,
    };
    let take = |_| {};
    let run = Run {
        window,
        progress,
        known: known.as_ref().map(|(known, ..)| known as _),
        digests: if keeps_proof { Some(&take) } else { None },
        ..Run::new(cancel)
    };
    Ok(ingest::preview(inputs, &run)?)
}

/// What became of the objects behind a usage.
struct Gathered {
    objects: ingest::ObjectCounts,
    skipped: BTreeMap<&'static str, u64>,
    skipped_records: BTreeMap<&'static str, u64>,
    n_malformed: u64,
    issues: Vec<ingest::Issue>,
    /// When the log files that were read were delivered.
    files: FileHours,
    transfer: ingest::Transfer,
    is_cancelled: bool,
    /// What else is to be said.
    problems: Vec<String>,
    /// What digest files prove, when it was looked at.
    verification: Option<Verification>,
    /// Why nothing was looked at, where it should have been.
    notes: Vec<String>,
}

/// Objects to one merged ledger, summed up.
fn gather(
    settings: &Settings,
    keys: Option<&vouching::Keys<'_>>,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<(Usage, Gathered), AuditError> {
    let mut inputs = inputs(&settings.sources, stdin, &settings.aws)?;
    inputs.extend(settings.copies.iter().cloned().map(|copy| Input::Source(Box::new(copy))));
    let window = settings.window();
    let gatherer = keys.map(|_| vouching::Gatherer::default());
    let take = gatherer.as_ref().map(|gatherer| |file| gatherer.take(file));
    let run = Run {
        window,
        threads: settings.threads,
        progress,
        outcomes: gatherer.is_some(),
        hashes: gatherer.is_some(),
        digests: take.as_ref().map(|take| take as _),
        ..Run::new(cancel)
    };
    let scope = Scope { window, regions: settings.regions.iter().cloned().collect() };
    let catalog = settings.catalog();
    let ingested = ingest::run(inputs, &run, || {
        Recorder::new(scope.clone(), |event: &crate::record::Event<'_>| catalog.needs(event))
    })?;
    // Of a run that was cut short most would look missing.
    let gatherer = gatherer.filter(|_| !ingested.is_cancelled);
    let outcomes = ingested.outcomes;
    let asked = Asked { since: settings.since, until: settings.until };
    let verified = gatherer.zip(keys).map(|(gatherer, keys)| gatherer.verify(outcomes, keys, asked));
    let (verification, problems) = verified.unzip();
    let gathered = Gathered {
        verification,
        objects: ingested.objects,
        skipped: ingested.skipped,
        skipped_records: ingested.skipped_records,
        n_malformed: ingested.malformed.values().sum(),
        issues: ingested.issues,
        files: ingested.files,
        transfer: ingested.transfer,
        is_cancelled: ingested.is_cancelled,
        problems: problems.unwrap_or_default(),
        notes: Vec::new(),
    };
    Ok((ingested.collector.into_ledger().finish()?, gathered))
}

/// From what was read to the report, and the ARNs of all roles there are: pure, but for being cut short.
fn assemble(
    settings: &Settings,
    inventory: &Inventory,
    usage: &Usage,
    (verification, files): (Option<&Verification>, &FileHours),
    coverage: report::Coverage,
    cancel: &AtomicBool,
) -> (Report, Vec<String>) {
    let catalog = settings.catalog();
    let attributions = attribution::resolve(usage, inventory);
    let access = attribution::access(usage, &attributions, inventory);
    let losses = losses(&coverage);
    let sizing = rightsize::Settings {
        since: settings.since,
        until: settings.until,
        min_window: settings.min_window,
        resources: settings.resources,
        unobservable: settings.unobservable,
        action_names: settings.action_names,
        max_excess: settings.max_excess,
        ..rightsize::Settings::default()
    };
    let sizing = match settings.watch {
        0 => sizing,
        watch => rightsize::Settings { watch, ..sizing },
    };
    let trails = trails(settings, inventory);
    let changes = rightsize::TrailChanges::of(usage);
    let resources = rightsize::SeenResources::of(usage);
    let shown = rightsize::Coverage::new(&usage.observation, &losses, &sizing)
        .with_resources(&resources)
        .with_files(files)
        .with_trails(&trails)
        .with_changes(&changes)
        .with_verification(verification);

    let sizer =
        RightSizer::new(catalog, sizing).with_split_names(settings.split_names.clone()).with_cancel(cancel);
    let issuances = rightsize::issuances_by_role(usage);
    let expected = rightsize::expected_by_role(inventory);
    let trials = rightsize::trials(usage, &attributions, inventory);
    let mut arns: BTreeSet<&str> = inventory.roles().map(|role| role.arn.as_str()).collect();
    arns.extend(access.principals.keys().map(String::as_str).filter(|arn| is_role(arn)));
    let known_roles = arns.iter().map(|arn| (*arn).to_owned()).collect();
    let wanted: Vec<&str> = arns.into_iter().filter(|arn| is_wanted(arn, settings)).collect();
    let organization = inventory.organization.as_ref();
    let resource_limits = organization.map(rightsize::resource_limits).unwrap_or_default();
    let limits_of = |arn: &str| match (organization, Arn::parse(arn)) {
        (Some(organization), Some(arn)) => rightsize::limits_of_account(organization, arn.account),
        _ => Vec::new(),
    };
    let passable: BTreeMap<&str, Passable> =
        inventory.accounts.iter().map(|(id, account)| (id.as_str(), Passable::of(account))).collect();
    let organization_of = |arn: &str| {
        let known = organization?;
        known.knows(Arn::parse(arn)?.account).then_some(known.id.as_deref()).flatten()
    };
    let sized: Vec<RightSized> = wanted
        .par_iter()
        .map(|arn| {
            let subject = Subject {
                arn,
                role: inventory.role(arn),
                access: access.principals.get(*arn),
                issuances: issuances.get(arn).map_or(&[][..], Vec::as_slice),
                expected: expected.get(*arn).map_or(&[][..], Vec::as_slice),
                limits: limits_of(arn),
                resource_limits: &resource_limits,
                passable: Arn::parse(arn).and_then(|arn| passable.get(arn.account)),
                organization: organization_of(arn),
                last_accessed: inventory.last_accessed.get(*arn),
                trial: trials.get(*arn),
            };
            sizer.right_size(&subject, &shown)
        })
        .collect();
    let nothing = PrincipalAccess::default();
    let cases: Vec<RoleCase<'_>> = wanted
        .iter()
        .zip(&sized)
        .map(|(arn, sized)| RoleCase {
            arn,
            role: inventory.role(arn),
            access: access.principals.get(*arn).unwrap_or(&nothing),
            comparison: &sized.comparison,
            proposal: &sized.proposal,
            privilege: &sized.privilege,
            stage: &sized.stage,
        })
        .collect();
    let broken: Vec<String> = coverage.issues.iter().map(|issue| issue.object.clone()).collect();
    let bindings = checks::bindings(inventory, usage);
    let findings = checks::run(&Case {
        inventory,
        usage,
        access: &access,
        bindings: &bindings,
        coverage: &shown,
        roles: &cases,
        broken_objects: &broken,
        catalog,
    });

    let report = Report {
        schema: report::SCHEMA.to_owned(),
        tool: report::Tool {
            catalog: report::CatalogInfo {
                date: catalog.date().to_owned(),
                source: catalog.source().to_owned(),
                services: catalog.n_services() as u64,
                actions: catalog.n_actions() as u64,
            },
            ..report::Tool::default()
        },
        window: view::window(settings.since, settings.until, &usage.observation),
        settings: view::settings(settings),
        coverage: report::Coverage {
            accounts: view::accounts(&usage.observation, &shown, &trails, verification),
            hours: hours_view::hours(settings, inventory, &shown),
            integrity: verification.map(integrity_view::integrity).unwrap_or_default(),
            grant_problems: problems(inventory, usage),
            aws_itself: access.aws_itself,
            no_principal: access.no_principal.clone(),
            ..coverage
        },
        workloads: view::workloads(&access, |arn| {
            !is_role(arn) && settings.roles.is_empty() || is_wanted(arn, settings)
        }),
        bindings: binding_view::bindings(&bindings, |role| {
            Arn::parse(role).is_some_and(|arn| shown.account(arn.account).shows_assumptions())
        }),
        roles: cases
            .iter()
            .map(|case| report::Role {
                integrity: integrity_view::of_subject(case.arn, verification),
                ..role_view::role(case, catalog)
            })
            .collect(),
        unattributed: view::unattributed(&access, |arn| is_role(arn) && is_wanted(arn, settings)),
        findings: with_unmatched(settings, findings)
            .into_iter()
            // Refusals are found in the logs of every role.
            .filter(|finding| !is_role(&finding.subject) || is_wanted(&finding.subject, settings))
            .map(|finding| report::Finding {
                exception: exception(settings, &finding),
                integrity: integrity_view::of_subject(&finding.subject, verification),
                ..report::Finding::from(finding)
            })
            .collect(),
    };
    (report, known_roles)
}

/// Adds what is to be said of the exceptions themselves. Where only some accounts or roles are looked at, most exceptions match nothing.
fn with_unmatched(settings: &Settings, mut findings: Vec<finding::Finding>) -> Vec<finding::Finding> {
    if settings.accounts.is_empty() && settings.roles.is_empty() {
        findings.extend(finding::unmatched(&settings.exceptions, &findings));
        checks::sort(&mut findings);
    }
    findings
}

/// The exception a finding has.
fn exception(settings: &Settings, finding: &finding::Finding) -> Option<report::Exception> {
    let now = settings.now.unwrap_or(TimeRange::ALWAYS.from);
    finding::excepted(&settings.exceptions, finding, now).map(|one| report::Exception {
        reason: one.exception.reason.clone(),
        owner: one.exception.owner.clone(),
        expires: one.exception.expires,
        expired: one.is_expired,
    })
}

/// What could not be understood, or not be kept.
fn problems(inventory: &Inventory, usage: &Usage) -> Vec<String> {
    let mut problems = inventory.problems.clone();
    if let Some(organization) = &inventory.organization {
        let unknown = rightsize::unknown_accounts(organization, inventory.accounts.keys());
        problems.extend(unknown.into_iter().map(|account| {
            format!(
                "account {account} is not in the organization's files: the policies above it are not known"
            )
        }));
    }
    if usage.agents.is_cut {
        problems.push(
            "user agents of more Airflow sessions were met than are kept; some labels are missing".to_owned(),
        );
    }
    problems
}

/// Where log objects are missing, by the account their names tell.
fn losses(coverage: &report::Coverage) -> Losses {
    // What was not read because the run was cancelled may be of any account.
    let unplaced = coverage.skipped.get("cancelled").copied().unwrap_or_default();
    let mut losses = Losses { unplaced: unplaced.max(u64::from(coverage.is_cancelled)), ..Losses::default() };
    for issue in &coverage.issues {
        match LogKey::parse(&issue.object).and_then(|key| key.account) {
            Some(account) => {
                *losses.by_account.entry(account.to_owned()).or_default() += 1;
                losses.hours.entry(account.to_owned()).or_default().extend(hours_of(&issue.object));
            }
            None => losses.unplaced += 1,
        }
    }
    losses
}

/// The hours whose events an object may hold, by its name: the one of its delivery and the one before, else all of its day.
fn hours_of(object: &str) -> std::ops::Range<i64> {
    let hour = |time: Time| time.unix().div_euclid(3_600);
    match (FileName::parse(object), LogKey::parse(object).and_then(|key| key.day)) {
        (Some(name), _) => hour(name.time) - 1..hour(name.time) + 1,
        (None, Some(day)) => hour(day)..hour(day) + 24,
        (None, None) => 0..0,
    }
}

fn is_role(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.role_name().is_some())
}

/// Whether the account and role filters let a role through.
fn is_wanted(arn: &str, settings: &Settings) -> bool {
    let Some(parsed) = Arn::parse(arn) else { return false };
    let account =
        settings.accounts.is_empty() || settings.accounts.iter().any(|wanted| wanted == parsed.account);
    let name = parsed.role_name().unwrap_or_default();
    let matches = |wanted: &String| Glob::new(wanted).matches(arn) || Glob::new(wanted).matches(name);
    account && (settings.roles.is_empty() || settings.roles.iter().any(matches))
}
