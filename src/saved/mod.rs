//! Saved plans: a file that says what an apply would do, and that is applied only while all it stands on is unchanged.
//!
//! The file decides nothing. An apply compiles the inventory again and asks the hosts again; the file only says what
//! must come out. So nobody can have a host changed by writing into it: what does not come out so is refused.
//! `docs/saved-plans.md` states its form.

mod file;
mod form;
mod ground;
mod moved;
mod sign;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;

pub use file::{read, schema, write};
pub use form::{Document, Plan, PlannedHost, VERSION};
pub use ground::{Ground, sources};
pub use moved::{Answer, Cause, Moved, on_hosts, on_this_machine, refusal};
pub use sign::SignOff;
