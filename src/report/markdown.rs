//! For a pull request or a ticket: a summary first, then each role under a fold.

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

/// CommonMark with GitHub's tables.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let summary = Summary::of(report);
    writeln!(out, "# Least-privilege audit\n\n{}\n", markdown(&window(report)))?;
    for reason in report.incompleteness() {
        writeln!(out, "> **Not complete:** {}\n", markdown(&reason))?;
    }
    totals(report, &summary, out)?;
    findings(report, out)?;
    role_table(report, out)?;
    for role in by_excess(report) {
        one_role(role, out)?;
    }
    unattributed(report, out)?;
    writeln!(
        out,
        "\n{} {}, catalog of {}",
        markdown(&report.tool.name),
        markdown(&report.tool.version),
        markdown(&report.tool.catalog.date)
    )
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
    for finding in worst_first(report) {
        writeln!(
            out,
            "| {} | {} ({}) | {} | {} |",
            finding.severity.as_str(),
            markdown(&format!("{}{}", finding.title, exception(finding))),
            code(&finding.code),
            code(&finding.subject),
            markdown(&finding.fix)
        )?;
    }
    writeln!(out)
}

fn role_table(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "## Roles\n\n| role | account | granted | used | unused | undetermined | unobservable | blocked | proposal |\n\
         |---|---|--:|--:|--:|--:|--:|--:|---|"
    )?;
    for role in by_excess(report) {
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
    writeln!(out)
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
        rest(role.used.len(), out)
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
        rest(role.denied.len(), out)
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
        writeln!(out, "- {}", markdown(reason))?;
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
            writeln!(out, "- {}", markdown(reason))?;
        }
        if let Some(line) = held_out(proposal) {
            writeln!(out, "- {line}")?;
        }
        for lost in &replay.lost {
            writeln!(out, "- **would refuse** {}", code(lost))?;
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
    fold(title, out, |out| {
        writeln!(out, "```json")?;
        super::json::pretty(value, out)?;
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

fn rest(total: usize, out: &mut dyn Write) -> io::Result<()> {
    if total > MAX_ACTIONS {
        writeln!(out, "\nand {} more", number((total - MAX_ACTIONS) as u64))?;
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
