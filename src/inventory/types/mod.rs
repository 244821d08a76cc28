//! The types of the inventory: what every file may say. The JSON Schema, the checks and the documentation come from them.

mod application;
mod backup;
mod consortium;
mod costs;
mod dns;
mod host;
mod member;
mod monitoring;
mod upgrade;

pub use application::{
    Application, Assertion, Database, Engine, Health, Listen, Method, Release, Runtime, TenantDefaults,
};
pub use backup::{Backup, BackupPolicy, Prove};
pub use consortium::{Authority, Body, Consortium, Defaults, Leaving, Limits, MemberDefaults, SizeClass};
pub use costs::{CostClass, CostKind, CostLine, Costs, Payment, Sharing, SpentBefore};
pub use dns::{
    Dns, Dnssec, Domain, DomainMode, Exchanger, Mail, NameServer, Pec, Site, Timers, Waiver, ZoneLimits, ZoneRecord,
};
pub use host::{Capacity, Host, HostAuthority, Hosts, Login, Role, Sudo, Transport};
pub use member::{Contacts, Member, MemberKind, Membership, Placement, Population, Status, Tenant};
pub use monitoring::{MailRelay, Monitoring, Recipient, Severity};
pub use upgrade::{Frozen, Maintenance, Rollout, Share, Weekday, Window};
