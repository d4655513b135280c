//! `report.json`, its line-wise form, and its JSON Schema.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, PrettyFormatter};
use serde_json::{Serializer, Value, json};

use super::Report;
use super::escape::SafeJson;

/// The report, indented, with a line end; the same report gives the same bytes.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    pretty(report, out)
}

/// Any value in the form of `report.json`.
pub(super) fn pretty(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, SafeJson(PrettyFormatter::new())))?;
    out.write_all(b"\n")
}

/// Any value on one line, without a line end.
pub(super) fn compact(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and what is written is UTF-8.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut out, SafeJson(CompactFormatter)));
    String::from_utf8(out).unwrap_or_default()
}

/// One object a line, each with a `type`: the run first, then workloads, bindings, roles, unattributed calls and findings in their order.
pub(super) fn write_lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Report {
        schema,
        tool,
        window,
        settings,
        coverage,
        workloads,
        bindings,
        roles,
        unattributed,
        findings,
    } = report;
    let run =
        json!({"schema": schema, "tool": tool, "window": window, "settings": settings, "coverage": coverage});
    line("run", &run, out)?;
    for workload in workloads {
        line("workload", workload, out)?;
    }
    for binding in bindings {
        line("binding", binding, out)?;
    }
    for role in roles {
        line("role", role, out)?;
    }
    for calls in unattributed {
        line("unattributed", calls, out)?;
    }
    for finding in findings {
        line("finding", finding, out)?;
    }
    Ok(())
}

/// An object with its type as first member.
fn line(kind: &'static str, value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        r#type: &'static str,
        #[serde(flatten)]
        value: &'a T,
    }
    Line { r#type: kind, value }
        .serialize(&mut Serializer::with_formatter(&mut *out, SafeJson(CompactFormatter)))?;
    out.write_all(b"\n")
}

/// The JSON Schema (draft 2020-12) of `report.json`.
pub fn schema() -> Value {
    schemars::schema_for!(Report).into()
}
