//! `comuni monitoring check`: asks, judges, measures, says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{asked, watchers};
use crate::catalog::{Area, Catalog};
use crate::cli::{Global, MonitoringCheck, Way};
use crate::commands::inventory::read;
use crate::compile::{Selection, compile};
use crate::disk;
use crate::evidence::clock;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::{Inventory, select, types};
use crate::monitoring::{Demand, Finding, Judged, judge, questions, textfile, wanted};
use crate::report::json::{MonitoringFinding, MonitoringLine, Object, SilenceLine};
use crate::report::{Out, table, visible};

/// Hears the Watchdog, when the inventory names such an address (templates/monitoring/alertmanager.yml.tera).
const DEAD_MAN: &str = "dead-man";

/// Who waits looks again after so long.
const AGAIN: Duration = Duration::from_secs(3);

/// # Errors
/// The worst of what was found: exit 4, 5 or 7.
pub(super) fn run(global: &Global, options: &MonitoringCheck, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let (judged, kinds) = look(&inventory, options, out)?;
    if let Some(path) = &options.textfile {
        let page = textfile(&judged, clock::now().as_second());
        disk::replace(path, page.as_bytes(), 0o644)
            .map_err(|error| Failure::operation(format!("{} cannot be written: {error}", path.display())))?;
    }
    for (host, judged) in &judged {
        if let Some(judged) = judged {
            objects(host, judged, out);
            out.text(&visible(&told(host, judged, options)));
        }
    }
    match Kind::worst(kinds) {
        None => Ok(()),
        Some(_) if judged.values().all(Option::is_none) => {
            Err(Failure::new(Kind::Inconclusive, "no host that watches could be asked"))
        }
        // The text above has said it all.
        Some(kind) => Err(Failure::new(kind, "")),
    }
}

/// Waits until all that watches a member sees all of it. Gives what it sees.
///
/// # Errors
/// What is wrong when the time is over, as [`run`] says it.
pub(in crate::commands) fn sees(
    inventory: &Inventory,
    member: &str,
    way: &Way,
    patience: Duration,
    out: &Out,
) -> Result<String> {
    let options = MonitoringCheck {
        members: vec![member.to_string()],
        silence_hours: u32::MAX,
        textfile: None,
        quiet: true,
        way: way.clone(),
    };
    let until = Instant::now() + patience;
    loop {
        let (judged, kinds) = look(inventory, &options, out)?;
        let Some(kind) = Kind::worst(kinds) else {
            let (up, all) = judged.values().flatten().fold((0, 0), |(up, all), of| (up + of.up, all + of.targets));
            return Ok(format!("{up} of {} up", counted(all, "target")));
        };
        if Instant::now() >= until {
            let wrong = judged.values().flatten().flat_map(|of| &of.findings).map(|finding| finding.what.clone());
            let wrong: Vec<String> = wrong.collect();
            return Err(Failure::new(kind, format!("not all is watched as it must be:\n  {}", wrong.join("\n  ")))
                .hint(format!("`comuni monitoring check --member {member}` says what to do")));
        }
        std::thread::sleep(AGAIN);
    }
}

/// What each host that watches shows, judged, and what that is worth; nothing of one that could not be asked.
type Looked = (BTreeMap<String, Option<Judged>>, Vec<Kind>);

fn look(inventory: &Inventory, options: &MonitoringCheck, out: &Out) -> Result<Looked> {
    let (policy, hosts) = watchers(inventory)?;
    let selection = Selection {
        hosts: hosts.iter().map(|host| host.to_string()).collect(),
        areas: [Area::Monitoring].into(),
        ..Selection::default()
    };
    let compiled = compile(inventory, &selection)?;
    let demands: BTreeMap<&String, Demand> = compiled
        .catalogs
        .iter()
        .map(|(host, catalog)| Ok((host, demand(inventory, policy, catalog, options)?)))
        .collect::<Result<_>>()?;
    let (said, _) = asked(inventory, &hosts, &questions(), None, ("monitoring check", &options.way), out)?;
    let mut judged = BTreeMap::new();
    let mut kinds = Vec::new();
    for (host, answer) in said {
        match answer {
            Ok(monitored) => {
                let of = judge(&demands[&host], &monitored.answers, monitored.now);
                kinds.extend(of.findings.iter().map(|finding| finding.trouble.kind()));
                judged.insert(host, Some(of));
            }
            Err(failure) => {
                out.remark(&format!("{host}: {}", failure.told()));
                kinds.push(Kind::Inconclusive);
                judged.insert(host, None);
            }
        }
    }
    Ok((judged, kinds))
}

fn demand(
    inventory: &Inventory,
    policy: &types::Monitoring,
    catalog: &Catalog,
    options: &MonitoringCheck,
) -> Result<Demand> {
    let mut members: Vec<String> = Vec::new();
    if !options.members.is_empty() {
        let slugs = select::members(inventory, &options.members)?;
        members = slugs.iter().map(|slug| inventory.members[slug].code.clone()).collect();
    }
    let ours = |member: &str| members.is_empty() || members.iter().any(|code| code == member);
    let targets = wanted(catalog)?.into_iter().filter(|target| ours(target.label("member"))).collect();
    let oldest_silence = i64::from(options.silence_hours) * 3600;
    Ok(Demand { targets, members, oldest_silence, dead_man: policy.dead_man.as_ref().map(|_| DEAD_MAN.to_string()) })
}

fn objects(host: &str, judged: &Judged, out: &Out) {
    for Finding { trouble, about, what } in &judged.findings {
        out.object(&Object::MonitoringFinding(MonitoringFinding {
            host: host.to_string(),
            id: trouble.id().to_string(),
            about: about.clone(),
            what: what.clone(),
            exit: trouble.kind().exit_code(),
            hint: trouble.remedy().to_string(),
        }));
    }
    for muted in &judged.muted {
        out.object(&Object::Silence(SilenceLine {
            host: host.to_string(),
            id: muted.id.clone(),
            matchers: muted.matchers.clone(),
            author: muted.author.clone(),
            reason: muted.reason.clone(),
            began: clock::local_time(muted.began),
            until: clock::local_time(muted.until),
        }));
    }
    out.object(&Object::Monitoring(MonitoringLine {
        host: host.to_string(),
        ok: judged.findings.is_empty(),
        targets: judged.targets as u64,
        up: judged.up as u64,
        rules: judged.rules as u64,
        metrics: judged.metrics as u64,
        silences: judged.muted.len() as u64,
    }));
}

/// What is wrong, each remedy once, the silences, and one line at the end.
fn told(host: &str, judged: &Judged, options: &MonitoringCheck) -> String {
    if options.quiet && judged.findings.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for (at, Finding { trouble, what, .. }) in judged.findings.iter().enumerate() {
        text.push_str(&format!("{}: {what}\n", trouble.id()));
        if judged.findings.get(at + 1).is_none_or(|next| next.trouble.remedy() != trouble.remedy()) {
            text.push_str(&format!("  -> {}\n\n", trouble.remedy()));
        }
    }
    if !judged.muted.is_empty() {
        let mut rows = vec![["SILENCE", "SINCE", "UNTIL", "BY", "WHY"].map(String::from).to_vec()];
        for muted in &judged.muted {
            let times = [muted.began, muted.until].map(clock::local_time);
            let [began, until] = times;
            rows.push(vec![muted.matchers.clone(), began, until, muted.author.clone(), muted.reason.clone()]);
        }
        text.push_str(&format!("{}\n", table(&rows)));
    }
    let verdict = match judged.findings.len() {
        0 => "all as the inventory says".to_string(),
        count => format!("{} wrong", counted(count, "thing")),
    };
    let whole = if options.members.is_empty() {
        format!(", {} of {}", counted(judged.rules, "rule"), counted(judged.metrics, "metric"))
    } else {
        String::new()
    };
    text.push_str(&format!(
        "{host}: {} of {} up{whole}, {}: {verdict}\n",
        judged.up,
        counted(judged.targets, "target"),
        counted(judged.muted.len(), "silence"),
    ));
    text
}
