//! A host kept in memory, for tests.

/// A host kept in memory.
pub struct Fake;
