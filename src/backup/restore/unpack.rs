//! A backup in a folder of its own, for a person to look into. It holds personal data as the live one does: only root may
//! enter, and it has an end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::source::Source;
use super::target::must_be_free;
use super::{Answer, Tell, Unpack, note};
use crate::backup::restic::Repository;
use crate::failure::{Failure, Result};
use crate::machine::{Command, FileKind, Machine, PRIVATE_FILE, PRIVATE_FOLDER, make_folder, utc};

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
    /// All of it came. Not so while it is being brought, and for ever where that was killed.
    #[serde(default = "yes")]
    whole: bool,
}

impl Marker {
    /// Of a restore of this tenant that did not come to its end. Asked by who holds the tenant: no other is under way.
    fn left_by_a_killed(&self, tenant: &str) -> bool {
        !self.whole && self.tenant == tenant
    }
}

fn yes() -> bool {
    true
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
    let now = machine.now();
    let swept = drop_where(machine, |marker| marker.until < now || marker.left_by_a_killed(&what.tenant))?;
    let folder = folder(what);
    if what.target.is_none() {
        make_folder(machine, Path::new(BASE))?;
    }
    let made = must_be_free(machine, &folder)?;
    let mut marker = Marker {
        tenant: what.tenant.clone(),
        folder: folder.to_string_lossy().into_owned(),
        snapshot: what.chosen.id.clone(),
        taken: what.chosen.taken,
        restored: now,
        until: what.until,
        made,
        whole: false,
    };
    // Known before it is there: nothing is ever left that nobody knows of.
    know(machine, &marker, true)?;
    if made {
        machine.make_directory(&folder, &PRIVATE_FOLDER)?;
    } else {
        machine.set_ownership(&folder, &PRIVATE_FOLDER)?;
    }
    write(machine, &folder.join(MARKER), &marker)?;
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
        Ok(report) => {
            marker.whole = true;
            write(machine, &folder.join(MARKER), &marker)?;
            know(machine, &marker, true)?;
            Ok(Answer::Unpacked { folder: marker.folder, report, swept })
        }
        Err(failure) => {
            remove(machine, &marker)?;
            know(machine, &marker, false)?;
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
    // It may have been killed between the two that say that it is whole.
    let own = own.map(|own| Marker { whole: marker.whole, ..own });
    match own {
        Some(own) if own == *marker => {}
        // Killed before there was anything in it, or when nothing was in it any more.
        None if marker.made && is_empty(machine, folder)? => {
            machine.remove_tree(folder)?;
            return Ok(true);
        }
        _ => return Ok(false),
    }
    // The marker goes last: a removal that is cut off can be done again.
    for name in machine.names(folder)?.into_iter().filter(|name| name != MARKER) {
        let path = folder.join(name);
        match machine.stat(&path)?.map(|stat| stat.kind) {
            Some(FileKind::Directory) => machine.remove_tree(&path)?,
            _ => machine.remove(&path)?,
        }
    }
    machine.remove(&folder.join(MARKER))?;
    if marker.made {
        machine.remove_tree(folder)?;
    }
    Ok(true)
}

fn is_empty(machine: &dyn Machine, folder: &Path) -> Result<bool> {
    let is_folder = machine.stat(folder)?.is_some_and(|stat| stat.kind == FileKind::Directory);
    Ok(is_folder && machine.names(folder)?.is_empty())
}

/// Has a folder among those that are known, or not any more. Others may have changed the list meanwhile.
fn know(machine: &mut dyn Machine, marker: &Marker, known: bool) -> Result<()> {
    let mut index = read_index(machine)?;
    index.retain(|other| other.folder != marker.folder);
    index.extend(known.then(|| marker.clone()));
    write(machine, Path::new(INDEX), &index)
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
            whole: true,
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

    #[test]
    fn what_a_killed_restore_left_goes_with_the_next_one_of_its_tenant_and_nothing_else_does() {
        let host = &mut Fake::new();
        let marker = |tenant: &str, folder: &str, whole: bool| Marker {
            tenant: tenant.to_string(),
            folder: format!("{BASE}/{folder}"),
            snapshot: "1".to_string(),
            taken: 1,
            restored: 2,
            until: i64::MAX,
            made: true,
            whole,
        };
        let all = [
            marker("c_e863-albo", "half", false),
            marker("c_e863-albo", "bare", false),
            marker("c_e863-albo", "never", false),
            marker("c_e863-albo", "good", true),
            marker("c_e707-albo", "another", false),
        ];
        for one in [&all[0], &all[3], &all[4]] {
            host.with_file(&format!("{}/{MARKER}", one.folder), serde_json::to_string(one).unwrap(), 0o600);
            host.with_file(&format!("{}/files/a", one.folder), "x", 0o600);
        }
        host.with_directory(&all[1].folder, 0o700);
        host.with_file(INDEX, serde_json::to_string(&all.to_vec()).unwrap(), 0o600);
        let gone = drop_where(host, |marker| marker.left_by_a_killed("c_e863-albo")).unwrap();
        assert_eq!(gone, [format!("{BASE}/half"), format!("{BASE}/bare")]);
        for (folder, there) in [("half", false), ("bare", false), ("good/files/a", true), ("another/files/a", true)] {
            assert_eq!(host.stat(&Path::new(BASE).join(folder)).unwrap().is_some(), there, "{folder}");
        }
        let left: Vec<String> = read_index(host).unwrap().into_iter().map(|marker| marker.folder).collect();
        assert_eq!(left, [format!("{BASE}/good"), format!("{BASE}/another")]);
    }
}
