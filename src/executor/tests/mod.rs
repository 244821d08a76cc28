//! What the executor promises, over a host kept in memory and a wire of sockets.

mod adopt;
mod archives;
mod backup;
mod chain;
mod check;
mod confirm;
mod conversation;
mod evidence;
mod groups;
mod harness;
mod manifest;
mod owed;
mod procedure;
mod raise;
mod removal;
mod revert;
mod stage;
mod validators;
mod waits;
mod wire;
