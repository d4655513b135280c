//! Evaluation: conditions, statements, layers, trust.

mod suites;
mod trust;
