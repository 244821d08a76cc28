//! A model of psql and its server: enough of SQL for the scripts of this room.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::postgres::QUESTION;
use crate::digest::sha256;
use crate::machine::{Command, Fake, Output, World};

const NOTE: &str = "postgres";

/// Puts a running server on a host.
pub(super) fn install(host: &mut Fake) {
    host.with_file("/etc/passwd", host.world.text("/etc/passwd") + "postgres:x:90:90::/var:/bin/sh\n", 0o644);
    host.world.notes.insert(NOTE.to_string(), json!({"roles": {}, "databases": {}}).to_string());
    host.program("psql", psql);
    add_role(host, "postgres");
}

/// A role that can do nothing.
pub(super) fn add_role(host: &mut Fake, name: &str) {
    alter(&mut host.world, |server| server["roles"][name] = role());
}

/// A database of postgres to which PUBLIC may connect.
pub(super) fn add_database(host: &mut Fake, name: &str) {
    alter(&mut host.world, |server| server["databases"][name] = database("postgres"));
}

/// Changes one fact behind everybody's back.
pub(super) fn disturb(host: &mut Fake, of: &str, name: &str, fact: &str, value: Value) {
    alter(&mut host.world, |server| {
        assert!(server[of][name].get(fact).is_some(), "{server}");
        server[of][name][fact] = value;
    });
}

fn role() -> Value {
    json!({"login": false, "connection_limit": -1, "powers": false, "verifier": null, "member_of": [], "acts_as": null})
}

fn database(owner: &str) -> Value {
    let grants = json!([["", "connect"], ["", "temporary"], [owner, "connect"], [owner, "create"]]);
    json!({"owner": owner, "connection_limit": -1, "encoding": "UTF8", "grants": grants})
}

fn alter(world: &mut World, act: impl FnOnce(&mut Value)) {
    let mut server = serde_json::from_str(&world.notes[NOTE]).unwrap();
    act(&mut server);
    world.notes.insert(NOTE.to_string(), server.to_string());
}

fn psql(world: &mut World, command: &Command) -> Output {
    let said = |status, stdout: &str, stderr: &str| Output { status, stdout: stdout.into(), stderr: stderr.into() };
    let script = String::from_utf8(command.stdin.clone()).unwrap();
    if command.user.as_deref() != Some("postgres") {
        return said(2, "", "FATAL:  Peer authentication failed");
    }
    if script == QUESTION {
        return said(0, &world.notes[NOTE], "");
    }
    if script.contains("oi\\") {
        return said(3, "", "the plain password reached the server");
    }
    let mut server: Value = serde_json::from_str(&world.notes[NOTE]).unwrap();
    let mut variables = BTreeMap::new();
    for line in script.lines() {
        if let Some((name, value)) = line.strip_prefix("\\set ").and_then(|rest| rest.split_once(' ')) {
            variables.insert(name.to_string(), value.trim_matches('\'').to_string());
            continue;
        }
        for statement in line.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            if !execute(&mut server, &words(statement, &variables)) {
                return said(3, "", &format!("ERROR:  cannot do: {statement}"));
            }
        }
    }
    world.notes.insert(NOTE.to_string(), server.to_string());
    said(0, "", "")
}

fn words(statement: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let value = |word: &str| {
        let name = word.strip_prefix(':')?.trim_matches(['"', '\'']);
        variables.get(name).cloned()
    };
    statement.split_whitespace().map(|word| value(word).unwrap_or_else(|| word.to_string())).collect()
}

fn execute(server: &mut Value, words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["set", "local", ..] => {}
        ["create", "role", name, "nologin"] if server["roles"].get(name).is_none() => server["roles"][name] = role(),
        ["create", "database", name, "owner", owner, "template", "template0", ..] => {
            if server["databases"].get(name).is_some() || server["roles"].get(owner).is_none() {
                return false;
            }
            server["databases"][name] = database(owner);
        }
        ["alter", "database", name, "owner", "to", owner] => server["databases"][name]["owner"] = owner.into(),
        ["alter", "database", name, "connection", "limit", limit] => {
            server["databases"][name]["connection_limit"] = limit.parse::<i64>().unwrap().into();
        }
        ["revoke", "all", "on", "database", name, "from", from, ..] => {
            let from = if from == "public" { "" } else { from };
            grants(server, name).retain(|grant| grant[0] != from);
        }
        ["grant", privilege, "on", "database", name, "to", to] => {
            if !grants(server, name).contains(&json!([to, privilege])) {
                grants(server, name).push(json!([to, privilege]));
            }
        }
        ["alter", "role", name, ..] if server["roles"].get(name).is_none() => return false,
        ["alter", "role", name, ref rest @ ..] => return alter_role(&mut server["roles"][name], rest),
        ["grant", group, "to", name] => {
            let groups = server["roles"][name]["member_of"].as_array_mut().unwrap();
            if !groups.contains(&group.into()) {
                groups.push(group.into());
            }
        }
        ["revoke", group, "from", name] => {
            server["roles"][name]["member_of"].as_array_mut().unwrap().retain(|one| one != group);
        }
        _ => return false,
    }
    true
}

fn alter_role(role: &mut Value, words: &[&str]) -> bool {
    match words {
        ["with", "nosuperuser", .., "connection", "limit", limit] => {
            role["powers"] = false.into();
            role["connection_limit"] = limit.parse::<i64>().unwrap().into();
        }
        ["login"] => role["login"] = true.into(),
        ["nologin"] => role["login"] = false.into(),
        ["set", "role", "to", owner] => role["acts_as"] = (*owner).into(),
        ["reset", "role"] => role["acts_as"] = Value::Null,
        ["password", "null"] => role["verifier"] = Value::Null,
        ["password", verifier] => role["verifier"] = sha256(verifier).into(),
        _ => return false,
    }
    true
}

fn grants<'a>(server: &'a mut Value, database: &str) -> &'a mut Vec<Value> {
    server["databases"][database]["grants"].as_array_mut().unwrap()
}
