//! Granted against used, and the smaller policy that follows.
