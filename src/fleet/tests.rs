//! The room's promises, against scripted hosts; and the start of a host half against a real sshd.

mod apply;
mod limits;
mod procedure;
mod scripted;
mod start;
mod stopping;
