//! Types of records and what they hold.

use std::fmt;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use super::name::Name;

/// A type of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "their names are those of the registry of DNS parameters")]
pub enum Type {
    Soa,
    Ns,
    A,
    Aaaa,
    Caa,
    Cname,
    Ds,
    Mx,
    Ptr,
    Srv,
    Sshfp,
    Tlsa,
    Txt,
    /// What a server that signs makes by itself.
    Dnskey,
    Rrsig,
    Nsec,
    Nsec3,
    Nsec3param,
    Cds,
    Cdnskey,
}

impl Type {
    /// Those that a person may write, in the order of their names.
    pub const WRITTEN: [Type; 12] = [
        Type::A,
        Type::Aaaa,
        Type::Caa,
        Type::Cname,
        Type::Ds,
        Type::Mx,
        Type::Ns,
        Type::Ptr,
        Type::Srv,
        Type::Sshfp,
        Type::Tlsa,
        Type::Txt,
    ];

    /// Those that a server that signs makes by itself.
    pub const SIGNED: [Type; 7] =
        [Type::Dnskey, Type::Rrsig, Type::Nsec, Type::Nsec3, Type::Nsec3param, Type::Cds, Type::Cdnskey];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Type::Soa => "SOA",
            Type::Ns => "NS",
            Type::A => "A",
            Type::Aaaa => "AAAA",
            Type::Caa => "CAA",
            Type::Cname => "CNAME",
            Type::Ds => "DS",
            Type::Mx => "MX",
            Type::Ptr => "PTR",
            Type::Srv => "SRV",
            Type::Sshfp => "SSHFP",
            Type::Tlsa => "TLSA",
            Type::Txt => "TXT",
            Type::Dnskey => "DNSKEY",
            Type::Rrsig => "RRSIG",
            Type::Nsec => "NSEC",
            Type::Nsec3 => "NSEC3",
            Type::Nsec3param => "NSEC3PARAM",
            Type::Cds => "CDS",
            Type::Cdnskey => "CDNSKEY",
        }
    }

    /// Reads it, in large or small letters.
    pub fn read(text: &str) -> Option<Type> {
        let all = [Type::Soa].into_iter().chain(Type::WRITTEN).chain(Type::SIGNED);
        all.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(text))
    }

    /// Whether only a server that signs makes it.
    pub fn is_of_signing(self) -> bool {
        Type::SIGNED.contains(&self)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// What an SOA holds, beside its serial: that is the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    /// The primary.
    pub primary: Name,
    /// The address of who answers for the zone, with a dot for its `@`.
    pub contact: Name,
    /// Serial.
    pub serial: u32,
    /// Seconds until a secondary asks again.
    pub refresh: u32,
    /// Seconds until it asks again after a failure.
    pub retry: u32,
    /// Seconds after which it stops to answer.
    pub expire: u32,
    /// Seconds for which resolvers remember that a name is not there.
    pub minimum: u32,
}

/// What a record holds. Shown in the canonical form: names absolute and small, texts in pieces of 255 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names are those of the RFCs that define them")]
pub enum Data {
    Soa(Soa),
    Ns(Name),
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Caa {
        flags: u8,
        tag: String,
        value: Vec<u8>,
    },
    Cname(Name),
    Ds {
        tag: u16,
        algorithm: u8,
        digest_type: u8,
        digest: String,
    },
    Mx {
        preference: u16,
        exchanger: Name,
    },
    Ptr(Name),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Name,
    },
    Sshfp {
        algorithm: u8,
        digest_type: u8,
        digest: String,
    },
    Tlsa {
        usage: u8,
        selector: u8,
        matching: u8,
        data: String,
    },
    /// Its character strings, joined as every reader of SPF, DKIM and the like joins them.
    Txt(Vec<u8>),
    /// Of a type that only a server that signs makes; never served from here.
    Signed(Type, String),
}

impl Data {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Data::Soa(_) => Type::Soa,
            Data::Ns(_) => Type::Ns,
            Data::A(_) => Type::A,
            Data::Aaaa(_) => Type::Aaaa,
            Data::Caa { .. } => Type::Caa,
            Data::Cname(_) => Type::Cname,
            Data::Ds { .. } => Type::Ds,
            Data::Mx { .. } => Type::Mx,
            Data::Ptr(_) => Type::Ptr,
            Data::Srv { .. } => Type::Srv,
            Data::Sshfp { .. } => Type::Sshfp,
            Data::Tlsa { .. } => Type::Tlsa,
            Data::Txt(_) => Type::Txt,
            Data::Signed(kind, _) => *kind,
        }
    }

    /// The text of a TXT record, when it is one and is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Data::Txt(octets) => std::str::from_utf8(octets).ok(),
            _ => None,
        }
    }

    /// The name that it points to, of those that are looked up for their addresses or further records.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Data::Ns(name)
            | Data::Cname(name)
            | Data::Mx { exchanger: name, .. }
            | Data::Srv { target: name, .. }
            | Data::Soa(Soa { primary: name, .. }) => Some(name),
            _ => None,
        }
    }
}
