//! The checks that turn an analysis into findings.
