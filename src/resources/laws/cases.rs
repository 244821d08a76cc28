//! Given this host, that resource: expected this.
