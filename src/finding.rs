//! Findings: what an audit has to say, as plain data.
