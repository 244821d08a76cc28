//! The real host.

/// The host this process runs on.
pub struct Local;
