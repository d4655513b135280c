//! `leastwise query`: SQL over a store.

use std::path::PathBuf;

use leastwise::analyze;
use leastwise::store::{NAMED, named};

use super::aws::AwsArgs;
use super::config::Config;
use super::time::{self, When};
use super::{Exit, Failure, Terminal, audit, ingest};

/// SQL over the usage ledger on disk
///
/// QUERY is the name of a query that comes along, or a text in polars' SQL over these tables: `usage` (principal, account, workload,
/// workload_kind, attribution, action, resource, resource_account, outcome, layer, explicit, error_code, evidence, source, event, region, service,
/// calls, first_seen, last_seen, sample, session), `calls`, `sessions`, `issuances`, `objects` and `roles`. Without QUERY the names
/// are listed.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A name, or SQL
    #[arg(value_name = "NAME|SQL")]
    query: Option<String>,
    /// The store: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print the text of a named query instead of its answer
    #[arg(long)]
    show: bool,
    /// What is granted: names roles that were never seen, and helps to attribute
    #[arg(long, value_name = "FILE|DIR")]
    iam: Vec<String>,
    /// Kubernetes ServiceAccounts, as YAML or JSON; a folder per cluster
    #[arg(long, value_name = "FILE|DIR")]
    kubernetes: Vec<String>,
    /// Start of the window: RFC 3339, a date, or so long ago (90d) [default: the first event]
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// End of the window, exclusive [default: just after the last event]
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// What is printed
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
    /// For spreadsheets
    Csv,
    /// For programs: a list of objects
    Json,
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let Some(query) = args.query else {
        terminal.data(|out| {
            let width = NAMED.iter().map(|query| query.name.len()).max().unwrap_or_default();
            NAMED.iter().try_for_each(|query| writeln!(out, "{:width$}  {}", query.name, query.about()))
        })?;
        return Ok(Exit::Done);
    };
    let known = named(&query);
    // SQL has blanks; a word is a name.
    let sql = match known {
        Some(known) => known.sql,
        None if query.trim().contains(char::is_whitespace) => query.as_str(),
        None => {
            let names: Vec<&str> = NAMED.iter().map(|query| query.name).collect();
            return Err(Failure::usage(format!("there is no query `{query}`"))
                .hint(format!("a name is one of {}; anything else is SQL", names.join(", "))));
        }
    };
    if args.show {
        terminal.data(|out| write!(out, "{sql}"))?;
        return Ok(Exit::Done);
    }
    let (config, _) = Config::find(None)?;
    let aws = args.aws.over(config.aws()).settings()?;
    let Some(store) = args.store.or(config.store) else {
        return Err(Failure::usage("there is no store").hint("name its folder with --store DIR"));
    };
    ingest::check_place(&store)?;
    let now = time::now();
    let paths = |given: Vec<String>, set: Vec<String>| -> Vec<PathBuf> {
        let list = if given.is_empty() { set } else { given };
        list.into_iter().map(PathBuf::from).collect()
    };
    let settings = analyze::Settings {
        aws,
        iam: paths(args.iam, config.iam),
        kubernetes: paths(args.kubernetes, config.kubernetes),
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        ..analyze::Settings::default()
    };
    let grid = analyze::query(&settings, &store, sql).map_err(|error| audit::failure(&error))?;
    terminal.data(|out| match args.format {
        Format::Text => grid.write_text(out),
        Format::Csv => grid.write_csv(out),
        Format::Json => grid.write_json(out),
    })?;
    Ok(Exit::Done)
}
