//! `leastwise catalog`: what the IAM catalog holds, how it maps one event, and a newer one.

mod http;
mod refresh;

use std::path::{Path, PathBuf};

use leastwise::catalog::{self, Catalog, Mapping};

use super::{Exit, Failure, Terminal};

/// Show or refresh the IAM catalog, and show how it maps an event
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// How to print
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
    /// The folder of a refreshed catalog [default: the embedded one]
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Show which IAM actions and resources an event needs
    Map(MapArgs),
    /// Make a newer catalog from AWS's service reference; nothing uses it unless told to with --catalog
    Refresh(refresh::Args),
}

#[derive(clap::Args, Debug)]
struct MapArgs {
    /// The record's `eventSource`, such as `s3.amazonaws.com`
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The record's `eventName`, such as `GetObject`
    #[arg(value_name = "EVENT")]
    event: String,
    /// A file with one record: what this very event needed, and on what
    #[arg(long = "event", value_name = "FILE", id = "event-file")]
    file: Option<PathBuf>,
    /// The folder of a refreshed catalog [default: the embedded one]
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// A record is at most 256 KB, of event data stores 1 MB.
const LARGEST_RECORD: u64 = 16 << 20;

pub(super) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    match &args.command {
        Some(Command::Refresh(refresh)) => return refresh::run(refresh, args.format, terminal),
        Some(Command::Map(map)) => {
            let catalog = chosen(map.catalog.as_deref().or(args.catalog.as_deref()))?;
            let mapping = mapping(catalog, map)?;
            match args.format {
                Format::Json => terminal.data(|out| {
                    serde_json::to_writer_pretty(&mut *out, &mapping)?;
                    writeln!(out)
                })?,
                Format::Text => terminal.data(|out| write!(out, "{}", text(&mapping)))?,
            }
        }
        None => {
            let catalog = chosen(args.catalog.as_deref())?;
            let (date, services, actions) = (catalog.date(), catalog.n_services(), catalog.n_actions());
            let source = catalog.source();
            match args.format {
                Format::Json => {
                    let value = serde_json::json!({"date": date, "source": source, "services": services, "actions": actions});
                    terminal.data(|out| writeln!(out, "{value:#}"))?;
                }
                Format::Text => {
                    terminal.data(|out| {
                        writeln!(
                            out,
                            "IAM catalog of {date} ({source}): {services} services, {actions} actions"
                        )
                    })?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// The embedded catalog, or a refreshed one when its folder is given.
pub(super) fn chosen(folder: Option<&Path>) -> Result<&'static Catalog, Failure> {
    let Some(folder) = folder else { return Ok(Catalog::embedded()) };
    let catalog = catalog::load(folder).map_err(|error| {
        Failure::usage(format!("`{}` holds no refreshed catalog", folder.display()))
            .because(&error)
            .hint("make one with `leastwise catalog refresh --to DIR`")
    })?;
    Ok(Box::leak(Box::new(catalog)))
}

fn mapping(catalog: &Catalog, args: &MapArgs) -> Result<Mapping, Failure> {
    let Some(path) = &args.file else { return Ok(catalog.map(&args.source, &args.event)) };
    let cannot_read = |error: &std::io::Error| {
        Failure::failed(format_args!("cannot read `{}`", path.display())).because(error)
    };
    let size = std::fs::metadata(path).map_err(|error| cannot_read(&error))?.len();
    if size > LARGEST_RECORD {
        return Err(Failure::failed(format_args!(
            "`{}` has {size} bytes: no file of one record",
            path.display()
        )));
    }
    let record = std::fs::read_to_string(path).map_err(|error| cannot_read(&error))?;
    catalog.map_record(&args.source, &args.event, &record).map_err(|error| {
        Failure::failed(format_args!("`{}` cannot be mapped", path.display())).because(&error)
    })
}

/// The mapping as lines of text. Texts from a record are printed without control characters.
fn text(mapping: &Mapping) -> String {
    let mut lines = vec![match mapping.verdict {
        "mapped" if mapping.one_of => format!(
            "{} {} needs one or several of these, as the request tells ({})",
            mapping.event_source, mapping.event_name, mapping.rule
        ),
        "mapped" => format!("{} {} needs ({})", mapping.event_source, mapping.event_name, mapping.rule),
        "no-permission" => format!(
            "{} {} needs no IAM permission ({})",
            mapping.event_source, mapping.event_name, mapping.rule
        ),
        _ => format!(
            "{} {}: the catalog knows no action ({})",
            mapping.event_source, mapping.event_name, mapping.rule
        ),
    }];
    if mapping.needs.is_empty() {
        lines.extend(mapping.actions.iter().map(|action| format!("  {action}")));
    }
    for need in &mapping.needs {
        lines.push(format!("  {} ({})", need.action, need.evidence));
        for resource in &need.resources {
            lines.push(format!("    on {resource}"));
            lines.extend(need.provenance.get(resource).map(|from| format!("       {from}")));
        }
        lines.extend(need.unresolved.iter().map(|why| format!("    on something else: {why}")));
        lines.extend(need.context.iter().map(|(key, value)| format!("    with {key} = {value}")));
    }
    for row in &mapping.narrowing {
        let how = match (row.instead, row.instead_of) {
            (true, _) => "instead of the first".to_owned(),
            (false, Some(other)) => format!("instead of {other}"),
            (false, None) => "too".to_owned(),
        };
        lines.push(format!("  {} {how}, when the request holds {}", row.action, row.when.join(" or ")));
    }
    for role in &mapping.passes {
        let sure = if role.documented { "passes" } else { "may pass" };
        lines.push(format!("  {sure} the {} in {}", role.what.replace('-', " "), role.parameter));
    }
    for beside in &mapping.beside {
        let shown = match beside.shown_by {
            "own-event" => "an event of its own shows it then",
            "parameters" => "the request's parameters show it then",
            _ => "no event shows it, so it is not called unused",
        };
        lines.push(format!("  {} perhaps too, beside {}: {shown}", beside.action, beside.of));
    }
    for (action, shown) in &mapping.visibility {
        let types = shown.types.join(", ");
        lines.push(match shown.shows_in {
            "management" => format!("  {action} shows in management events"),
            "data" => format!("  {action} shows in data events only ({types})"),
            "never-logged" => format!("  {action} shows in no event"),
            _ => format!("  {action} belongs to no public operation: no event is sure to show it"),
        });
    }
    let clean = |line: String| line.chars().filter(|c| !c.is_control()).collect::<String>();
    lines.into_iter().map(|line| clean(line) + "\n").collect()
}
