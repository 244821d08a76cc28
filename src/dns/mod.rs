//! Zones: names, records, the text form of RFC 1035, and the rules that a zone is held against before a server sees it.
//!
//! Knows neither inventory nor network. The reader is its own because libraries of DNS merge what
//! the rules are about: two TTLs in one RRset, a record that stands twice, a name that lacks its final dot.

mod address;
mod check;
mod data;
mod finding;
mod name;
mod parse;
mod record;
pub mod text;
mod write;

pub use address::Network;
pub use check::{Profile, check};
pub use data::{Data, Soa, Type};
pub use finding::{Finding, Rule, rules};
pub use name::{Name, NameFault};
pub use parse::{Reading, Word};
pub use record::{Place, Record, Zone};
