//! The fields of an application that are templates themselves: parsed and checked once, rendered for each tenant.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::values::{HealthValues, TenantValues};
use crate::compile::{elements, expand, shapes, watch};
use crate::failure::{Failure, Result};
use crate::inventory::types::{Application, Health};
use crate::inventory::{Body, Inventory, TenantPlan};
use crate::playbook::{Values, named};
use crate::templates::excerpt::excerpt;
use crate::templates::{Fault, Templates, lint, message_of};

/// Those fields.
pub const RENDERED: [&str; 5] = ["prepare", "start", "environment", "files", "health"];

/// The applications of the catalogue that have a tenant.
pub struct Catalogue {
    /// Each text under the name that [`place`] gives it.
    templates: Templates,
}

impl Catalogue {
    /// Reads their templates.
    ///
    /// # Errors
    /// Exit 65: a wrong syntax, or a name that no tenant offers; all of them.
    pub fn of(templates: &Templates, inventory: &Inventory) -> Result<Catalogue> {
        let tenants = inventory.members.values().flat_map(|body| body.tenants.values());
        let used: BTreeSet<&String> = tenants.map(|plan| &plan.application).collect();
        let used = used.into_iter().filter_map(|name| Some((name, inventory.applications.get(name)?)));
        let texts: BTreeMap<String, String> = used.flat_map(|(name, application)| texts(name, application)).collect();
        let shape = shapes::catalogue_shape();
        let unknown = texts.iter().flat_map(|(name, text)| {
            lint::unknown_names(text, &shape).into_iter().map(move |finding| {
                let message = message_of(&finding.unknown);
                shown(name, text, finding.line, finding.column, finding.length, &message)
            })
        });
        let unknown: Vec<String> = unknown.collect();
        if !unknown.is_empty() {
            return Err(Failure::inventory(unknown.join("\n\n")));
        }
        let mut templates = templates.clone();
        templates.add(texts).map_err(|faults| {
            let shown: Vec<String> = faults.iter().map(|fault| templates.show(fault)).collect();
            Failure::inventory(shown.join("\n\n"))
        })?;
        Ok(Catalogue { templates })
    }

    /// Renders the catalogue's own templates over the tenant.
    ///
    /// # Errors
    /// Exit 65: what the engine refuses, a program without an absolute path, a secret where others read it.
    pub fn rendered(&self, member: &Values, mut tenant: TenantValues) -> Result<TenantValues> {
        let mut offered = serde_json::to_value(&tenant).map_err(|error| Failure::inventory(error.to_string()))?;
        for name in RENDERED {
            if let Some(application) = offered["application"].as_object_mut() {
                application.remove(name);
            }
        }
        let values = member.clone().with("tenant", &named(&offered)?).with("host", &named(&tenant.application_host)?);
        let application = tenant.application.name.clone();
        let render = |key: &str, text: &str| self.render(&values, &place(&application, key), text);
        let argv = |name: &str, arguments: &[String]| -> Result<Vec<String>> {
            let rendered =
                arguments.iter().enumerate().map(|(at, text)| render(&format!("runtime.{name}[{at}]"), text));
            let rendered = rendered.collect::<Result<Vec<String>>>()?;
            no_secret(&application, &format!("runtime.{name}"), &rendered)?;
            match rendered.first() {
                Some(program) if !program.starts_with('/') => Err(Failure::inventory(format!(
                    "applications/{application}.yml: runtime.{name} begins with {program:?}, which is no absolute path of a program"
                ))),
                _ => Ok(rendered),
            }
        };
        tenant.application.prepare = argv("prepare", &tenant.application.prepare)?;
        tenant.application.start = argv("start", &tenant.application.start)?;
        for (name, value) in &mut tenant.application.environment {
            *value = render(&format!("runtime.environment.{name}"), value)?;
        }
        for (name, content) in &mut tenant.application.files {
            *content = render(&format!("runtime.files.{name}"), content)?;
        }
        let health = &mut tenant.application.health;
        let stated = health.stated.clone();
        health.path = render(&format!("{stated}.path"), &health.path)?;
        health.body = health.body.as_ref().map(|body| render(&format!("{stated}.body"), body)).transpose()?;
        no_secret(&application, &stated, &[&[health.path.clone()][..], health.body.as_slice()].concat())?;
        health.probe = watch::probe(&application, health)?;
        Ok(tenant)
    }

    fn render(&self, values: &Values, name: &str, text: &str) -> Result<String> {
        if let Some(plain) = values.plain(text) {
            return Ok(plain);
        }
        let told = |fault: Fault| Failure::inventory(self.templates.show(&fault));
        self.templates.render(name, values.context()).map_err(told)
    }
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
    let hosts = expand::hosts(inventory);
    let base = Values::default().with("hosts", &named(&hosts.values().collect::<Vec<_>>())?);
    let member = base.with("member", &named(&elements::member(inventory, body))?);
    let catalogue = Catalogue::of(templates, inventory)?;
    catalogue.rendered(&member, elements::tenant(inventory, &hosts, body, plan)?)
}

/// The texts of an application by their places.
fn texts(name: &str, application: &Application) -> Vec<(String, String)> {
    let runtime = &application.runtime;
    let argv = |field: &str, arguments: &[String]| -> Vec<(String, String)> {
        let texts = arguments.iter().enumerate();
        texts.map(|(at, text)| (format!("runtime.{field}[{at}]"), text.clone())).collect()
    };
    let map = |field: &str, texts: &BTreeMap<String, String>| -> Vec<(String, String)> {
        texts.iter().map(|(key, text)| (format!("runtime.{field}.{key}"), text.clone())).collect()
    };
    let mut texts = argv("prepare", &runtime.prepare);
    texts.extend(argv("start", &runtime.start));
    texts.extend(map("environment", &runtime.environment));
    texts.extend(map("files", &runtime.files));
    let questions: BTreeMap<String, &Health> = application
        .releases
        .keys()
        .map(|release| application.health_on(release))
        .map(|(asked, at)| (at, asked))
        .collect();
    for (stated, asked) in questions {
        texts.push((format!("{stated}.path"), asked.path.clone()));
        texts.extend(asked.body.iter().map(|body| (format!("{stated}.body"), body.clone())));
    }
    texts.into_iter().map(|(key, text)| (place(name, &key), text)).collect()
}

/// Where a text stands, as messages say it; also its name among the templates.
fn place(application: &str, key: &str) -> String {
    format!("applications/{application}.yml ({key})")
}

fn shown(name: &str, text: &str, line: usize, column: usize, length: usize, message: &str) -> String {
    excerpt(name, text.lines().nth(line.saturating_sub(1)).unwrap_or_default(), line, column, length, message)
}

/// Arguments, and what is asked from outside, are read by everybody.
fn no_secret(application: &str, name: &str, arguments: &[String]) -> Result<()> {
    match arguments.iter().find(|argument| argument.contains("secret://")) {
        None => Ok(()),
        Some(token) => Err(Failure::inventory(format!(
            "applications/{application}.yml: {name} has the secret {token}, where every account of the host can read it"
        ))
        .hint("give it in `runtime.environment` or `runtime.files`, which only the tenant can read")),
    }
}
