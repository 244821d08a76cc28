//! `comuni dns`: zones as the world sees them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

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
    /// Write the records that others must set for a member, in Italian, as a text to forward
    ///
    /// For a zone that others serve the records of the tenants; for a zone that we serve its delegation and the DS for the
    /// registrar or for whoever serves the zone above. The DS are asked from our servers.
    Records {
        /// Name, slug or code of the member
        member: String,
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
fn address(text: &str) -> Result<SocketAddr, String> {
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
