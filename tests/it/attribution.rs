//! Tests of attribution.
