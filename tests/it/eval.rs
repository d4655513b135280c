//! Evaluation: conditions, statements, layers, trust.

mod decide;
mod oracle;
mod simulate;
mod suites;
mod trust;
