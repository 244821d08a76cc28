//! Records of what was done and found, and how they are read.

/// A moment as people in Varese read it: ISO 8601 with offset, zone Europe/Rome.
pub fn local_time(_seconds: i64) -> String {
    todo!()
}
