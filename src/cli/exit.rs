//! How a run ended.

use std::process::{ExitCode, Termination};

/// How a run ended; the numbers are part of the contract with pipelines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Done, nothing at or above `--fail-on`.
    Done = 0,
    /// Failed, no report.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// No input matched.
    NoInput = 3,
    /// The report is written, but something could not be read: it cannot vouch for what it did not see.
    Incomplete = 4,
    /// Findings at or above `--fail-on`.
    Findings = 10,
}

impl Exit {
    /// The outcome of a report: incompleteness wins over findings.
    pub(crate) fn of_report(complete: bool, gate_tripped: bool) -> Self {
        match (complete, gate_tripped) {
            (false, _) => Self::Incomplete,
            (true, true) => Self::Findings,
            (true, false) => Self::Done,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
