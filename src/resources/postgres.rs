//! Questions to PostgreSQL that many resources share.
