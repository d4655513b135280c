//! `report.json` and its JSON Schema.

use std::io::{self, Write};

use super::Report;

/// The report, indented, with a line end; the same report gives the same bytes.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}

/// The JSON Schema (draft 2020-12) of `report.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).into()
}
