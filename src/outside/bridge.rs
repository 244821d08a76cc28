//! Records of the inventory as they travel, and records that came as text of a zone file.

use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, Restrict};

use super::sets;
use crate::dns::{Data, Soa, Zone};
use crate::failure::{Failure, Result};

/// A name, absolute whether it ends with a dot or not.
///
/// # Errors
/// When it is no name of DNS.
pub fn name(text: &str) -> Result<Name> {
    let name = crate::dns::Name::absolute(text);
    let name = name.map_err(|fault| Failure::operation(format!("{text} cannot be asked for: {fault}")))?;
    Name::from_bytes(&wire_name(&name)).map_err(|error| Failure::operation(format!("{text}: {error}")))
}

/// The records of a zone as servers give them.
///
/// # Errors
/// When one of them cannot travel.
pub fn records(zone: &Zone) -> Result<Vec<Record>> {
    let record = |record: &crate::dns::Record| {
        let wrong = |why: String| Failure::operation(format!("{record} cannot be asked for: {why}"));
        let Some(data) = wire(&record.data) else { return Ok(None) };
        let kind: RecordType = record.kind().word().parse().map_err(|_| wrong("its type is not known".to_string()))?;
        let length = u16::try_from(data.len()).map_err(|_| wrong("it is too long".to_string()))?;
        let data = RData::read(&mut BinDecoder::new(&data), kind, Restrict::new(length));
        let data = data.map_err(|error| wrong(error.to_string()))?;
        Ok(Some(Record::from_rdata(name(&record.owner.to_string())?, record.ttl, data)))
    };
    zone.records.iter().map(record).filter_map(Result::transpose).collect()
}

/// Records as the text of a zone file. What a server that signs adds by itself is left out.
pub fn text<'r>(records: impl IntoIterator<Item = &'r Record>) -> String {
    let plain = records.into_iter().filter(|record| !sets::is_of_signing(record.record_type()));
    let line = |record: &Record| {
        let (kind, data) = (record.record_type(), sets::data(&record.data));
        format!("{} {} IN {kind} {data}\n", record.name.to_ascii(), record.ttl)
    };
    plain.map(line).collect()
}

/// RFC 1035, 3.3, and the documents of the later types. `None` for what the server makes by itself.
fn wire(data: &Data) -> Option<Vec<u8>> {
    let bytes = match data {
        Data::Soa(Soa { primary, contact, serial, refresh, retry, expire, minimum }) => {
            let numbers = [serial, refresh, retry, expire, minimum].map(|number| number.to_be_bytes());
            [wire_name(primary), wire_name(contact), numbers.concat()].concat()
        }
        Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => wire_name(name),
        Data::A(address) => address.octets().to_vec(),
        Data::Aaaa(address) => address.octets().to_vec(),
        Data::Caa { flags, tag, value } => {
            [&[*flags, u8::try_from(tag.len()).ok()?][..], tag.as_bytes(), value.as_slice()].concat()
        }
        Data::Ds { tag, algorithm, digest_type, digest } => {
            [&tag.to_be_bytes()[..], &[*algorithm, *digest_type], &hex(digest)?].concat()
        }
        Data::Mx { preference, exchanger } => [preference.to_be_bytes().to_vec(), wire_name(exchanger)].concat(),
        Data::Srv { priority, weight, port, target } => {
            let numbers = [priority, weight, port].map(|number| number.to_be_bytes());
            [numbers.concat(), wire_name(target)].concat()
        }
        Data::Sshfp { algorithm, digest_type, digest } => [&[*algorithm, *digest_type][..], &hex(digest)?].concat(),
        Data::Tlsa { usage, selector, matching, data } => [&[*usage, *selector, *matching][..], &hex(data)?].concat(),
        Data::Txt(octets) if octets.is_empty() => vec![0],
        // A piece holds 255 octets: its length fits its one octet.
        Data::Txt(octets) => octets.chunks(255).flat_map(|piece| [&[piece.len() as u8][..], piece].concat()).collect(),
        Data::Signed(..) => return None,
    };
    Some(bytes)
}

fn wire_name(name: &crate::dns::Name) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.octets() {
        // A label has at most 63 octets.
        bytes.push(label.len() as u8);
        bytes.extend(label);
    }
    bytes.push(0);
    bytes
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len() % 2 == 1 { None } else { digits.chunks(2).map(pair).collect() }
}
