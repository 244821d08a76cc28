//! One session per host, host keys, upload of the host half, a byte channel. Knows bytes only.
