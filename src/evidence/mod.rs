//! Records of what was done and found, and how they are read.
