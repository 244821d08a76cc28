//! Keys with which mail is signed (RFC 6376, RFC 8463).

use base64::Engine;

use super::{Index, breach};
use crate::dns::data::Type;
use crate::dns::finding::{Finding, rules};

/// Octets of the shortest DER form of an RSA key of 2048 bits: modulus, exponent and their headers.
const LONG_RSA: usize = 264;

pub fn check(index: &Index, findings: &mut Vec<Finding>) {
    for record in
        index.all(Type::Txt).filter(|record| record.owner.labels().get(1).is_some_and(|label| label == "_domainkey"))
    {
        let owner = &record.owner;
        let text = record.data.text().unwrap_or_default();
        let tag = |name: &str| {
            let tags = text.split(';').filter_map(|tag| tag.split_once('='));
            tags.map(|(tag, value)| (tag.trim(), value.trim())).find(|(tag, _)| *tag == name).map(|(_, value)| value)
        };
        let Some(key) = tag("p") else {
            let message = format!("the DKIM record of {owner} has no key");
            findings.push(breach(&rules::DKIM_KEY, record, message, "`v=DKIM1; k=rsa; p=…`; `p=` alone revokes a key"));
            continue;
        };
        let key: String = key.chars().filter(|letter| !letter.is_whitespace()).collect();
        // An empty key is a revoked one.
        if key.is_empty() {
            continue;
        }
        match (base64::engine::general_purpose::STANDARD.decode(&key), tag("k").unwrap_or("rsa")) {
            (Ok(key), "ed25519") if key.len() == 32 => {}
            (Ok(key), "rsa") if key.first() == Some(&0x30) => {
                if key.len() < LONG_RSA {
                    let message = format!("the DKIM key of {owner} is RSA with fewer than 2048 bits");
                    findings.push(breach(
                        &rules::DKIM_SHORT,
                        record,
                        message,
                        "ask the mail provider for a key of 2048 bits",
                    ));
                }
            }
            _ => {
                let message = format!("the DKIM key of {owner} cannot be read");
                findings.push(breach(&rules::DKIM_KEY, record, message, "copy it again from the mail provider, whole"));
            }
        }
    }
}
