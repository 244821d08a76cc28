//! Playbooks: ordered steps that say what an area consists of. Read, checked and turned into resources, never run.
//!
//! YAML is parsed first; then only scalars are rendered; then the kind's own type reads them.

mod check;
mod condition;
mod fields;
mod problem;
mod read;
mod render;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rust_embed::RustEmbed;

pub use condition::Condition;
pub use problem::{Problem, Problems};
pub use read::{Node, Place};
pub use render::{Named, Values, named};

use crate::catalog::{Area, Stage};
use crate::failure::{Failure, Result};
use crate::inventory::source::read_file;
use crate::inventory::types::Role;
use crate::templates::Templates;
use crate::templates::lint::Shape;

/// The built-in playbooks.
#[derive(RustEmbed)]
#[folder = "playbooks"]
#[include = "*.yml"]
struct Embedded;

/// The names of all kinds of step, sorted.
pub fn kinds() -> Vec<String> {
    fields::kinds().into_keys().collect()
}

/// The playbook of one area.
#[derive(Debug, Clone)]
pub struct Playbook {
    /// The area: the file's name.
    pub area: Area,
    /// The file as a person would open it.
    pub file: String,
    /// The same, but independent of where the inventory lies: for catalogs.
    pub origin: String,
    /// In their order.
    pub plays: Vec<Play>,
}

/// Steps for some hosts, repeated for some elements of the inventory.
#[derive(Debug, Clone)]
pub struct Play {
    /// What it makes.
    pub name: String,
    /// On which hosts.
    pub on: On,
    /// For which elements.
    pub each: Each,
    /// When it is applied.
    pub stage: Stage,
    /// Left out for elements for which this does not hold.
    pub when: Option<Condition>,
    /// In their order.
    pub steps: Vec<Step>,
}

/// One resource to be.
#[derive(Debug, Clone)]
pub struct Step {
    /// The kind's name.
    pub kind: String,
    /// Its fields, not yet rendered.
    pub fields: Node,
    /// Where the kind's name stands.
    pub place: Place,
    /// Left out where this does not hold.
    pub when: Option<Condition>,
}

/// The hosts of a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Every host.
    All,
    /// Hosts with this role.
    Role(Role),
    /// The host that the inventory gave the tenant for its application, or those of a member's tenants.
    ApplicationHost,
    /// The host that the inventory gave the tenant for its database, or those of a member's tenants.
    DatabaseHost,
}

/// What a play is repeated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Each {
    /// Each host of the play; its resources are owned by `host`.
    Host,
    /// Each member that has a tenant.
    Member,
    /// Each tenant.
    Tenant,
    /// Each settings file of each tenant, as the catalogue has them.
    File,
    /// Each zone that we serve.
    Zone,
}

impl Each {
    /// All of them.
    pub const ALL: [Each; 5] = [Each::Host, Each::Member, Each::Tenant, Each::File, Each::Zone];

    /// As written in a playbook.
    pub fn name(self) -> &'static str {
        match self {
            Each::Host => "host",
            Each::Member => "member",
            Each::Tenant => "tenant",
            Each::File => "file",
            Each::Zone => "zone",
        }
    }
}

/// The areas with the names of their playbooks, in the order of work.
pub const AREAS: [(Area, &str); 5] = [
    (Area::Host, "host"),
    (Area::Tenant, "tenant"),
    (Area::Backup, "backup"),
    (Area::Dns, "dns"),
    (Area::Monitoring, "monitoring"),
];

/// What to do next about a playbook that is wrong.
pub const HINT: &str = "the kinds of step and their fields are in docs/playbooks.md; \
     `comuni show catalog HOST` prints what playbooks make";

/// Reads the playbooks of all areas, built-in or from a layer's `playbooks/`, checks them against what may be named,
/// and gives their texts to `templates`.
///
/// # Errors
/// Exit 65, with everything that is wrong in all of them.
pub fn load(
    layers: &[PathBuf],
    templates: &mut Templates,
    shapes: &BTreeMap<Each, Shape>,
    problems: &mut Problems,
) -> Result<Vec<Playbook>> {
    let mut playbooks = Vec::new();
    for (area, file, origin, text) in files(layers)? {
        problems.know(&file, &text);
        match read::read(&text) {
            Ok(node) => playbooks.push(check::playbook(area, &file, origin, &node, problems)),
            Err(unreadable) => {
                for found in unreadable {
                    problems.add(&file, found.place, found.why);
                }
            }
        }
    }
    for playbook in &playbooks {
        check::names(playbook, templates, shapes, problems);
    }
    render::register(&playbooks, templates, problems);
    problems.none().map_err(|failure| failure.hint(HINT))?;
    Ok(playbooks)
}

/// Area, file, origin and text of the playbooks, in the order of the areas.
fn files(layers: &[PathBuf]) -> Result<Vec<(Area, String, String, String)>> {
    let mut files = Vec::new();
    for (area, name) in AREAS {
        let name = format!("{name}.yml");
        let own = layers
            .iter()
            .rev()
            .map(|layer| (layer, layer.join("playbooks").join(&name)))
            .find(|(_, path)| path.exists());
        if let Some((layer, path)) = own {
            let text = read_file(&path)?;
            let folder = layer.file_name().unwrap_or_default().to_string_lossy();
            files.push((area, path.display().to_string(), format!("{folder}/playbooks/{name}"), text));
        } else if let Some(file) = Embedded::get(&name) {
            let text = String::from_utf8_lossy(&file.data).into_owned();
            files.push((area, format!("playbooks/{name}"), format!("playbooks/{name}"), text));
        }
    }
    for layer in layers {
        refuse_strangers(&layer.join("playbooks"))?;
    }
    Ok(files)
}

/// A playbook that no area has would be left unread without a word.
fn refuse_strangers(folder: &std::path::Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names.iter().filter(|name| name.ends_with(".yml") || name.ends_with(".yaml")) {
        let mut known: Vec<String> = AREAS.iter().map(|(_, area)| format!("{area}.yml")).collect();
        // No area: the inventory reads it, as data of `comuni upgrade`.
        known.push("upgrade.yml".to_string());
        if !known.contains(name) {
            return Err(Failure::inventory(format!(
                "{}: no area has a playbook of this name",
                folder.join(name).display()
            ))
            .hint(format!("the playbooks are: {}", known.join(", "))));
        }
    }
    Ok(())
}
