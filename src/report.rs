//! The report value and its writers; the only input of a writer is the report.
//!
//! [`Report`] is the view of a finished audit, in exactly the shape of `report.json` (`leastwise.report/v1`): what is not in
//! it, no writer can show. A writer formats and never decides: grading, proving and sorting are done before. Text that may come
//! from a log passes through the one function of `escape` for its output.

mod asff;
mod code;
mod csv;
mod escape;
mod explanation;
mod folder;
mod format;
mod grid;
mod html;
mod integrity;
mod json;
mod markdown;
mod metrics;
mod model;
mod ocsf;
mod oscal;
mod proposals;
mod sarif;
mod stage;
mod subject;
mod summary;
mod text;

use std::io::{self, Write};

pub use code::{Language, write_staged};
pub use escape::printable;
pub use explanation::{explanation_schema, write_explanations_json, write_explanations_text};
pub use folder::{FolderError, write_folder, write_patch, write_proposals};
pub use format::{Format, UnknownFormat};
pub use grid::{Cell, Grid};
pub use integrity::write_integrity;
pub use json::schema;
pub use metrics::{RunEnd, write_emf, write_prometheus, write_prometheus_end};
pub use model::*;
pub use proposals::{proposals_schema, write_proposals_json, write_proposals_text};
pub use text::{Colour, write_text};

/// One field of a CSV file that no spreadsheet takes for a formula.
pub fn csv_field(text: &str) -> String {
    escape::csv(text)
}

/// Running text for Markdown, with no markup left.
pub fn markdown_text(text: &str) -> String {
    escape::markdown(text)
}

/// `1 role`, `2 roles`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    summary::count(n, one, many)
}

/// Any value as indented JSON whose strings hold no character that acts; without a line end.
pub fn json_text(value: &serde_json::Value) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and what is written is UTF-8.
    let _ = json::pretty(value, &mut out);
    String::from_utf8(out).unwrap_or_default().trim_end().to_owned()
}

/// A JSON value as an expression of Terraform's language, for a line that is indented by so many spaces; nothing in it interpolates.
pub fn terraform_expression(value: &serde_json::Value, indent: usize) -> String {
    code::terraform_expression(value, indent)
}

/// The `statement` blocks of a policy document in an `aws_iam_policy_document` data source.
pub fn terraform_statements(document: &serde_json::Value) -> String {
    code::terraform_statements(document)
}

/// Writes the report; the same report gives the same bytes. Fails only when `out` does.
pub fn write(format: Format, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => write_text(report, Colour::Plain, out),
        Format::Json => json::write(report, out),
        Format::Ndjson => json::write_lines(report, out),
        Format::Markdown => markdown::write(report, out),
        Format::Html => html::write(report, out),
        Format::Csv => csv::write(report, out),
        Format::Sarif => sarif::write(report, out),
        Format::Asff => asff::write(report, out),
        Format::Ocsf => ocsf::write(report, out),
        Format::Oscal => oscal::write(report, out),
        Format::Code(language) => code::write(language, report, out),
    }
}
