//! A model of Knot, its tools and the other name servers: a zone is the text that was loaded last, and its serial.
//!
//! Notes: `knot` is there when the server runs; `zone NAME` is what it serves (the first line is the serial), `other NAME`
//! what the other name servers serve, who follow at once unless `lag` is there; `catalog` says that one is offered;
//! with `slow` it is loaded after the first look only. `transaction NAME` says that somebody has begun to change a zone by hand.

use super::super::{Command, Output};
use super::said;
use super::world::World;

const ZONES: &str = "/var/lib/knot/zones";
const STANZAS: &str = "/etc/knot/comuni.d";
const OFFER: &str = "/var/lib/knot/offered/catalog.conf";

fn configured(world: &World) -> Vec<String> {
    let names = world.names_in(std::path::Path::new(STANZAS));
    names.iter().filter_map(|name| name.strip_suffix(".conf").map(ToString::to_string)).collect()
}

/// A record that is there twice stands for anything that the checker refuses.
fn is_bad(text: &str) -> bool {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(';')).collect();
    let count = lines.len();
    lines.sort_unstable();
    lines.dedup();
    lines.len() != count || !text.contains(" SOA ")
}

fn with_serial(text: &str, serial: u32) -> String {
    let line = |line: &str| match line.split_once(" SOA ") {
        Some((before, data)) => {
            let mut words: Vec<String> = data.split(' ').map(ToString::to_string).collect();
            words[2] = serial.to_string();
            format!("{before} SOA {}\n", words.join(" "))
        }
        None => format!("{line}\n"),
    };
    text.lines().filter(|line| !line.starts_with(';')).map(line).collect()
}

fn serial_of(text: &str) -> u32 {
    let soa = text.lines().find_map(|line| line.split_once(" SOA ")).map_or("", |(_, data)| data);
    soa.split(' ').nth(2).and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn load(world: &mut World, zone: &str) -> Output {
    let text = world.text(format!("{ZONES}/{zone}.zone"));
    if is_bad(&text) {
        return said(1, "", format!("error: [{zone}.] (failed)"));
    }
    let key = format!("zone {zone}");
    let new = match world.notes.get(&key) {
        Some(old) if with_serial(old, 0) == with_serial(&text, 0) => old.clone(),
        Some(old) => with_serial(&text, serial_of(old) + 1),
        None => with_serial(&text, serial_of(&text)),
    };
    if !world.notes.contains_key("lag") && (world.notes.contains_key(&format!("other {zone}")) || offers(world)) {
        world.notes.insert(format!("other {zone}"), new.clone());
    }
    world.notes.insert(key, new);
    said(0, "OK", "")
}

fn offers(world: &World) -> bool {
    world.node(OFFER).is_some()
}

pub(super) fn knotc(world: &mut World, command: &Command) -> Output {
    if !world.notes.contains_key("knot") {
        return said(127, "", "knotc: not found");
    }
    let words: Vec<&str> = command.argv.iter().skip(1).map(String::as_str).filter(|word| *word != "-b").collect();
    match words[..] {
        ["zone-status"] => {
            let serial =
                |zone: &String| world.notes.get(&format!("zone {zone}")).map(|text| serial_of(text).to_string());
            let held = |zone: &String| world.notes.contains_key(&format!("transaction {zone}"));
            let line = |zone: &String| {
                let (serial, held) =
                    (serial(zone).unwrap_or("-".to_string()), if held(zone) { "open" } else { "none" });
                format!("[{zone}.] role: master | serial: {serial} | transaction: {held} | freeze: no")
            };
            let mut lines: Vec<String> = configured(world).iter().map(line).collect();
            if offers(world) && world.notes.contains_key("catalog") {
                lines.push("[catalog.b.it.] role: master | serial: 1 | catalog: generate".to_string());
            }
            if world.notes.remove("catalog soon").is_some() {
                world.notes.insert("catalog".to_string(), String::new());
            }
            said(0, lines.join("\n"), "")
        }
        ["zone-read", "--"] => {
            let zones = world.notes.iter().filter_map(|(key, text)| Some((key.strip_prefix("zone ")?, text)));
            let lines = zones.flat_map(|(zone, text)| text.lines().map(move |line| format!("[{zone}.] {line}\n")));
            said(0, lines.collect::<String>(), "")
        }
        ["zone-reload", zone] => load(world, zone),
        ["zone-notify", _] => said(0, "OK", ""),
        ["zone-flush", zone, "+outdir", folder] => {
            let text = world.notes.get(&format!("zone {zone}")).cloned().unwrap_or_default();
            let root = super::super::Ownership { uid: 0, gid: 0, mode: 0o640 };
            world.put(format!("{folder}/{zone}.zone"), super::Node::file(text.as_bytes(), &root));
            said(0, "OK", "")
        }
        ["reload"] => {
            let loads = if world.notes.contains_key("slow") { "catalog soon" } else { "catalog" };
            match offers(world) {
                true => world.notes.insert(loads.to_string(), String::new()),
                false => world.notes.remove("catalog"),
            };
            if offers(world) {
                let known: Vec<_> = world
                    .notes
                    .iter()
                    .filter_map(|(key, text)| Some((key.strip_prefix("zone ")?.to_string(), text.clone())))
                    .collect();
                world.notes.extend(known.into_iter().map(|(zone, text)| (format!("other {zone}"), text)));
            }
            said(0, "Reloaded", "")
        }
        _ => said(1, "", "error: invalid command"),
    }
}

/// 192.0.2.1 is the host itself; every other address is a secondary, and 192.0.2.9 is cut off.
pub(super) fn kdig(world: &mut World, command: &Command) -> Output {
    let address = command.argv.iter().find_map(|word| word.strip_prefix('@')).unwrap_or_default();
    if address == "192.0.2.9" || world.notes.contains_key("cut off") && address != "192.0.2.1" {
        return said(1, "", format!(";; ERROR: failed to query server {address}@53(UDP)"));
    }
    let whose = if address == "192.0.2.1" { "zone" } else { "other" };
    let mut text = String::new();
    let questions = command.argv.windows(4).filter(|words| words[0] == "-q" && words[2] == "-t");
    for (name, kind) in questions.map(|words| (&words[1], &words[3])) {
        let zones = world.notes.iter().filter_map(|(key, text)| Some((key.strip_prefix(whose)?.trim(), text)));
        let mut zones = zones.filter(|(zone, _)| name.trim_end_matches('.').ends_with(zone));
        let (status, flags, answer) = match zones.next() {
            None => ("REFUSED", "qr", Vec::new()),
            Some((_, text)) => {
                let is_it = |line: &&str| {
                    let words: Vec<&str> = line.split(' ').collect();
                    words[0] == name && words[2] == kind
                };
                ("NOERROR", "qr aa", text.lines().filter(is_it).collect())
            }
        };
        text += &format!(";; ->>HEADER<<- opcode: QUERY; status: {status}; id: 1\n;; Flags: {flags}; QUERY: 1\n\n");
        text +=
            &format!(";; QUESTION SECTION:\n;; {name}\t\tIN\t{kind}\n\n;; ANSWER SECTION:\n{}\n\n", answer.join("\n"));
    }
    said(0, text, "")
}

/// The keys are those of the note `keys`.
pub(super) fn keymgr(world: &mut World, command: &Command) -> Output {
    let keys = world.notes.get("keys").cloned().unwrap_or_default();
    match command.argv.get(2).map(String::as_str) {
        Some("list") => said(0, keys.split_whitespace().map(|key| format!("id {key} CSK\n")).collect::<String>(), ""),
        Some("dnskey") => said(0, format!("b.it. DNSKEY 257 3 13 {}\n", command.argv[3]), ""),
        _ => said(1, "", "invalid command"),
    }
}

pub(super) fn kzonecheck(world: &mut World, command: &Command) -> Output {
    let text = match command.argv.last().map(String::as_str) {
        Some("-") => String::from_utf8_lossy(&command.stdin).into_owned(),
        Some(path) => world.text(path),
        None => String::new(),
    };
    if is_bad(&text) { said(1, "Serious semantic error detected", "") } else { said(0, "", "") }
}
