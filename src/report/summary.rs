//! What several writers say about the whole report, counted once.

use std::cmp::Reverse;

use super::{
    Attribution, HeldOut, HeldOutLevel, NoNewAccess, Proposal, ProposalVerdict, Report, Role, Severity,
    Verdicts,
};

impl Report {
    /// Why the report is not complete, each a sentence; empty when everything was read.
    ///
    /// An incomplete report cannot vouch for what it did not see, and the exit status says so (4).
    pub fn incompleteness(&self) -> Vec<String> {
        let coverage = &self.coverage;
        let mut reasons = Vec::new();
        let failed = coverage.objects.failed;
        if failed > 0 {
            let of = count(coverage.objects.listed, "object", "objects");
            reasons.push(format!("{} of {of} could not be read", number(failed)));
        }
        let unlisted = coverage.issues.iter().filter(|issue| issue.kind.starts_with("list-")).count() as u64;
        if unlisted > 0 {
            reasons.push(format!(
                "{} could not be listed",
                count(unlisted, "part of a source", "parts of sources")
            ));
        }
        let broken = (coverage.issues.len() as u64).saturating_sub(failed + unlisted);
        if broken > 0 {
            reasons.push(format!("{} could not be read to the end", count(broken, "object", "objects")));
        }
        if coverage.is_cancelled {
            reasons.push("the run was cancelled before it was done".to_owned());
        }
        if coverage.events.malformed > 0 {
            reasons
                .push(format!("{} not usable", count(coverage.events.malformed, "record is", "records are")));
        }
        if coverage.integrity.status == super::IntegrityStatus::Failed {
            reasons.push(format!(
                "the digest chain shows {}",
                count(coverage.integrity.problems.len() as u64, "problem", "problems")
            ));
        }
        if let Some(required) = coverage.hours.required.filter(|required| coverage.hours.percent < *required)
        {
            let hours = &coverage.hours;
            let worst = hours.lacking.iter().min_by_key(|one| (one.covered, &one.account));
            let worst = worst.map_or_else(String::new, |one| {
                format!("; account {} has {} of {} hours", one.account, number(one.covered), number(one.all))
            });
            reasons.push(format!(
                "the logs cover {} % of the window ({} of {} hours of all accounts), and {required} % is asked for{worst}",
                hours.percent,
                number(hours.covered),
                number(hours.all)
            ));
        }
        let problems = coverage.grant_problems.len() as u64;
        if problems > 0 {
            reasons.push(format!(
                "{} in the granted side could not be understood",
                count(problems, "thing", "things")
            ));
        }
        reasons
    }

    /// The worst severity among the findings nobody answers for.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().filter(|finding| !finding.is_excepted()).map(|finding| finding.severity).max()
    }
}

/// The report in numbers.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) verdicts: Verdicts,
    /// Roles whose grant is known.
    pub(super) roles_granted: u64,
    /// Roles that made no call.
    pub(super) roles_silent: u64,
    pub(super) calls: u64,
    pub(super) denied: u64,
    /// Calls by the grade of their attribution; `Unknown` holds the unattributed ones too.
    pub(super) attribution: [(Attribution, u64); 4],
    /// Proposals by verdict.
    pub(super) proposals: [(ProposalVerdict, u64); 4],
    /// Of the replacements, those proven to allow nothing new and to lose nothing.
    pub(super) proven: u64,
    /// Requests replayed, and those of them still allowed.
    pub(super) replayed: (u64, u64),
    /// The held-out check at each proposal's own level: requests of the last fifth of the window, and those of them that a policy
    /// learned before it would have allowed.
    pub(super) held_out: (u64, u64),
    /// Findings by severity, worst first.
    pub(super) severities: [(Severity, u64); 5],
}

impl Summary {
    pub(super) fn of(report: &Report) -> Self {
        use Attribution::{Exact, Inferred, Session, Unknown};
        let mut summary = Self {
            attribution: [(Exact, 0), (Session, 0), (Inferred, 0), (Unknown, 0)],
            proposals: [
                (ProposalVerdict::Replace, 0),
                (ProposalVerdict::DeleteRole, 0),
                (ProposalVerdict::Keep, 0),
                (ProposalVerdict::CannotTell, 0),
            ],
            severities: Severity::ALL.map(|severity| (severity, 0)),
            ..Self::default()
        };
        for role in &report.roles {
            summary.role(role);
        }
        for calls in &report.unattributed {
            add(&mut summary.attribution, Unknown, calls.calls);
        }
        for finding in &report.findings {
            add(&mut summary.severities, finding.severity, 1);
        }
        summary
    }

    fn role(&mut self, role: &Role) {
        let verdicts = role.granted.verdicts;
        self.verdicts.used += verdicts.used;
        self.verdicts.unused += verdicts.unused;
        self.verdicts.undetermined += verdicts.undetermined;
        self.verdicts.unobservable += verdicts.unobservable;
        self.verdicts.blocked += verdicts.blocked;
        self.roles_granted += u64::from(role.in_snapshot);
        self.roles_silent += u64::from(role.calls == 0);
        self.calls += role.calls;
        self.denied += role.denied_calls;
        for workload in &role.workloads {
            add(&mut self.attribution, workload.attribution, workload.calls);
        }
        let proposal = &role.proposal;
        add(&mut self.proposals, proposal.verdict, 1);
        if proposal.verdict == ProposalVerdict::Replace {
            self.proven += u64::from(proposal.is_proven());
            self.replayed.0 += proposal.replay.requests;
            self.replayed.1 += proposal.replay.allowed;
            if let Some((check, level)) = proposal.held_out_at_its_level() {
                self.held_out.0 += check.requests;
                self.held_out.1 += level.retained;
            }
        }
    }
}

impl Proposal {
    /// The held-out check for the way resources are generalised in this proposal.
    pub(super) fn held_out_at_its_level(&self) -> Option<(&HeldOut, &HeldOutLevel)> {
        let check = self.held_out.as_ref()?;
        Some((check, check.at(self.resources?)?))
    }

    /// Both sides hold: nothing new is allowed, and nothing seen is lost.
    pub fn is_proven(&self) -> bool {
        self.proof.no_new_access == NoNewAccess::Proven
            && self.replay.lost.is_empty()
            && self.replay.allowed == self.replay.requests
    }
}

/// The roles with the most to lose first: by unused actions, then by granted ones, then by ARN.
pub(super) fn by_excess(report: &Report) -> Vec<&Role> {
    let mut roles: Vec<&Role> = report.roles.iter().collect();
    roles.sort_by_key(|role| {
        (Reverse(role.granted.verdicts.unused), Reverse(role.granted.actions), role.arn.as_str())
    });
    roles
}

fn add<K: PartialEq, const N: usize>(counts: &mut [(K, u64); N], key: K, n: u64) {
    if let Some((_, count)) = counts.iter_mut().find(|(of, _)| *of == key) {
        *count += n;
    }
}

/// `1,234,567`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 role`, `2 roles`.
pub(super) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A share in whole per cent that says 0 and 100 only when it is exactly that.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = u128::from(part) * 100 / u128::from(whole);
    match share {
        0 if part > 0 => "<1 %".to_owned(),
        // Rounded down, so 99 stays 99 until everything is in.
        _ => format!("{share} %"),
    }
}

/// What a proposal says to do, in words.
pub(super) const fn advice(verdict: ProposalVerdict) -> &'static str {
    match verdict {
        ProposalVerdict::Replace => "replace policies",
        ProposalVerdict::DeleteRole => "delete role",
        ProposalVerdict::Keep => "keep as is",
        ProposalVerdict::CannotTell => "cannot tell",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_are_honest() {
        for (n, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(n), expected);
        }
        for (part, whole, expected) in
            [(0, 10, "0 %"), (1, 1_000, "<1 %"), (999, 1_000, "99 %"), (10, 10, "100 %"), (0, 0, "–")]
        {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
    }
}
