//! Plays times elements times hosts: the entries of all catalogs.

use std::collections::BTreeMap;

use crate::catalog::{Entry, HOST_OWNER, Origin, Stage};
use crate::compile::values::{FileValues, HealthValues, HostValues, TenantValues};
use crate::compile::{Book, elements, shapes};
use crate::failure::{Failure, Result};
use crate::inventory::{Body, Inventory, TenantPlan};
use crate::playbook::{self, Each, On, Play, Playbook, Problem, Problems, Step, Values, named};
use crate::resources::Resource;
use crate::templates::excerpt::excerpt;
use crate::templates::{Templates, lint, message_of};

/// The fields of an application that are templates themselves.
pub const RENDERED: [&str; 5] = ["prepare", "start", "environment", "files", "health"];

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
    base: Values,
    hosts: BTreeMap<String, HostValues>,
    named_hosts: BTreeMap<String, crate::playbook::Named>,
}

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
    let scene = Scene { book, base, hosts, named_hosts };

    let mut problems = book.problems.clone();
    let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let bodies = inventory.members.values();
    // The values of one owner at a time: those of a whole region take more memory than all that comes of them.
    for elements in std::iter::once(scene.of_hosts(inventory)).chain(bodies.map(|body| scene.of_body(inventory, body)))
    {
        let elements = elements?;
        for (playbook, play) in book.playbooks.iter().flat_map(|book| book.plays.iter().map(move |play| (book, play))) {
            for (_, element) in elements.iter().filter(|(each, _)| *each == play.each) {
                for host in scene.targets(inventory, play, element) {
                    let made = scene.play(playbook, play, element, &host, &mut problems);
                    entries.entry(host).or_default().extend(made);
                }
            }
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
    fn of_hosts(&self, inventory: &Inventory) -> Result<Vec<(Each, Element)>> {
        self.hosts.iter().map(|(name, host)| Ok((Each::Host, self.host(inventory, name, host)?))).collect()
    }

    /// All that is owned by one member.
    fn of_body(&self, inventory: &Inventory, body: &Body) -> Result<Vec<(Each, Element)>> {
        let member = self.member(inventory, body)?;
        let mut elements = Vec::new();
        for plan in body.tenants.values() {
            let values = elements::tenant(inventory, &self.hosts, body, plan)?;
            let tenant = rendered(&self.book.templates, &member.values, values)?;
            let element = of_tenant(&member, &tenant)?;
            let files = elements::files(&tenant).into_iter().map(|file| Ok((Each::File, of_file(&element, &file)?)));
            elements.extend(files.collect::<Result<Vec<_>>>()?);
            elements.push((Each::Tenant, element));
        }
        if let Some(zone) = elements::zone(inventory, body) {
            let values = member.values.clone().with("zone", &named(&zone)?);
            elements.push((Each::Zone, Element { name: format!("zone {}", zone.name), values, ..member.clone() }));
        }
        elements.push((Each::Member, member));
        Ok(elements)
    }

    fn host(&self, inventory: &Inventory, name: &str, host: &HostValues) -> Result<Element> {
        let carrying = elements::carrying_host(inventory, name, host)?;
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

    fn member(&self, inventory: &Inventory, body: &Body) -> Result<Element> {
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
            values: self.base.clone().with("member", &named(&elements::member(inventory, body))?),
            host: None,
            application_hosts: hosts(|plan| &plan.application_host),
            database_hosts: hosts(|plan| &plan.database_host),
        })
    }

    /// The hosts on which a play makes something for an element.
    fn targets(&self, inventory: &Inventory, play: &Play, element: &Element) -> Vec<String> {
        let role = match play.on {
            On::ApplicationHost => return element.application_hosts.clone(),
            On::DatabaseHost => return element.database_hosts.clone(),
            On::All => None,
            On::Role(role) => Some(role),
        };
        let takes = |name: &&String| role.is_none_or(|role| inventory.hosts[*name].roles.contains(&role));
        match &element.host {
            Some(own) => [own].into_iter().filter(takes).cloned().collect(),
            None => inventory.hosts.keys().filter(takes).cloned().collect(),
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

/// Renders the catalogue's own templates over the tenant.
fn rendered(templates: &Templates, member: &Values, mut tenant: TenantValues) -> Result<TenantValues> {
    let mut offered = serde_json::to_value(&tenant).map_err(|error| Failure::inventory(error.to_string()))?;
    for name in RENDERED {
        if let Some(application) = offered["application"].as_object_mut() {
            application.remove(name);
        }
    }
    let values = member.clone().with("tenant", &named(&offered)?).with("host", &named(&tenant.application_host)?);
    let shape = shapes::catalogue_shape();
    let file = format!("applications/{}.yml", tenant.application.name);
    let render = |key: String, text: &str| render_one(templates, &values, &shape, &format!("{file} ({key})"), text);
    let argv = |name: &str, arguments: &[String]| -> Result<Vec<String>> {
        let rendered: Vec<String> = arguments
            .iter()
            .enumerate()
            .map(|(place, text)| render(format!("runtime.{name}[{place}]"), text))
            .collect::<Result<_>>()?;
        no_secret(&file, &format!("runtime.{name}"), &rendered)?;
        match rendered.first() {
            Some(program) if !program.starts_with('/') => Err(Failure::inventory(format!(
                "{file}: runtime.{name} begins with {program:?}, which is no absolute path of a program"
            ))),
            _ => Ok(rendered),
        }
    };
    tenant.application.prepare = argv("prepare", &tenant.application.prepare)?;
    tenant.application.start = argv("start", &tenant.application.start)?;
    for (name, value) in &mut tenant.application.environment {
        *value = render(format!("runtime.environment.{name}"), value)?;
    }
    for (name, content) in &mut tenant.application.files {
        *content = render(format!("runtime.files.{name}"), content)?;
    }
    let health = &mut tenant.application.health;
    health.path = render("health.path".to_string(), &health.path)?;
    health.body = health.body.as_ref().map(|body| render("health.body".to_string(), body)).transpose()?;
    no_secret(&file, "health", &[&[health.path.clone()][..], health.body.as_slice()].concat())?;
    Ok(tenant)
}

fn render_one(templates: &Templates, values: &Values, shape: &lint::Shape, file: &str, text: &str) -> Result<String> {
    if let Some(plain) = values.plain(text) {
        return Ok(plain);
    }
    let line = |number: usize| text.lines().nth(number.saturating_sub(1)).unwrap_or_default();
    if let Some(finding) = lint::unknown_names(text, shape).first() {
        let message = message_of(&finding.unknown);
        let shown = excerpt(file, line(finding.line), finding.line, finding.column, finding.length, &message);
        return Err(Failure::inventory(shown));
    }
    templates.render_text(text, values.context()).map_err(|fault| {
        let shown = excerpt(file, line(fault.line), fault.line, fault.column, fault.length, &fault.message);
        Failure::inventory(shown)
    })
}

/// How the health of a tenant is asked, rendered for it.
///
/// # Errors
/// Exit 65, when the catalogue's templates name what there is not.
pub fn health(templates: &Templates, inventory: &Inventory, body: &Body, plan: &TenantPlan) -> Result<HealthValues> {
    Ok(running_tenant(templates, inventory, body, plan)?.application.health)
}

/// A tenant with all of the catalogue's own templates rendered for it.
///
/// # Errors
/// Exit 65, when they name what there is not.
pub fn running_tenant(
    templates: &Templates,
    inventory: &Inventory,
    body: &Body,
    plan: &TenantPlan,
) -> Result<TenantValues> {
    let hosts = hosts(inventory);
    let base = Values::default().with("hosts", &named(&hosts.values().collect::<Vec<_>>())?);
    let member = base.with("member", &named(&elements::member(inventory, body))?);
    rendered(templates, &member, elements::tenant(inventory, &hosts, body, plan)?)
}

fn hosts(inventory: &Inventory) -> BTreeMap<String, HostValues> {
    inventory.hosts.iter().map(|(name, host)| (name.clone(), elements::host(inventory, name, host))).collect()
}

/// Arguments, and what is asked from outside, are read by everybody.
fn no_secret(file: &str, name: &str, arguments: &[String]) -> Result<()> {
    match arguments.iter().find(|argument| argument.contains("secret://")) {
        None => Ok(()),
        Some(token) => Err(Failure::inventory(format!(
            "{file}: {name} has the secret {token}, where every account of the host can read it"
        ))
        .hint("give it in `runtime.environment` or `runtime.files`, which only the tenant can read")),
    }
}
