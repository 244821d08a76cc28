//! What is proven of a body before it is a member: each thing by the verb that proves it at any other time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::backup::ladder::{Outcome, Verification};
use crate::cli::{Backup, Check, Dns, Global, Onboard, Tenants, Verify};
use crate::commands::walk::Walk;
use crate::commands::{backup, dns, monitoring, past};
use crate::compile::health;
use crate::evidence::history::Filter;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::names::tenant_id;
use crate::inventory::types::DomainMode;
use crate::inventory::{Body, Inventory, zones};
use crate::outside::{Page, knock};
use crate::report::Out;
use crate::templates::Templates;

/// A tenant that does not answer, or a target that is not up, is asked again after so long.
const AGAIN: Duration = Duration::from_secs(2);

/// An application that the catalogue grants no more has so long to answer.
const ANSWERS: Duration = Duration::from_secs(60);

/// Prometheus has so long to see all targets.
const SEES: Duration = Duration::from_secs(180);

/// Records of each chain that are read: those since it joined are among them.
const NEWEST: u32 = 500;

/// All that is proven of one body, step by step.
///
/// # Errors
/// Only when somebody wants all of it to stop: what a step fails with is in the walk.
pub(super) fn of(global: &Global, inventory: &Inventory, wanted: &Onboard, walk: &mut Walk, out: &Out) -> Result<()> {
    let body = inventory.members.get(&walk.slug);
    let body = body.ok_or_else(|| Failure::inventory(format!("there is no member {}", walk.slug)))?;
    walk.step("answers", out, || answers(inventory, body))?;
    walk.step("dns", out, || names(global, inventory, body, wanted, out))?;
    if inventory.consortium.backup.is_some() {
        let proven = proven(inventory, body, wanted, out);
        let is_new = !matches!(proven, Ok(Some(_)));
        if is_new {
            let tenants = Tenants { members: vec![body.slug.clone()], applications: Vec::new() };
            walk.step("backup", out, || {
                backup::run(global, &Backup::Run { tenants, way: wanted.way.clone() }, out)?;
                Ok("the first backup is taken".to_string())
            })?;
        }
        walk.step("restore", out, || match proven? {
            Some(found) => Ok(found),
            None => restored(global, inventory, body, wanted, out),
        })?;
    }
    if inventory.consortium.monitoring.is_some() {
        walk.step("monitoring", out, || monitoring::sees(inventory, &body.slug, &wanted.way, SEES, out))?;
    }
    Ok(())
}

/// Every tenant answers over HTTPS by its name, as its catalogue says one that is well does.
fn answers(inventory: &Inventory, body: &Body) -> Result<String> {
    let authority = inventory.authority.as_deref().unwrap_or_default();
    let templates = Templates::load(&inventory.layers)?;
    let mut names = Vec::new();
    for plan in body.tenants.values() {
        let asked = health(&templates, inventory, body, plan)?;
        let address = inventory.hosts.get(&plan.application_host).and_then(|host| host.address.parse::<IpAddr>().ok());
        let address = address.ok_or_else(|| Failure::inventory(format!("{} has no address", plan.application_host)))?;
        let page = Page {
            name: plan.host_name.clone(),
            address,
            port: 443,
            path: asked.path,
            method: asked.method.name().to_string(),
            body: asked.media_type.zip(asked.body),
            status: asked.status,
            contains: asked.contains,
        };
        let granted =
            inventory.applications.get(&plan.application).map_or(0, |of| of.runtime.start_seconds.unwrap_or(0));
        let until = Instant::now() + ANSWERS.max(Duration::from_secs(u64::from(granted)));
        while let Err(why) = knock(&page, authority) {
            if Instant::now() >= until {
                return Err(Failure::operation(format!("https://{} does not answer: {why}", page.name)).hint(format!(
                    "`journalctl -u comuni-{}` on {} says more",
                    tenant_id(&body.code, &plan.application),
                    plan.application_host
                )));
            }
            std::thread::sleep(AGAIN);
        }
        names.push(format!("https://{}", page.name));
    }
    Ok(names.join(", "))
}

/// The names are served where the world asks for them; what others must set for that is said.
fn names(global: &Global, inventory: &Inventory, body: &Body, wanted: &Onboard, out: &Out) -> Result<String> {
    let served = zones::of(inventory, body);
    let check = Check {
        members: vec![body.slug.clone()],
        zones: Vec::new(),
        resolver: wanted.resolver.filter(|_| served.is_none()),
        parent: None,
        textfile: None,
        accept_keys: false,
        quiet: true,
    };
    match served {
        Some(zone) => {
            dns::run(global, &Dns::Check(check), out)?;
            let zone_name = zone.zone.name.plain();
            let servers = zones::servers(inventory).len();
            let mut said = format!("{zone_name} is served and signed on all {}", counted(servers, "server"));
            if zone.mode == DomainMode::Subzone && body.member.domain.is_some() {
                dns::run(global, &Dns::Records { member: body.slug.clone() }, out)?;
                said.push_str("; the text above asks who serves the zone above for the delegation");
            }
            Ok(said)
        }
        None if body.member.domain.is_none() => Ok("no zone is served".to_string()),
        None => of_others(global, body, &check, wanted, out),
    }
}

fn of_others(global: &Global, body: &Body, check: &Check, wanted: &Onboard, out: &Out) -> Result<String> {
    let until = Instant::now() + Duration::from_secs(60 * u64::from(wanted.wait));
    if wanted.resolver.is_some() {
        loop {
            match dns::run(global, &Dns::Check(check.clone()), out) {
                Ok(()) => return Ok("others serve the records that are needed".to_string()),
                Err(failure) if matches!(failure.kind, Kind::Interrupted | Kind::Terminated) => return Err(failure),
                Err(_) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_secs(30).min(until - Instant::now()))
                }
                Err(_) => break,
            }
        }
    }
    dns::run(global, &Dns::Records { member: body.slug.clone() }, out)?;
    let open = "the records above must be set by who serves the zone";
    Err(Failure::new(Kind::Pending, open).hint(match wanted.resolver {
        Some(_) => "send them the text above; the same command goes on when they are set, and waits with --wait",
        None => "send them the text above; then the same command with --resolver looks whether they are set",
    }))
}

/// What the evidence says of a restore of each tenant to the wanted level, if all were.
fn proven(inventory: &Inventory, body: &Body, wanted: &Onboard, out: &Out) -> Result<Option<String>> {
    let evidence = past::evidence(inventory, "onboard", NEWEST, &wanted.way, out)?;
    let history = past::history(inventory, evidence)?.filtered(&Filter::default());
    let all: Vec<&Verification> = history.lines.iter().filter_map(|line| line.record.verification.as_deref()).collect();
    let mut times = Vec::new();
    for plan in body.tenants.values() {
        let tenant = tenant_id(&body.code, &plan.application);
        let newest = all.iter().rev().find(|found| found.tenant == tenant);
        match newest {
            Some(found) if found.outcome == Outcome::Pass && found.reached >= Some(wanted.level) => {
                times.extend(
                    found.rto_milliseconds.map(|back| format!("{tenant} back in {:.1} s", back as f64 / 1000.0)),
                );
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(format!("restored and proven to {}: {}", wanted.level.name(), times.join(", "))))
}

fn restored(global: &Global, inventory: &Inventory, body: &Body, wanted: &Onboard, out: &Out) -> Result<String> {
    let options = Verify {
        all: false,
        tenants: Tenants { members: vec![body.slug.clone()], applications: Vec::new() },
        level: Some(wanted.level),
        due: false,
        textfile: None,
        ping: None,
        quiet: false,
        escrow: None,
        accept_shrunk: false,
        wait: 120,
        schedule: false,
        way: wanted.way.clone(),
    };
    backup::run(global, &Backup::Verify(Box::new(options)), out)?;
    proven(inventory, body, wanted, out)?.ok_or_else(|| Failure::operation("the evidence does not hold the restore"))
}
