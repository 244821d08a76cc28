//! A backup in a folder of its own, for a person to look into. It holds personal data as the live one does: only root may
//! enter, and it has an end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::source::Source;
use super::target::must_be_free;
use super::{Answer, Tell, Unpack, note};
use crate::backup::restic::Repository;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, PRIVATE_FILE, PRIVATE_FOLDER, make_folder, utc};

/// Where such folders are made when none is named.
const BASE: &str = "/var/lib/comuni-restored";

/// Which there are.
const INDEX: &str = "/var/lib/comuni/restored.json";

/// What makes a folder ours to remove.
const MARKER: &str = "comuni-restored.json";

/// Says what is in a folder, in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    tenant: String,
    folder: String,
    snapshot: String,
    taken: i64,
    restored: i64,
    until: i64,
    /// We made the folder itself, and not only what is in it.
    made: bool,
}

/// Brings what is wanted into its folder: `database.dump`, `files`, `manifest.json`.
///
/// # Errors
/// Exit 64 when the folder is refused; otherwise as [`Source::fetch`]. Nothing is left then.
pub fn unpack(
    machine: &mut dyn Machine,
    repository: &Repository,
    what: &Unpack,
    tell: &mut Tell<'_>,
) -> Result<Answer> {
    let swept = sweep(machine)?;
    let folder = folder(what);
    if what.target.is_none() {
        make_folder(machine, Path::new(BASE))?;
    }
    let made = must_be_free(machine, &folder)?;
    if made {
        machine.make_directory(&folder, &PRIVATE_FOLDER)?;
    } else {
        machine.set_ownership(&folder, &PRIVATE_FOLDER)?;
    }
    let marker = Marker {
        tenant: what.tenant.clone(),
        folder: folder.to_string_lossy().into_owned(),
        snapshot: what.chosen.id.clone(),
        taken: what.chosen.taken,
        restored: machine.now(),
        until: what.until,
        made,
    };
    write(machine, &folder.join(MARKER), &marker)?;
    let mut index = read_index(machine)?;
    index.push(marker.clone());
    write(machine, Path::new(INDEX), &index)?;
    let source = Source {
        repository,
        chosen: &what.chosen,
        tenant: &what.tenant,
        member: &what.member,
        data: &what.data,
        part: &what.part,
    };
    let brought = bring(machine, &source, &folder, tell);
    match brought {
        Ok(report) => Ok(Answer::Unpacked { folder: marker.folder, report, swept }),
        Err(failure) => {
            remove(machine, &marker)?;
            index.pop();
            write(machine, Path::new(INDEX), &index)?;
            Err(failure)
        }
    }
}

fn folder(what: &Unpack) -> PathBuf {
    match &what.target {
        Some(target) => PathBuf::from(target),
        None => {
            let taken: String = utc(what.chosen.taken).chars().filter(|letter| !matches!(letter, '-' | ':')).collect();
            let start = what.chosen.id.get(..8).unwrap_or_default();
            let part = match (&what.part.path, what.part.database, what.part.files) {
                (Some(_), ..) => "-path",
                (None, true, false) => "-database",
                (None, false, true) => "-files",
                _ => "",
            };
            Path::new(BASE).join(format!("{}-{taken}-{start}{part}", what.tenant))
        }
    }
}

fn bring(machine: &mut dyn Machine, source: &Source<'_>, folder: &Path, tell: &mut Tell<'_>) -> Result<super::Report> {
    let work = folder.join(".fetched");
    machine.make_directory(&work, &PRIVATE_FOLDER)?;
    let fetched = source.fetch(machine, &work, tell)?;
    no_devices(machine, &work)?;
    let manifest =
        work.join(format!("{}/{}/manifest.json", crate::backup::run::FOLDER.trim_start_matches('/'), source.tenant));
    machine.rename(&manifest, &folder.join("manifest.json"))?;
    if let Some(dump) = &fetched.dump {
        machine.rename(dump, &folder.join("database.dump"))?;
    }
    if let Some(files) = &fetched.files {
        machine.rename(files, &folder.join("files"))?;
    }
    machine.remove_tree(&work)?;
    Ok(fetched.report)
}

/// A listing may not have told the truth about what is a device.
pub(super) fn no_devices(machine: &mut dyn Machine, folder: &Path) -> Result<()> {
    let place = folder.to_string_lossy().into_owned();
    let command = Command::new(["find", &place, "(", "-type", "b", "-o", "-type", "c", ")", "-print", "-delete"]);
    let output = machine.run(&command)?.succeeded(&command)?;
    if output.stdout.is_empty() {
        return Ok(());
    }
    Err(Failure::new(crate::failure::Kind::Damage, "refused: there are devices in the backup"))
}

/// Takes away the folders whose time is over; says which.
///
/// # Errors
/// When the system refuses.
pub fn sweep(machine: &mut dyn Machine) -> Result<Vec<String>> {
    let now = machine.now();
    drop_where(machine, |marker| marker.until < now)
}

/// Takes away all folders of a tenant on this host, and what was kept of it.
///
/// # Errors
/// When the system refuses.
pub fn drop_all(machine: &mut dyn Machine, tenant: &str) -> Result<Vec<String>> {
    let mut dropped = drop_where(machine, |marker| marker.tenant == tenant)?;
    dropped.extend(note::drop_kept(machine, tenant, |_| true)?);
    Ok(dropped)
}

fn drop_where(machine: &mut dyn Machine, goes: impl Fn(&Marker) -> bool) -> Result<Vec<String>> {
    let index = read_index(machine)?;
    let (gone, left): (Vec<Marker>, Vec<Marker>) = index.into_iter().partition(goes);
    let mut dropped = Vec::new();
    for marker in &gone {
        if remove(machine, marker)? {
            dropped.push(marker.folder.clone());
        }
    }
    if !gone.is_empty() {
        write(machine, Path::new(INDEX), &left)?;
    }
    Ok(dropped)
}

/// Takes a folder away when its own marker says that it is ours.
fn remove(machine: &mut dyn Machine, marker: &Marker) -> Result<bool> {
    let folder = Path::new(&marker.folder);
    let own = machine.read(&folder.join(MARKER))?.and_then(|text| serde_json::from_slice::<Marker>(&text).ok());
    if own.as_ref() != Some(marker) {
        return Ok(false);
    }
    if marker.made {
        machine.remove_tree(folder)?;
        return Ok(true);
    }
    // The marker goes last: a removal that is cut off can be done again.
    for name in machine.names(folder)?.into_iter().filter(|name| name != MARKER) {
        let path = folder.join(name);
        match machine.stat(&path)?.map(|stat| stat.kind) {
            Some(crate::machine::FileKind::Directory) => machine.remove_tree(&path)?,
            _ => machine.remove(&path)?,
        }
    }
    machine.remove(&folder.join(MARKER))?;
    Ok(true)
}

fn read_index(machine: &dyn Machine) -> Result<Vec<Marker>> {
    let content = machine.read(Path::new(INDEX))?.unwrap_or_default();
    Ok(serde_json::from_slice(&content).unwrap_or_default())
}

fn write(machine: &mut dyn Machine, path: &Path, value: &impl Serialize) -> Result<()> {
    let content = serde_json::to_vec(value).map_err(|error| Failure::operation(format!("cannot encode: {error}")))?;
    if path == Path::new(INDEX) {
        make_folder(machine, Path::new("/var/lib/comuni"))?;
    }
    machine.write(path, &content, &PRIVATE_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    #[test]
    fn only_what_carries_our_marker_is_taken_away_and_only_when_its_time_is_over() {
        let host = &mut Fake::new();
        let marker = |folder: &str, until: i64| Marker {
            tenant: "c_e863-albo".to_string(),
            folder: folder.to_string(),
            snapshot: "1".to_string(),
            taken: 1,
            restored: 2,
            until,
            made: true,
        };
        let all =
            [marker("/var/lib/comuni-restored/old", 1), marker("/var/tmp/theirs", 1), marker("/var/tmp/new", i64::MAX)];
        for one in [&all[0], &all[2]] {
            host.with_file(&format!("{}/{MARKER}", one.folder), serde_json::to_string(one).unwrap(), 0o600);
        }
        host.with_file("/var/tmp/theirs/file", "x", 0o600);
        host.with_file(INDEX, serde_json::to_string(&all.to_vec()).unwrap(), 0o600);
        assert_eq!(sweep(host).unwrap(), ["/var/lib/comuni-restored/old"]);
        assert!(host.stat(Path::new("/var/tmp/theirs/file")).unwrap().is_some());
        assert!(host.stat(Path::new("/var/tmp/new")).unwrap().is_some());
        assert_eq!(drop_all(host, "c_e707-albo").unwrap(), [""; 0]);
        assert_eq!(drop_all(host, "c_e863-albo").unwrap(), ["/var/tmp/new"]);
        assert!(host.stat(Path::new("/var/tmp/new")).unwrap().is_none());
    }
}
