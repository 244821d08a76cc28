//! Checks of `applications/*.yml`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::diagnostics::{Finding, quoted};
use super::super::draft::{Doc, Draft};
use super::super::source::Span;
use super::super::syntax;
use super::super::types::{Application, Health, Method};
use super::super::version;
use super::syntax as report;

/// Files that the tenant's playbook writes into the same folder.
const OURS: [&str; 4] = ["environment", "pgpass", "certificate.pem", "certificate.key"];

/// Names, releases and the way from one release to the next.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    for (name, doc) in &draft.applications {
        let help = "small letters, digits and hyphens, a letter first: `albo.yml`";
        report("name of an application", name, Span::whole(doc.file), syntax::name(name), help, findings);
        let Some(application) = &doc.typed else { continue };
        basics(doc, application, findings);
        releases(name, doc, application, findings);
        cycles(doc, application, findings);
        if let (Some(size), Some(consortium)) = (&application.defaults.size, &draft.consortium.typed)
            && !consortium.sizes.contains_key(size)
        {
            findings.push(super::tenants::unknown_size(size, doc.tree.place(&["defaults", "size"]), consortium));
        }
    }
}

fn basics(doc: &Doc<Application>, application: &Application, findings: &mut Vec<Finding>) {
    let start = &application.runtime.start;
    if !start.first().is_some_and(|program| program.starts_with('/')) {
        findings.push(
            Finding::error(
                doc.tree.key_place(&["runtime", "start"]),
                "`start` does not begin with the path of a program",
            )
            .help("a list, the full path first: [/usr/bin/python3, …]"),
        );
    }
    health(doc, &["health"], &application.health, findings);
    for name in application.runtime.files.keys() {
        let span = doc.tree.key_place(&["runtime", "files", name]);
        let help = "letters, digits, `.`, `_` and `-`, a letter or digit first: `settings.ini`";
        report("name of a file", name, span, syntax::file_name(name), help, findings);
        if OURS.contains(&name.as_str()) {
            findings.push(
                Finding::error(span, format!("the file {} is written by comuni itself", quoted(name)))
                    .help("give it another name"),
            );
        }
    }
    let prepare = &application.runtime.prepare;
    // systemd takes signs before a path for orders, also inside quotes: `+` would run it as root, outside the sandbox.
    if prepare.first().is_some_and(|program| !program.starts_with('/')) {
        findings.push(
            Finding::error(
                doc.tree.key_place(&["runtime", "prepare"]),
                "`prepare` does not begin with the path of a program",
            )
            .help("a list, the full path first: [/usr/bin/python3, …]; leave it out when there is nothing to prepare"),
        );
    }
    if application.public_methods.as_ref().is_some_and(Vec::is_empty) {
        findings.push(
            Finding::error(doc.tree.key_place(&["public_methods"]), "`public_methods` names no method")
                .help("such as [GET, HEAD]; leave it out to let every method in"),
        );
    }
    if let Some(queue) = &application.queue {
        let place = doc.tree.place(&["queue", "oldest"]);
        if application.database.is_none() {
            findings.push(
                Finding::error(doc.tree.key_place(&["queue"]), "`queue` is asked of a database, and there is none")
                    .help("add `database: { engine: postgresql }`, or leave `queue` out"),
            );
        }
        // A backslash begins an order to psql.
        if !queue.oldest.starts_with("select ")
            || queue.oldest.contains(|c: char| c.is_control() || c == ';' || c == '\\')
        {
            findings.push(
                Finding::error(place, "`oldest` is not one question to PostgreSQL")
                    .help("one `select` of one number, on one line (`>-` folds several), without `;` and `\\`"),
            );
        }
    }
    for secret in &application.secrets {
        let help = "small letters, digits and `_`: `smtp_password`";
        report("name of a secret", secret, doc.tree.key_place(&["secrets"]), syntax::word(secret), help, findings);
        if secret.starts_with("database_") && application.database.is_some() {
            findings.push(
                Finding::error(
                    doc.tree.key_place(&["secrets"]),
                    format!("the secret `{secret}` has a name that is taken"),
                )
                .help("names that begin with `database_` are those of the tenant's own database"),
            );
        }
    }
}

fn health(doc: &Doc<Application>, at: &[&str], health: &Health, findings: &mut Vec<Finding>) {
    let place = |key| doc.tree.place(&[at, &[key]].concat());
    // What a template may hold is known once it is rendered.
    let path = without_templates(&health.path);
    if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') {
        let message = format!("{} is not the path of a page", quoted(&health.path));
        findings.push(Finding::error(place("path"), message).help("it begins with `/` and holds no space: `/health`"));
    }
    let reads = matches!(health.method, None | Some(Method::Get | Method::Head | Method::Options));
    if health.body.is_some() && reads {
        findings.push(
            Finding::error(place("body"), "a request that reads sends no body along")
                .help("say how it is sent: `method: POST`"),
        );
    }
    for (key, text) in [("body", &health.body), ("contains", &health.contains)] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.contains(char::is_control)) {
            findings.push(
                Finding::error(place(key), format!("`{key}` is not one line of text"))
                    .help("write it on one line, or leave it out"),
            );
        }
    }
    let spelled = |text: &String| text.contains('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if health.media_type.as_ref().is_some_and(|text| !spelled(text)) {
        findings.push(Finding::error(place("media_type"), "not a media type").help("such as `application/json`"));
    }
}

/// The text with every `{{ … }}` taken out.
fn without_templates(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        plain.push_str(before);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    plain + rest
}

fn releases(name: &str, doc: &Doc<Application>, application: &Application, findings: &mut Vec<Finding>) {
    let known: Vec<&str> = application.releases.keys().map(String::as_str).collect();
    if known.is_empty() {
        findings.push(
            Finding::error(doc.tree.key_place(&["releases"]), format!("{} has no release", quoted(name)))
                .help("add one with its `sha256` and `source`"),
        );
    }
    for (release, stated) in &application.releases {
        let help = "letters, digits, dots and hyphens: `1.0.0`";
        report(
            "release",
            release,
            doc.tree.key_place(&["releases", release]),
            syntax::release(release),
            help,
            findings,
        );
        if let Some(own) = &stated.health {
            health(doc, &["releases", release, "health"], own, findings);
        }
        if stated.source.is_empty() || stated.source.contains(char::is_control) {
            let span = doc.tree.place(&["releases", release, "source"]);
            findings
                .push(Finding::error(span, "not the path of an archive").help("such as `releases/albo-1.0.0.tar.gz`"));
        }
        if let Some(required) = &stated.requires {
            let span = doc.tree.place(&["releases", release, "requires"]);
            if !application.releases.contains_key(required) {
                findings.push(
                    Finding::error(span, format!("{} has no release {}", quoted(name), quoted(required)))
                        .label("unknown release")
                        .help(format!("there is: {}", known.join(", "))),
                );
            } else if required != release && version::compare(required, release) != Ordering::Less {
                findings.push(
                    Finding::error(span, format!("{release} requires {required}, which is not an older release"))
                        .help("`requires` names the release that must have run before"),
                );
            }
        }
    }
    for (path, stated) in [
        (&["minimum_release"][..], &application.minimum_release),
        (&["defaults", "release"][..], &application.defaults.release),
    ] {
        if let Some(stated) = stated
            && !application.releases.contains_key(stated)
        {
            findings.push(
                Finding::error(doc.tree.place(path), format!("{} has no release {}", quoted(name), quoted(stated)))
                    .label("unknown release")
                    .help(format!("there is: {}", known.join(", "))),
            );
        }
    }
}

fn cycles(doc: &Doc<Application>, application: &Application, findings: &mut Vec<Finding>) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in application.releases.keys() {
        let mut way: Vec<&str> = vec![start];
        while let Some(next) =
            application.releases.get(way[way.len() - 1]).and_then(|release| release.requires.as_deref())
        {
            if next == start && !told.contains(next) {
                told.extend(&way);
                let span = doc.tree.place(&["releases", start, "requires"]);
                way.push(next);
                findings.push(
                    Finding::error(
                        span,
                        format!("releases require each other in a circle: {}", way.join(" requires ")),
                    )
                    .help("take the `requires` of the oldest one away"),
                );
            }
            if way.contains(&next) {
                break;
            }
            way.push(next);
        }
    }
}
