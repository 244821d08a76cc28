//! Signatures over what was seen, and the keys that made them.

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_proto::dnssec::{DigestType, PublicKey, Verifier};
use hickory_proto::rr::{DNSClass, Name, RData, Record};

/// What a set's signatures prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// Signed with a key of the zone, until then (seconds since 1970).
    Good { until: i64, lifetime: i64 },
    /// Why nothing is proven.
    Bad(String),
}

/// The keys among records.
pub(super) fn keys(records: &[Record]) -> Vec<DNSKEY> {
    let key = |record: &Record| match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) if key.zone_key() && !key.revoke() => Some(key.clone()),
        _ => None,
    };
    records.iter().filter_map(key).collect()
}

/// Whether one of the signatures over a set is by one of the keys and valid now. Of several good ones the last to end
/// counts.
pub(super) fn prove(name: &Name, records: &[Record], signatures: &[Record], keys: &[DNSKEY], now: i64) -> Proof {
    let mut best: Option<(i64, i64)> = None;
    let mut why = "it has no signature".to_string();
    for signature in signatures.iter().filter_map(rrsig) {
        match valid(name, records, signature, keys, now) {
            Ok((until, lifetime)) => best = best.max(Some((until, lifetime))),
            Err(reason) => why = reason,
        }
    }
    best.map_or(Proof::Bad(why), |(until, lifetime)| Proof::Good { until, lifetime })
}

fn rrsig(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

fn valid(name: &Name, records: &[Record], signature: &RRSIG, keys: &[DNSKEY], now: i64) -> Result<(i64, i64), String> {
    let input = signature.input();
    let until = moment(input.sig_expiration.get(), now);
    let from = moment(input.sig_inception.get(), now);
    if until < now {
        return Err(format!("its signature expired on {}", day(until)));
    }
    if from > now {
        return Err(format!("its signature is valid only from {}: the clocks differ", day(from)));
    }
    let by = |key: &&DNSKEY| key.calculate_key_tag().is_ok_and(|tag| tag == input.key_tag);
    let mut tried = keys.iter().filter(by).peekable();
    if tried.peek().is_none() {
        return Err(format!("it is signed with key {}, which the zone does not have", input.key_tag));
    }
    let proves = |key: &DNSKEY| key.verify_rrsig(name, DNSClass::IN, signature, records.iter()).is_ok();
    match tried.any(proves) {
        true => Ok((until, until - from)),
        false => Err("its signature does not fit what is served".to_string()),
    }
}

/// A moment of a signature: 32 bits, to be read as the nearest to now (RFC 4034, 3.1.5).
fn moment(seconds: u32, now: i64) -> i64 {
    let difference = seconds.wrapping_sub(now as u32) as i32;
    now + i64::from(difference)
}

/// A day in UTC, as signatures count.
pub(super) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The DS that belong to keys with the flag of an entry point, as a registrar takes them: SHA-256, one a key, sorted.
pub(super) fn ds(zone: &Name, keys: &[DNSKEY]) -> Vec<String> {
    let ds = |key: &DNSKEY| {
        let tag = key.calculate_key_tag().ok()?;
        let digest = key.to_digest(zone, DigestType::SHA256).ok()?;
        Some(DS::new(tag, key.public_key().algorithm(), DigestType::SHA256, digest.as_ref().to_vec()))
    };
    let mut lines: Vec<String> =
        keys.iter().filter(|key| key.secure_entry_point()).filter_map(ds).map(|ds| line(&ds)).collect();
    lines.sort();
    lines
}

/// A DS in the form of a zone file.
pub(super) fn line(ds: &DS) -> String {
    let digest: String = ds.digest().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{} {} {} {digest}", ds.key_tag(), u8::from(ds.algorithm()), u8::from(ds.digest_type()))
}

/// The keys that one of the DS covers.
pub(super) fn covered(zone: &Name, keys: &[DNSKEY], anchors: &[DS]) -> Vec<DNSKEY> {
    let covers = |key: &&DNSKEY| anchors.iter().any(|ds| ds.covers(zone, key).unwrap_or(false));
    keys.iter().filter(covers).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_are_read_around_the_end_of_32_bits() {
        let end = 1_i64 << 32;
        assert_eq!(moment(100, end - 100), end + 100);
        assert_eq!(moment(u32::MAX, end + 100), end - 1);
        assert_eq!(moment(1_764_100_000, 1_764_000_000), 1_764_100_000);
    }
}
