//! The types of the inventory: what every file may say. The JSON Schema, the checks and the documentation come from them.

mod application;
mod consortium;
mod host;
mod member;

pub use application::{Application, Database, Engine, Health, Listen, Method, Release, Runtime, TenantDefaults};
pub use consortium::{Authority, Body, Consortium, Defaults, Limits, MemberDefaults, SizeClass};
pub use host::{Capacity, Host, HostAuthority, Hosts, Login, Role, Sudo, Transport};
pub use member::{Contacts, Domain, DomainMode, Member, MemberKind, Membership, Placement, Population, Status, Tenant};
