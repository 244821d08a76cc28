//! The loop that checks and fixes a catalog on a host.
