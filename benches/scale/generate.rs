//! Inventories of any size, written from the built-in register: for the benchmark `scale` and for the tests.
//!
//! Fifteen comuni share an application host, thirty a database host. The first application is `albo`, that of
//! `inventories/varese`; the second, `protocollo`, is its twin under another name.

use std::fs;
use std::io::Result;
use std::path::Path;

use comuni::inventory::register::{self, Comune};

const COMUNI_PER_APPLICATION_HOST: usize = 15;
const COMUNI_PER_DATABASE_HOST: usize = 30;
/// Of no machine.
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const DNS: &str = "dns:
  servers: [{ name: ns1.cloud.example, host: mon1 }, { name: ns2.cloud.example, host: ops1, address: 198.51.100.53 }]
  contact: dns@cloud.example
  issuers: [letsencrypt.org]
  limits: { percent: 30, rrsets: 5 }
  networks: [10.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24, 2001:db8::/32]
";
const ALBO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/inventories/varese/applications/albo.yml");

/// What every comune has.
#[derive(Debug, Clone, Copy)]
pub struct Contents {
    /// The second application too.
    pub protocollo: bool,
    /// A DNS zone of its own, which we serve.
    pub zones: bool,
}

/// Two applications and a zone.
pub const WHOLE: Contents = Contents { protocollo: true, zones: true };

/// Writes an inventory of these comuni into an empty folder.
pub fn write(folder: &Path, comuni: &[&Comune], contents: Contents) -> Result<()> {
    for part in ["applications", "members"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::write(folder.join("consortium.yml"), consortium(comuni, contents.zones))?;
    fs::write(folder.join("hosts.yml"), hosts(comuni.len()))?;
    let albo = fs::read_to_string(ALBO)?;
    fs::write(folder.join("applications/albo.yml"), &albo)?;
    let twin = albo.replace("Albo pretorio", "Protocollo informatico").replace("albo", "protocollo");
    fs::write(folder.join("applications/protocollo.yml"), twin)?;
    for (at, comune) in comuni.iter().enumerate() {
        fs::write(folder.join(format!("members/{}.yml", slug(comune))), member(at, comune, contents))?;
    }
    Ok(())
}

/// The name of a member's file.
pub fn slug(comune: &Comune) -> String {
    let slug = register::slug(comune.name);
    match register::by_slug(&slug).len() {
        1 => slug,
        _ => format!("{slug}-{}", comune.province.to_lowercase()),
    }
}

fn consortium(comuni: &[&Comune], zones: bool) -> String {
    let mut provinces: Vec<String> =
        comuni.iter().map(|comune| format!("{}.it", comune.province.to_lowercase())).collect();
    provinces.sort();
    provinces.dedup();
    format!(
        "name: Comuni in cloud\n\
         body: {{ name: Regione, kind: provincia }}\n\
         domain: cloud.example\n\
         technicians: {{}}\n\
         authority: {{ permitted: [{}, cloud.example], lifetime_days: 90, renew_days: 30 }}\n\
         sizes:\n\
         \x20 small: {{ up_to: 5000, cpu_percent: 50, memory_mib: 256, connections: 10 }}\n\
         \x20 medium: {{ up_to: 20000, cpu_percent: 100, memory_mib: 512, connections: 20 }}\n\
         \x20 large: {{ cpu_percent: 200, memory_mib: 1024, connections: 40 }}\n\
         limits: {{ removals: 10, changed_percent: 30 }}\n{}",
        provinces.join(", "),
        if zones { DNS } else { "" }
    )
}

fn hosts(comuni: usize) -> String {
    let mut text = String::from("hosts:\n");
    let mut count = 0_usize;
    let mut host = |name: &str, roles: &str| {
        count += 1;
        text.push_str(&format!(
            "  {name}:\n    address: 10.{}.{}.{}\n    roles: [{roles}]\n    login: {{ user: ops, sudo: true }}\n    host_key: {HOST_KEY}\n",
            count / 62_500,
            count / 250 % 250,
            count % 250 + 1
        ));
    };
    host("ops1", "control, backup, verification, dns");
    host("mon1", "monitoring, dns");
    for number in 1..=comuni.div_ceil(COMUNI_PER_APPLICATION_HOST) {
        host(&format!("app{number}"), "application");
    }
    for number in 1..=comuni.div_ceil(COMUNI_PER_DATABASE_HOST) {
        host(&format!("db{number}"), "database");
    }
    text
}

fn member(at: usize, comune: &Comune, contents: Contents) -> String {
    // The names that are reserved for a comune have no province in front of the last two labels.
    let zone = format!("comune.{}.{}.it", register::slug(comune.name), comune.province.to_lowercase());
    let (population, size) = match comune.population {
        Some(residents) => {
            (format!("population: {{ residents: {residents}, date: 2023-01-01, source: ISTAT }}\n"), "{}")
        }
        None => (String::new(), "{ size: small }"),
    };
    let domain = if contents.zones {
        format!(
            "\n  zone: {zone}\n  mode: primary\n  site: {{ addresses: [192.0.2.101, \"2001:db8::1:80\"], www: true }}\n  mail:\n    \
             exchangers: [{{ preference: 10, host: mx1.posta.example }}, {{ preference: 20, host: mx2.posta.example }}]\n    \
             spf: v=spf1 include:spf.posta.example -all\n    dmarc: v=DMARC1; p=quarantine; rua=mailto:dmarc@{zone}\n  \
             pec: {{ exchangers: [{{ preference: 10, host: mx.pec.example }}] }}"
        )
    } else {
        format!("{{ zone: {zone}, mode: external }}")
    };
    let second = if contents.protocollo { format!(", protocollo: {size}") } else { String::new() };
    format!(
        "name: \"{}\"\n\
         kind: comune\n\
         istat: \"{}\"\n\
         belfiore: {}\n\
         membership: {{ status: active, since: 2026-01-01 }}\n\
         {population}\
         domain: {domain}\n\
         contacts: {{ technical: ced@{zone} }}\n\
         placement: {{ application: app{}, database: db{} }}\n\
         applications: {{ albo: {size}{second} }}\n",
        comune.name,
        comune.istat,
        comune.belfiore,
        at / COMUNI_PER_APPLICATION_HOST + 1,
        at / COMUNI_PER_DATABASE_HOST + 1,
    )
}
