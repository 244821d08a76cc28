//! The way from a folder to an inventory that has passed every check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::check;
use super::diagnostics::{Diagnostics, Finding};
use super::draft::Draft;
use super::layers::{self, Layers};
use super::names;
use super::node::Node;
use super::source::Sources;
use super::types::{Application, Member};
use super::zones::Waived;
use super::{Body, Inventory, TenantPlan};

/// An inventory with what one needs to tell where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The inventory.
    pub inventory: Inventory,
    /// What somebody should look at, though it does not stop anything.
    pub warnings: Diagnostics,
    /// Findings that are borne with, each until a day.
    pub waived: Vec<Waived>,
    /// The merged trees: every value with file and line.
    pub trees: Trees,
}

/// The merged trees of an inventory and the files they came from.
#[derive(Debug, Clone)]
pub struct Trees {
    /// The files.
    pub sources: Sources,
    /// `consortium.yml`.
    pub consortium: Node,
    /// The hosts by name.
    pub hosts: BTreeMap<String, Node>,
    /// The applications by name.
    pub applications: BTreeMap<String, Node>,
    /// The members by slug, defaults included.
    pub members: BTreeMap<String, Node>,
}

impl Loaded {
    /// The inventory as it is on a day (ISO 8601): what a waiver covered that has ended is told again, and so is what a
    /// waiver covers for longer than its rule bears with it.
    ///
    /// # Errors
    /// When one of those findings is an error.
    pub fn on(mut self, today: &str) -> Result<Loaded, Box<Diagnostics>> {
        let (waived, ended): (Vec<Waived>, _) =
            self.waived.into_iter().partition(|waived| waived.until.as_str() >= today && waived.is_short(today));
        self.waived = waived;
        if ended.is_empty() {
            return Ok(self);
        }
        let told = |waived: Waived| match waived.latest(today).filter(|_| waived.until.as_str() >= today) {
            None => waived.finding.note(&format!("; the waiver ended on {}", waived.until)),
            Some(latest) => waived.finding.note(&format!("; its waiver may last until {latest}, not {}", waived.until)),
        };
        self.warnings = self.warnings.and(ended.into_iter().map(told).collect());
        if self.warnings.counts().0 > 0 { Err(Box::new(self.warnings)) } else { Ok(self) }
    }
}

/// Reads the inventory in `directory` with all that it includes, and checks it.
///
/// # Errors
/// All that is wrong with it, errors and warnings together. [`crate::failure::Failure`] is made from it (exit 65).
pub fn load(directory: &Path) -> Result<Loaded, Box<Diagnostics>> {
    load_with(directory, BTreeMap::new())
}

/// As [`load`], as if these files, by path, were there or had this text.
///
/// # Errors
/// As [`load`].
pub fn load_with(directory: &Path, supposed: BTreeMap<PathBuf, String>) -> Result<Loaded, Box<Diagnostics>> {
    if let Some(nothing) = nothing_there(directory) {
        return Err(Box::new(nothing));
    }
    let mut sources = Sources::supposing(supposed);
    let mut findings = Vec::new();
    let layers = layers::read(directory, &mut sources, &mut findings);
    let draft = Draft::new(&layers, &mut findings);
    let waived = draft.as_ref().map(|draft| check::all(draft, &mut findings)).unwrap_or_default();
    let failed = findings.iter().any(Finding::is_error);
    let assembled = draft.filter(|_| !failed).and_then(|draft| assemble(directory, &layers, &sources, draft));
    match assembled {
        Some((inventory, trees)) => {
            Ok(Loaded { inventory, warnings: Diagnostics::new(findings, sources), waived, trees })
        }
        None => {
            if !failed {
                // No check may let pass what cannot be assembled; if one does, that is said and not passed over.
                findings.push(
                    Finding::nowhere("the inventory is incomplete in a way that no check has found")
                        .help("this is a fault of comuni: please report it with the inventory's last changes"),
                );
            }
            Err(Box::new(Diagnostics::new(findings, sources)))
        }
    }
}

fn nothing_there(directory: &Path) -> Option<Diagnostics> {
    let shown = directory.display();
    let message = if directory.join("consortium.yml").symlink_metadata().is_ok() {
        return None;
    } else if !directory.exists() {
        format!("there is no inventory: the folder {shown} does not exist")
    } else if !directory.is_dir() {
        format!("there is no inventory: {shown} is a file, and an inventory is a folder")
    } else {
        format!("there is no inventory in {shown}: it has no consortium.yml")
    };
    let nothing = Diagnostics::new(vec![Finding::nowhere(message)], Sources::default());
    let make = format!("`comuni init {shown}` makes a small one to start from");
    let nothing = match directory.parent().filter(|_| directory.is_file()) {
        Some(folder) if folder.join("consortium.yml").is_file() => {
            nothing.hint(format!("`-i {}` names the folder that it is in", folder.display()))
        }
        _ if directory.is_file() => nothing,
        _ => nothing.hint(make),
    };
    Some(nothing.hint("`-i DIR` or COMUNI_INVENTORY=DIR names another folder"))
}

/// Everything was checked: what is missing here was an error before.
fn assemble(directory: &Path, layers: &Layers, sources: &Sources, draft: Draft) -> Option<(Inventory, Trees)> {
    let consortium = draft.consortium.typed?;
    let mut hosts = BTreeMap::new();
    let mut applications: BTreeMap<String, Application> = BTreeMap::new();
    let mut members = BTreeMap::new();
    let mut host_trees = BTreeMap::new();
    let mut application_trees = BTreeMap::new();
    let mut member_trees = BTreeMap::new();
    for (name, doc) in draft.hosts {
        hosts.insert(name.clone(), doc.typed?);
        host_trees.insert(name, doc.tree);
    }
    for (name, doc) in draft.applications {
        let mut application = doc.typed?;
        for (release, stated) in &mut application.releases {
            let place = doc.tree.place(&["releases", release, "source"]);
            let folder = layers.folder_of.get(&place.file).map_or(directory, |folder| folder.as_path());
            let path = folder.join(&stated.source);
            stated.source = std::path::absolute(&path).unwrap_or(path).display().to_string();
        }
        applications.insert(name.clone(), application);
        application_trees.insert(name, doc.tree);
    }
    for (slug, doc) in draft.members {
        let member = doc.typed?;
        let tenants = tenants(&slug, &member, &consortium)?;
        members.insert(slug.clone(), Body { slug: slug.clone(), code: member.code()?, member, tenants });
        member_trees.insert(slug, doc.tree);
    }
    let inventory = Inventory {
        directory: directory.to_path_buf(),
        layers: layers.folders.clone(),
        consortium,
        hosts,
        applications,
        members,
        rollout: draft.rollout.typed?,
        authority: layers.authority.map(|file| sources.text(file).to_string()),
        digest: layers.digest.clone(),
    };
    let trees = Trees {
        sources: sources.clone(),
        consortium: draft.consortium.tree,
        hosts: host_trees,
        applications: application_trees,
        members: member_trees,
    };
    Some((inventory, trees))
}

fn tenants(slug: &str, member: &Member, consortium: &super::types::Consortium) -> Option<BTreeMap<String, TenantPlan>> {
    let mut plans = BTreeMap::new();
    for (application, tenant) in &member.applications {
        let placement = member.placement.as_ref()?;
        let (size_name, size) = names::size(consortium, member, tenant)?;
        let host_name =
            tenant.host_name.clone().unwrap_or_else(|| names::host_name(application, slug, member, consortium));
        let plan = TenantPlan {
            application: application.clone(),
            tenant: tenant.clone(),
            host_name,
            size_name: size_name.to_string(),
            size: size.clone(),
            application_host: placement.application.clone(),
            database_host: placement.database.clone(),
        };
        plans.insert(application.clone(), plan);
    }
    Some(plans)
}
