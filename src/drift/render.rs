//! Drift for people, for pull requests and for programs.

use std::io::{self, Write as Out};

use super::{Change, Drift, Write};
use crate::report::{count, json_text, markdown_text, printable};

/// Changes shown in one list of a text; the rest is counted. Programs get all.
const SHOWN: usize = 12;

/// `leastwise.drift/v1`.
pub fn write_json(drift: &Drift, out: &mut dyn Out) -> io::Result<()> {
    let value = serde_json::to_value(drift).map_err(io::Error::other)?;
    writeln!(out, "{}", json_text(&value))
}

/// The JSON Schema (draft 2020-12) of [`write_json`].
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Drift).into()
}

/// For a terminal.
pub fn write_text(drift: &Drift, out: &mut dyn Out) -> io::Result<()> {
    writeln!(out, "{} -> {}", printable(&drift.old), printable(&drift.new))?;
    let changes = count(drift.changes.len() as u64, "change", "changes");
    let same = count(drift.unchanged_roles, "role is", "roles are");
    writeln!(out, "{changes}; {same} the same")?;
    for change in &drift.changes {
        writeln!(out, "\n{:<8} {}  {}", change.severity, change.code.as_str(), printable(&change.title))?;
        writeln!(out, "         {}", printable(&change.subject))?;
        for line in lines(change) {
            writeln!(out, "         {}", printable(&line))?;
        }
    }
    if !drift.other_writes.is_empty() {
        let writes = count(drift.other_writes.len() as u64, "write", "writes");
        writeln!(out, "\n{writes} to grants in the log left no change:")?;
        for write in drift.other_writes.iter().take(SHOWN) {
            writeln!(out, "  {}", printable(&told(write)))?;
        }
        cut(drift.other_writes.len(), out)?;
    }
    if !drift.not_compared.is_empty() {
        writeln!(out, "\nNot compared:")?;
        for sentence in drift.not_compared.iter().take(SHOWN) {
            writeln!(out, "  {}", printable(sentence))?;
        }
        cut(drift.not_compared.len(), out)?;
    }
    if !drift.notes.is_empty() {
        writeln!(out, "\nTo keep in mind:")?;
        for sentence in drift.notes.iter().take(SHOWN) {
            writeln!(out, "  {}", printable(sentence))?;
        }
        cut(drift.notes.len(), out)?;
    }
    Ok(())
}

fn cut(n: usize, out: &mut dyn Out) -> io::Result<()> {
    if n > SHOWN { writeln!(out, "  … and {} more", n - SHOWN) } else { Ok(()) }
}

/// For a pull request or a ticket.
pub fn write_markdown(drift: &Drift, out: &mut dyn Out) -> io::Result<()> {
    writeln!(out, "# Drift\n")?;
    writeln!(out, "{} → {}\n", markdown_text(&drift.old), markdown_text(&drift.new))?;
    let changes = count(drift.changes.len() as u64, "change", "changes");
    writeln!(out, "{changes}; {} the same.\n", count(drift.unchanged_roles, "role is", "roles are"))?;
    if !drift.changes.is_empty() {
        writeln!(out, "| severity | change | subject | what |\n|---|---|---|---|")?;
    }
    for change in &drift.changes {
        let what: Vec<String> =
            std::iter::once(&change.title).chain(&lines(change)).map(|text| markdown_text(text)).collect();
        let subject = markdown_text(&change.subject);
        writeln!(
            out,
            "| {} | {} | {subject} | {} |",
            change.severity,
            change.code.as_str(),
            what.join("<br>")
        )?;
    }
    if !drift.not_compared.is_empty() {
        writeln!(out, "\n## Not compared\n")?;
        for sentence in &drift.not_compared {
            writeln!(out, "- {}", markdown_text(sentence))?;
        }
    }
    if !drift.notes.is_empty() {
        writeln!(out, "\n## To keep in mind\n")?;
        for sentence in &drift.notes {
            writeln!(out, "- {}", markdown_text(sentence))?;
        }
    }
    Ok(())
}

/// What stands under a change's title.
fn lines(change: &Change) -> Vec<String> {
    let mut lines: Vec<String> = change.details.iter().take(SHOWN).cloned().collect();
    if change.details.len() > SHOWN {
        lines.push(format!("… and {} more", change.details.len() - SHOWN));
    }
    if let Some(witness) = &change.witness {
        let text =
            |key: &str| witness.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        lines.push(format!("for example {} on {}", text("action"), text("resource")));
        if let Some(principal) = witness.get("principal").and_then(serde_json::Value::as_str) {
            lines.push(format!("by {principal}"));
        }
        let context = witness.get("context").and_then(serde_json::Value::as_object);
        lines.extend(context.into_iter().flatten().map(|(key, values)| format!("with {key} = {values}")));
    }
    lines.extend(change.writes.iter().take(SHOWN).map(told));
    lines
}

fn told(write: &Write) -> String {
    let on =
        [&write.role, &write.policy].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
    let source = write.source_identity.as_ref().map(|source| format!(" for {source}")).unwrap_or_default();
    format!("{} {} of {on} by {}{source} ({})", write.time, write.call, write.by, write.event)
}
