//! Evaluation: conditions, statements, layers, trust.

mod decide;
mod oracle;
mod suites;
mod trust;
