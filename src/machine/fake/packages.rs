//! Models of apt-get and dpkg over `/var/lib/dpkg/status`.

use super::super::{Command, Output};
use super::said;
use super::world::World;

const STATUS: &str = "/var/lib/dpkg/status";

pub(super) fn apt_get(world: &mut World, command: &Command) -> Output {
    let argv = &command.argv;
    if argv.iter().any(|word| word == "update") {
        let heard = std::mem::take(&mut world.unheard);
        world.offered.extend(heard);
        return said(0, "", "");
    }
    let Some(verb) = argv.iter().position(|word| word == "install") else {
        return said(100, "", "E: Invalid operation");
    };
    let mut names = argv[verb + 1..].iter().filter(|word| !word.starts_with('-'));
    if let Some(unknown) = names.clone().find(|name| !world.offered.contains(*name)) {
        return said(100, "", format!("E: Unable to locate package {unknown}"));
    }
    if unfinished(world) {
        return said(100, "", "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct it");
    }
    if !argv.iter().any(|word| word == "--download-only") {
        names.by_ref().for_each(|name| configure(world, name));
    }
    said(0, "", "")
}

pub(super) fn dpkg(world: &mut World, command: &Command) -> Output {
    if command.argv.get(1).map(String::as_str) != Some("--configure") {
        return said(2, "", "dpkg: error: unknown option");
    }
    world.take("/var/lib/dpkg/updates");
    let finished = world.text(STATUS).replace("install ok half-configured", "install ok installed");
    if let Some(content) = world.content_mut(STATUS) {
        *content = finished.into_bytes();
    }
    said(0, "", "")
}

fn unfinished(world: &World) -> bool {
    !world.names_in("/var/lib/dpkg/updates".as_ref()).is_empty()
}

fn configure(world: &mut World, name: &str) {
    let stanzas = world.text(STATUS);
    let others = stanzas.split("\n\n").filter(|stanza| !stanza.trim().is_empty());
    let mut kept: Vec<String> = others
        .filter(|stanza| !stanza.lines().any(|line| line == format!("Package: {name}")))
        .map(|stanza| stanza.trim_end().to_string())
        .collect();
    kept.push(format!("Package: {name}\nStatus: install ok installed\nVersion: 1.0"));
    if let Some(content) = world.content_mut(STATUS) {
        *content = (kept.join("\n\n") + "\n").into_bytes();
    }
}
