//! Step types of playbooks, reading and checking them.
