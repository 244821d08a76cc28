//! Checks of what the members get: where it runs, which release, under which name, and whether it fits.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::capacity;
use super::super::diagnostics::{Finding, quoted, suggestion};
use super::super::draft::{Doc, Draft};
use super::super::names::{self, LONGEST_ACCOUNT};
use super::super::source::Span;
use super::super::syntax;
use super::super::types::{Application, Consortium, Listen, Member, Role, Tenant};
use super::super::version;
use super::syntax as report;

/// Every tenant, and every host with all its tenants.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    let mut shared = Shared::default();
    for (slug, doc) in &draft.members {
        let Some(member) = &doc.typed else { continue };
        placement(draft, doc, member, findings);
        for (name, tenant) in &member.applications {
            let here = Here { draft, slug, doc, member, name, tenant };
            here.application(findings);
            here.size(findings);
            here.account(findings);
            here.host_name(&mut shared, findings);
            here.port(&mut shared, findings);
        }
    }
    capacity(draft, findings);
}

/// The finding about a size class that does not exist.
pub fn unknown_size(size: &str, span: Span, consortium: &Consortium) -> Finding {
    let known: Vec<&str> = consortium.sizes.keys().map(String::as_str).collect();
    Finding::error(span, format!("there is no size class {}", quoted(size)))
        .label("unknown size class")
        .help(suggestion(size, &known))
}

/// What only one tenant may have.
#[derive(Default)]
struct Shared {
    host_names: BTreeMap<String, (String, Span)>,
    ports: BTreeMap<(String, u16), (String, Span)>,
}

struct Here<'a> {
    draft: &'a Draft,
    slug: &'a str,
    doc: &'a Doc<Member>,
    member: &'a Member,
    name: &'a str,
    tenant: &'a Tenant,
}

impl Here<'_> {
    fn key(&self) -> Span {
        self.doc.tree.key_place(&["applications", self.name])
    }

    fn place(&self, key: &str) -> Span {
        self.doc.tree.place(&["applications", self.name, key])
    }

    fn title(&self) -> String {
        format!("{} of {}", self.name, self.slug)
    }

    fn known(&self) -> Option<&Application> {
        self.draft.applications.get(self.name)?.typed.as_ref()
    }

    fn application(&self, findings: &mut Vec<Finding>) {
        if !self.draft.applications.contains_key(self.name) {
            let known: Vec<&str> = self.draft.applications.keys().map(String::as_str).collect();
            findings.push(
                Finding::error(self.key(), format!("there is no application {}", quoted(self.name)))
                    .label("unknown application")
                    .help(suggestion(self.name, &known)),
            );
        }
        let Some(application) = self.known() else { return };
        let release = &self.tenant.release;
        if !application.releases.contains_key(release) {
            let known: Vec<&str> = application.releases.keys().map(String::as_str).collect();
            findings.push(
                Finding::error(
                    self.place("release"),
                    format!("{} has no release {}", quoted(self.name), quoted(release)),
                )
                .label("unknown release")
                .help(suggestion(release, &known)),
            );
        } else if let Some(minimum) = &application.minimum_release
            && version::compare(release, minimum) == Ordering::Less
        {
            findings.push(
                Finding::error(
                    self.place("release"),
                    format!("{release} is below {minimum}, the oldest release that may run"),
                )
                .label("too old")
                .also(self.draft.applications[self.name].tree.place(&["minimum_release"]), "said here")
                .help(format!("`comuni upgrade {} --to RELEASE` leads there, or name a newer release", self.name)),
            );
        }
    }

    fn size(&self, findings: &mut Vec<Finding>) {
        let Some(consortium) = &self.draft.consortium.typed else { return };
        match &self.tenant.size {
            Some(size) if !consortium.sizes.contains_key(size) && !self.is_default("size") => {
                findings.push(unknown_size(size, self.place("size"), consortium));
            }
            None if names::size(consortium, self.member, self.tenant).is_none() => {
                let known: Vec<&str> = consortium.sizes.keys().map(String::as_str).collect();
                let why = if self.member.population.is_some() {
                    "no size class takes its population"
                } else {
                    "its population is not known"
                };
                findings.push(
                    Finding::error(self.key(), format!("the size of {} cannot be told: {why}", self.title()))
                        .help(format!("add `size:` here, one of: {}", known.join(", "))),
                );
            }
            _ => {}
        }
    }

    /// A default is told where it is written, once, and not for every tenant that takes it.
    fn is_default(&self, key: &str) -> bool {
        let place = self.place(key);
        let application = self.draft.applications.get(self.name).map(|doc| doc.tree.place(&["defaults", key]));
        place == self.draft.consortium.tree.place(&["defaults", "tenant", key]) || Some(place) == application
    }

    fn account(&self, findings: &mut Vec<Finding>) {
        let Some(code) = self.member.code() else { return };
        let account = names::account(&code, self.name);
        if account.len() > LONGEST_ACCOUNT {
            findings.push(
                Finding::error(
                    self.key(),
                    format!("the account {} would be longer than {LONGEST_ACCOUNT} characters", quoted(&account)),
                )
                .help("shorten the name of the application, or the member's `code`"),
            );
        }
    }

    fn host_name(&self, shared: &mut Shared, findings: &mut Vec<Finding>) {
        let Some(consortium) = &self.draft.consortium.typed else { return };
        let (name, span) = match &self.tenant.host_name {
            Some(name) => (name.clone(), self.place("host_name")),
            None => (names::host_name(self.name, self.slug, self.member, consortium), self.key()),
        };
        if let Err(why) = syntax::domain(&name) {
            // A derived name is wrong because the zone is, which is told there.
            if self.tenant.host_name.is_some() {
                report("host name", &name, span, Err(why), "such as `albo.comune.malnate.va.it`", findings);
            }
            return;
        }
        let permitted = &consortium.authority.permitted;
        if !permitted.is_empty() && !permitted.iter().any(|domain| names::is_below(&name, domain)) {
            findings.push(
                Finding::error(
                    span,
                    format!("{} would answer as {}, for which the authority may not sign", self.title(), quoted(&name)),
                )
                .also(
                    self.draft.consortium.tree.key_place(&["authority", "permitted"]),
                    format!("only {}", permitted.join(", ")),
                )
                .help("correct the name; a new domain in `permitted` needs a new authority"),
            );
        }
        match shared.host_names.get(&name) {
            Some((other, first)) => findings.push(
                Finding::error(
                    span,
                    format!("{} and {other} would answer under one name: {}", self.title(), quoted(&name)),
                )
                .also(*first, "the other one")
                .help("give one of them its own `host_name`"),
            ),
            None => {
                shared.host_names.insert(name, (self.title(), span));
            }
        }
    }

    fn port(&self, shared: &mut Shared, findings: &mut Vec<Finding>) {
        let listens = self.known().map(|application| application.runtime.listen);
        let Some(port) = self.tenant.port else {
            let said = self.doc.tree.says(&["applications", self.name, "port"]);
            if listens == Some(Listen::Port) && !said {
                findings.push(
                    Finding::error(
                        self.key(),
                        format!("{} listens on a port, and {} has none", quoted(self.name), self.title()),
                    )
                    .help("give it one that no other tenant of its application host has: `port: 8001`"),
                );
            }
            return;
        };
        let span = self.place("port");
        if listens == Some(Listen::Socket) {
            let message = format!("{} listens on a socket: the port is not used", quoted(self.name));
            findings.push(Finding::warning(span, message).help("take `port` away"));
        }
        if port < 1024 {
            findings.push(
                Finding::error(span, format!("the port {port} is for root only"))
                    .help("choose one from 1024 up: `port: 8001`"),
            );
        }
        let Some(placement) = &self.member.placement else { return };
        let key = (placement.application.clone(), port);
        match shared.ports.get(&key) {
            Some((other, first)) => findings.push(
                Finding::error(span, format!("{} and {other} have one port on {}: {port}", self.title(), key.0))
                    .also(*first, "the other one")
                    .help("give one of them another port"),
            ),
            None => {
                shared.ports.insert(key, (self.title(), span));
            }
        }
    }
}

fn placement(draft: &Draft, doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    let Some(placement) = &member.placement else {
        if !member.applications.is_empty() && !doc.tree.says(&["placement"]) {
            findings.push(
                Finding::error(doc.tree.key_place(&["applications"]), "applications without a placement")
                    .help("say which hosts carry them: `placement: { application: app1, database: db1 }`"),
            );
        }
        return;
    };
    for (key, name, role, word) in [
        ("application", &placement.application, Role::Application, "application"),
        ("database", &placement.database, Role::Database, "database"),
    ] {
        let span = doc.tree.place(&["placement", key]);
        match draft.hosts.get(name) {
            None if draft.hosts_known => {
                let known: Vec<&str> = draft.hosts.keys().map(String::as_str).collect();
                findings.push(
                    Finding::error(span, format!("there is no host {}", quoted(name)))
                        .label("unknown host")
                        .help(suggestion(name, &known)),
                );
            }
            Some(host) if host.typed.as_ref().is_some_and(|host| !host.roles.contains(&role)) => {
                let with_role = draft
                    .hosts
                    .iter()
                    .filter(|(_, host)| host.typed.as_ref().is_some_and(|host| host.roles.contains(&role)));
                let with_role: Vec<&str> = with_role.map(|(name, _)| name.as_str()).collect();
                findings.push(
                    Finding::error(span, format!("the host {} has not the role `{word}`", quoted(name)))
                        .also(host.tree.place(&["roles"]), "its roles")
                        .help(format!(
                            "hosts with that role: {}",
                            if with_role.is_empty() { "none".to_string() } else { with_role.join(", ") }
                        )),
                );
            }
            _ => {}
        }
    }
}

fn capacity(draft: &Draft, findings: &mut Vec<Finding>) {
    let Some(consortium) = &draft.consortium.typed else { return };
    let members = draft.members.iter().filter_map(|(slug, doc)| Some((slug.as_str(), doc.typed.as_ref()?)));
    let loads = capacity::loads(members, consortium);
    for (name, load) in loads {
        let Some(doc) = draft.hosts.get(&name) else { continue };
        let Some(capacity) = doc.typed.as_ref().and_then(|host| host.capacity.as_ref()) else { continue };
        let listed = format!("it carries: {}", load.tenants.join(", "));
        if let Some(most) = capacity.tenants
            && load.tenants.len() as u64 > u64::from(most)
        {
            let message =
                format!("the host {} would carry {} tenants and can carry {most}", quoted(&name), load.tenants.len());
            let span = doc.tree.place(&["capacity", "tenants"]);
            findings.push(Finding::error(span, message).label("capacity").help(listed.clone()));
        }
        if let Some(most) = capacity.memory_mib
            && load.memory_mib > u64::from(most)
        {
            let message = format!(
                "the tenants of {} may use {} MiB of memory together, and it has {most}",
                quoted(&name),
                load.memory_mib
            );
            let span = doc.tree.place(&["capacity", "memory_mib"]);
            findings.push(Finding::error(span, message).label("capacity").help(listed));
        }
    }
}
