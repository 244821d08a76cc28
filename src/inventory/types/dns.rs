//! DNS: the consortium's policy, and what a member says about its zone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the consortium serves zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The name servers of every zone that we serve, the primary first.
    pub servers: Vec<NameServer>,
    /// E-mail address of who answers for the zones: it stands in every SOA.
    pub contact: String,
    /// TTL in seconds of records that name none.
    #[serde(default = "ttl")]
    #[schemars(range(min = 60, max = 604800))]
    pub ttl: u32,
    /// The timers of every SOA, in seconds.
    #[serde(default)]
    pub soa: Timers,
    /// The public certificate authorities in use, as in their CAA records (`letsencrypt.org`). Zones allow these and no
    /// others. Empty: no CAA record is made.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// How zones are signed.
    #[serde(default)]
    pub dnssec: Dnssec,
    /// When the change of a zone stops until it is allowed by name.
    #[serde(default)]
    pub limits: ZoneLimits,
    /// The TTL in seconds that an address with a longer one gets for the time of its move: the first apply lowers it, and
    /// the address moves with an apply after the old TTL has passed. 0: addresses move at once.
    #[serde(default)]
    #[schemars(range(max = 86400))]
    pub move_ttl: u32,
    /// Seconds that the name servers have to serve a change, before it is put back.
    #[serde(default = "patience")]
    #[schemars(range(min = 2, max = 600))]
    pub patience: u32,
    /// Private or reserved networks whose addresses may stand in zones all the same: those of a lab, or of documentation.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Findings in all zones that are borne with.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
}

fn ttl() -> u32 {
    3600
}

fn patience() -> u32 {
    30
}

/// A name server of the zones that we serve: a host of ours, or a machine of others that transfers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// Its name in NS records, without a final dot. Outside of the zones themselves, so that none needs glue.
    pub name: String,
    /// The host that it is, which has the role `dns`.
    pub host: Option<String>,
    /// Its IP address, where the world reaches it by another than the host's, or when it is no host of ours.
    pub address: Option<String>,
}

/// Timers of an SOA, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timers {
    /// A secondary asks this often.
    pub refresh: u32,
    /// And this often after a failure; less than `refresh`.
    pub retry: u32,
    /// A secondary stops to answer after this long without the primary; at least a week.
    pub expire: u32,
    /// How long resolvers remember that a name is not there; 300 to 86400.
    pub minimum: u32,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers { refresh: 14400, retry: 3600, expire: 1_209_600, minimum: 3600 }
    }
}

/// How zones are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dnssec {
    /// ECDSA P-256 with SHA-256 (algorithm 13), by the primary itself.
    #[default]
    Ecdsap256sha256,
}

/// The brake of a zone: a change beyond these stops until it is allowed by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneLimits {
    /// Percent of the RRsets of a zone that are changed or removed.
    #[schemars(range(max = 100))]
    pub percent: u32,
    /// RRsets of a zone that are changed or removed, however large it is.
    pub rrsets: u32,
}

impl Default for ZoneLimits {
    fn default() -> ZoneLimits {
        ZoneLimits { percent: 30, rrsets: 5 }
    }
}

/// The DNS zone of a member. The apex, the site, mail and PEC have no default: a `primary` zone states them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The zone's name without a final dot (`comune.malnate.va.it`).
    pub zone: String,
    /// Who serves it.
    pub mode: DomainMode,
    /// Where the site answers under the zone's own name. Compulsory for `primary`, unless a tenant has that name.
    pub site: Option<Site>,
    /// Who takes the mail of the zone's own name. Compulsory for `primary`.
    pub mail: Option<Mail>,
    /// Who takes the certified mail. Compulsory for `primary`.
    pub pec: Option<Pec>,
    /// In the place of the consortium's `issuers` for this zone.
    pub issuers: Option<Vec<String>>,
    /// In the place of the consortium's `move_ttl` for this zone.
    #[schemars(range(max = 86400))]
    pub move_ttl: Option<u32>,
    /// All other records.
    #[serde(default)]
    pub records: Vec<ZoneRecord>,
    /// Findings of the validation that are borne with, each with a reason and an end.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
}

/// Who serves a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainMode {
    /// We serve the whole zone.
    Primary,
    /// We serve `cloud.<zone>`, which is delegated to us.
    Subzone,
    /// Others serve it; we say which records are needed.
    External,
}

/// Where the site of a comune answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// IPv4 and IPv6 addresses of the zone's own name.
    pub addresses: Vec<String>,
    /// `www` is an alias of it.
    #[serde(default)]
    pub www: bool,
    /// TTL in seconds; that of the consortium when not said.
    pub ttl: Option<u32>,
}

/// Who takes the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The servers that take it. An empty list says that the name takes and sends no mail: a null MX, an SPF record that
    /// allows nobody and a DMARC policy that rejects.
    pub exchangers: Vec<Exchanger>,
    /// The SPF record: `v=spf1 …`.
    pub spf: Option<String>,
    /// The DMARC record: `v=DMARC1; …`.
    pub dmarc: Option<String>,
    /// DKIM records by selector: `v=DKIM1; …`.
    #[serde(default)]
    pub dkim: BTreeMap<String, String>,
    /// TTL in seconds; that of the consortium when not said.
    pub ttl: Option<u32>,
}

/// Who takes the certified mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pec {
    /// The servers of the provider of certified mail, of one provider only. An empty list says that the certified
    /// addresses lie under a domain of the provider.
    pub exchangers: Vec<Exchanger>,
    /// The name below the zone.
    #[serde(default = "pec_name")]
    pub name: String,
    /// TTL in seconds; that of the consortium when not said.
    pub ttl: Option<u32>,
}

fn pec_name() -> String {
    "pec".to_string()
}

/// A server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchanger {
    /// The lowest is tried first.
    pub preference: u16,
    /// Its whole name, without a final dot.
    pub host: String,
}

/// Records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneRecord {
    /// Name below the zone, such as `sportello`; `"@"` for the zone's own name.
    pub name: String,
    /// `A`, `AAAA`, `CAA`, `CNAME`, `DS`, `MX`, `NS`, `PTR`, `SRV`, `SSHFP`, `TLSA` or `TXT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// As in a zone file: a name with a dot inside ends with a dot. A TXT value is the text itself, of any length and
    /// without quotes.
    pub values: Vec<String>,
    /// TTL in seconds; that of the consortium when not said.
    pub ttl: Option<u32>,
}

/// A finding of the validation that is borne with for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The rule, such as `DNS-PEC-MIXED`.
    pub rule: String,
    /// Name below the zone that it is for; `"@"` for the zone's own name, every name when not said.
    pub name: Option<String>,
    /// Type of the records that it is for; every type when not said.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub until: String,
}
