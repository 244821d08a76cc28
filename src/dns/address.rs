//! Addresses and networks: which of them the world can reach.

use std::fmt;
use std::net::IpAddr;

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// What the world cannot reach, with why (IANA special-purpose registries, RFC 6890).
const RESERVED: [(&str, &str); 19] = [
    ("0.0.0.0/8", "of this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "of a provider's inner network"),
    ("127.0.0.0/8", "of the machine itself"),
    ("169.254.0.0/16", "of a link"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for measurements"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/3", "multicast or reserved"),
    ("::/8", "reserved"),
    ("100::/64", "discarded"),
    ("2001:db8::/32", "for documentation"),
    ("fc00::/7", "private"),
    ("fe80::/10", "of a link"),
    ("ff00::/8", "multicast"),
];

impl Network {
    /// Reads `address/bits`; an address alone is a network of one.
    pub fn read(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Network { address, bits })
    }

    /// The network of an address that operators share a fate in: a /24, or a /48.
    pub fn around(address: IpAddr) -> Network {
        match address {
            IpAddr::V4(four) => {
                let [a, b, c, _] = four.octets();
                Network { address: IpAddr::from([a, b, c, 0]), bits: 24 }
            }
            IpAddr::V6(six) => {
                let [a, b, c, ..] = six.segments();
                Network { address: IpAddr::from([a, b, c, 0, 0, 0, 0, 0]), bits: 48 }
            }
        }
    }

    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let same =
            |one: u128, other: u128, width: u32| self.bits == 0 || (one ^ other) >> (width - u32::from(self.bits)) == 0;
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => same(u32::from(one).into(), u32::from(other).into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.into(), other.into(), 128),
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

/// Why the world cannot reach an address; `None` when it can.
pub fn reserved(address: IpAddr) -> Option<&'static str> {
    let address = match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let known = RESERVED.iter().filter_map(|(network, why)| Some((Network::read(network)?, why)));
    known.into_iter().find(|(network, _)| network.holds(address)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_world_cannot_reach_says_why() {
        for (address, why) in [
            ("10.77.0.11", Some("private")),
            ("192.0.2.1", Some("for documentation")),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("127.0.0.53", Some("of the machine itself")),
            ("93.184.216.34", None),
            ("2001:db8::1", Some("for documentation")),
            ("fd00::1", Some("private")),
            ("::ffff:10.0.0.1", Some("private")),
            ("2a00:1450::1", None),
        ] {
            assert_eq!(reserved(address.parse().unwrap()), why, "{address}");
        }
        assert!(RESERVED.iter().all(|(network, _)| Network::read(network).is_some()));
    }

    #[test]
    fn networks_are_read_and_hold_addresses() {
        let network = Network::read("10.0.0.0/8").unwrap();
        assert!(network.holds("10.255.0.1".parse().unwrap()) && !network.holds("11.0.0.1".parse().unwrap()));
        assert!(Network::read("0.0.0.0/0").unwrap().holds("8.8.8.8".parse().unwrap()));
        assert!(!Network::read("0.0.0.0/0").unwrap().holds("::1".parse().unwrap()));
        for bad in ["10.0.0.0/33", "10.0.0/8", "x", "10.0.0.0/-1"] {
            assert_eq!(Network::read(bad), None, "{bad}");
        }
        assert_eq!(Network::around("192.0.2.77".parse().unwrap()).to_string(), "192.0.2.0/24");
        assert_eq!(Network::around("2001:db8:1:2::3".parse().unwrap()).to_string(), "2001:db8:1::/48");
    }
}
