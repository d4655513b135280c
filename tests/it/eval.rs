//! Evaluation: conditions, statements, layers, trust.

mod trust;
