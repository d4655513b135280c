//! Keeping score against suites written by others.
//!
//! A suite has passes, skipped cases (each kind with its reason), and misses. A miss must be on the test's list, with the reason why this
//! program is right or cannot say; a listed case that passes is stale and fails the test as well.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::Value;

use crate::support::{json_lines, policy_cases};

/// What `DISPUTED.jsonl` says to do with a case.
enum Dispute {
    Skip,
    /// Assert this instead of what the suite expects.
    Reading(Value),
    /// Assert that nothing is claimed.
    Unknown,
}

pub(crate) struct Suite {
    name: &'static str,
    disputes: Vec<(String, Dispute)>,
    passed: usize,
    skipped: BTreeMap<&'static str, usize>,
    missed: Vec<(String, String)>,
}

impl Suite {
    /// Opens a suite and its cases; `None` when the cases are not at hand.
    pub(crate) fn open(name: &'static str) -> Option<(Self, Vec<Value>)> {
        Self::open_with_disputes_of(name, &[name])
    }

    /// The same, for a suite that repeats the cases of others: what is disputed there is disputed here.
    pub(crate) fn open_with_disputes_of(name: &'static str, disputed: &[&str]) -> Option<(Self, Vec<Value>)> {
        let root = policy_cases()?;
        let disputes = json_lines(&root.join("DISPUTED.jsonl"))
            .iter()
            .filter(|line| disputed.iter().any(|suite| line["suite"] == *suite))
            .map(|line| {
                let case = line["case"].as_str().map_or_else(|| line["case"].to_string(), str::to_owned);
                let act = line["do"].as_str().unwrap();
                let dispute = if act.starts_with("skip") {
                    Dispute::Skip
                } else if act.starts_with("report unknown") {
                    Dispute::Unknown
                } else {
                    Dispute::Reading(line["reading"].clone())
                };
                (case, dispute)
            })
            .collect();
        let cases = json_lines(&root.join(format!("{name}.jsonl")));
        let suite = Self { name, disputes, passed: 0, skipped: BTreeMap::new(), missed: Vec::new() };
        Some((suite, cases))
    }

    pub(crate) fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Scores one case. `expected` is what the suite says, `unknown` how this program says that it cannot say, `read` turns a disputed
    /// case's reading into an answer.
    pub(crate) fn score<T: PartialEq + Debug>(
        &mut self,
        case: &str,
        expected: T,
        found: T,
        unknown: T,
        read: impl Fn(&Value) -> T,
    ) {
        let expected = match self.disputes.iter().find(|(name, _)| case.ends_with(name.as_str())) {
            Some((_, Dispute::Skip)) => return self.skip("disputed"),
            Some((_, Dispute::Unknown)) => unknown,
            Some((_, Dispute::Reading(reading))) => read(reading),
            None => expected,
        };
        if found == expected {
            self.passed += 1;
        } else {
            self.missed.push((case.to_owned(), format!("expected {expected:?}, found {found:?}")));
        }
    }

    /// Prints the score, and fails on every miss that is not among `exceptions` (how a case's name ends, reason) and on every exception
    /// that is none.
    pub(crate) fn close(self, exceptions: &[(&str, &str)]) {
        let total = self.passed + self.missed.len() + self.skipped.values().sum::<usize>();
        eprintln!(
            "{}: {} of {total} as expected, {} listed exceptions, skipped: {:?}",
            self.name,
            self.passed,
            self.missed.len(),
            self.skipped
        );
        let listed = |case: &str| exceptions.iter().any(|(name, _)| case.ends_with(name));
        let wrong: Vec<_> = self.missed.iter().filter(|(case, _)| !listed(case)).collect();
        for (case, message) in &wrong {
            eprintln!("  {case}: {message}");
        }
        let stale: Vec<_> = exceptions
            .iter()
            .filter(|(name, _)| !self.missed.iter().any(|(case, _)| case.ends_with(name)))
            .collect();
        assert!(self.passed > 0, "{}: nothing ran", self.name);
        assert_eq!(wrong.len(), 0, "{}: misses that are not listed", self.name);
        assert!(stale.is_empty(), "{}: exceptions that pass: {stale:?}", self.name);
    }
}
