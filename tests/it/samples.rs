//! Tests of samples.
