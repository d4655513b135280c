//! `leastwise catalog refresh`: a newer catalog from AWS's service reference.

use std::path::PathBuf;

use leastwise::catalog::{Catalog, Refresh, RefreshError, Refreshed};
use serde_json::json;

use super::Format;
use super::http::Server;
use crate::cli::{Exit, Failure, Terminal, count, time};

/// Where AWS publishes the reference; no credentials are needed.
const REFERENCE: &str = "https://servicereference.us-east-1.amazonaws.com";
/// Documents fetched at a time.
const AT_A_TIME: usize = 4;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The folder of the refreshed catalog [default: leastwise/catalog in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Take the documents from this folder instead of the network
    #[arg(long, value_name = "DIR", conflicts_with = "endpoint_url")]
    from: Option<PathBuf>,
    /// Also take what lost more actions than AWS takes away at once (20 % of a service, 2 % of all)
    #[arg(long)]
    allow_fewer: bool,
    /// Fetch from a mirror of AWS's service reference
    #[arg(long, value_name = "URL", default_value = REFERENCE, hide_default_value = true)]
    endpoint_url: String,
}

pub(super) fn run(args: &Args, format: Format, terminal: &Terminal) -> Result<Exit, Failure> {
    let to = match &args.to {
        Some(to) => to.clone(),
        None => default_folder()?,
    };
    let today = time::now().to_string().chars().take(10).collect();
    let refresh = Refresh { to: to.clone(), today, at_a_time: AT_A_TIME, allow_fewer: args.allow_fewer };
    let refreshed = match &args.from {
        Some(folder) => refresh.run_from(folder),
        None => {
            if !["https://", "http://"].iter().any(|scheme| args.endpoint_url.starts_with(scheme)) {
                return Err(Failure::usage(format!("`{}` is no URL", args.endpoint_url)));
            }
            terminal.note(&format!("fetching the service reference from {}", args.endpoint_url));
            let draws = terminal.shows_progress();
            let progress = |done: usize, all: usize| {
                if draws {
                    crate::cli::terminal::draw(&format!("{done} of {all} services"));
                }
            };
            let refreshed = refresh.run(&Server::new(&args.endpoint_url), &progress);
            if draws {
                crate::cli::terminal::clear_drawn();
            }
            refreshed
        }
    };
    let refreshed = refreshed.map_err(|error| failure(&error))?;
    for (name, why) in &refreshed.refused {
        terminal.warning(&format!("{name} was not taken: {why}"));
    }
    tell(&refreshed, &to, format, terminal)?;
    // What could not be taken is as it was before: usable, but not what was asked for.
    Ok(if refreshed.refused.is_empty() { Exit::Done } else { Exit::Incomplete })
}

fn tell(
    refreshed: &Refreshed,
    to: &std::path::Path,
    format: Format,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let embedded = Catalog::embedded();
    match format {
        Format::Json => {
            let refused: Vec<_> =
                refreshed.refused.iter().map(|(name, why)| json!({"name": name, "reason": why})).collect();
            let value = json!({
                "folder": to.to_string_lossy(),
                "date": refreshed.date,
                "services": refreshed.services,
                "actions": refreshed.actions,
                "taken": refreshed.taken,
                "unchanged": refreshed.unchanged,
                "refused": refused,
                "kept_services": refreshed.kept_services,
                "new_actions": refreshed.new_actions,
                "gone_actions": refreshed.gone_actions,
            });
            terminal.data(|out| writeln!(out, "{value:#}"))
        }
        Format::Text => terminal.data(|out| {
            writeln!(
                out,
                "IAM catalog of {}: {} services, {} actions",
                refreshed.date, refreshed.services, refreshed.actions
            )?;
            writeln!(
                out,
                "  {} taken, {} unchanged, {} refused",
                count(refreshed.taken as u64, "document"),
                refreshed.unchanged,
                refreshed.refused.len()
            )?;
            writeln!(
                out,
                "  {} new and {} gone since the embedded catalog of {}",
                count(refreshed.new_actions as u64, "action"),
                refreshed.gone_actions.len(),
                embedded.date()
            )?;
            if !refreshed.kept_services.is_empty() {
                writeln!(
                    out,
                    "  {} as embedded, because the reference does not tell of them",
                    count(refreshed.kept_services.len() as u64, "service")
                )?;
            }
            let folder = leastwise::report::printable(&to.display().to_string()).to_string();
            writeln!(out, "Use it with --catalog {folder}")
        }),
    }
}

fn failure(error: &RefreshError) -> Failure {
    let failure = match error {
        RefreshError::Io { .. } => Failure::failed("the catalog cannot be refreshed").because(error),
        _ => Failure::failed(error).causes_of(error),
    };
    match error {
        RefreshError::NoIndex(_) => failure.hint(
            "without a network, fetch the documents elsewhere and give their folder with --from; the catalog in use is unchanged",
        ),
        RefreshError::Shrunk { .. } => {
            failure.hint("if the actions are really gone, say so with --allow-fewer; the catalog in use is unchanged")
        }
        _ => failure,
    }
}

/// The XDG convention, and its fallback.
///
/// See: <https://specifications.freedesktop.org/basedir-spec/latest/>
fn default_folder() -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .or_else(|| variable("LOCALAPPDATA"));
    let missing = || {
        Failure::usage("there is no cache folder: neither XDG_CACHE_HOME nor HOME is set")
            .hint("name the folder with --to DIR")
    };
    Ok(cache.ok_or_else(missing)?.join("leastwise").join("catalog"))
}
