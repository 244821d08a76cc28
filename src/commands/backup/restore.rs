//! `comuni backup restore`: brings backups back, beside what is live or in its place.

use std::collections::BTreeSet;

use super::live::Live;
use super::place::{InPlace, Outcome};
use super::tenants::{Tenant, chosen, owners};
use crate::backup::restore::{self, Answer, Chosen, From, Part, Step, Unpack, Wanted};
use crate::cli::{Global, Restore, Tenants};
use crate::commands::inventory::read;
use crate::commands::procedure::{Answer as Acting, Procedure, Subject, unexpected};
use crate::evidence::clock;
use crate::evidence::history::Filter;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::Inventory;
use crate::inventory::diagnostics::{counted, near};
use crate::inventory::names::{backup_account, home, repository, repository_key};
use crate::protocol::{Act, Acted};
use crate::report::json::{Object, RestoreLine};
use crate::report::{Out, bytes};
use crate::resources::SecretTable;
use crate::secrets::Store;

/// # Errors
/// Exit 64 for what is refused, 4 for a backup that is damaged, 5 when there is none, 3 when some were restored and some not.
pub(super) fn run(global: &Global, wanted: &Restore, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let tenants = named(&inventory, &wanted.tenants)?;
    if wanted.in_place && tenants.len() != 1 {
        return Err(Failure::usage("in place one tenant is restored at a time"));
    }
    if wanted.to.is_some() && tenants.len() != 1 {
        return Err(Failure::usage("one folder takes one tenant").hint("without --to each gets a folder of its own"));
    }
    let at = wanted.at.as_deref().map(|text| Filter::since(text, clock::now())).transpose()?;
    let keeper = keeper(&inventory, wanted.copy)?;
    let store = crate::commands::secrets::open(&inventory, &wanted.way.identity)?;
    let live = match wanted.in_place {
        true => Some(Live::of(&inventory, &tenants[0])?),
        false => None,
    };
    let mut hosts: BTreeSet<&str> = match &live {
        Some(live) => live.hosts().collect(),
        None => BTreeSet::from([keeper.as_str()]),
    };
    if wanted.drop_all {
        hosts.extend(tenants.iter().map(|tenant| tenant.host.as_str()));
    }
    if live.is_none() && !wanted.drop_all {
        store.require(&tenants.iter().map(|tenant| repository_key(&tenant.subject.owner)).collect())?;
    }
    let mut procedure = Procedure::begin(&inventory, &wanted.way, "backup restore", owners(&tenants), &hosts, out)?;
    let hosts: Vec<String> = hosts.into_iter().map(str::to_string).collect();
    let mut kinds = Vec::new();
    for tenant in &tenants {
        let mut walk =
            Walk { procedure: &mut procedure, store: &store, tenant, wanted, at: at.map(|at| at.as_second()), out };
        let done = match (&live, wanted.drop_all, walk.procedure.is_stopping()) {
            (_, _, Some(failure)) => Err(failure),
            (_, true, None) => walk.drop_all(&hosts),
            (Some(live), _, None) => walk.in_place(live),
            (None, _, None) => walk.beside(&keeper),
        };
        procedure.ended(&tenant.subject, &done);
        procedure.release(hosts.iter().map(String::as_str), &tenant.subject);
        kinds.extend(done.err().map(|failure| failure.kind));
    }
    let done = tenants.len() - kinds.len();
    let kind = Kind::of_many(kinds, done);
    procedure.end(&inventory, kind, out)?;
    if !wanted.drop_all {
        out.text(&format!("{done} of {} restored\n", counted(tenants.len(), "tenant")));
    }
    // What failed was told above.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// The tenants of these names.
fn named(inventory: &Inventory, names: &[String]) -> Result<Vec<Tenant>> {
    let mut all = chosen(inventory, &Tenants::default())?;
    for name in names {
        if all.iter().all(|tenant| tenant.subject.tenant != *name) {
            let known: Vec<&str> = all.iter().map(|tenant| tenant.subject.tenant.as_str()).collect();
            let failure = Failure::usage(format!("there is no tenant `{name}`"));
            return Err(match near(name, known).as_slice() {
                [] => failure.hint("`comuni backup list` shows them all"),
                found => failure.hint(format!("did you mean {}?", found.join(" or "))),
            });
        }
    }
    all.retain(|tenant| names.contains(&tenant.subject.tenant));
    Ok(all)
}

/// The host that keeps the backups, or their second copy.
fn keeper(inventory: &Inventory, copy: bool) -> Result<String> {
    let backup = inventory.consortium.backup.as_ref();
    let host = backup.and_then(|backup| if copy { backup.copy.clone() } else { Some(backup.repository.clone()) });
    host.ok_or_else(|| Failure::usage("the inventory names no host for a second copy of the backups"))
}

/// Has a step taken; what it was refused with keeps its exit code.
pub(super) fn step(
    procedure: &mut Procedure,
    host: &str,
    subject: &Subject,
    step: Step,
    secrets: SecretTable,
) -> Acting<Answer> {
    match procedure.act(host, subject, Act::Restore(Box::new(step)), secrets)? {
        Acted::Restored(answer) => match *answer {
            Answer::Refused { exit, message, hints } => {
                let failure = restore::failure(exit, format!("{host}: {message}"), hints);
                Err(crate::commands::procedure::Refused::Failed(failure))
            }
            answer => Ok(answer),
        },
        other => Err(unexpected(host, &other)),
    }
}

/// One tenant on its way.
struct Walk<'a> {
    procedure: &'a mut Procedure,
    store: &'a Store,
    tenant: &'a Tenant,
    wanted: &'a Restore,
    at: Option<i64>,
    out: &'a Out,
}

impl Walk<'_> {
    fn part(&self) -> Part {
        let only_files = self.wanted.files || self.wanted.path.is_some();
        Part { database: !only_files, files: !self.wanted.database, path: self.wanted.path.clone() }
    }

    fn which(&self) -> Wanted {
        Wanted {
            tenant: self.tenant.subject.tenant.clone(),
            member: self.tenant.subject.owner.clone(),
            snapshot: self.wanted.snapshot.clone(),
            at: self.at,
        }
    }

    fn until(&self) -> i64 {
        clock::now().as_second() + i64::from(self.wanted.days) * 86_400
    }

    /// Into a folder on the host that keeps the backups.
    fn beside(&mut self, keeper: &str) -> Result<()> {
        let Tenant { subject, application, .. } = self.tenant;
        let key = repository_key(&subject.owner);
        let from = From::Here {
            folder: repository(&subject.owner),
            account: (!self.wanted.copy).then(|| backup_account(&subject.owner)),
            key: key.clone(),
        };
        let secrets = self.store.table(&BTreeSet::from([key]));
        let choose = Step::Choose { from: from.clone(), wanted: self.which() };
        let Answer::Chosen(chosen, _) = step(self.procedure, keeper, subject, choose, secrets.clone())? else {
            return Err(Failure::operation(format!("{keeper}: the host answered something else")));
        };
        self.procedure.say(keeper, subject, &chosen_words(&chosen));
        let what = Unpack {
            tenant: subject.tenant.clone(),
            member: subject.owner.clone(),
            chosen: chosen.clone(),
            part: self.part(),
            data: format!("{}/data", home(&subject.owner, application)),
            target: self.wanted.to.clone(),
            until: self.until(),
        };
        let until = what.until;
        let Answer::Unpacked { folder, report, swept } =
            step(self.procedure, keeper, subject, Step::Unpack { from, what }, secrets)?
        else {
            return Err(Failure::operation(format!("{keeper}: the host answered something else")));
        };
        self.procedure.changed(keeper, subject, format!("restored:{}", chosen.id));
        self.procedure.say(keeper, subject, &brought(&report));
        for gone in swept {
            self.out
                .remark(&format!("{keeper}: {gone} was past its time, or of a restore that was killed, and is gone"));
        }
        self.out.text(&format!(
            "{} of {} is on {keeper} in {folder} until {}\n{}",
            subject.tenant,
            clock::local_time(chosen.taken),
            clock::local_time(until),
            by_hand(&folder, &self.part())
        ));
        self.tell(RestoreLine {
            tenant: subject.tenant.clone(),
            host: keeper.to_string(),
            snapshot: chosen.id,
            taken: clock::local_time(chosen.taken),
            part: self.part(),
            in_place: false,
            folder: Some(folder),
            brought: report,
            kept: None,
            until: clock::local_time(until),
            stopped_seconds: None,
            differing: Vec::new(),
        });
        Ok(())
    }

    fn tell(&self, line: RestoreLine) {
        for note in &line.brought.notes {
            self.out.remark(&format!("{}: {note}", line.tenant));
        }
        self.out.object(&Object::BackupRestore(line));
    }

    fn in_place(&mut self, live: &Live) -> Result<()> {
        let (part, which, until) = (self.part(), self.which(), self.until());
        let place = InPlace {
            procedure: self.procedure,
            store: self.store,
            live,
            out: self.out,
            part: part.clone(),
            until,
            confirm: self.wanted.confirm.clone(),
            safety: !self.wanted.without_safety_backup,
            in_any_case: false,
        };
        let Some(Outcome { chosen, report, kept, stopped, differing }) = place.whole(which)? else { return Ok(()) };
        let subject = &live.subject;
        self.out.text(&format!("{} has its data of {} again\n", subject.tenant, clock::local_time(chosen.taken)));
        if let Some(kept) = &kept {
            let what: Vec<String> = kept
                .database
                .iter()
                .map(|name| format!("database {name} on {}", live.database_host))
                .chain(kept.files.iter().map(|path| format!("{path} on {}", live.host)))
                .collect();
            let end = clock::local_time(kept.until);
            self.out.text(&format!("kept until {end}: {}\n", what.join(", ")));
        }
        if !differing.is_empty() {
            self.out.remark(&format!("not as the inventory says: {}; `comuni apply` brings it", differing.join(", ")));
        }
        self.tell(RestoreLine {
            tenant: subject.tenant.clone(),
            host: live.host.clone(),
            snapshot: chosen.id,
            taken: clock::local_time(chosen.taken),
            part,
            in_place: true,
            folder: None,
            brought: report,
            kept,
            until: clock::local_time(until),
            stopped_seconds: Some(stopped),
            differing,
        });
        Ok(())
    }

    fn drop_all(&mut self, hosts: &[String]) -> Result<()> {
        let subject = &self.tenant.subject;
        let mut count = 0;
        for host in hosts {
            let drop = Step::Drop { tenant: subject.tenant.clone() };
            let Answer::Dropped(gone) = step(self.procedure, host, subject, drop, SecretTable::default())? else {
                return Err(Failure::operation(format!("{host}: the host answered something else")));
            };
            for what in gone {
                count += 1;
                self.procedure.changed(host, subject, format!("dropped:{what}"));
                self.out.text(&format!("{host}: {what} is gone\n"));
            }
        }
        if count == 0 {
            self.out.text(&format!("nothing of {} was restored or kept\n", subject.tenant));
        }
        Ok(())
    }
}

/// The backup that is meant, for a person.
pub(super) fn chosen_words(chosen: &Chosen) -> String {
    let start = chosen.id.get(..8).unwrap_or_default();
    format!("the backup of {} (snapshot {start}, {})", clock::local_time(chosen.taken), chosen.state)
}

/// What was brought, and how fast.
pub(super) fn brought(report: &restore::Report) -> String {
    let per_second = report.bytes.saturating_mul(1000) / report.milliseconds.max(1);
    format!(
        "{} in {}.{} s ({}/s), proven: {}, {}",
        bytes(report.bytes),
        report.milliseconds / 1000,
        report.milliseconds % 1000 / 100,
        bytes(per_second),
        counted(report.rows as usize, "row"),
        counted(report.files as usize, "file")
    )
}

fn by_hand(folder: &str, part: &Part) -> String {
    if !part.database {
        return String::new();
    }
    format!(
        "  one table of it:  pg_restore --data-only --table NAME --file - {folder}/database.dump\n  \
         all of it:        createdb NAME; pg_restore --no-owner --no-privileges --dbname NAME {folder}/database.dump\n"
    )
}
