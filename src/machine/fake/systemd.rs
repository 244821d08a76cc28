//! Models of systemctl and journalctl. A unit whose file says `ExecStart=/bin/false` fails when it is started.

use super::super::{Command, Output};
use super::said;
use super::world::{Unit, World};

pub(super) fn systemctl(world: &mut World, command: &Command) -> Output {
    let words: Vec<&str> = command.argv[1..].iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    match words[..] {
        ["show", ref units @ ..] => show(world, units),
        ["daemon-reload"] => {
            let fresh: Vec<_> = world.units.keys().map(|name| (name.clone(), definition(world, name))).collect();
            for (name, definition) in fresh {
                if let (Some(unit), Some(definition)) = (world.units.get_mut(&name), definition) {
                    unit.loaded = definition;
                }
            }
            said(0, "", "")
        }
        [verb, name] => act(world, command, verb, name),
        _ => said(1, "", "Unknown command verb."),
    }
}

pub(super) fn journalctl(world: &mut World, command: &Command) -> Output {
    let unit = super::option(&command.argv, "-u").unwrap_or_default();
    said(0, world.notes.get(&format!("journal {unit}")).cloned().unwrap_or_default(), "")
}

fn definition(world: &World, name: &str) -> Option<Vec<u8>> {
    let template =
        name.split_once('@').zip(name.rsplit_once('.')).map(|((head, _), (_, end))| format!("{head}@.{end}"));
    [Some(name.to_string()), template].into_iter().flatten().find_map(|file| {
        ["/etc/systemd/system", "/lib/systemd/system"].iter().find_map(|folder| {
            let path = format!("{folder}/{file}");
            world.node(&path).map(|_| world.text(&path).into_bytes())
        })
    })
}

fn show(world: &World, units: &[&str]) -> Output {
    let known = |pattern: &str| -> Vec<String> {
        match pattern.split_once('*') {
            Some((start, end)) => {
                let matching = |name: &&String| name.starts_with(start) && name.ends_with(end);
                world.units.keys().filter(matching).cloned().collect()
            }
            None => vec![pattern.to_string()],
        }
    };
    let blocks: Vec<String> =
        units.iter().flat_map(|pattern| known(pattern)).map(|name| properties(world, &name)).collect();
    said(0, blocks.join("\n"), "")
}

fn properties(world: &World, name: &str) -> String {
    let (unit, file) = (world.units.get(name), definition(world, name));
    let text = String::from_utf8_lossy(file.as_deref().unwrap_or_default()).into_owned();
    let state = match (&unit, &file) {
        (Some(unit), _) if unit.masked => "masked",
        (_, None) => "",
        (Some(unit), _) if unit.enabled => "enabled",
        _ if text.contains("[Install]") => "disabled",
        _ => "static",
    };
    let load = if state == "masked" {
        "masked"
    } else if file.is_some() {
        "loaded"
    } else {
        "not-found"
    };
    let stale = unit.is_some_and(|unit| file.as_ref().is_some_and(|file| *file != unit.loaded));
    let active = unit.map_or("inactive", |unit| &unit.active);
    let kind = if text.contains("Type=notify") { "notify" } else { "simple" };
    format!(
        "Id={name}\nLoadState={load}\nActiveState={active}\nSubState={active}\nUnitFileState={state}\nNeedDaemonReload={}\nType={kind}\n",
        if stale { "yes" } else { "no" },
    )
}

fn act(world: &mut World, command: &Command, verb: &str, name: &str) -> Output {
    let Some(file) = definition(world, name) else {
        return said(5, "", format!("Failed to {verb} {name}: Unit {name} not found."));
    };
    let fails = String::from_utf8_lossy(&file).contains("ExecStart=/bin/false");
    let fresh = Unit { active: "inactive".to_string(), loaded: file, ..Unit::default() };
    let unit = world.units.entry(name.to_string()).or_insert(fresh);
    match verb {
        "enable" => unit.enabled = true,
        "disable" => {
            unit.enabled = false;
            if command.argv.iter().any(|word| word == "--now") {
                unit.active = "inactive".to_string();
            }
        }
        "unmask" => unit.masked = false,
        "reset-failed" | "stop" => unit.active = "inactive".to_string(),
        "start" | "restart" | "reload" if unit.masked => {
            return said(1, "", format!("Failed to {verb} {name}: Unit {name} is masked."));
        }
        "start" | "restart" if fails => {
            unit.active = "failed".to_string();
            let words = format!("Job for {name} failed because the control process exited with error code.");
            return said(1, "", words);
        }
        "start" | "restart" => unit.active = "active".to_string(),
        "reload" if unit.active == "active" => {}
        "reload" => return said(1, "", format!("{name} is not active, cannot reload.")),
        _ => return said(1, "", "Unknown command verb."),
    }
    said(0, "", "")
}
