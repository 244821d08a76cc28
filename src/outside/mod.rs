//! Zones as the world sees them: asks every address of every name server over UDP and TCP, proves the signatures, and
//! compares with what the inventory says. No cache is asked, and an empty answer is never taken for a good one.
//!
//! [`look`] asks and is the part with sockets; [`judge`] concludes from what was seen and is pure.

mod bridge;
mod crowd;
mod judge;
mod keys;
mod knock;
mod line;
mod look;
mod parent;
mod remembered;
mod sets;
mod textfile;
mod transfer;
mod troubles;

#[cfg(test)]
mod knot;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use hickory_proto::rr::{Name, Record};

pub use bridge::{name, records, text};
pub use crowd::each;
pub use judge::{Known, Verdict, judge, nobody_answers};
pub use knock::{Page, knock};
pub use line::{Patience, Transport};
pub use look::{Answers, Seen, look};
pub use parent::{Delegation, Way, delegation, servers_of};
pub use remembered::{Entry, Remembered};
pub use textfile::{Measured, textfile};
pub use transfer::{Key, transfer};
pub use troubles::{Finding, Trouble};

/// What a zone must look like from outside.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The zone's apex.
    pub zone: Name,
    /// The code of the member whose zone it is.
    pub owner: String,
    /// Who serves it, and so how much of it can be asked for.
    pub service: Service,
    /// Every record that must be served. The serial of the SOA does not count.
    pub records: Vec<Record>,
    /// The name servers that must answer for it.
    pub servers: Vec<NameServer>,
    /// The name whose MX records are those of the certified e-mail (PEC).
    pub pec: Option<Name>,
}

/// Who serves a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// We do: it holds these records, no others, and is signed.
    Ours,
    /// Others do: it must hold these records among its own, whatever their TTL.
    Others,
}

/// A name server and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Its name in NS records.
    pub name: Name,
    /// Every address of it.
    pub addresses: Vec<SocketAddr>,
}
