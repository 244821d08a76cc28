//! Checks of where backups are kept.

use super::super::diagnostics::{Finding, quoted, suggestion};
use super::super::draft::Draft;
use super::super::names::BACKUP;
use super::super::source::Span;
use super::super::types::Role;

/// The hosts of `backup:` in consortium.yml, and the name that only backups have.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    if let Some(doc) = draft.applications.get(BACKUP) {
        findings.push(
            Finding::error(
                Span::whole(doc.file),
                "no application may be called `backup`: its secrets are those of backups",
            )
            .help("give the file another name"),
        );
    }
    let doc = &draft.consortium;
    let Some(backup) = doc.typed.as_ref().and_then(|consortium| consortium.backup.as_ref()) else { return };
    let hour = backup.at.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    if !hour.is_some_and(|(hour, minute): (u32, u32)| hour < 24 && minute < 60) {
        findings.push(
            Finding::error(doc.tree.place(&["backup", "at"]), format!("{} is no time of the day", quoted(&backup.at)))
                .help("hours and minutes in Italy: `\"01:00\"`"),
        );
    }
    if !draft.hosts_known {
        return;
    }
    keeper(draft, &backup.repository, doc.tree.place(&["backup", "repository"]), findings);
    let Some(copy) = &backup.copy else {
        findings.push(
            Finding::warning(doc.tree.key_place(&["backup"]), "there is only one copy of the backups")
                .help("name a second host, in another place: `copy: mon1`"),
        );
        return;
    };
    let place = doc.tree.place(&["backup", "copy"]);
    if *copy == backup.repository {
        findings.push(
            Finding::error(place, "the second copy would lie on the same host as the first")
                .help("name another host with the role `backup`"),
        );
    } else {
        keeper(draft, copy, place, findings);
    }
}

/// Whoever is root on an application host may not delete backups: so what keeps them carries no tenant.
fn keeper(draft: &Draft, name: &str, span: Span, findings: &mut Vec<Finding>) {
    let Some(doc) = draft.hosts.get(name) else {
        let known: Vec<&str> = draft.hosts.keys().map(String::as_str).collect();
        findings
            .push(Finding::error(span, format!("there is no host {}", quoted(name))).help(suggestion(name, &known)));
        return;
    };
    let Some(host) = &doc.typed else { return };
    if !host.roles.contains(&Role::Backup) {
        findings.push(
            Finding::error(span, format!("the host {} has not the role `backup`", quoted(name)))
                .also(doc.tree.place(&["roles"]), "its roles")
                .help("add `backup` to its roles, or name another host"),
        );
    }
    if let Some(role) = host.roles.iter().find(|role| matches!(role, Role::Application | Role::Database)) {
        let role = if *role == Role::Application { "application" } else { "database" };
        findings.push(
            Finding::error(span, format!("the host {} keeps backups and has the role `{role}`", quoted(name)))
                .also(doc.tree.place(&["roles"]), "its roles")
                .help("whoever breaks into a tenant's host must not reach the backups: name another host"),
        );
    }
}
