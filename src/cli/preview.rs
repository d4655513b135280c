//! `--dry-run`: what a run would read, and what that costs, before a byte is read.

use std::io::{self, Write};

use leastwise::aws::price::{self, Estimate};
use leastwise::ingest::Preview;
use leastwise::report::printable;
use serde_json::json;

/// For people.
pub(super) fn write_text(preview: &Preview, estimate: &Estimate, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Would read {} objects, {}.", preview.objects, size(preview.bytes))?;
    for (kind, n) in &preview.skipped {
        writeln!(out, "  {n} passed over: {kind}")?;
    }
    for issue in &preview.issues {
        writeln!(out, "  cannot be listed: {} ({})", printable(&issue.object), printable(&issue.detail))?;
    }
    if preview.is_cancelled {
        writeln!(out, "Interrupted: not everything was listed, so there is more than this.")?;
    }
    if preview.transfer.lists > 0 {
        writeln!(
            out,
            "Requests: {} LIST (as many as this preview made), {} GET",
            estimate.lists, estimate.gets
        )?;
        writeln!(
            out,
            "Estimated price: {} for requests; {} more for transfer when read from outside the bucket's Region, {} for decryption when \
             every object needs its own call of KMS.",
            dollars(estimate.requests),
            dollars(estimate.transfer),
            dollars(estimate.decryption)
        )?;
        writeln!(out, "{}", price::ASSUMPTIONS)?;
    }
    Ok(())
}

/// For programs.
pub(super) fn write_json(preview: &Preview, estimate: &Estimate, out: &mut dyn Write) -> io::Result<()> {
    let issues: Vec<_> = preview
        .issues
        .iter()
        .map(|issue| json!({"object": issue.object, "kind": issue.kind, "detail": issue.detail}))
        .collect();
    let value = json!({
        "listed": preview.listed,
        "objects": preview.objects,
        "bytes": preview.bytes,
        "skipped": preview.skipped,
        "issues": issues,
        "complete": preview.issues.is_empty() && !preview.is_cancelled,
        "requests": {"list": estimate.lists, "get": estimate.gets},
        "price": {
            "currency": "USD",
            "requests": round(estimate.requests),
            "transfer": round(estimate.transfer),
            "decryption": round(estimate.decryption),
            "assumptions": price::ASSUMPTIONS,
        },
    });
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn round(dollars: f64) -> f64 {
    (dollars * 1e6).round() / 1e6
}

fn dollars(amount: f64) -> String {
    if amount > 0.0 && amount < 0.01 { "less than $0.01".to_owned() } else { format!("${amount:.2}") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_people_read_them() {
        for (bytes, text) in [(0, "0 kB"), (1, "1 kB"), (2_345_678, "2.3 MB"), (12_900_000_000, "12.9 GB")] {
            assert_eq!(size(bytes), text);
        }
        for (amount, text) in [(0.0, "$0.00"), (0.004, "less than $0.01"), (12.345, "$12.35")] {
            assert_eq!(dollars(amount), text);
        }
    }
}
