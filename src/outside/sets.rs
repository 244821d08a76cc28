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

/// As in a zone file; texts in quotes.
fn data(data: &RData) -> String {
    match data {
        RData::TXT(text) => {
            let part = |part: &Box<[u8]>| format!("\"{}\"", part.escape_ascii());
            text.txt_data.iter().map(part).collect::<Vec<_>>().join(" ")
        }
        data => data.to_string(),
    }
}

/// The name without its final dot, as people write it.
pub(super) fn bare(name: &Name) -> String {
    let text = name.to_ascii();
    if name.is_root() { text } else { text.trim_end_matches('.').to_string() }
}
