//! `comuni show`: every effective value with the file and line that gave it, and what follows from it.

use serde::Serialize;
use serde_json::Value as Json;

use super::load::Loaded;
use super::names;
use super::node::{Node, Value};
use super::select::{self, Noun};
use super::source::{Sources, Span};
use super::{Body, TenantPlan};
use crate::failure::Result;

/// All that is known about one member, host or application. Pure data: `report` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// `member`, `host` or `application`.
    pub kind: &'static str,
    /// Its name in the inventory: slug of a member, name of a host or application.
    pub name: String,
    /// As people call it.
    pub title: String,
    /// What the files say, defaults included, in the order of the files.
    pub values: Vec<Shown>,
    /// What follows from it.
    pub derived: Vec<Derived>,
    /// The tenants of a member, on a host, or of an application.
    pub tenants: Vec<TenantView>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Where in the file: `placement.database`, `roles[0]`.
    pub path: String,
    /// What it is.
    pub value: String,
    /// `inventories/varese/members/malnate.yml:11`, or `default of comuni`.
    pub origin: String,
}

/// One thing that follows from the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Derived {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
    /// From what it follows.
    pub from: String,
}

/// One tenant with its derived names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantView {
    /// `c_e863-albo`.
    pub id: String,
    /// Slug of the member.
    pub member: String,
    /// The application.
    pub application: String,
    /// The release.
    pub release: String,
    /// The size class.
    pub size: String,
    /// From what the size follows.
    pub size_from: String,
    /// The name it answers under.
    pub host_name: String,
    /// From what that name follows.
    pub host_name_from: String,
    /// Unix account on the application host.
    pub account: String,
    /// Home folder there.
    pub home: String,
    /// systemd unit there.
    pub unit: String,
    /// Database on the database host; `None` when the application has none.
    pub database: Option<String>,
    /// The application host.
    pub application_host: String,
    /// The database host.
    pub database_host: String,
}

const BUILT_IN: &str = "default of comuni";

/// Shows a member, found by slug, name or code.
///
/// # Errors
/// Wrong usage (64) with near names when there is none of that name.
pub fn member(loaded: &Loaded, name: &str) -> Result<View> {
    let slug = select::one(&loaded.inventory, Noun::Member, name)?;
    let body = &loaded.inventory.members[&slug];
    let from_code = if body.member.belfiore.is_some() { "belfiore" } else { "code" };
    let derived = [
        ("code", body.code.clone(), from_code),
        ("slug", slug.clone(), "the name of the file"),
        ("full name", body.member.full_name(), "kind and name"),
    ];
    Ok(View {
        kind: Noun::Member.word(),
        title: body.member.full_name(),
        values: values(&loaded.trees.sources, loaded.trees.members.get(&slug), &body.member),
        derived: derived.map(|(name, value, from)| derived_from(name, value, from)).to_vec(),
        tenants: tenants(loaded, |body, _| body.slug == slug),
        name: slug,
    })
}

/// Shows a host with all that it carries.
///
/// # Errors
/// Wrong usage (64) with near names when there is none of that name.
pub fn host(loaded: &Loaded, name: &str) -> Result<View> {
    let name = select::one(&loaded.inventory, Noun::Host, name)?;
    let host = &loaded.inventory.hosts[&name];
    let applications = tenants(loaded, |_, plan| plan.application_host == name);
    let memory: u64 =
        placed(loaded, |plan| plan.application_host == name).map(|plan| u64::from(plan.size.memory_mib)).sum();
    let databases =
        tenants(loaded, |_, plan| plan.database_host == name).iter().filter(|tenant| tenant.database.is_some()).count();
    let derived = [
        ("tenants", applications.len().to_string(), "placements"),
        ("databases", databases.to_string(), "placements"),
        ("memory of its tenants", format!("{memory} MiB"), "their size classes"),
    ];
    Ok(View {
        kind: Noun::Host.word(),
        title: format!("{name} ({})", host.address),
        values: values(&loaded.trees.sources, loaded.trees.hosts.get(&name), host),
        derived: derived.map(|(name, value, from)| derived_from(name, value, from)).to_vec(),
        tenants: tenants(loaded, |_, plan| plan.application_host == name || plan.database_host == name),
        name,
    })
}

/// Shows an application with all its tenants.
///
/// # Errors
/// Wrong usage (64) with near names when there is none of that name.
pub fn application(loaded: &Loaded, name: &str) -> Result<View> {
    let name = select::one(&loaded.inventory, Noun::Application, name)?;
    let application = &loaded.inventory.applications[&name];
    let newest = application.releases.keys().max_by(|one, other| super::version::compare(one, other));
    let newest = newest.map(|release| derived_from("newest release", release.clone(), "releases"));
    Ok(View {
        kind: Noun::Application.word(),
        title: application.title.clone(),
        values: values(&loaded.trees.sources, loaded.trees.applications.get(&name), application),
        derived: newest.into_iter().collect(),
        tenants: tenants(loaded, |_, plan| plan.application == name),
        name,
    })
}

fn derived_from(name: &str, value: String, from: &str) -> Derived {
    Derived { name: name.to_string(), value, from: from.to_string() }
}

fn placed(loaded: &Loaded, wanted: impl Fn(&TenantPlan) -> bool) -> impl Iterator<Item = &TenantPlan> {
    loaded.inventory.members.values().flat_map(|body| body.tenants.values()).filter(move |plan| wanted(plan))
}

fn tenants(loaded: &Loaded, wanted: impl Fn(&Body, &TenantPlan) -> bool) -> Vec<TenantView> {
    let inventory = &loaded.inventory;
    let all = inventory.members.values().flat_map(|body| body.tenants.values().map(move |plan| (body, plan)));
    let views = all.filter(|(body, plan)| wanted(body, plan)).map(|(body, plan)| {
        let application = &plan.application;
        let place = |key: &str| {
            let tree = loaded.trees.members.get(&body.slug)?;
            let node = tree.at(&["applications", application, key])?;
            (node.value != Value::Null).then(|| place(&loaded.trees.sources, node.span))
        };
        let has_database = inventory.applications.get(application).is_some_and(|known| known.database.is_some());
        let zone = if body.member.domain.is_some() { "the member's domain" } else { "the consortium's domain" };
        TenantView {
            id: names::tenant_id(&body.code, application),
            member: body.slug.clone(),
            application: application.clone(),
            release: plan.tenant.release.clone(),
            size: plan.size_name.clone(),
            size_from: place("size").unwrap_or_else(|| "the population".to_string()),
            host_name: plan.host_name.clone(),
            host_name_from: place("host_name").unwrap_or_else(|| zone.to_string()),
            account: names::account(&body.code, application),
            home: names::home(&body.code, application),
            unit: names::unit(&body.code, application),
            database: has_database.then(|| names::account(&body.code, application)),
            application_host: plan.application_host.clone(),
            database_host: plan.database_host.clone(),
        }
    });
    views.collect()
}

/// The values of the files in their order, then what the types add to them.
fn values(sources: &Sources, tree: Option<&Node>, typed: &impl Serialize) -> Vec<Shown> {
    let mut shown = Vec::new();
    if let Some(tree) = tree {
        written(sources, tree, String::new(), &mut shown);
    }
    // What was just read from JSON can be written to it again; nothing would be added otherwise.
    if let Ok(json) = serde_json::to_value(typed) {
        let mut added = Vec::new();
        built_in(&json, tree, String::new(), &mut added);
        shown.extend(added);
    }
    shown
}

fn written(sources: &Sources, node: &Node, path: String, shown: &mut Vec<Shown>) {
    let one = |value: String| Shown { path: path.clone(), value, origin: place(sources, node.span) };
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                written(sources, &entry.node, under(&path, &entry.key), shown);
            }
        }
        Value::Seq(items) if items.iter().all(|item| !matches!(item.value, Value::Map(_) | Value::Seq(_))) => {
            let items: Vec<String> = items.iter().filter_map(scalar).collect();
            shown.push(one(format!("[{}]", items.join(", "))));
        }
        Value::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                written(sources, item, format!("{path}[{at}]"), shown);
            }
        }
        _ => shown.extend(scalar(node).map(one)),
    }
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Str(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Num(number) => Some(number.spelling.clone()),
        _ => None,
    }
}

/// What is in the type and not in the tree has been added by its defaults.
fn built_in(json: &Json, tree: Option<&Node>, path: String, shown: &mut Vec<Shown>) {
    let missing = tree.is_none_or(|node| node.value == Value::Null);
    match json {
        Json::Object(map) => {
            for (key, inner) in map {
                built_in(inner, tree.and_then(|tree| tree.at(&[key])), under(&path, key), shown);
            }
        }
        Json::Null => {}
        Json::Array(items) if items.is_empty() => {}
        Json::String(text) if missing => shown.push(Shown { path, value: text.clone(), origin: BUILT_IN.to_string() }),
        value if missing => shown.push(Shown { path, value: value.to_string(), origin: BUILT_IN.to_string() }),
        _ => {}
    }
}

fn under(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

fn place(sources: &Sources, span: Span) -> String {
    format!("{}:{}", sources.path(span.file), span.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use std::path::Path;

    fn lab() -> Loaded {
        crate::inventory::load(Path::new("inventories/lab")).map_err(|all| all.render()).unwrap()
    }

    fn origin(view: &View, path: &str) -> (String, String) {
        let shown = view.values.iter().find(|shown| shown.path == path).unwrap_or_else(|| panic!("{path}: {view:#?}"));
        (shown.value.clone(), shown.origin.clone())
    }

    #[test]
    fn every_value_of_a_member_names_file_and_line() {
        let view = member(&lab(), "Malnate").unwrap();
        let (value, from) = origin(&view, "placement.database");
        assert_eq!(value, "db1");
        assert!(from.starts_with("inventories/varese/members/malnate.yml:"), "{from}");
        let (value, from) = origin(&view, "applications.albo.release");
        assert_eq!(value, "1.0.0");
        assert!(from.starts_with("inventories/varese/applications/albo.yml:"), "{from}");
        assert_eq!(origin(&view, "istat").0, "012096");
        let tenant = &view.tenants[0];
        assert_eq!(tenant.id, "c_e863-albo");
        assert_eq!((tenant.account.as_str(), tenant.database.as_deref()), ("c_e863_albo", Some("c_e863_albo")));
        assert_eq!(tenant.unit, "comuni-c_e863-albo.service");
        assert_eq!((tenant.size.as_str(), tenant.size_from.as_str()), ("medium", "the population"));
    }

    #[test]
    fn an_included_host_shows_both_files_and_what_is_built_in() {
        let view = host(&lab(), "app1").unwrap();
        assert!(origin(&view, "address").1.starts_with("inventories/lab/hosts.yml:"));
        assert!(origin(&view, "roles").1.starts_with("inventories/varese/hosts.yml:"));
        assert_eq!(origin(&view, "port"), ("22".to_string(), "default of comuni".to_string()));
        assert!(view.tenants.iter().all(|tenant| tenant.application_host == "app1"));
        assert!(host(&lab(), "db1").unwrap().tenants.len() == 17);
    }

    #[test]
    fn an_application_shows_its_tenants() {
        let view = application(&lab(), "albo").unwrap();
        assert_eq!((view.title.as_str(), view.tenants.len()), ("Albo pretorio", 14));
        assert_eq!(origin(&view, "runtime.listen").0, "socket");
    }

    #[test]
    fn an_unknown_name_is_wrong_usage() {
        let failure = member(&lab(), "malnato").unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(failure.hints[0].contains("malnate"));
    }
}
