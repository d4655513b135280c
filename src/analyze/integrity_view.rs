//! From the check of digest files to the report.

use crate::ident::{Arn, is_account_id};
use crate::integrity::{Entry, Outcome, Verification};
use crate::report::{self, LogEvidence};

/// Problems and files listed; more are counted. A removed chain has thousands.
const MOST: usize = 1_000;

/// What digest files prove.
pub fn integrity(verification: &Verification) -> report::Integrity {
    let counts = verification.counts;
    let mut problems = verification.problems();
    if problems.len() > MOST {
        let more = problems.len() - MOST;
        problems.truncate(MOST);
        problems.push(format!("and {more} more"));
    }
    report::Integrity {
        status: match verification.outcome() {
            Outcome::Verified => report::IntegrityStatus::Verified,
            Outcome::Failed => report::IntegrityStatus::Failed,
            Outcome::NotChecked => report::IntegrityStatus::NotChecked,
        },
        digests: counts.digests + counts.backfill,
        files_verified: counts.files_valid,
        files_unverified: counts.files_unverified,
        problems,
        notes: verification.notes.clone(),
        files: verification.entries.iter().take(MOST).map(file).collect(),
        holes: verification
            .holes
            .iter()
            .map(|hole| report::Hole {
                account: hole.account.clone(),
                region: hole.region.clone(),
                from: hole.from,
                to: hole.to,
                why: hole.why.clone(),
            })
            .collect(),
        chains: verification
            .chains
            .iter()
            .map(|chain| report::DigestChain {
                account: chain.account.clone(),
                region: chain.region.clone(),
                trail: chain.trail.clone(),
                home_region: chain.home_region.clone(),
                backfill: chain.is_backfill,
                from: chain.from,
                to: chain.to,
                digests: chain.digests,
                digests_valid: chain.valid,
                files: chain.files,
                files_valid: chain.files_valid,
            })
            .collect(),
    }
}

fn file(entry: &Entry) -> report::CheckedFile {
    report::CheckedFile {
        kind: entry.kind.as_str().to_owned(),
        object: entry.object.clone(),
        status: entry.status.as_str().to_owned(),
        message: entry.status.to_string(),
        detail: entry.detail.clone(),
    }
}

/// What stands behind an account's log files.
pub(super) fn of_account(account: &str, verification: Option<&Verification>) -> Option<LogEvidence> {
    let verification =
        verification.filter(|one| !one.chains.is_empty() || one.outcome() == Outcome::Failed)?;
    Some(match verification.outcome_of(account) {
        Outcome::Failed => LogEvidence::Failed,
        Outcome::NotChecked => LogEvidence::NotChecked,
        Outcome::Verified if verification.unverified_by_account.contains_key(account) => {
            LogEvidence::PartlyVerified
        }
        Outcome::Verified => LogEvidence::Verified,
    })
}

/// What stands behind a finding or a role: the logs of its account, or all logs when it is in none.
pub(super) fn of_subject(subject: &str, verification: Option<&Verification>) -> Option<LogEvidence> {
    let arn = Arn::parse(subject).map(|arn| arn.account).filter(|account| !account.is_empty());
    if let Some(account) = arn.or(is_account_id(subject).then_some(subject)) {
        return of_account(account, verification);
    }
    let one = verification.filter(|one| !one.chains.is_empty() || one.outcome() == Outcome::Failed)?;
    Some(match one.outcome() {
        Outcome::Failed => LogEvidence::Failed,
        Outcome::NotChecked => LogEvidence::NotChecked,
        Outcome::Verified if one.counts.files_unverified > 0 => LogEvidence::PartlyVerified,
        Outcome::Verified => LogEvidence::Verified,
    })
}
