//! `leastwise explain`: why was a call refused, or could this caller assume that role?

mod decode;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use leastwise::analyze::{self, Refused, StoredEventError, Wanted};
use leastwise::aws::Part;
use leastwise::explain::{Assumption, Explanation, Refusal, assumption, explain};
use leastwise::inventory::{self, Inventory, Sources};
use leastwise::report::{write_explanations_json, write_explanations_text};

use self::decode::Message;
use super::aws::AwsArgs;
use super::config::Config;
use super::live::{LIVE, Live};
use super::progress::Bar;
use super::{Exit, Failure, Terminal, audit, cancel};

/// Explain a refused call, or a role assumption that fails
///
/// From a log: every refused call in SOURCE, alike ones counted together, or the one of --event. From a store: the events whose ids are
/// named. Without a log: could SUBJECT assume ROLE? Names the layer that refuses, the statement, the condition with its expected and
/// actual value, and the smallest change that would allow the call, as a proposal.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// CloudTrail logs, or a file with one record: files, folders, s3://BUCKET/PREFIX, or - for standard input; with --store the ids of
    /// events in it
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// A file with the refused event, or the id of one event in SOURCE
    #[arg(long, value_name = "FILE|ID")]
    event: Option<String>,
    /// Look events up in this store, which `leastwise ingest` made: each is read again from the object it came from
    #[arg(long, value_name = "DIR", conflicts_with = "role")]
    store: Option<PathBuf>,
    /// What `aws sts decode-authorization-message` printed for the event's encoded reason, which is explained alone without an event; or
    /// live: AWS is asked for each
    #[arg(long, value_name = "FILE|live", conflicts_with_all = ["role", "encoded"])]
    decoded: Option<String>,
    /// The error text that the client got (- for standard input): the encoded reason in it is decoded by AWS, for logs that have only its
    /// beginning
    #[arg(long, value_name = "FILE", conflicts_with = "role")]
    encoded: Option<PathBuf>,
    /// The role that is to be assumed: an ARN, or a name; --external-id is then what SUBJECT would send
    #[arg(long, value_name = "ROLE", help_heading = "Without a log", requires = "subject")]
    role: Option<String>,
    /// Who would assume it: a token's subject (system:serviceaccount:NAMESPACE:NAME, repo:…), an ARN, or a service
    #[arg(long, value_name = "SUBJECT", help_heading = "Without a log", requires = "role")]
    subject: Option<String>,
    /// The token's audience [default: what the ServiceAccount is annotated with, else sts.amazonaws.com]
    #[arg(long, value_name = "AUDIENCE", help_heading = "Without a log", requires = "role")]
    audience: Option<String>,
    /// Where the token comes from: a provider's ARN, an issuer, or a cluster's name or ARN [default: what the trust policy leaves]
    #[arg(long, value_name = "PROVIDER", help_heading = "Without a log", requires = "role")]
    provider: Option<String>,
    /// What is granted: the JSON of `aws iam get-account-authorization-details`, a folder of such files, or live: read from AWS now
    #[arg(long, value_name = "FILE|DIR|live", help_heading = "Granted side")]
    iam: Vec<String>,
    /// Kubernetes ServiceAccounts, as YAML or JSON, a folder per cluster; or live: the cluster of kubectl's context
    #[arg(long, value_name = "FILE|DIR|live", help_heading = "Granted side")]
    kubernetes: Vec<String>,
    /// What is printed; as JSON one object, or a list when several calls are explained
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    aws: AwsArgs,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let (mut config, _) = Config::find(None)?;
    let mut typed = args.aws.clone();
    // With a role in question the id is what its subject would send; the settings file may hold the one of `assume-role`.
    let external_id = if args.role.is_some() { typed.external_id.take() } else { None };
    let aws = typed.over(config.aws()).settings()?;
    let first = |typed: &[String], set: Vec<String>| if typed.is_empty() { set } else { typed.to_vec() };
    let iam = first(&args.iam, std::mem::take(&mut config.iam));
    let kubernetes = first(&args.kubernetes, std::mem::take(&mut config.kubernetes));
    if iam.is_empty() {
        terminal.warning("without --iam the log is the only witness: no policy can be looked up");
    }
    // Nothing else refuses a call.
    let without = [Part::LastAccessed, Part::Trails, Part::PublicKeys];
    let live = Live::of(&iam, &kubernetes).parts(&aws, &without, terminal)?;
    let paths = |given: Vec<String>| -> Vec<PathBuf> {
        given.into_iter().filter(|path| path != LIVE).map(PathBuf::from).collect()
    };
    let is_whole = live.unread.is_empty() && !live.is_cut;
    let sources = Sources {
        iam: paths(iam),
        snapshots: live.snapshots,
        organization: None,
        kubernetes: paths(kubernetes),
        manifests: live.manifests,
    };
    let inventory = inventory::read_all(&sources).map_err(|error| audit::failure(&error.into()))?;
    let (explanations, exit) = match (&args.role, &args.subject) {
        (Some(role), Some(subject)) => {
            if !args.sources.is_empty() || args.event.is_some() {
                return Err(Failure::usage("--role asks about a role without a log")
                    .hint("leave SOURCE and --event away, or ask about the event alone"));
            }
            let question = Assumption {
                role: role.clone(),
                subject: subject.clone(),
                audience: args.audience.clone(),
                provider: args.provider.clone(),
                external_id,
            };
            (vec![assumption(&question, &inventory)], Exit::Done)
        }
        _ => of_calls(&args, &aws, &inventory, terminal)?,
    };
    terminal.data(|out| match args.format {
        Format::Text => write_explanations_text(&explanations, out),
        Format::Json => write_explanations_json(&explanations, out),
    })?;
    Ok(if is_whole { exit } else { Exit::Incomplete })
}

fn of_calls(
    args: &Args,
    aws: &leastwise::aws::Settings,
    inventory: &Inventory,
    terminal: &Terminal,
) -> Result<(Vec<Explanation>, Exit), Failure> {
    let mut sources = args.sources.clone();
    let mut wanted = Wanted { aws: aws.clone(), ..Wanted::default() };
    if args.store.is_some() {
        wanted.events.extend(sources.drain(..).chain(args.event.clone()));
    } else if let Some(event) = &args.event {
        if event == "-" || Path::new(event).exists() {
            sources.push(event.clone());
        } else {
            wanted.events.insert(event.clone());
        }
    }
    let message = Message::given(args.decoded.as_deref(), args.encoded.as_deref(), aws, terminal)?;
    let is_without_event = sources.is_empty() && wanted.events.is_empty();
    if let (true, Message::Known(decoded)) = (is_without_event, &message) {
        return Ok((vec![explain(&Refusal::of_decoded(decoded), inventory)], Exit::Done));
    }
    let Refused { refusals, n_not_refused, is_cut, issues } = match &args.store {
        Some(store) => of_store(store, &wanted, terminal)?,
        None => of_log(&sources, &wanted, terminal)?,
    };
    for issue in &issues {
        terminal.warning(&format!("`{}` is not read to its end: {}", issue.object, issue.detail));
    }
    if is_cut {
        terminal.warning("there are more kinds of refusals than are kept; name one event with --event");
    }
    if refusals.is_empty() {
        let named = wanted.events.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let message = match (wanted.events.is_empty(), n_not_refused) {
            (false, 0) => format!("no event has the id {named}"),
            (false, _) => format!("event {named} was not refused"),
            (true, n) => format!("none of the {n} calls was refused"),
        };
        return Err(Failure { exit: Exit::NoInput, ..Failure::failed(message) });
    }
    let (refusals, all_decoded) = message.told(refusals, aws, terminal)?;
    let explanations = refusals.iter().map(|refusal| explain(refusal, inventory)).collect();
    Ok((explanations, if issues.is_empty() && all_decoded { Exit::Done } else { Exit::Incomplete }))
}

fn of_log(sources: &[String], wanted: &Wanted, terminal: &Terminal) -> Result<Refused, Failure> {
    if sources.is_empty() {
        let failure = match wanted.events.first() {
            Some(id) => Failure::usage(format!(
                "there is no SOURCE to look for event `{id}` in, and no file of that name"
            )),
            None => Failure::usage("there is nothing to explain"),
        };
        return Err(failure.hint(
            "name a log or a file with one event: leastwise explain event.json --iam iam/; an event of a store: leastwise explain --store ledger/ ID --iam iam/; or ask about a role: leastwise explain --role ROLE --subject SUBJECT --iam iam/",
        ));
    }
    let stdin: Option<Box<dyn io::Read + Send>> =
        sources.iter().any(|source| source == "-").then(|| Box::new(io::stdin()) as _);
    let bar = Bar::new(terminal.shows_progress());
    let found = analyze::refusals(sources, wanted, stdin, &bar, &cancel::on_signals());
    bar.finish();
    found.map_err(|error| audit::failure(&error))
}

fn of_store(store: &Path, wanted: &Wanted, terminal: &Terminal) -> Result<Refused, Failure> {
    super::ingest::check_place(store)?;
    if wanted.events.is_empty() {
        return Err(Failure::usage("no event of the store is named").hint(
            "give ids of refused events, as reports and findings name them: leastwise explain --store ledger/ ID --iam iam/",
        ));
    }
    let named: BTreeSet<&String> = wanted.events.iter().filter(|id| Path::new(id).exists()).collect();
    if let Some(path) = named.first() {
        return Err(Failure::usage(format!(
            "`{path}` is a file, and with --store ids of events are asked for"
        ))
        .hint("leave --store away to explain a log"));
    }
    let bar = Bar::new(terminal.shows_progress());
    let found = analyze::stored_refusals(store, wanted, &bar, &cancel::on_signals());
    bar.finish();
    found.map_err(|error| match &error {
        StoredEventError::Store(inner) => Failure::failed(inner).causes_of(inner),
        StoredEventError::NotThere { .. } => {
            Failure { exit: Exit::NoInput, ..Failure::failed(&error) }
                .hint("ids are told by the samples and findings of a report; were its logs read into this store?")
        }
        StoredEventError::Gone { .. } => Failure::failed(&error)
            .causes_of(&error)
            .hint("a store keeps no records: bring the object back, or give the event itself: leastwise explain event.json"),
    })
}
