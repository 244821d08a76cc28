//! The application host's part of a restore in place.

use std::path::{Path, PathBuf};

use super::load::{as_owner, databases, number, statement, stop_unit};
use super::note::{self, Files, Note, Phase};
use super::source::Source;
use super::unpack::no_devices;
use super::{Answer, Chosen, Exchange, Part, Settled, Shape, Tell};
use crate::backup::configuration::Configuration;
use crate::failure::{Failure, Result};
use crate::machine::{Command, FileKind, Machine, Ownership, PRIVATE_FOLDER, utc};

/// Beside the data folder, in a folder of root's: the tenant itself cannot reach into it.
const WORK: &str = ".comuni-restoring";

/// What is wanted.
pub struct Wish<'a> {
    /// The backup.
    pub chosen: &'a Chosen,
    /// What of it.
    pub part: &'a Part,
    /// The unit of the application.
    pub unit: &'a str,
    /// The names of the databases.
    pub database: Option<&'a Exchange>,
    /// What is kept may be taken away after this.
    pub until: i64,
}

/// Fetches a backup beside the data folder and proves it. Nothing live is touched.
///
/// # Errors
/// As `Source::fetch`.
pub fn fetch(machine: &mut dyn Machine, tenant: &str, wish: &Wish<'_>, tell: &mut Tell<'_>) -> Result<Answer> {
    let configuration = Configuration::read(machine, tenant)?;
    let data = PathBuf::from(&configuration.data);
    let live = machine.stat(&data)?.filter(|stat| stat.kind == FileKind::Directory).ok_or_else(|| {
        Failure::operation(format!("the data folder {} is not there", data.display())).hint("comuni apply makes it")
    })?;
    let home =
        data.parent().ok_or_else(|| Failure::operation(format!("{} has no folder around it", data.display())))?;
    let work = home.join(WORK);
    let stamp: String = utc(machine.now()).chars().filter(|letter| !matches!(letter, '-' | ':')).collect();
    let fresh = work.join(configuration.data.trim_start_matches('/'));
    let files = wish.part.files.then(|| Files {
        data: configuration.data.clone(),
        fresh: fresh.to_string_lossy().into_owned(),
        kept: format!("{}.kept-{stamp}", configuration.data),
    });
    let note = Note {
        snapshot: wish.chosen.id.clone(),
        taken: wish.chosen.taken,
        unit: wish.unit.to_string(),
        work: work.to_string_lossy().into_owned(),
        files,
        database: wish.database.cloned(),
        oid: None,
        forward: true,
        until: wish.until,
    };
    note::write(machine, tenant, Phase::Preparing, &note)?;
    machine.make_directory(&work, &PRIVATE_FOLDER)?;
    let repository = configuration.repository(machine)?.cached(&format!("{}/cache", crate::backup::run::FOLDER));
    let source = Source {
        repository: &repository,
        chosen: wish.chosen,
        tenant,
        member: &configuration.member,
        data: &configuration.data,
        part: wish.part,
    };
    let fetched = source.fetch(machine, &work, tell)?;
    if let Some(files) = &fetched.files {
        no_devices(machine, files)?;
        // The tenant's account has another number after its host was made anew; and it owns all of its data.
        let (owner, place) = (format!("{}:{}", live.uid, live.gid), files.to_string_lossy().into_owned());
        let command = Command::new(["chown", "--recursive", "--no-dereference", "-P", &owner, "--", &place]);
        machine.run(&command)?.succeeded(&command)?;
        machine.set_ownership(files, &Ownership { uid: live.uid, gid: live.gid, mode: live.mode })?;
    }
    let mut report = fetched.report;
    if report.release != configuration.release {
        report.notes.push(format!(
            "the backup is of release {}, and the tenant runs {}",
            report.release, configuration.release
        ));
    }
    let shape = fetched.manifest.database.filter(|_| wish.part.database).map(|of| Shape {
        encoding: of.fingerprint.encoding,
        collate: of.fingerprint.collate,
        ctype: of.fingerprint.ctype,
        bytes: of.bytes,
    });
    if wish.part.database && shape.is_none() {
        return Err(Failure::operation("there is no database in this backup").hint("--files restores what is in it"));
    }
    if wish.part.files && fetched.files.is_none() {
        return Err(Failure::operation("there are no files in this backup").hint("--database restores what is in it"));
    }
    Ok(Answer::Fetched { report, shape })
}

/// Stops the application. From here on its unit does not start until [`settle`] has been here.
///
/// # Errors
/// When the disk or systemd refuses.
pub fn stop(machine: &mut dyn Machine, tenant: &str, oid: Option<u32>) -> Result<()> {
    let note = note::read(machine, tenant, Phase::Preparing)?
        .ok_or_else(|| Failure::operation(format!("nothing was fetched for {tenant}")))?;
    let note = Note { oid, ..note };
    note::write(machine, tenant, Phase::Preparing, &note)?;
    // One rename: whoever comes next finds it either not begun or begun with all that there is to know.
    machine.rename(&note::path(tenant, Phase::Preparing), &note::path(tenant, Phase::Swapping))?;
    stop_unit(machine, &note.unit)
}

/// Begins to go back to what was kept of the newest restore. Without a database this decides it.
///
/// # Errors
/// When nothing was kept, or the disk or systemd refuses.
pub fn back(machine: &mut dyn Machine, tenant: &str) -> Result<()> {
    let note = note::kept(machine, tenant)?
        .pop()
        .ok_or_else(|| Failure::operation(format!("nothing was kept of {tenant}: there is no way back")))?;
    let note = Note { forward: false, ..note };
    note::write(machine, tenant, Phase::Swapping, &note)?;
    stop_unit(machine, &note.unit)
}

/// Brings a restore to an end that was begun, wherever it was cut off: the tenant has wholly its old or wholly its new
/// data then, and its application may start. None when there was nothing.
///
/// # Errors
/// When the database cannot be asked: then nothing has changed, and the application still does not start.
pub fn settle(machine: &mut dyn Machine, tenant: &str) -> Result<Option<Settled>> {
    if let Some(note) = note::read(machine, tenant, Phase::Swapping)? {
        return swapped(machine, tenant, &note).map(Some);
    }
    let Some(note) = note::read(machine, tenant, Phase::Preparing)? else { return Ok(None) };
    if note.database.is_some() {
        let (names, database) = databases(machine, tenant, note.database.clone())?;
        as_owner(machine, &database, &[("new", &names.new)], statement::DROP_NEW)?;
    }
    machine.remove_tree(Path::new(&note.work))?;
    machine.remove(&note::path(tenant, Phase::Preparing))?;
    let words = "a restore that was cut off before it changed anything was cleared away".to_string();
    Ok(Some(Settled { words, restored: false, kept: None }))
}

fn swapped(machine: &mut dyn Machine, tenant: &str, note: &Note) -> Result<Settled> {
    let restored = has_restored_database(machine, tenant, note)?.unwrap_or(note.forward);
    if let Some(files) = &note.files {
        follow(machine, files, restored)?;
    }
    let mut kept = note::kept(machine, tenant)?;
    kept.retain(|other| other.kept() != note.kept());
    if restored {
        kept.push(note.clone());
    }
    note::set_kept(machine, tenant, &kept)?;
    machine.remove_tree(Path::new(&note.work))?;
    machine.remove(&note::path(tenant, Phase::Swapping))?;
    Ok(Settled {
        words: match restored {
            true => format!("it has the restored data (snapshot {})", note.snapshot.get(..8).unwrap_or_default()),
            false => "it has the data that it had before the restore".to_string(),
        },
        restored,
        kept: restored.then(|| note.kept()),
    })
}

/// Whether the database that carries the tenant's name is the restored one; none when the database was not restored.
fn has_restored_database(machine: &mut dyn Machine, tenant: &str, note: &Note) -> Result<Option<bool>> {
    if note.database.is_none() {
        return Ok(None);
    }
    let (names, database) = databases(machine, tenant, note.database.clone())?;
    let explained = |failure: Failure| {
        failure
            .context(format!("a restore of {tenant} was cut off, and its database cannot be asked which one it is"))
            .hint("when the database answers again: comuni apply, or the same comuni backup restore")
    };
    if note.oid == Some(number(machine, &database).map_err(explained)?) {
        return Ok(Some(true));
    }
    // A swap of which nobody waits for the end may still be under way on the server: this waits for it, and either finds
    // nothing of that name any more or takes it away for good.
    as_owner(machine, &database, &[("new", &names.new)], statement::DROP_NEW).map_err(explained)?;
    Ok(Some(note.oid == Some(number(machine, &database).map_err(explained)?)))
}

/// Has the data folder be the restored one, or the one that was there before. Whatever of it was done is not done again.
fn follow(machine: &mut dyn Machine, files: &Files, restored: bool) -> Result<()> {
    let (data, fresh, kept) = (Path::new(&files.data), Path::new(&files.fresh), Path::new(&files.kept));
    let (comes, goes_to) = if restored { (fresh, kept) } else { (kept, fresh) };
    if machine.stat(comes)?.is_none() {
        return Ok(());
    }
    if machine.stat(data)?.is_some() {
        if machine.stat(goes_to)?.is_some() {
            // Only an empty folder can have been made meanwhile, by somebody who missed one.
            machine.remove(data)?;
        } else {
            make_way(machine, goes_to)?;
            machine.rename(data, goes_to)?;
        }
    }
    machine.rename(comes, data)
}

/// The folders around a place: that of the fetched files is gone when it comes to going back.
fn make_way(machine: &mut dyn Machine, place: &Path) -> Result<()> {
    let Some(folder) = place.parent() else { return Ok(()) };
    if machine.stat(folder)?.is_some() {
        return Ok(());
    }
    make_way(machine, folder)?;
    machine.make_directory(folder, &PRIVATE_FOLDER)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::Local;

    /// Every state that renames can be cut off in, both ways: the data folder is wholly the one or wholly the other.
    #[test]
    fn wherever_the_swap_of_files_was_cut_off_it_is_brought_to_its_end() {
        for restored in [true, false] {
            for done in 0..=2 {
                let folder = tempfile::tempdir().unwrap();
                let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
                let files = Files { data: path("data"), fresh: path("work/data"), kept: path("data.kept") };
                fs::create_dir_all(&files.fresh).unwrap();
                fs::create_dir_all(&files.data).unwrap();
                fs::write(format!("{}/new", files.fresh), "").unwrap();
                fs::write(format!("{}/old", files.data), "").unwrap();
                if done > 0 {
                    fs::rename(&files.data, &files.kept).unwrap();
                }
                if done > 1 {
                    fs::rename(&files.fresh, &files.data).unwrap();
                    fs::remove_dir(path("work")).unwrap();
                }
                for _ in 0..2 {
                    follow(&mut Local::new(), &files, restored).unwrap();
                    let wanted = if restored { "new" } else { "old" };
                    let names: Vec<_> =
                        fs::read_dir(&files.data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                    assert_eq!(names, [wanted], "restored {restored}, {done} renames done");
                }
            }
        }
    }
}
