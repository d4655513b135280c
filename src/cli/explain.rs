//! `leastwise explain`: why was a call refused, or could this caller assume that role?

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use leastwise::analyze::{self, Refused};
use leastwise::explain::{Assumption, Decoded, Explanation, Refusal, assumption, explain};
use leastwise::inventory::{self, Inventory};
use leastwise::report::{write_explanations_json, write_explanations_text};

use super::config::Config;
use super::progress::Bar;
use super::{Exit, Failure, Terminal, audit, cancel};

/// Explain a refused call, or a role assumption that fails
///
/// From a log: every refused call in SOURCE, alike ones counted together, or the one of --event. Without a log: could SUBJECT
/// assume ROLE? Names the layer that refuses, the statement, the condition with its expected and actual value, and the smallest
/// change that would allow the call, as a proposal.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// CloudTrail logs, or a file with one record: files, folders, or - for standard input
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// A file with the refused event, or the id of one event in SOURCE
    #[arg(long, value_name = "FILE|ID")]
    event: Option<String>,
    /// What `aws sts decode-authorization-message` printed for the event's encoded reason; without an event it is explained alone
    #[arg(long, value_name = "FILE", conflicts_with = "role")]
    decoded: Option<PathBuf>,
    /// The role that is to be assumed: an ARN, or a name
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
    /// The external id an `AssumeRole` would carry
    #[arg(long, value_name = "ID", help_heading = "Without a log", requires = "role")]
    external_id: Option<String>,
    /// What is granted: the JSON of `aws iam get-account-authorization-details`, or a folder of such files
    #[arg(long, value_name = "FILE|DIR", help_heading = "Granted side")]
    iam: Vec<String>,
    /// Kubernetes ServiceAccounts, as YAML or JSON; a folder per cluster
    #[arg(long, value_name = "FILE|DIR", help_heading = "Granted side")]
    kubernetes: Vec<String>,
    /// What is printed; as JSON one object, or a list when several calls are explained
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let (config, _) = Config::find(None)?;
    let paths = |given: &[String], set: Vec<String>| -> Vec<PathBuf> {
        let list = if given.is_empty() { set } else { given.to_vec() };
        list.into_iter().map(PathBuf::from).collect()
    };
    let (iam, kubernetes) = (paths(&args.iam, config.iam), paths(&args.kubernetes, config.kubernetes));
    if iam.is_empty() {
        terminal.warning("without --iam the log is the only witness: no policy can be looked up");
    }
    let inventory = inventory::read(&iam, &kubernetes).map_err(|error| audit::failure(&error.into()))?;
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
                external_id: args.external_id.clone(),
            };
            (vec![assumption(&question, &inventory)], Exit::Done)
        }
        _ => of_log(args, &inventory, terminal)?,
    };
    terminal.data(|out| match args.format {
        Format::Text => write_explanations_text(&explanations, out),
        Format::Json => write_explanations_json(&explanations, out),
    })?;
    Ok(exit)
}

/// A decoded message from its file.
fn decoded(path: &Path) -> Result<Decoded, Failure> {
    const MOST_BYTES: u64 = 1 << 20;
    let shown = path.display();
    let cannot = |error: &io::Error| Failure::usage(format!("cannot read `{shown}`")).because(error);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    Decoded::parse(&text).map_err(|error| Failure::usage(format!("`{shown}` is no decoded message: {error}")))
}

fn of_log(
    args: &Args,
    inventory: &Inventory,
    terminal: &Terminal,
) -> Result<(Vec<Explanation>, Exit), Failure> {
    let mut sources = args.sources.clone();
    let mut wanted = None;
    if let Some(event) = &args.event {
        if event == "-" || Path::new(event).exists() {
            sources.push(event.clone());
        } else {
            wanted = Some(event.as_str());
        }
    }
    let decoded = args.decoded.as_deref().map(decoded).transpose()?;
    if let (true, None, Some(decoded)) = (sources.is_empty(), wanted, &decoded) {
        return Ok((vec![explain(&Refusal::of_decoded(decoded), inventory)], Exit::Done));
    }
    if sources.is_empty() {
        let failure = match wanted {
            Some(id) => Failure::usage(format!(
                "there is no SOURCE to look for event `{id}` in, and no file of that name"
            )),
            None => Failure::usage("there is nothing to explain"),
        };
        return Err(failure.hint(
            "name a log or a file with one event: leastwise explain event.json --iam iam/; or ask about a role: leastwise explain --role ROLE --subject SUBJECT --iam iam/",
        ));
    }
    let stdin: Option<Box<dyn io::Read + Send>> =
        sources.iter().any(|source| source == "-").then(|| Box::new(io::stdin()) as _);
    let bar = Bar::new(terminal.shows_progress());
    let found = analyze::refusals(&sources, wanted, stdin, &bar, &cancel::on_signals());
    bar.finish();
    let Refused { refusals, n_not_refused, is_cut, issues } =
        found.map_err(|error| audit::failure(&error))?;
    for issue in &issues {
        terminal.warning(&format!("`{}` is not read to its end: {}", issue.object, issue.detail));
    }
    if is_cut {
        terminal.warning("there are more kinds of refusals than are kept; name one event with --event");
    }
    if refusals.is_empty() {
        let message = match (wanted, n_not_refused) {
            (Some(id), 0) => format!("no event has the id `{id}`"),
            (Some(id), _) => format!("event `{id}` was not refused"),
            (None, n) => format!("none of the {n} calls was refused"),
        };
        return Err(Failure { exit: Exit::NoInput, ..Failure::failed(message) });
    }
    let refusals = match &decoded {
        Some(decoded) => {
            let theirs = refusals.into_iter().filter(|refusal| refusal.may_say(decoded));
            theirs.map(|refusal| refusal.with(decoded)).collect()
        }
        None => refusals,
    };
    if let (true, Some(decoded)) = (refusals.is_empty(), &decoded) {
        return Err(Failure::usage(format!(
            "the decoded message is about `{}`, and no refused call with an encoded reason is",
            decoded.action()
        ))
        .hint("give the message of the same event, or the message alone"));
    }
    let explanations = refusals.iter().map(|refusal| explain(refusal, inventory)).collect();
    Ok((explanations, if issues.is_empty() { Exit::Done } else { Exit::Incomplete }))
}
