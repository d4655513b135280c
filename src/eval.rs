//! Would AWS allow this request?
