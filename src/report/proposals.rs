//! The proposals for chosen roles: for a person who is about to apply them, and for machines.

use std::io::{self, Write};

use serde_json::Value;

use super::escape::printable;
use super::stage;
use super::summary::{advice, count, number, percent};
use super::text::{Colour, named, window};
use super::{Attach, NoNewAccess, Proof, Proposals, ProposedPolicy, Report, Role, Split, json};

/// Workloads and sentences shown of each list; the JSON form has them all.
const SHOWN: usize = 12;

/// The proposals of a report's roles as JSON, in the form of `report.json`.
pub fn write_proposals_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    json::pretty(&Proposals::of(report), out)
}

/// The JSON Schema (draft 2020-12) of that.
pub fn proposals_schema() -> Value {
    schemars::schema_for!(Proposals).into()
}

/// Each role of a report: what is proposed, what that rests on, the sizes before and after, and the documents.
/// With `staged`, each stage of the removal with its commands.
pub fn write_proposals_text(
    report: &Report,
    staged: bool,
    colour: Colour,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page { colour, staged, out };
    let title = page.bold("leastwise rightsize");
    writeln!(page.out, "{title}  {}", window(report))?;
    for reason in report.incompleteness() {
        writeln!(page.out, "not complete: {}", printable(&reason))?;
    }
    report.roles.iter().try_for_each(|role| page.role(role))
}

struct Page<'a> {
    colour: Colour,
    staged: bool,
    out: &'a mut dyn Write,
}

impl Page<'_> {
    fn role(&mut self, role: &Role) -> io::Result<()> {
        let arn = self.bold(&printable(&role.arn));
        writeln!(self.out, "\n{arn}")?;
        let proposal = &role.proposal;
        self.line("Proposal", advice(proposal.verdict))?;
        if role.in_snapshot {
            let verdicts = role.granted.verdicts;
            let parts = named(verdicts).into_iter().filter(|(_, n)| *n > 0);
            let parts: Vec<String> = parts.map(|(word, n)| format!("{} {word}", number(n))).collect();
            let granted = count(verdicts.total(), "action", "actions");
            self.line("Granted", &[vec![granted], parts].concat().join(" · "))?;
        } else {
            self.line("Granted", "not known: the snapshot does not hold this role")?;
        }
        self.line(
            "Calls",
            &format!(
                "{} by {}",
                number(role.calls),
                count(role.workloads.len() as u64, "workload", "workloads")
            ),
        )?;
        self.list(role.workloads.iter().map(|workload| {
            format!(
                "{} ({}, {})",
                workload.id,
                count(workload.calls, "call", "calls"),
                workload.attribution.as_str()
            )
        }))?;
        if !proposal.policies.is_empty() || proposal.replay.requests > 0 {
            self.proof("Proof", &proposal.proof)?;
            let replay = &proposal.replay;
            self.line(
                "Replay",
                &format!(
                    "{} of {} observed requests are still allowed",
                    number(replay.allowed),
                    number(replay.requests)
                ),
            )?;
            self.list(replay.losses().map(|lost| format!("lost: {lost}")))?;
        }
        if let Some((check, level)) = proposal.held_out_at_its_level().filter(|(check, _)| check.requests > 0)
        {
            self.line(
                "Held out",
                &format!(
                    "learned until {}, {} of {} after it would pass ({})",
                    check.learned_until,
                    number(level.retained),
                    count(check.requests, "request", "requests"),
                    percent(level.retained, check.requests)
                ),
            )?;
        }
        if !proposal.current.is_empty() || !proposal.policies.is_empty() {
            self.line("Size", &format!("{} → {}", size(&proposal.current), size(&proposal.policies)))?;
        }
        self.sentences("Because", &proposal.reasons)?;
        self.sentences("Offered", &proposal.suggestions)?;
        for policy in &proposal.policies {
            let kind = match policy.attach {
                Attach::Inline => "Inline policy",
                Attach::Managed => "Managed policy",
            };
            self.document(
                &format!("{kind} {} ({} characters)", policy.name, number(policy.characters)),
                &policy.document,
            )?;
        }
        if let Some(trust) = &proposal.trust {
            self.document("Trust policy", &trust.document)?;
            self.proof("Proof", &trust.proof)?;
            self.list(trust.removed.iter().map(|one| format!("can no longer assume the role: {one}")))?;
            self.list(trust.added.iter().map(|one| format!("can newly assume the role: {one}")))?;
        }
        self.stage(role)?;
        if let Some(reason) = &proposal.not_split {
            self.line("Not split", reason)?;
        }
        proposal.split.iter().try_for_each(|split| self.split(split))
    }

    /// The trial under way, or the one that can be begun; with `staged` each stage with its commands.
    fn stage(&mut self, role: &Role) -> io::Result<()> {
        let Some(stage) = &role.stage else { return Ok(()) };
        if let Some(running) = &stage.running {
            self.line("Trial", &stage::running(running))?;
            self.list(running.reasons.iter().cloned())?;
            self.list(running.denied.iter().map(stage::denial))?;
        } else if let Some(planned) = stage::planned(stage) {
            self.line("Trial", &planned)?;
        } else {
            self.sentences("No trial", &stage.reasons)?;
        }
        if !self.staged {
            return Ok(());
        }
        if let Some(trial) = &stage.trial {
            self.document(&format!("Trial policy {}", trial.policy.name), &trial.policy.document)?;
        }
        for step in stage::steps(role) {
            writeln!(self.out)?;
            writeln!(self.out, "  {}", step.title)?;
            self.list(step.text)?;
            self.list(step.commands.into_iter().map(|command| format!("$ {command}")))?;
            self.list(step.rollback.into_iter().map(|command| format!("back: $ {command}")))?;
        }
        Ok(())
    }

    fn split(&mut self, split: &Split) -> io::Result<()> {
        self.line(
            "Split",
            &format!("{} for {}: {}", split.role_name, split.workload, size(&split.policies)),
        )?;
        let lost = count(split.loses.actions, "action", "actions");
        self.list([
            split.change.clone(),
            format!(
                "loses {lost}; {}; {} of {} observed requests are still allowed",
                proven(&split.proof),
                number(split.replay.allowed),
                number(split.replay.requests)
            ),
        ])
    }

    fn proof(&mut self, word: &str, proof: &Proof) -> io::Result<()> {
        self.line(word, proven(proof))?;
        self.list(proof.reasons.iter().cloned())?;
        match &proof.witness {
            Some(witness) => self.list([format!("for example: {}", json::compact(witness))]),
            None => Ok(()),
        }
    }

    fn sentences(&mut self, word: &str, all: &[String]) -> io::Result<()> {
        let Some((first, rest)) = all.split_first() else { return Ok(()) };
        self.line(word, first)?;
        self.list(rest.iter().cloned())
    }

    fn line(&mut self, word: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {word:<10} {}", printable(text))
    }

    fn list(&mut self, all: impl IntoIterator<Item = String>) -> io::Result<()> {
        let all: Vec<String> = all.into_iter().collect();
        for text in all.iter().take(SHOWN) {
            writeln!(self.out, "             {}", printable(text))?;
        }
        match all.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => writeln!(self.out, "             … and {} more", number(more as u64)),
            _ => Ok(()),
        }
    }

    fn document(&mut self, title: &str, document: &Value) -> io::Result<()> {
        writeln!(self.out, "\n  {}", printable(title))?;
        for line in super::json_text(document).lines() {
            writeln!(self.out, "    {line}")?;
        }
        Ok(())
    }

    fn bold(&self, text: &str) -> String {
        match self.colour {
            Colour::Ansi => format!("\u{1b}[1m{text}\u{1b}[0m"),
            Colour::Plain => text.to_owned(),
        }
    }
}

fn proven(proof: &Proof) -> &'static str {
    match proof.no_new_access {
        NoNewAccess::Proven => "proven: allows nothing that the present policies do not",
        NoNewAccess::Refuted => "REFUTED: allows something that the present policies do not",
        NoNewAccess::Unknown => "not proven: whether it allows something new could not be decided",
    }
}

fn size(policies: &[ProposedPolicy]) -> String {
    let characters: u64 = policies.iter().map(|policy| policy.characters).sum();
    let n = count(policies.len() as u64, "policy", "policies");
    format!("{n}, {}", count(characters, "character", "characters"))
}
