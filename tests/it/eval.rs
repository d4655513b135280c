//! Evaluation: conditions, statements, layers, trust.

mod decide;
mod oracle;
mod peers;
mod simulate;
mod suites;
mod trust;
