//! What lies beside the bundles of a member that leaves, in Italian: what was handed over, how it is opened, what becomes
//! of its domain, and what is kept until when.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{moments, number};
use crate::backup::export::Summary;
use crate::evidence::clock;

const HEAD: &str = include_str!("head.md");
const OPEN: &str = include_str!("open.md");
const DOMAIN: &str = include_str!("domain.md");
const STAYS: &str = include_str!("stays.md");

/// An encrypted bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// The application.
    pub application: String,
    /// Name of its file.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 (hex) of the file.
    pub sha256: String,
    /// SHA-256 (hex) of what is encrypted in it: the archive that was restored for proof.
    pub archive_sha256: String,
    /// The public key that opens it, as it was given.
    pub recipient: String,
    /// When it was made, seconds since 1970-01-01T00:00:00Z.
    pub made: i64,
    /// What is in it.
    pub summary: Summary,
}

/// A zone that is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandedZone {
    /// Its name.
    pub name: String,
    /// The file with its records.
    pub file: String,
    /// The longest TTL in it, in seconds.
    pub ttl: u32,
    /// The DS at the registry that must be withdrawn before another serves it.
    pub ds: Vec<String>,
}

/// All that was handed over: `consegna.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Handover {
    /// Version of this form: 1.
    pub version: u32,
    /// The member's official name.
    pub member: String,
    /// Its code.
    pub code: String,
    /// Who hands over.
    pub consortium: String,
    /// `user@machine`.
    pub operator: String,
    /// Version of comuni.
    pub tool: String,
    /// Digest of the inventory.
    pub inventory: String,
    /// When, seconds since 1970-01-01T00:00:00Z.
    pub made: i64,
    /// Until then nothing is deleted, seconds since 1970-01-01T00:00:00Z.
    pub kept_until: i64,
    /// By application.
    pub bundles: BTreeMap<String, Bundle>,
    /// The zone that we served.
    pub zone: Option<HandedZone>,
}

impl Handover {
    /// `LEGGIMI.md`.
    pub fn text(&self) -> String {
        let mut text = put(
            HEAD,
            &[
                ("{member}", &self.member),
                ("{code}", &self.code),
                ("{consortium}", &self.consortium),
                ("{made}", &moments::moment(self.made)),
                ("{operator}", &self.operator),
                ("{tool}", &self.tool),
                ("{inventory}", &self.inventory),
            ],
        );
        for bundle in self.bundles.values() {
            let Summary { release, taken, tables, rows, large_objects, files, .. } = &bundle.summary;
            text.push_str(&format!(
                "| `{}` | `{}` {release}, dati del {}: {} tabelle, {} righe, {} oggetti binari, {} file |\n",
                bundle.file,
                bundle.application,
                moments::moment(*taken),
                number(*tables),
                number(*rows),
                number(*large_objects),
                number(*files)
            ));
        }
        let first = self.bundles.values().next();
        text.push_str(&put(
            OPEN,
            &[
                ("{file}", first.map_or("NOME.tar.age", |bundle| &bundle.file)),
                ("{application}", first.map_or("NOME", |bundle| &bundle.application)),
                ("{recipient}", first.map_or("", |bundle| &bundle.recipient)),
            ],
        ));
        if let Some(zone) = &self.zone {
            let ds: String = zone.ds.iter().map(|ds| format!("    {}. DS {ds}\n", zone.name)).collect();
            let ds = if ds.is_empty() { "    (nessun DS noto: chiederlo al registro)\n".to_string() } else { ds };
            let ttl = zone.ttl.to_string();
            text.push_str(&put(
                DOMAIN,
                &[("{zone}", &zone.name), ("{file}", &zone.file), ("{ttl}", &ttl), ("{ds}", &ds)],
            ));
        }
        let until = clock::local_time(self.kept_until);
        text.push_str(&put(STAYS, &[("{until}", until.get(..10).unwrap_or_default())]));
        text
    }
}

fn put(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_string(), |text, (name, value)| text.replace(name, value))
}

#[cfg(test)]
mod tests {
    use super::super::tests::golden;
    use super::*;

    fn example() -> Handover {
        let summary = Summary {
            snapshot: "ab".repeat(32),
            taken: 1_795_000_000,
            release: "1.0.0".to_string(),
            server: Some("15.8".to_string()),
            tables: 9,
            rows: 12_345,
            large_objects: 40,
            files: 1_203,
            file_bytes: 5_000_000,
            content: "cd".repeat(32),
            proven: vec!["unpacked, and every file has its checksum".to_string()],
        };
        let bundle = Bundle {
            application: "albo".to_string(),
            file: "albo.tar.age".to_string(),
            bytes: 9_000_000,
            sha256: "01".repeat(32),
            archive_sha256: "02".repeat(32),
            recipient: "age1comune".to_string(),
            made: 1_795_000_100,
            summary,
        };
        Handover {
            version: 1,
            member: "Comune di Lozza".to_string(),
            code: "c_e707".to_string(),
            consortium: "Comuni in cloud".to_string(),
            operator: "anna@provincia".to_string(),
            tool: env!("CARGO_PKG_VERSION").to_string(),
            inventory: "ef".repeat(32),
            made: 1_795_000_200,
            kept_until: 1_795_000_200 + 90 * 86_400,
            bundles: BTreeMap::from([("albo".to_string(), bundle)]),
            zone: Some(HandedZone {
                name: "comune.lozza.va.it".to_string(),
                file: "dns/comune.lozza.va.it.zone".to_string(),
                ttl: 300,
                ds: vec!["12345 13 2 ABCD".to_string()],
            }),
        }
    }

    #[test]
    fn it_says_what_there_is_how_it_is_opened_and_what_stays() {
        golden("handover.md", &example().text());
    }

    #[test]
    fn without_a_zone_nothing_is_said_of_one() {
        let text = Handover { zone: None, ..example() }.text();
        assert!(!text.contains("Dominio") && !text.contains('{'), "{text}");
    }
}
