//! `comuni dns`: zones as the world sees them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Allowance, Way};

/// Work with zones.
#[derive(Debug, Subcommand)]
pub enum Dns {
    /// Ask every name server of the zones from outside, and compare with the inventory
    ///
    /// Every address of every name server is asked over UDP and TCP: authority, serial, every record, signatures and
    /// keys, certified mail (PEC), open recursion and transfers. With --resolver also the delegation and DS at the parent,
    /// and the records that zones served by others need.
    #[command(after_help = "\
Examples:
  comuni dns check
  comuni dns check --member malnate -v       # with serials, signatures and the DS for the registrar
  comuni dns check --quiet --resolver 127.0.0.1 --textfile /var/lib/prometheus/node-exporter/comuni-dns.prom

Exit codes: 0 all is well; 4 something is wrong; 5 a serial is old or a signature ends; 7 nothing could be concluded")]
    Check(Check),
    /// Print a zone that we serve as a zone file (RFC 1035)
    Export {
        /// The zone, or the name, slug or code of its member
        zone: String,
        /// File to write in the place of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Turn a zone that others serve into `domain:` of its member's file
    ///
    /// The zone is written so that it is served exactly as it is, which is proven first. Left out, and said, are the SOA,
    /// the name servers, signatures, and the addresses of tenants: they follow from the inventory.
    #[command(after_help = "\
Examples:
  comuni dns import comune.varese.it varese.zone            # shows what would be written
  comuni dns import comune.varese.it varese.zone --write    # writes it, then checks the inventory
  comuni dns import comune.varese.it --from 192.0.2.53 --tsig transfer.key")]
    Import {
        /// The zone, which stands in a member's `domain:` already
        zone: String,
        /// The zone file
        #[arg(required_unless_present = "from", conflicts_with = "from")]
        file: Option<PathBuf>,
        /// Ask a name server for the whole zone instead (AXFR); ADDRESS or ADDRESS:PORT
        #[arg(long, value_name = "ADDRESS", value_parser = address)]
        from: Option<SocketAddr>,
        /// File with the key of the transfer, ALGORITHM:NAME:SECRET as for `kdig -y`
        #[arg(long, value_name = "FILE", requires = "from")]
        tsig: Option<PathBuf>,
        /// Put it into the member's file in the place of its `domain:`
        #[arg(long)]
        write: bool,
    },
    /// Write the records that others must set for a member, in Italian, as a text to forward
    ///
    /// For a zone that others serve the records of the tenants; for a zone that we serve its delegation and the DS for the
    /// registrar or for whoever serves the zone above. The DS are asked from our servers.
    Records {
        /// Name, slug or code of the member
        member: String,
    },
    /// Bring back the version of a zone before its last change
    ///
    /// The primary keeps one version. What comes back is shown RRset by RRset and asked for, and goes the way of every
    /// change: checked before, a higher serial, read back from every name server, put back when that fails. Then the
    /// inventory must follow: the next apply would bring what it says. Rolled back twice, a zone is as it was.
    #[command(
        after_help = "Examples:\n  comuni dns rollback comune.malnate.va.it\n  comuni dns rollback comune.malnate.va.it --allow pec.comune.malnate.va.it/MX"
    )]
    Rollback {
        /// The zone
        zone: String,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
        /// Do not ask; compulsory without a terminal
        #[arg(short, long)]
        yes: bool,
        /// Lift the brake for the zone (its name) or for a protected RRset of it (NAME/TYPE); can be repeated
        #[arg(long, value_name = "WHAT")]
        allow: Vec<Allowance>,
    },
}

/// Options of `dns check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Only this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// Only this zone; can be repeated
    #[arg(long = "zone", value_name = "ZONE")]
    pub zones: Vec<String>,
    /// Ask a resolver for the servers of the zones above and of zones that others serve; ADDRESS or ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", env = "COMUNI_RESOLVER", value_parser = address)]
    pub resolver: Option<SocketAddr>,
    /// Ask this server of the zone above for the delegation; ADDRESS or ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "resolver")]
    pub parent: Option<SocketAddr>,
    /// Write metrics for the node exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
    /// Take the keys that are served now for the right ones, in the place of those seen before
    #[arg(long)]
    pub accept_keys: bool,
    /// Say nothing when all is well
    #[arg(long)]
    pub quiet: bool,
}

/// An address of a name server, with its port when it is not 53.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let bare = text.parse().map(|ip| SocketAddr::new(ip, 53));
    bare.or_else(|_| text.parse()).map_err(|_| "not an IP address, nor one with a port (192.0.2.1:5353)".to_string())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_has_port_53_unless_it_says_another() {
        for (text, read) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), read);
        }
        assert!(address("ns1.example").unwrap_err().contains("not an IP address"));
    }
}
