//! What the executor promises, over a host kept in memory and a wire of sockets.

mod archives;
mod chain;

mod evidence;

mod harness;

mod wire;
