//! Models of the programs of Debian's `passwd` package.

use super::super::{Command, Output};
use super::world::World;
use super::{option, said};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

pub(super) fn groupadd(world: &mut World, command: &Command) -> Output {
    let name = last(command);
    if world.line_of(GROUP, &name).is_some() {
        return said(9, "", format!("groupadd: group '{name}' already exists"));
    }
    let gid = free(world);
    add(world, GROUP, &format!("{name}:x:{gid}:"));
    said(0, "", "")
}

pub(super) fn groupdel(world: &mut World, command: &Command) -> Output {
    delete(world, GROUP, &last(command), "groupdel: group")
}

pub(super) fn useradd(world: &mut World, command: &Command) -> Output {
    let (argv, name) = (&command.argv, last(command));
    if world.line_of(PASSWD, &name).is_some() {
        return said(9, "", format!("useradd: user '{name}' already exists"));
    }
    let id = free(world);
    let group = option(argv, "--gid").unwrap_or(&name).to_string();
    if option(argv, "--gid").is_none() {
        if world.line_of(GROUP, &name).is_some() {
            return said(9, "", format!("useradd: group {name} exists - if you want to add this user to it, use -g."));
        }
        add(world, GROUP, &format!("{name}:x:{id}:"));
    }
    let Some(gid) = world.line_of(GROUP, &group).and_then(|line| line.get(2).cloned()) else {
        return said(6, "", format!("useradd: group '{group}' does not exist"));
    };
    let (home, shell) = (option(argv, "--home-dir").unwrap_or("/"), option(argv, "--shell").unwrap_or("/bin/sh"));
    let comment = option(argv, "--comment").unwrap_or("");
    let line = format!("{name}:x:{id}:{gid}:{comment}:{home}:{shell}");
    if let Some(groups) = option(argv, "--groups")
        && let Err(output) = join(world, &name, groups)
    {
        return output;
    }
    add(world, PASSWD, &line);
    said(0, "", "")
}

pub(super) fn usermod(world: &mut World, command: &Command) -> Output {
    let (argv, name) = (&command.argv, last(command));
    let Some(mut line) = world.line_of(PASSWD, &name) else {
        return said(6, "", format!("usermod: user '{name}' does not exist"));
    };
    if let Some(group) = option(argv, "--gid") {
        match world.line_of(GROUP, group).and_then(|fields| fields.get(2).cloned()) {
            Some(gid) => line[3] = gid,
            None => return said(6, "", format!("usermod: group '{group}' does not exist")),
        }
    }
    for (flag, field) in [("--comment", 4), ("--home", 5), ("--shell", 6)] {
        if let Some(value) = option(argv, flag) {
            line[field] = value.to_string();
        }
    }
    if let Some(groups) = option(argv, "--groups")
        && let Err(output) = join(world, &name, groups)
    {
        return output;
    }
    replace(world, PASSWD, &name, Some(&line.join(":")));
    said(0, "", "")
}

pub(super) fn userdel(world: &mut World, command: &Command) -> Output {
    delete(world, PASSWD, &last(command), "userdel: user")
}

fn join(world: &mut World, name: &str, groups: &str) -> Result<(), Output> {
    for group in groups.split(',') {
        let Some(mut line) = world.line_of(GROUP, group) else {
            return Err(said(6, "", format!("group '{group}' does not exist")));
        };
        let mut members: Vec<&str> = line[3].split(',').filter(|member| !member.is_empty()).collect();
        if !members.contains(&name) {
            members.push(name);
        }
        line[3] = members.join(",");
        replace(world, GROUP, group, Some(&line.join(":")));
    }
    Ok(())
}

fn last(command: &Command) -> String {
    command.argv.last().cloned().unwrap_or_default()
}

fn free(world: &World) -> u32 {
    let used = [PASSWD, GROUP].map(|database| world.text(database)).concat();
    let ids = used.lines().filter_map(|line| line.split(':').nth(2)?.parse::<u32>().ok());
    ids.filter(|id| (100..1000).contains(id)).max().map_or(100, |id| id + 1)
}

fn add(world: &mut World, database: &str, line: &str) {
    if let Some(content) = world.content_mut(database) {
        content.extend(format!("{line}\n").bytes());
    }
}

fn replace(world: &mut World, database: &str, name: &str, with: Option<&str>) {
    let kept: Vec<String> = world
        .text(database)
        .lines()
        .filter_map(|line| if line.split(':').next() == Some(name) { with } else { Some(line) })
        .map(|line| format!("{line}\n"))
        .collect();
    if let Some(content) = world.content_mut(database) {
        *content = kept.concat().into_bytes();
    }
}

fn delete(world: &mut World, database: &str, name: &str, what: &str) -> Output {
    if world.line_of(database, name).is_none() {
        return said(6, "", format!("{what} '{name}' does not exist"));
    }
    replace(world, database, name, None);
    said(0, "", "")
}
