//! A whole zone by transfer (AXFR, RFC 5936), with or without a key (TSIG, RFC 8945).

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{Name, Record, RecordType, TSigVerifier, TSigner};

use super::line::{Patience, Question, receive, said, send, tcp};
use crate::failure::{Failure, Result};

/// A zone with more records is not taken.
const MOST_RECORDS: usize = 200_000;

/// Seconds by which the clocks of both sides may differ (RFC 8945, 10).
const FUDGE: u16 = 300;

/// A key for transfers. Its secret is never printed.
#[derive(Clone)]
pub struct Key(TSigner);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Key({})", self.0.signer_name())
    }
}

impl Key {
    /// Reads `algorithm:name:secret`, the form of `kdig -y`; without an algorithm it is hmac-sha256.
    ///
    /// # Errors
    /// Wrong usage (64), without the secret in its words.
    pub fn parse(text: &str) -> Result<Key> {
        let wrong = |why: &str| {
            Failure::usage(format!("the key for the transfer is not usable: {why}"))
                .hint("its form is ALGORITHM:NAME:SECRET, for instance hmac-sha256:transfer.:BASE64, as for `kdig -y`")
        };
        let parts: Vec<&str> = text.trim().split(':').collect();
        let (algorithm, name, secret) = match parts[..] {
            [algorithm, name, secret] => (algorithm, name, secret),
            [name, secret] => ("hmac-sha256", name, secret),
            _ => return Err(wrong("it has not three parts with `:` between them")),
        };
        let algorithm = match algorithm.to_ascii_lowercase().as_str() {
            "hmac-sha256" => TsigAlgorithm::HmacSha256,
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            other => return Err(wrong(&format!("{other} is none of hmac-sha256, hmac-sha384, hmac-sha512"))),
        };
        let name = Name::from_ascii(name).map_err(|error| wrong(&format!("its name {error}")))?;
        let secret = STANDARD.decode(secret).map_err(|_| wrong("its secret is not base64"))?;
        TSigner::new(secret, algorithm, name, FUDGE).map(Key).map_err(|error| wrong(&error.to_string()))
    }
}

/// The records of a zone, its SOA first and once. An answer counts only when it says that all went well and stands
/// between two equal SOA records: what was cut short is never taken for a whole zone.
///
/// # Errors
/// The server is not there, refuses, or what it sends is not whole or not signed with the key.
pub fn transfer(server: SocketAddr, zone: &Name, key: Option<&Key>, patience: Patience) -> Result<Vec<Record>> {
    let context = |why: String| Failure::operation(format!("{server} does not hand out {zone}: {why}"));
    let failed = |error: std::io::Error| context(said(&error, patience));
    let (question, mut verifier) = question(zone, key).map_err(context)?;
    let mut stream = tcp(server, patience).map_err(failed)?;
    send(&mut stream, &question).map_err(failed)?;
    let mut records: Vec<Record> = Vec::new();
    loop {
        let bytes = receive(&mut stream).map_err(failed)?;
        let message = read(&bytes, verifier.as_mut()).map_err(context)?;
        if message.response_code != ResponseCode::NoError {
            let hint = "the server must allow transfers to this machine's address, or to the key of --tsig";
            return Err(context(format!("it answers {}", message.response_code)).hint(hint));
        }
        records.extend(message.answers);
        match records.first() {
            Some(first) if first.record_type() == RecordType::SOA && first.name == *zone => {}
            _ => return Err(context("what it sends does not begin with the SOA of the zone".to_string())),
        }
        if records.len() > MOST_RECORDS {
            return Err(context(format!("it has more than {MOST_RECORDS} records")));
        }
        if records.len() > 1 && records.last().is_some_and(|last| last.record_type() == RecordType::SOA) {
            break;
        }
    }
    let last = records.pop();
    if last.map(|last| last.data) != records.first().map(|first| first.data.clone()) {
        return Err(context("its first and last SOA differ: the zone changed meanwhile".to_string()));
    }
    Ok(records)
}

/// Whether anybody gets the whole zone. Only the first message is read.
pub(super) fn is_handed_out(server: SocketAddr, zone: &Name, patience: Patience) -> bool {
    let first = || {
        let (question, _) = question(zone, None).ok()?;
        let mut stream = tcp(server, patience).ok()?;
        send(&mut stream, &question).ok()?;
        Message::from_vec(&receive(&mut stream).ok()?).ok()
    };
    first().is_some_and(|answer| answer.response_code == ResponseCode::NoError && !answer.answers.is_empty())
}

fn question(zone: &Name, key: Option<&Key>) -> std::result::Result<(Vec<u8>, Option<TSigVerifier>), String> {
    let mut message = Question::plain(zone, RecordType::AXFR).message();
    // A transfer is no question for signatures: some servers refuse what they do not expect.
    message.edns = None;
    let verifier = match key {
        None => None,
        Some(Key(signer)) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            message.finalize(signer, now).map_err(|error| error.to_string())?
        }
    };
    Ok((message.to_vec().map_err(|error| error.to_string())?, verifier))
}

fn read(bytes: &[u8], verifier: Option<&mut TSigVerifier>) -> std::result::Result<Message, String> {
    let plain = Message::from_vec(bytes).map_err(|error| format!("what it sends is not DNS: {error}"))?;
    match verifier {
        // A refusal may come unsigned, for it does not know the key; it is read for its reason only.
        Some(verifier) if plain.response_code == ResponseCode::NoError => {
            let verified = verifier.verify(bytes).map_err(|error| format!("the signature of the key: {error}"))?;
            Ok(verified.into_message())
        }
        _ => Ok(plain),
    }
}
