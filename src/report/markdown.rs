//! For a pull request or a ticket: a summary first, then each role under a fold, as many as a comment takes.

use std::io::{self, Write};

use super::escape::{html, markdown, markdown_code as code};
use super::stage;
use super::summary::{Summary, advice, by_excess, count, number, percent};
use super::text::{exception, named, window, worst_first};
use super::{Integrity, Proposal, ProposalVerdict, Report, Role, Split};

/// Resources listed per action; the rest is counted.
const MAX_RESOURCES: usize = 3;
/// Actions listed per role; the rest is counted.
const MAX_ACTIONS: usize = 60;

/// Rows of the tables of findings and roles; the rest is counted.
const MAX_ROWS: usize = 60;
/// Bytes of a policy as shown; a longer one is named with its size.
const MAX_DOCUMENT: usize = 4_000;
/// Bytes of the whole, up to which roles have a part of their own. A comment on GitHub takes 65,536 characters.
const ROOM: usize = 60_000;

/// CommonMark with GitHub's tables.
pub(super) fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let summary = Summary::of(report);
    let mut page = Vec::new();
    let out = &mut page;
    writeln!(out, "# Least-privilege audit\n\n{}\n", markdown(&window(report)))?;
    for reason in report.incompleteness() {
        writeln!(out, "> **Not complete:** {}\n", markdown(&reason))?;
    }
    totals(report, &summary, out)?;
    findings(report, out)?;
    role_table(report, out)?;
    let mut end = Vec::new();
    unattributed(report, &mut end)?;
    writeln!(
        &mut end,
        "\n{} {}, catalog of {}",
        markdown(&report.tool.name),
        markdown(&report.tool.version),
        markdown(&report.tool.catalog.date)
    )?;
    // Those with the most to lose first; one that does not fit makes room for smaller ones behind it.
    let mut n_left = 0;
    for role in by_excess(report) {
        let mut part = Vec::new();
        one_role(role, &mut part)?;
        if page.len() + part.len() + end.len() > ROOM {
            n_left += 1;
        } else {
            page.extend(part);
        }
    }
    if n_left > 0 {
        let more = count(n_left, "role has", "roles have");
        writeln!(
            page,
            "{more} no part here, so that a comment can carry this; `report.html` tells of all.\n"
        )?;
    }
    to.write_all(&page)?;
    to.write_all(&end)
}

fn totals(report: &Report, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let verdicts = summary.verdicts;
    writeln!(out, "| | |\n|---|---|")?;
    let mut row = |name: &str, text: String| writeln!(out, "| {name} | {text} |");
    row("Roles", number(report.roles.len() as u64))?;
    for (verdict, n) in summary.proposals.iter().filter(|(_, n)| *n > 0) {
        let proven = match verdict {
            ProposalVerdict::Replace => format!(", {} proven", number(summary.proven)),
            _ => String::new(),
        };
        row(&format!("… {}", advice(*verdict)), format!("{}{proven}", number(*n)))?;
    }
    row("Actions granted", number(verdicts.total()))?;
    for (word, n) in named(verdicts).into_iter().filter(|(_, n)| *n > 0) {
        row(&format!("… {word}"), markdown(&format!("{} ({})", number(n), percent(n, verdicts.total()))))?;
    }
    row("Workloads", number(report.workloads.len() as u64))?;
    row("Calls", format!("{}, {} denied", number(summary.calls), number(summary.denied)))?;
    if summary.replayed.0 > 0 {
        row(
            "Observed requests still allowed",
            format!("{} of {}", number(summary.replayed.1), number(summary.replayed.0)),
        )?;
    }
    if summary.held_out.0 > 0 {
        row(
            "Requests of the last fifth that policies learned before it allow",
            format!("{} of {}", number(summary.held_out.1), number(summary.held_out.0)),
        )?;
    }
    row("Log integrity", log_integrity(&report.coverage.integrity))?;
    writeln!(out)?;
    integrity_problems(&report.coverage.integrity, out)
}

fn log_integrity(integrity: &Integrity) -> String {
    let word = integrity.status.as_str();
    if integrity.digests == 0 {
        return word.to_owned();
    }
    format!(
        "{word}: {}, {} verified, {} not",
        count(integrity.digests, "digest file", "digest files"),
        count(integrity.files_verified, "log file", "log files"),
        number(integrity.files_unverified)
    )
}

/// What digest files show; the JSON report has all of it.
fn integrity_problems(integrity: &Integrity, out: &mut dyn Write) -> io::Result<()> {
    const SHOWN: usize = 20;
    if integrity.problems.is_empty() && integrity.notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Integrity of the logs\n")?;
    for problem in integrity.problems.iter().take(SHOWN).chain(&integrity.notes) {
        writeln!(out, "- {}", markdown(problem))?;
    }
    if integrity.problems.len() > SHOWN {
        writeln!(out, "- and {} more problems", number((integrity.problems.len() - SHOWN) as u64))?;
    }
    writeln!(out)
}

fn findings(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Findings\n\n| severity | finding | subject | what to do |\n|---|---|---|---|")?;
    for finding in worst_first(report).into_iter().take(MAX_ROWS) {
        writeln!(
            out,
            "| {} | {} ({}) | {} | {} |",
            finding.severity.as_str(),
            prose(&format!("{}{}", finding.title, exception(finding))),
            code(&finding.code),
            code(&finding.subject),
            prose(&finding.fix)
        )?;
    }
    rest(report.findings.len(), MAX_ROWS, out)?;
    writeln!(out)
}

fn role_table(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "## Roles\n\n| role | account | granted | used | unused | undetermined | unobservable | blocked | proposal |\n\
         |---|---|--:|--:|--:|--:|--:|--:|---|"
    )?;
    for role in by_excess(report).into_iter().take(MAX_ROWS) {
        let verdicts = role.granted.verdicts;
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            code(&role.name),
            markdown(&role.account),
            if role.in_snapshot { number(role.granted.actions) } else { "not known".to_owned() },
            number(verdicts.used),
            number(verdicts.unused),
            number(verdicts.undetermined),
            number(verdicts.unobservable),
            number(verdicts.blocked),
            advice(role.proposal.verdict)
        )?;
    }
    rest(report.roles.len(), MAX_ROWS, out)?;
    writeln!(out)
}

/// A sentence in which the parts between backticks are code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts means a backtick without a partner: then they are just characters.
    if parts.len().is_multiple_of(2) {
        return markdown(text);
    }
    let part = |(at, part): (usize, &str)| if at % 2 == 1 { code(part) } else { markdown(part) };
    parts.into_iter().enumerate().map(part).collect()
}

fn one_role(role: &Role, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "### {}\n\n{}\n", code(&role.name), code(&role.arn))?;
    writeln!(
        out,
        "{}, {} denied. Proposal: **{}**.\n",
        count(role.calls, "call", "calls"),
        number(role.denied_calls),
        advice(role.proposal.verdict)
    )?;
    if !role.workloads.is_empty() {
        writeln!(out, "| workload | sessions | calls | attribution | by way of |\n|---|--:|--:|---|---|")?;
        for workload in &role.workloads {
            let via: Vec<String> = workload.via.iter().map(|arn| code(arn)).collect();
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                code(&workload.id),
                number(workload.sessions),
                number(workload.calls),
                workload.attribution.as_str(),
                via.join(" → ")
            )?;
        }
        writeln!(out)?;
    }
    fold_list("Used actions", role.used.len(), out, |out| {
        writeln!(out, "| action | calls | evidence | granted by | resources |\n|---|--:|---|---|---|")?;
        for used in role.used.iter().take(MAX_ACTIONS) {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                code(&used.action),
                number(used.calls),
                used.evidence.as_str(),
                used.granted_by.as_str(),
                some(&used.resources, MAX_RESOURCES, ", ")
            )?;
        }
        rest(role.used.len(), MAX_ACTIONS, out)
    })?;
    fold_list("Unused actions", role.unused_actions.len(), out, |out| {
        writeln!(out, "{}", some(&role.unused_actions, MAX_ACTIONS, ", "))
    })?;
    fold_list("Denied", role.denied.len(), out, |out| {
        writeln!(out, "| action | calls | refused by | explicitly | resources |\n|---|--:|---|---|---|")?;
        for denied in role.denied.iter().take(MAX_ACTIONS) {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                code(&denied.action),
                number(denied.calls),
                markdown(&denied.layer),
                if denied.explicit { "yes" } else { "no" },
                some(&denied.resources, MAX_RESOURCES, ", ")
            )?;
        }
        rest(role.denied.len(), MAX_ACTIONS, out)
    })?;
    proposal(&role.proposal, out)?;
    stages(role, out)
}

/// How the removal is made in stages, and the trial under way.
fn stages(role: &Role, out: &mut dyn Write) -> io::Result<()> {
    let Some(stage) = &role.stage else { return Ok(()) };
    match &stage.running {
        Some(trial) => {
            writeln!(out, "Trial: **{}**\n", markdown(&stage::running(trial)))?;
            for line in trial.denied.iter().map(stage::denial).chain(trial.reasons.iter().cloned()) {
                writeln!(out, "- {}", markdown(&line))?;
            }
            writeln!(out)?;
        }
        None => match stage::planned(stage) {
            Some(planned) => writeln!(out, "In stages: {}.\n", markdown(&planned))?,
            None => writeln!(out, "In stages: no trial. {}\n", markdown(&stage.reasons.join(" ")))?,
        },
    }
    let steps = stage::steps(role);
    if steps.is_empty() {
        return Ok(());
    }
    fold("The stages with their commands", out, |out| {
        for step in &steps {
            writeln!(out, "**{}**\n", markdown(&step.title))?;
            for line in &step.text {
                writeln!(out, "- {}", markdown(line))?;
            }
            writeln!(out)?;
            for command in &step.commands {
                writeln!(out, "1. {}", code(command))?;
            }
            writeln!(out, "\nThe way back:\n")?;
            for command in &step.rollback {
                writeln!(out, "1. {}", code(command))?;
            }
            writeln!(out)?;
        }
        Ok(())
    })
}

/// The held-out check in one line.
fn held_out(proposal: &Proposal) -> Option<String> {
    let check = proposal.held_out.as_ref().filter(|check| check.requests > 0)?;
    if check.first_seen == 0 {
        return Some(format!(
            "learned until {}: what was done after it ({}) had all been done before",
            check.learned_until,
            count(check.requests, "request", "requests")
        ));
    }
    let levels = check
        .levels
        .iter()
        .map(|level| format!("{} {}", level.resources.as_str(), percent(level.retained, check.requests)));
    Some(format!(
        "learned until {}, of {} after it ({} not seen before) would pass, by resources: {}",
        check.learned_until,
        count(check.requests, "request", "requests"),
        number(check.first_seen),
        levels.collect::<Vec<_>>().join(", ")
    ))
}

fn proposal(proposal: &Proposal, out: &mut dyn Write) -> io::Result<()> {
    for reason in &proposal.reasons {
        writeln!(out, "- {}", prose(reason))?;
    }
    if !proposal.policies.is_empty() {
        let replay = &proposal.replay;
        writeln!(
            out,
            "- allows nothing new: **{}**\n- still allows {} of {}",
            proposal.proof.no_new_access.as_str(),
            number(replay.allowed),
            count(replay.requests, "observed request", "observed requests")
        )?;
        for reason in &proposal.proof.reasons {
            writeln!(out, "- {}", prose(reason))?;
        }
        if let Some(line) = held_out(proposal) {
            writeln!(out, "- {line}")?;
        }
        for lost in replay.losses() {
            writeln!(out, "- **would refuse** {}", code(&lost))?;
        }
        writeln!(out)?;
    }
    for policy in &proposal.policies {
        let title =
            format!("Policy {} ({}, {} characters)", policy.name, policy.attach.as_str(), policy.characters);
        document(&title, &policy.document, out)?;
    }
    if let Some(trust) = &proposal.trust {
        document("Trust policy", &trust.document, out)?;
        for removed in &trust.removed {
            writeln!(out, "- can no longer assume the role: {}", code(removed))?;
        }
        for added in &trust.added {
            writeln!(out, "- can newly assume the role: {}", code(added))?;
        }
        writeln!(out)?;
    }
    if !proposal.split.is_empty() {
        writeln!(out, "Could be split, one role per workload:\n")?;
        for Split { workload, role_name, loses, change, .. } in &proposal.split {
            let (role, workload, change) = (code(role_name), code(workload), markdown(change));
            writeln!(
                out,
                "- {role} for {workload}, without {}. {change}",
                count(loses.actions, "action", "actions")
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A JSON document under a fold, in a fence no text inside can close: JSON strings hold no line end.
fn document(title: &str, value: &serde_json::Value, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    super::json::pretty(value, &mut text)?;
    if text.len() > MAX_DOCUMENT {
        return writeln!(out, "- {}, in a file of the report's folder\n", markdown(title));
    }
    fold(title, out, |out| {
        writeln!(out, "```json")?;
        out.write_all(&text)?;
        writeln!(out, "```")
    })
}

/// A list that opens on click, with the number of its entries; left out when it has none.
fn fold_list(
    title: &str,
    entries: usize,
    out: &mut dyn Write,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if entries == 0 {
        return Ok(());
    }
    fold(&format!("{title} ({})", number(entries as u64)), out, body)
}

/// A part that opens on click.
fn fold(
    title: &str,
    out: &mut dyn Write,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // The summary is HTML, in which only mentions still mean something.
    let title = html(title).replace('@', "@<!-- -->");
    writeln!(out, "<details><summary>{title}</summary>\n")?;
    body(out)?;
    writeln!(out, "\n</details>\n")
}

fn some(texts: &[String], most: usize, between: &str) -> String {
    let mut parts: Vec<String> = texts.iter().take(most).map(|text| code(text)).collect();
    if texts.len() > most {
        parts.push(format!("and {} more", number((texts.len() - most) as u64)));
    }
    parts.join(between)
}

fn rest(total: usize, shown: usize, out: &mut dyn Write) -> io::Result<()> {
    if total > shown {
        writeln!(out, "\nand {} more", number((total - shown) as u64))?;
    }
    Ok(())
}

fn unattributed(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.unattributed.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Calls without a workload\n\n| role | calls | reason |\n|---|--:|---|")?;
    for calls in &report.unattributed {
        writeln!(out, "| {} | {} | {} |", code(&calls.role), number(calls.calls), markdown(&calls.reason))?;
    }
    writeln!(out)
}
