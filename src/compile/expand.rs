//! Plays times elements times hosts: the entries of all catalogs.

use std::collections::BTreeMap;

use crate::catalog::{Entry, HOST_OWNER, Origin, Stage};
use crate::compile::catalogue::Catalogue;
use crate::compile::parts::in_parts;
use crate::compile::values::{CarryingHost, FileValues, HealthValues, HostValues, TenantValues};
use crate::compile::{Book, elements, watch};
use crate::failure::Result;
use crate::inventory::{Body, Inventory, TenantPlan, zones};
use crate::playbook::{self, Each, Named, On, Play, Playbook, Problem, Problems, Step, Values, named};
use crate::resources::Resource;

/// One element of the inventory, with its values and the hosts that it has to do with.
#[derive(Clone)]
struct Element {
    owner: String,
    tenant: Option<String>,
    /// For messages.
    name: String,
    values: Values,
    /// The host that it is, when it is one.
    host: Option<String>,
    application_hosts: Vec<String>,
    database_hosts: Vec<String>,
}

/// Everything that is the same for all elements.
struct Scene<'a> {
    book: &'a Book,
    inventory: &'a Inventory,
    catalogue: Catalogue,
    zones: Option<zones::Scene<'a>>,
    base: Values,
    hosts: BTreeMap<String, HostValues>,
    named_hosts: BTreeMap<String, Named>,
}

/// What came of some of the elements: their entries by host, and what is wrong with their values.
type Made = (BTreeMap<String, Vec<Entry>>, Problems);

/// The entries of every host in their final order.
///
/// # Errors
/// Exit 65, with every value that a template or a kind refuses.
pub fn expand(book: &Book, inventory: &Inventory) -> Result<BTreeMap<String, Vec<Entry>>> {
    let hosts = hosts(inventory);
    let list: Vec<&HostValues> = hosts.values().collect();
    let base =
        Values::default().with("consortium", &named(&elements::consortium(inventory)?)?).with("hosts", &named(&list)?);
    let named_hosts =
        hosts.iter().map(|(name, host)| Ok((name.clone(), named(host)?))).collect::<Result<BTreeMap<_, _>>>()?;
    let catalogue = Catalogue::of(&book.templates, inventory)?;
    let zones = zones::Scene::of(inventory);
    let scene = Scene { book, inventory, catalogue, zones, base, hosts, named_hosts };

    let (mut entries, mut problems) = scene.made(&scene.of_hosts()?);
    problems.extend(book.problems.clone());
    for made in scene.of_bodies() {
        let (of_bodies, found) = made?;
        problems.extend(found);
        for (host, made) in of_bodies {
            entries.entry(host).or_default().extend(made);
        }
    }
    problems.none().map_err(|failure| failure.hint(playbook::HINT))?;
    for list in entries.values_mut() {
        list.sort_by(|one, other| place(one).cmp(&place(other)));
    }
    Ok(entries)
}

fn of_tenant(member: &Element, tenant: &TenantValues) -> Result<Element> {
    Ok(Element {
        owner: member.owner.clone(),
        tenant: Some(tenant.id.clone()),
        name: format!("tenant {}", tenant.id),
        values: member.values.clone().with("tenant", &named(tenant)?),
        host: None,
        application_hosts: vec![tenant.application_host.name.clone()],
        database_hosts: vec![tenant.database_host.name.clone()],
    })
}

/// A settings file of a tenant.
fn of_file(tenant: &Element, file: &FileValues) -> Result<Element> {
    let name = format!("file {} of {}", file.name, tenant.name);
    Ok(Element { name, values: tenant.values.clone().with("file", &named(file)?), ..tenant.clone() })
}

fn place(entry: &Entry) -> (Stage, bool, &str) {
    (entry.stage, entry.owner != HOST_OWNER, &entry.owner)
}

impl Scene<'_> {
    /// The entries of all members, in their order.
    fn of_bodies(&self) -> Vec<Result<Made>> {
        let bodies: Vec<&Body> = self.inventory.members.values().collect();
        in_parts(&bodies, |part| self.of_part(part))
    }

    fn of_part(&self, bodies: &[&Body]) -> Result<Made> {
        let (mut entries, mut problems) = Made::default();
        // The values of one member at a time: those of a whole region take more memory than all that comes of them.
        for body in bodies {
            let (made, found) = self.made(&self.of_body(body)?);
            problems.extend(found);
            for (host, made) in made {
                entries.entry(host).or_default().extend(made);
            }
        }
        Ok((entries, problems))
    }

    /// What all playbooks make of the elements of one owner.
    fn made(&self, elements: &[(Each, Element)]) -> Made {
        let (mut entries, mut problems) = Made::default();
        let books = self.book.playbooks.iter();
        for (playbook, play) in books.flat_map(|book| book.plays.iter().map(move |play| (book, play))) {
            for (_, element) in elements.iter().filter(|(each, _)| *each == play.each) {
                for host in self.targets(play, element) {
                    let made = self.play(playbook, play, element, &host, &mut problems);
                    if !made.is_empty() {
                        entries.entry(host).or_insert_with(Vec::new).extend(made);
                    }
                }
            }
        }
        (entries, problems)
    }

    fn of_hosts(&self) -> Result<Vec<(Each, Element)>> {
        let carried = elements::carried(self.inventory)?;
        let zones: Vec<String> = self.zones.iter().flat_map(|scene| scene.names(self.inventory)).collect();
        let watchers = self.inventory.watchers();
        let element = |(name, host): (&String, &HostValues)| {
            let tenants = carried.get(name.as_str()).cloned().unwrap_or_default();
            let mut carrying = elements::carrying_host(host, tenants, &zones);
            if watchers.contains(name.as_str()) {
                carrying.watch = Some(watch::watch(self.inventory, &zones, |body, plan| self.health(body, plan))?);
            }
            Ok((Each::Host, self.host(name, carrying)?))
        };
        self.hosts.iter().map(element).collect()
    }

    fn health(&self, body: &Body, plan: &TenantPlan) -> Result<HealthValues> {
        let tenant = elements::tenant(self.inventory, &self.hosts, body, plan)?;
        Ok(self.catalogue.rendered(&self.member(body)?.values, tenant)?.application.health)
    }

    /// All that is owned by one member.
    fn of_body(&self, body: &Body) -> Result<Vec<(Each, Element)>> {
        let mut member = self.member(body)?;
        let mut elements = Vec::new();
        let mut tenants = Vec::new();
        for plan in body.tenants.values() {
            let values = elements::tenant(self.inventory, &self.hosts, body, plan)?;
            let tenant = self.catalogue.rendered(&member.values, values)?;
            let element = of_tenant(&member, &tenant)?;
            let files = elements::files(&tenant).into_iter().map(|file| Ok((Each::File, of_file(&element, &file)?)));
            elements.extend(files.collect::<Result<Vec<_>>>()?);
            elements.push((Each::Tenant, element));
            tenants.push(tenant);
        }
        let zone = self.zones.as_ref().and_then(|scene| elements::zone(scene, body));
        if let Some(zone) = &zone {
            let values = member.values.clone().with("zone", &named(zone)?);
            elements.push((Each::Zone, Element { name: format!("zone {}", zone.name), values, ..member.clone() }));
        }
        member.values = member.values.with("tenants", &named(&tenants)?).with("zone", &named(&zone)?);
        elements.push((Each::Member, member));
        Ok(elements)
    }

    fn host(&self, name: &str, carrying: CarryingHost) -> Result<Element> {
        Ok(Element {
            owner: HOST_OWNER.to_string(),
            tenant: None,
            name: format!("host {name}"),
            values: self.base.clone().with("host", &named(&carrying)?),
            host: Some(name.to_string()),
            application_hosts: Vec::new(),
            database_hosts: Vec::new(),
        })
    }

    fn member(&self, body: &Body) -> Result<Element> {
        let hosts = |name: fn(&TenantPlan) -> &String| {
            let mut names: Vec<String> = body.tenants.values().map(|plan| name(plan).clone()).collect();
            names.sort();
            names.dedup();
            names
        };
        Ok(Element {
            owner: body.code.clone(),
            tenant: None,
            name: format!("member {}", body.slug),
            values: self.base.clone().with("member", &named(&elements::member(self.inventory, body))?),
            host: None,
            application_hosts: hosts(|plan| &plan.application_host),
            database_hosts: hosts(|plan| &plan.database_host),
        })
    }

    /// The hosts on which a play makes something for an element.
    fn targets(&self, play: &Play, element: &Element) -> Vec<String> {
        let role = match play.on {
            On::ApplicationHost => return element.application_hosts.clone(),
            On::DatabaseHost => return element.database_hosts.clone(),
            On::All => None,
            On::Role(role) => Some(role),
        };
        let hosts = &self.inventory.hosts;
        let takes = |name: &&String| role.is_none_or(|role| hosts[*name].roles.contains(&role));
        match &element.host {
            Some(own) => [own].into_iter().filter(takes).cloned().collect(),
            None => hosts.keys().filter(takes).cloned().collect(),
        }
    }

    fn play(
        &self,
        playbook: &Playbook,
        play: &Play,
        element: &Element,
        host: &str,
        problems: &mut Problems,
    ) -> Vec<Entry> {
        let values = match play.each {
            Each::Host => element.values.clone(),
            _ => element.values.clone().with("host", &self.named_hosts[host]),
        };
        if play.when.as_ref().is_some_and(|when| !when.holds(&values)) {
            return Vec::new();
        }
        let mut entries = Vec::new();
        for step in play.steps.iter().filter(|step| step.when.as_ref().is_none_or(|when| when.holds(&values))) {
            match step.resource(playbook, &self.book.templates, &values) {
                Ok(resource) => entries.push(entry(playbook, play, step, element, resource)),
                Err(found) => self.tell(found, element, problems),
            }
        }
        entries
    }

    fn tell(&self, found: Vec<Problem>, element: &Element, problems: &mut Problems) {
        for problem in found {
            let text = self.book.templates.text(&problem.file);
            if !text.is_empty() {
                problems.know(&problem.file, text);
            }
            problems.add_for(problem, &element.name);
        }
    }
}

fn entry(playbook: &Playbook, play: &Play, step: &Step, element: &Element, resource: Resource) -> Entry {
    let mut id = resource.id();
    // See "What tenants share" above.
    if element.owner != HOST_OWNER && matches!(resource, Resource::Package(_) | Resource::Release(_)) {
        id = format!("{id}@{}", element.tenant.as_ref().unwrap_or(&element.owner));
    }
    Entry {
        id,
        owner: element.owner.clone(),
        tenant: element.tenant.clone(),
        area: playbook.area,
        stage: play.stage,
        origin: Origin {
            playbook: playbook.origin.clone(),
            line: u32::try_from(step.place.line).unwrap_or(u32::MAX),
            play: play.name.clone(),
        },
        resource,
    }
}

pub(super) fn hosts(inventory: &Inventory) -> BTreeMap<String, HostValues> {
    inventory.hosts.iter().map(|(name, host)| (name.clone(), elements::host(inventory, name, host))).collect()
}
