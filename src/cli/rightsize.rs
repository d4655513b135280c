//! `leastwise rightsize`: proposals for chosen roles, in any policy format.

use std::path::PathBuf;

use clap::ArgAction;
use leastwise::ident::glob::Glob;
use leastwise::ident::{Arn, nearest};
use leastwise::report::{self, Colour, Format, Language, Proposal, ProposalVerdict, Report};

use super::audit::{self, Done};
use super::config::Config;
use super::{Exit, Failure, Terminal, evidence, time};

/// Proposals for chosen roles, in any policy format
///
/// The logs and the granted side are given as for `leastwise audit`, with `--source` for the logs; or a report of an earlier audit with
/// `--report`. What is said of a role is, byte for byte, what the audit says. Exit status 3: a ROLE names no role; 4: a role has no proposal
/// that could be proven, or what was read is not complete.
#[derive(clap::Args, Debug)]
#[group(id = "rightsize")]
#[command(
    mut_arg("sources", |arg| arg.long("source").num_args(1).action(ArgAction::Append)),
    mut_arg("out", |arg| arg.help("Write proposals.json, policies/ and the code asked for into this folder")),
    mut_arg("format", |arg| arg.help("Print in this format: text, json, or a language of policies (terraform, cloudformation, aws-cli, …); with --out, write its files (repeatable) [default: text]")),
    mut_arg("role", |arg| arg.hide(true)),
    mut_arg("terraform_dir", |arg| arg.hide(true)),
    mut_arg("metrics", |arg| arg.hide(true)),
    mut_arg("emf", |arg| arg.hide(true)),
    mut_arg("fail_on", |arg| arg.hide(true)),
    mut_arg("dry_run", |arg| arg.hide(true)),
)]
pub(super) struct Args {
    /// Roles: names or ARNs, with * and ?
    #[arg(value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// Take the proposals from the report of an audit (report.json, or its folder) and read no logs
    #[arg(long, value_name = "FILE|DIR")]
    report: Option<PathBuf>,
    /// In stages: a trial that denies what would go, a time to watch, then the removal; each with its commands and the way back (text,
    /// json, aws-cli or terraform)
    #[arg(long)]
    staged: bool,
    #[command(flatten)]
    audit: audit::Args,
}

pub(super) fn run(args: Args, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let Args { roles, report, staged, audit: given } = args;
    if let Some(option) = given.of_audits_only() {
        return Err(Failure::usage(format!("`rightsize` takes no `{option}`"))
            .hint("roles are named without an option; `leastwise audit` takes it"));
    }
    let (found, out, formats) = match report {
        Some(path) => {
            if given.names_input() {
                return Err(Failure::usage("proposals come from a report or from logs, not from both")
                    .hint("leave out --report, or --source, --store and --iam"));
            }
            let (_, report) = evidence::read_report(&path)?;
            let known = report.roles.iter().map(|role| role.arn.clone()).collect();
            let (out, formats) = given.output();
            (Found { report, known, is_complete: true }, out, formats)
        }
        None => from_logs(&roles, given, terminal)?,
    };
    let chosen = chosen(&roles, found)?;
    deliver(&chosen.report, staged, out, &formats, terminal)?;
    let mut is_whole = chosen.is_complete;
    for reason in chosen.report.incompleteness() {
        is_whole = false;
        terminal.warning(&format!("what was read is not complete: {reason}"));
    }
    for role in &chosen.report.roles {
        if let Some(why) = unproven(&role.proposal) {
            is_whole = false;
            terminal.warning(&format!("{}: {why}", role.arn));
        }
    }
    Ok(Exit::of_report(is_whole, false))
}

/// A report with the ARNs of all roles that could have been chosen.
struct Found {
    report: Report,
    known: Vec<String>,
    is_complete: bool,
}

type FoundAndOutput = (Found, Option<PathBuf>, Vec<Format>);

fn from_logs(
    roles: &[String],
    mut given: audit::Args,
    terminal: &Terminal,
) -> Result<FoundAndOutput, Failure> {
    let (mut config, path) = Config::find(given.config())?;
    if let Some(path) = path {
        terminal.note(&format!("settings from {}", path.display()));
    }
    // What the file says of an audit's output is not meant for this.
    (config.role, config.format, config.out) = (Vec::new(), Vec::new(), None);
    given.choose(roles);
    let mut plan = audit::plan(given, config, time::now())?;
    refuse_formats(&plan.formats)?;
    let Done { audited, is_cut } = audit::audit(&mut plan, terminal)?;
    let is_complete = audited.is_complete && !is_cut;
    let found = Found { report: audited.report, known: audited.known_roles, is_complete };
    Ok((found, plan.out, plan.formats))
}

fn is_meant(pattern: &str, arn: &str) -> bool {
    let name = Arn::parse(arn).and_then(|arn| arn.role_name());
    let pattern = Glob::new(pattern);
    pattern.matches(arn) || name.is_some_and(|name| pattern.matches(name))
}

/// The report with the chosen roles only; a name that chooses none is an error.
fn chosen(patterns: &[String], mut found: Found) -> Result<Found, Failure> {
    let names_none = |pattern: &&String| !found.known.iter().any(|arn| is_meant(pattern, arn));
    let unknown: Vec<&String> = patterns.iter().filter(names_none).collect();
    if let Some(first) = unknown.first() {
        let names = found.known.iter().filter_map(|arn| Arn::parse(arn)?.role_name());
        let wanted = Arn::parse(first).and_then(|arn| arn.role_name()).unwrap_or(first);
        let near = nearest(wanted, names, 3);
        let hint = match (near.as_slice(), found.known.len()) {
            ([], 0) => "there is no role in what was read".to_owned(),
            ([], n) => format!(
                "{} were read; a ROLE is a name or an ARN, with * and ?",
                report::count(n as u64, "role", "roles")
            ),
            (near, _) => format!("did you mean {}?", near.join(", ")),
        };
        let all = unknown.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
        return Err(
            Failure { exit: Exit::NoInput, ..Failure::failed(format!("there is no role {all}")) }.hint(hint)
        );
    }
    found.report.roles.retain(|role| patterns.iter().any(|pattern| is_meant(pattern, &role.arn)));
    Ok(found)
}

/// Why a role has no proposal to rely on.
fn unproven(proposal: &Proposal) -> Option<String> {
    match proposal.verdict {
        ProposalVerdict::Keep | ProposalVerdict::DeleteRole => None,
        ProposalVerdict::Replace => (!proposal.is_proven()).then(|| "the proposal is not proven".to_owned()),
        ProposalVerdict::CannotTell => {
            let first = proposal.reasons.first().map_or("what is known does not suffice", String::as_str);
            Some(format!("there is no proposal: {first}"))
        }
    }
}

fn refuse_formats(formats: &[Format]) -> Result<(), Failure> {
    let is_ours = |format: &&Format| matches!(format, Format::Text | Format::Json | Format::Code(_));
    match formats.iter().find(|format| !is_ours(format)) {
        Some(format) => {
            let words: Vec<&str> = Language::ALL.iter().map(|language| language.as_str()).collect();
            Err(Failure::usage(format!(
                "`rightsize` writes no `{format}`; it writes text, json, {}",
                words.join(", ")
            ))
            .hint("`leastwise audit --role ROLE` writes reports in every format"))
        }
        None => Ok(()),
    }
}

fn deliver(
    report: &Report,
    staged: bool,
    out: Option<PathBuf>,
    formats: &[Format],
    terminal: &Terminal,
) -> Result<(), Failure> {
    refuse_formats(formats)?;
    let languages: Vec<Language> = formats
        .iter()
        .filter_map(|format| match format {
            Format::Code(language) => Some(*language),
            _ => None,
        })
        .collect();
    if let Some(other) =
        languages.iter().find(|one| staged && !Language::staged().any(|known| known == **one))
    {
        let words: Vec<&str> = Language::staged().map(Language::as_str).collect();
        return Err(Failure::usage(format!(
            "removals in stages are not written as {}; they are as text, json, {}",
            other.as_str(),
            words.join(", ")
        )));
    }
    if out.is_none() && formats.len() > 1 {
        return Err(Failure::usage("several formats need a folder").hint("give it with --out DIR"));
    }
    if let Some(dir) = &out {
        if dir.join(Format::Json.file_name()).exists() {
            return Err(Failure::usage(format!("`{}` holds the report of an audit", dir.display()))
                .hint("its files are about all of its roles: name another folder"));
        }
        report::write_proposals(report, dir, &languages, staged)
            .map_err(|error| Failure::failed("the proposals cannot be written").because(&error))?;
    }
    let colour = if terminal.colour { Colour::Ansi } else { Colour::Plain };
    match formats {
        [Format::Json] => terminal.data(|out| report::write_proposals_json(report, out))?,
        [Format::Code(language)] if staged => {
            terminal.data(|out| report::write_staged(*language, report, out))?;
        }
        [format @ Format::Code(_)] => terminal.data(|out| report::write(*format, report, out))?,
        _ => terminal.data(|out| report::write_proposals_text(report, staged, colour, out))?,
    }
    if let Some(dir) = &out {
        terminal.note(&format!("proposals written to {}", dir.display()));
    }
    Ok(())
}
