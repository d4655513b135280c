//! The report value and its writers; the only input of a writer is the report.
