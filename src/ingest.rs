//! From a source of objects to a merged ledger.
