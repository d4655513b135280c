//! The check of digest files for a person, in the words the AWS CLI uses.

use std::io::{self, Write};

use super::escape::printable;
use crate::integrity::{Outcome, Verification};

/// What `leastwise verify-logs` prints.
pub fn write_integrity(verification: &Verification, out: &mut dyn Write) -> io::Result<()> {
    for chain in &verification.chains {
        let kind = if chain.is_backfill { "(backfill) " } else { "" };
        writeln!(
            out,
            "{kind}account {}, {}, trail {}: {} to {}, {}/{} digest files valid, {}/{} log files valid",
            printable(&chain.account),
            printable(&chain.region),
            printable(&chain.trail),
            chain.from,
            chain.to,
            chain.valid,
            chain.digests,
            chain.files_valid,
            chain.files
        )?;
    }
    if !verification.entries.is_empty() {
        writeln!(out)?;
    }
    for entry in &verification.entries {
        writeln!(out, "{}", printable(&entry.to_string()))?;
    }
    if !verification.holes.is_empty() {
        writeln!(out, "\nNothing proves that the logs of these times are whole:")?;
    }
    for hole in &verification.holes {
        writeln!(out, "  {}", printable(&hole.to_string()))?;
    }
    writeln!(out)?;
    for note in &verification.notes {
        writeln!(out, "{}", printable(note))?;
    }
    let counts = verification.counts;
    writeln!(out, "{}/{} digest files valid", counts.digests_valid, counts.digests)?;
    if counts.backfill > 0 {
        writeln!(out, "{}/{} backfill digest files valid", counts.backfill_valid, counts.backfill)?;
    }
    writeln!(out, "{}/{} log files valid", counts.files_valid, counts.files)?;
    writeln!(out, "{} log files that no valid digest vouches for", counts.files_unverified)?;
    let word = match verification.outcome() {
        Outcome::Verified => "verified",
        Outcome::Failed => "failed",
        Outcome::NotChecked => "not checked",
    };
    writeln!(out, "Result: {word}")
}
