//! The verbs that need nothing but the inventory: `init`, `validate`, `show`, `schema`.

use std::path::{Path, PathBuf};

use crate::cli::{Global, Show};
use crate::compile::{Selection, compile};
use crate::evidence::clock;
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::{Diagnostics, counted};
use crate::inventory::show::View;
use crate::inventory::zones::Waived;
use crate::inventory::{Loaded, load, select};
use crate::inventory::{init as start, show as shown};
use crate::report::json::{self, Object};
use crate::report::{Out, table};
use crate::templates::Templates;

/// Reads the inventory that the options name; its warnings go to standard error.
pub(super) fn read(global: &Global, out: &Out) -> Result<Loaded> {
    match load(&folder(global)).and_then(|loaded| loaded.on(&clock::today())) {
        Ok(loaded) => {
            if !loaded.warnings.is_empty() && out.is_verbose() {
                out.remark(&format!("{}\n", loaded.warnings.render()));
            }
            Ok(loaded)
        }
        Err(diagnostics) => {
            objects(&diagnostics, out);
            Err(Failure::from(*diagnostics))
        }
    }
}

fn folder(global: &Global) -> PathBuf {
    global.inventory.clone().unwrap_or_else(|| PathBuf::from("."))
}

fn objects(diagnostics: &Diagnostics, out: &Out) {
    for found in diagnostics.list() {
        out.object(&Object::Diagnostic {
            severity: found.severity.word().to_string(),
            message: found.message,
            file: found.file,
            line: found.line,
            column: found.column,
            help: found.help,
        });
    }
}

/// `comuni validate`
pub(super) fn validate(global: &Global, out: &Out) -> Result<()> {
    let loaded = read(global, out)?;
    objects(&loaded.warnings, out);
    if !loaded.warnings.is_empty() && !out.is_verbose() {
        out.remark(&format!("{}\n", loaded.warnings.render()));
    }
    for waived in &loaded.waived {
        let found = loaded.warnings.diagnostic(&waived.finding);
        out.object(&Object::Diagnostic {
            severity: "waived".to_string(),
            message: found.message,
            file: found.file,
            line: found.line,
            column: found.column,
            help: Some(format!("borne with until {}: {}", waived.until, waived.reason)),
        });
        let Waived { zone, rule, reason, until, .. } = waived;
        out.remark(&format!("{zone}: {rule} is borne with until {until}: {reason}\n"));
    }
    let mut inventory = loaded.inventory;
    if inventory.authority.is_none() {
        // Playbooks and templates can be checked all the same, with an authority that lives for this check only.
        inventory.authority = Some(crate::authority::make(&inventory.consortium)?.0);
        let folder = folder(global);
        out.remark(&format!(
            "there is no certificate authority yet: `comuni -i {} secrets set --missing` makes it\n",
            folder.display()
        ));
    }
    for (owner, difference) in crate::secrets::for_others(&inventory)? {
        out.remark(&format!(
            "secrets/{owner}.age: {difference}: `comuni secrets rekey` encrypts it to the technicians of today\n"
        ));
    }
    let compiled = compile(&inventory, &Selection::default())?;
    let (here, away): (Vec<_>, Vec<_>) = compiled.archives.keys().partition(|hash| compiled.archives[*hash].exists());
    super::archives::checked(&compiled, here)?;
    for path in away.iter().map(|hash| &compiled.archives[*hash]) {
        out.remark(&format!("the archive of a release is not here yet, and apply needs it: {}\n", path.display()));
    }
    let resources: usize = compiled.catalogs.values().map(|catalog| catalog.entries.len()).sum();
    out.text(&format!(
        "{}: {}, {}, {}, {}: valid\n",
        folder(global).display(),
        counted(inventory.members.len(), "member"),
        counted(inventory.hosts.len(), "host"),
        counted(inventory.applications.len(), "application"),
        counted(resources, "resource"),
    ));
    Ok(())
}

/// `comuni show`
pub(super) fn show(global: &Global, what: &Show, out: &Out) -> Result<()> {
    // A saved plan can be read without any inventory.
    let loaded = || read(global, out);
    match what {
        Show::Plan { file } => super::saved::show(file, out)?,
        Show::Member { name } => {
            let loaded = loaded()?;
            let mut member = shown::member(&loaded, name)?;
            member.derived.extend(super::dns::seen_ds(&loaded.inventory, &member.name));
            view(&member, out);
        }
        Show::Application { name } => view(&shown::application(&loaded()?, name)?, out),
        Show::Host { name } => {
            let loaded = loaded()?;
            for host in select::hosts(&loaded.inventory, std::slice::from_ref(name))? {
                view(&shown::host(&loaded, &host)?, out);
                carried(&loaded, &host, out)?;
            }
        }
        Show::Catalog { name } => {
            let loaded = loaded()?;
            let host = select::one(&loaded.inventory, select::Noun::Host, name)?;
            let selection = Selection { hosts: [host].into(), ..Selection::default() };
            for catalog in compile(&loaded.inventory, &selection)?.catalogs.values() {
                let document =
                    serde_json::to_string_pretty(catalog).map_err(|error| Failure::operation(error.to_string()))?;
                out.document(&format!("{document}\n"));
            }
        }
    }
    Ok(())
}

/// A line for each tenant that a host carries, for scripts: `tenant ID NAME PATH STATUS METHOD [TYPE BODY]`, as its health
/// is asked.
fn carried(loaded: &Loaded, host: &str, out: &Out) -> Result<()> {
    let inventory = &loaded.inventory;
    let templates = Templates::load(&inventory.layers)?;
    out.text(&format!("host {host} {}\n", inventory.hosts[host].address));
    for body in inventory.members.values() {
        for plan in body.tenants.values().filter(|plan| plan.application_host == host) {
            let health = crate::compile::health(&templates, inventory, body, plan)?;
            let tenant = crate::inventory::names::tenant_id(&body.code, &plan.application);
            let sent = [health.media_type, health.body].into_iter().flatten().map(|word| format!(" {word}"));
            let how = format!("{} {} {}{}", health.path, health.status, health.method.name(), sent.collect::<String>());
            out.text(&format!("tenant {tenant} {} {how}\n", plan.host_name));
        }
    }
    out.text("\n");
    Ok(())
}

fn view(view: &View, out: &Out) {
    let mut rows = Vec::new();
    for value in &view.values {
        rows.push([value.path.clone(), value.value.clone(), value.origin.clone()]);
    }
    for derived in &view.derived {
        rows.push([derived.name.clone(), derived.value.clone(), format!("from {}", derived.from)]);
    }
    for tenant in &view.tenants {
        for (name, value, from) in [
            ("release", &tenant.release, ""),
            ("size", &tenant.size, tenant.size_from.as_str()),
            ("name", &tenant.host_name, tenant.host_name_from.as_str()),
            ("account", &tenant.account, ""),
            ("unit", &tenant.unit, ""),
            ("application host", &tenant.application_host, ""),
            ("database host", &tenant.database_host, ""),
        ] {
            let from = if from.is_empty() { String::new() } else { format!("from {from}") };
            rows.push([format!("{} {name}", tenant.id), value.clone(), from]);
        }
    }
    for [key, value, source] in &rows {
        let source = Some(source.clone()).filter(|source| !source.is_empty());
        out.object(&Object::Item { key: key.clone(), value: value.clone().into(), source });
    }
    out.text(&format!("{}\n{}", view.title, table(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>())));
}

/// `comuni schema`
pub(super) fn schema(global: &Global, directory: Option<&Path>, out: &Out) -> Result<()> {
    let directory = directory.map_or_else(|| folder(global).join("schema"), Path::to_path_buf);
    let mut written = start::write_schemas(&directory)?;
    for (name, schema) in [("output.json", json::schema()), ("saved-plan.json", crate::saved::schema())] {
        let path = directory.join(name);
        crate::disk::replace(&path, format!("{schema:#}\n").as_bytes(), 0o644)
            .map_err(|error| Failure::operation(format!("{}: {error}", path.display())))?;
        written.push(path);
    }
    for path in written {
        out.text(&format!("{}\n", path.display()));
    }
    Ok(())
}
