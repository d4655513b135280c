//! Is one set of policies a subset of another, and does it still allow what was observed?
