//! Tests of rightsize.
