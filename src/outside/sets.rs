//! Sets of records under one name and type, and how they are said to people.

use std::collections::BTreeMap;

use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Name and type of a set.
pub(super) type SetKey = (Name, RecordType);

/// Records by name and type.
pub(super) fn by_set(records: &[Record]) -> BTreeMap<SetKey, Vec<Record>> {
    let mut sets: BTreeMap<SetKey, Vec<Record>> = BTreeMap::new();
    for record in records {
        sets.entry((record.name.clone(), record.record_type())).or_default().push(record.clone());
    }
    sets
}

/// Whether two sets hold the same, whatever their order. Of an SOA the serial does not count: the servers raise it.
pub(super) fn same_data(one: &[Record], other: &[Record]) -> bool {
    let mut left: Vec<RData> = other.iter().map(|record| without_serial(&record.data)).collect();
    one.len() == other.len()
        && one.iter().map(|record| without_serial(&record.data)).all(|data| {
            let place = left.iter().position(|candidate| *candidate == data);
            place.map(|at| left.swap_remove(at)).is_some()
        })
}

fn without_serial(data: &RData) -> RData {
    match data {
        RData::SOA(soa) => {
            let mut soa = soa.clone();
            soa.serial = 0;
            RData::SOA(soa)
        }
        data => data.clone(),
    }
}

/// The data of a set in one line, sorted.
pub(super) fn said(records: &[Record]) -> String {
    let mut words: Vec<String> = records.iter().map(|record| data(&record.data)).collect();
    words.sort();
    words.join(", ")
}

/// What a server that signs adds by itself.
pub(super) fn is_of_signing(kind: RecordType) -> bool {
    use RecordType::{CDNSKEY, CDS, DNSKEY, NSEC, NSEC3, NSEC3PARAM, RRSIG};
    matches!(kind, CDNSKEY | CDS | DNSKEY | NSEC | NSEC3 | NSEC3PARAM | RRSIG)
}

/// As in a zone file. The library's own words for texts and CAA do not read back.
pub(super) fn data(data: &RData) -> String {
    match data {
        RData::TXT(text) => text.txt_data.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(" "),
        RData::CAA(caa) => format!("{} {} {}", caa.flags(), caa.tag, quoted(&caa.value)),
        data => data.to_string(),
    }
}

fn quoted(octets: &[u8]) -> String {
    let letter = |octet: &u8| match octet {
        b'"' | b'\\' => format!("\\{}", char::from(*octet)),
        b' '..=b'~' => char::from(*octet).to_string(),
        octet => format!("\\{octet:03}"),
    };
    format!("\"{}\"", octets.iter().map(letter).collect::<String>())
}

/// The name without its final dot, as people write it.
pub(super) fn bare(name: &Name) -> String {
    let text = name.to_ascii();
    if name.is_root() { text } else { text.trim_end_matches('.').to_string() }
}
