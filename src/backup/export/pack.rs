//! From a backup to a bundle that is proven.

use std::path::PathBuf;
use std::time::Duration;

use super::{Answer, Made, Summary, Work, content, proof, write};
use crate::backup::compare::databases;
use crate::backup::restic::Repository;
use crate::backup::restore::{Part, Source, Tell, differ};
use crate::backup::scratch::{Cluster, Obstacle, Scratch, room};
use crate::backup::snapshot::Snapshot;
use crate::failure::{Failure, Kind, Result};
use crate::machine::{Command, Machine, Ownership, PRIVATE_FILE, PRIVATE_FOLDER, gid_of, uid_of};

/// How long packing may take.
pub(super) const LONG: Duration = Duration::from_secs(12 * 3600);

/// The account of PostgreSQL.
pub(super) const POSTGRES: &str = "postgres";

/// Where the bundle of a place lies.
pub(super) fn bundle(keep: &Scratch) -> PathBuf {
    keep.folder.join("bundle.tar")
}

/// Fetches the backup, restores it, writes all of it in open forms, packs and proves that.
///
/// # Errors
/// Exit 4 when the backup, or what was made of it, is not what it must be; 1 when this host lacks something.
pub(super) fn whole(
    machine: &mut dyn Machine,
    work: &Work<'_>,
    repository: &Repository,
    keep: &Scratch,
    tell: &mut Tell<'_>,
) -> Result<Answer> {
    let copy = Scratch::make(machine, work.tenant)?;
    let written = from_copy(machine, work, repository, keep, &copy, tell);
    copy.remove(machine)?;
    let Some((manifest, mut summary)) = written? else {
        return Ok(Answer::Same { snapshot: work.chosen.id.clone(), taken: work.chosen.taken });
    };
    tell("packs", 0, 0)?;
    let folder = keep.folder.join(&work.task.application);
    let place = bundle(keep);
    // Made before, so that nobody else can read it at any moment.
    machine.write(&place, b"", &PRIVATE_FILE)?;
    let words = ["tar", "--create", "--format=posix", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
    let more = [
        "--pax-option=delete=atime,delete=ctime".to_string(),
        format!("--file={}", place.display()),
        format!("--directory={}", keep.folder.display()),
        "--".to_string(),
        work.task.application.clone(),
    ];
    let command = Command::new(words.map(str::to_string).into_iter().chain(more)).within(LONG);
    machine.run(&command)?.succeeded(&command)?;
    machine.remove_tree(&folder)?;
    let bare = Scratch::make(machine, work.tenant)?;
    let proven = proof::of(machine, work, &manifest, &place, &bare, tell);
    bare.remove(machine)?;
    summary.proven = proven?;
    let (stat, sha256) = (machine.stat(&place)?, machine.sha256(&place)?);
    let (Some(stat), Some(sha256)) = (stat, sha256) else {
        return Err(Failure::operation(format!("tar ended well and left no {}", place.display())));
    };
    Ok(Answer::Made(Box::new(Made { place: keep.name.clone(), bytes: stat.size, sha256, summary })))
}

/// The open forms, written below `keep`; none when the backup has the content that was exported already.
fn from_copy(
    machine: &mut dyn Machine,
    work: &Work<'_>,
    repository: &Repository,
    keep: &Scratch,
    copy: &Scratch,
    tell: &mut Tell<'_>,
) -> Result<Option<(crate::backup::Manifest, Summary)>> {
    let fetched = copy.folder.join("fetched");
    machine.make_directory(&fetched, &PRIVATE_FOLDER)?;
    let source = Source {
        repository,
        chosen: &work.chosen,
        tenant: work.tenant,
        member: &work.task.member,
        data: &work.task.data,
        part: &Part { database: true, files: true, path: None },
    };
    let brought = source.fetch(machine, &fetched, tell)?;
    let manifest = brought.manifest;
    let summary = summary(&manifest, work)?;
    if work.task.unless.as_ref() == Some(&summary.content) {
        return Ok(None);
    }
    let (dump, disk) = manifest.database.as_ref().map_or((0, 0), |of| (of.bytes, of.fingerprint.bytes));
    let needed = 4 * dump + 2 * disk + 2 * summary.file_bytes;
    if let Err(lack) = room(machine, needed)? {
        return Err(Failure::operation(lack).hint("make room on this host, then run again"));
    }
    let mut out = write::Out::make(machine, keep, work, &manifest)?;
    if let (Some(database), Some(dump)) = (&manifest.database, &brought.dump) {
        tell("restores the database", 0, 0)?;
        let place = copy.folder.join("database.dump");
        machine.rename(dump, &place)?;
        machine.set_ownership(&place, &Ownership { mode: 0o400, ..account(machine)? })?;
        let cluster = Cluster::start(machine, copy, &database.fingerprint).map_err(failed)?;
        cluster.restore(machine, &place).map_err(failed)?;
        let found = Snapshot::open(machine, &cluster.connection())?.fingerprint()?;
        differ("database", &databases(&database.fingerprint, &found))?;
        out.database(machine, &cluster, tell)?;
    }
    if let Some(files) = &brought.files {
        machine.rename(files, &out.folder.join("files"))?;
    }
    out.close(machine, tell)?;
    Ok(Some((manifest, summary)))
}

fn summary(manifest: &crate::backup::Manifest, work: &Work<'_>) -> Result<Summary> {
    let of = manifest.database.as_ref().map(|database| &database.fingerprint);
    Ok(Summary {
        snapshot: work.chosen.id.clone(),
        taken: work.chosen.taken,
        release: manifest.release.clone(),
        server: of.map(|of| of.server_version.clone()),
        tables: of.map_or(0, |of| of.tables.len() as u64),
        rows: manifest.rows(),
        large_objects: of.map_or(0, |of| of.large_objects.rows),
        files: manifest.files.as_ref().map_or(0, crate::backup::fingerprint::Tree::files),
        file_bytes: manifest.files.as_ref().map_or(0, crate::backup::fingerprint::Tree::bytes),
        content: content(manifest)?,
        proven: Vec::new(),
    })
}

/// The account of PostgreSQL, and a folder that nobody else may enter.
pub(super) fn account(machine: &dyn Machine) -> Result<Ownership> {
    match (uid_of(machine, POSTGRES)?, gid_of(machine, POSTGRES)?) {
        (Some(uid), Some(gid)) => Ok(Ownership { uid, gid, mode: 0o700 }),
        _ => Err(Failure::operation(format!("there is no account {POSTGRES} on this host"))
            .hint("comuni apply --area backup brings PostgreSQL to the host with the role verification")),
    }
}

pub(super) fn failed(obstacle: Obstacle) -> Failure {
    match obstacle {
        Obstacle::Here(words) => Failure::operation(words),
        Obstacle::Damage(words) => Failure::new(Kind::Damage, words),
    }
}
