//! What the records of one name and type have in common.

use super::{Index, breach};
use crate::dns::finding::{Finding, rules};

/// A week in seconds.
const LONGEST: u32 = 604_800;
/// The shortest TTL that serves anything but a move.
const SHORT: u32 = 300;

pub fn check(index: &Index, findings: &mut Vec<Finding>) {
    for (owner, kind, records) in index.sets() {
        for (at, record) in records.iter().enumerate() {
            if let Some(first) = records[..at].iter().find(|other| other.data == record.data) {
                let message = format!("{owner} {kind} {} stands twice", record.data);
                findings.push(breach(&rules::DUPLICATE, record, message, "take one away").and(first.place));
            }
        }
        let Some((first, others)) = records.split_first() else { continue };
        if let Some(other) = others.iter().find(|other| other.ttl != first.ttl) {
            let message = format!("the records {owner} {kind} have the TTLs {} and {}", first.ttl, other.ttl);
            findings.push(breach(&rules::TTL_DIFFERS, other, message, "give all of them one TTL").and(first.place));
        }
        for record in records {
            if record.ttl == 0 || record.ttl > LONGEST {
                let message = format!("the TTL of {owner} {kind} is {} seconds", record.ttl);
                findings.push(breach(
                    &rules::TTL_RANGE,
                    record,
                    message,
                    "3600 (an hour) suits most; a week is the most",
                ));
                break;
            }
            if record.ttl < SHORT {
                let message = format!("the TTL of {owner} {kind} is only {} seconds", record.ttl);
                let help = "3600 suits most; during a move, write a waiver that says until when";
                findings.push(breach(&rules::TTL_LOW, record, message, help));
                break;
            }
        }
        if kind.is_of_signing() {
            let message = format!("{owner} has {kind}, which the server that signs makes by itself");
            findings.push(breach(&rules::SIGNED, first, message, "take it away"));
        }
    }
}
