//! From merged trees to types: defaults are laid under, then every file is read into its type if it can be.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::diagnostics::Finding;
use super::fit::fitting;
use super::layers::{Layered, Layers};
use super::merge::merge;
use super::node::{Entry, Node, Value, is_free};
use super::schema::File;
use super::shape;
use super::source::{FileId, Span};
use super::types::{Application, Consortium, Host, Member, Rollout};

/// One file, or one entry of a file, as tree and as type.
#[derive(Debug, Clone)]
pub struct Doc<T> {
    /// With defaults; every value knows the place it came from.
    pub tree: Node,
    /// Where to point when the whole is meant.
    pub head: Span,
    /// The topmost file.
    pub file: FileId,
    /// `None` when its shape is wrong.
    pub typed: Option<T>,
}

/// A whole inventory on its way: what could be read is here, also when something else could not.
#[derive(Debug)]
pub struct Draft {
    /// `consortium.yml`.
    pub consortium: Doc<Consortium>,
    /// The hosts by name.
    pub hosts: BTreeMap<String, Doc<Host>>,
    /// Whether the list of hosts is complete; else an unknown host proves nothing.
    pub hosts_known: bool,
    /// The applications by name.
    pub applications: BTreeMap<String, Doc<Application>>,
    /// The members by slug.
    pub members: BTreeMap<String, Doc<Member>>,
    /// `playbooks/upgrade.yml`.
    pub rollout: Doc<Rollout>,
}

impl Draft {
    /// Lays defaults under and reads the types. `None` when there is no `consortium.yml` at all.
    pub fn new(layers: &Layers, findings: &mut Vec<Finding>) -> Option<Draft> {
        let top = layers.consortium.as_ref()?;
        let consortium = doc(top, top.tree.clone(), File::Consortium, top.sound, findings);
        let (hosts, hosts_known) = hosts(layers, top, findings);
        let applications: BTreeMap<String, Doc<Application>> = layers
            .applications
            .iter()
            .map(|(name, file)| (name.clone(), doc(file, file.tree.clone(), File::Application, file.sound, findings)))
            .collect();
        // What a broken file would have given as default must not be missed in the members.
        let complete = top.sound && layers.applications.values().all(|file| file.sound);
        let mut members = BTreeMap::new();
        for (slug, file) in &layers.members {
            let tree = with_defaults(file.tree.clone(), &consortium.tree, layers);
            members.insert(slug.clone(), doc(file, tree, File::Member, complete && file.sound, findings));
        }
        let rollout = &layers.rollout;
        let rollout = doc(rollout, rollout.tree.clone(), File::Rollout, rollout.sound, findings);
        Some(Draft { consortium, hosts, hosts_known, applications, members, rollout })
    }
}

fn doc<T: DeserializeOwned>(
    file: &Layered,
    tree: Node,
    kind: File,
    complete: bool,
    findings: &mut Vec<Finding>,
) -> Doc<T> {
    let before = findings.len();
    if complete {
        shape::missing(&tree, kind.whole(), tree.span, findings);
    }
    let faultless = file.shaped && complete && findings.len() == before;
    let typed = typed(&tree, kind.whole(), faultless, findings);
    Doc { head: tree.span, file: file.file, tree, typed }
}

fn hosts(layers: &Layers, consortium: &Layered, findings: &mut Vec<Finding>) -> (BTreeMap<String, Doc<Host>>, bool) {
    let Some(file) = &layers.hosts else {
        if consortium.sound {
            findings.push(
                Finding::error(Span::whole(consortium.file), "there is no `hosts.yml` beside it")
                    .help("write one with the purchased machines; `hosts: {}` while there are none"),
            );
        }
        return (BTreeMap::new(), false);
    };
    let before = findings.len();
    if file.sound {
        shape::missing(&file.tree, File::Hosts.whole(), file.tree.span, findings);
    }
    let faultless = file.sound && file.shaped && findings.len() == before;
    let entries = file.tree.at(&["hosts"]).map(Node::entries).unwrap_or_default();
    let mut schema = File::Hosts.whole().clone();
    schema["$ref"] = "#/$defs/Host".into();
    let hosts = entries.iter().filter(|entry| !is_free(&entry.key)).map(|entry| {
        let typed = typed(&entry.node, &schema, faultless, findings);
        (entry.key.clone(), Doc { tree: entry.node.clone(), head: entry.key_span, file: file.file, typed })
    });
    (hosts.collect(), file.sound)
}

/// Reads the type. What the schema let pass and the type refuses is told too, at its place.
fn typed<T: DeserializeOwned>(
    tree: &Node,
    schema: &serde_json::Value,
    faultless: bool,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    if !faultless {
        return serde_json::from_value(fitting(tree, schema)?.to_json()).ok();
    }
    match serde_path_to_error::deserialize(tree.to_json()) {
        Ok(value) => Some(value),
        Err(error) => {
            let path = error.path().to_string();
            let keys: Vec<&str> = path.split('.').collect();
            findings.push(
                Finding::error(tree.place(&keys), format!("cannot be read: {}", error.inner()))
                    .help("compare with the schema that `comuni schema` writes"),
            );
            None
        }
    }
}

/// The three levels of a tenant are application, consortium, member; those of a member consortium and member.
fn with_defaults(member: Node, consortium: &Node, layers: &Layers) -> Node {
    let mut member = under(consortium.at(&["defaults", "member"]), member);
    if let Value::Map(entries) = &mut member.value
        && let Some(applications) = entries.iter_mut().find(|entry| entry.key == "applications")
        && let Value::Map(tenants) = &mut applications.node.value
    {
        for tenant in tenants.iter_mut().filter(|entry| !is_free(&entry.key)) {
            let application = layers.applications.get(&tenant.key).and_then(|file| file.tree.at(&["defaults"]));
            let own = taken(tenant);
            tenant.node = under(application, under(consortium.at(&["defaults", "tenant"]), own));
        }
    }
    member
}

fn taken(entry: &mut Entry) -> Node {
    let span = entry.node.span;
    std::mem::replace(&mut entry.node, Node { span, value: Value::Null })
}

/// Defaults count only where both are maps: a wrong default must not hide what the file says.
fn under(defaults: Option<&Node>, node: Node) -> Node {
    match (defaults, &node.value) {
        (Some(defaults), Value::Map(_)) if matches!(defaults.value, Value::Map(_)) => {
            let span = node.span;
            Node { span, ..merge(defaults.clone(), node) }
        }
        _ => node,
    }
}
