//! The second copy: fetched by the host that keeps it, with a key that can only read there. So nobody but that host can
//! change or delete anything of it.
//!
//! A file of a repository is called after its own SHA-256 and never changes: what is here is not fetched again, and what
//! arrives must be what it is called. A snapshot comes after what it stands on.
//!
//! An upload that is cut leaves half a pack behind, which nothing stands on: restic sends what is in it again, under
//! another name. It is told apart from a pack that was changed after it was written by its end, for the key is not here.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::restic::has_its_end;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Stat};

/// Where repositories are, on either host.
const FOLDER: &str = "/srv/backup";
/// The way to the other host, where it is called `repository`.
const SSH: &str = "/etc/comuni/backup/copy.conf";
/// Longer than any night.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// A file that was written to so many seconds ago may not be at its end yet.
const WRITING: i64 = 600;

/// What is fetched, in this order. The second round brings what backups that went on meanwhile stand on.
const ROUNDS: [&str; 7] = ["config", "keys/***", "index/***", "data/***", "snapshots/***", "index/***", "data/***"];

/// What a fetch brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were not what they are called: they were not kept.
    pub damaged: Vec<String>,
    /// Files without their end: an upload that is going on, or that was cut. They were not kept, and are looked at again
    /// by the next fetch.
    #[serde(default)]
    pub unfinished: Vec<String>,
}

impl Copied {
    /// What is worth a line although nothing is wrong.
    pub fn remark(&self) -> Option<String> {
        (!self.unfinished.is_empty()).then(|| {
            let names = self.unfinished.join(", ");
            format!("not at their end, so not fetched (an upload that goes on, or that was cut): {names}")
        })
    }
}

/// Fetches what is new.
///
/// # Errors
/// When the other host cannot be reached. What came before stays, and the next fetch goes on.
pub fn fetch(machine: &mut dyn Machine) -> Result<Copied> {
    let mut copied = Copied::default();
    for part in ROUNDS {
        let files = round(machine, part)?;
        for name in files {
            take_in(machine, &name, &mut copied)?;
        }
    }
    Ok(copied)
}

/// Fetches one part of all repositories; the names of what came, below the folder.
fn round(machine: &mut dyn Machine, part: &str) -> Result<Vec<String>> {
    let ssh = format!("--rsh=ssh -F {SSH}");
    let wanted = format!("--include=/*/repository/{part}");
    let folders = part.split_once('/').map(|(folder, _)| format!("--include=/*/repository/{folder}/"));
    let mut argv =
        vec!["rsync", "--recursive", "--times", "--ignore-existing", "--timeout=120", "--out-format=%n", &ssh];
    argv.extend(["--include=/*/", "--include=/*/repository/", &wanted]);
    argv.extend(folders.as_deref());
    let place = format!("{FOLDER}/");
    argv.extend(["--exclude=*", "repository:/", &place]);
    let command = Command::new(argv).within(LONGEST);
    let output = machine.run(&command)?;
    // 23 and 24: something went away or was not whole yet; the next fetch brings it.
    let output = if matches!(output.status, 23 | 24) { output } else { output.succeeded(&command)? };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().filter(|name| !name.is_empty() && !name.ends_with('/')).map(str::to_string).collect())
}

fn take_in(machine: &mut dyn Machine, name: &str, copied: &mut Copied) -> Result<()> {
    let path = Path::new(FOLDER).join(name);
    let Some(stat) = machine.stat(&path)? else { return Ok(()) };
    let called = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let found = machine.sha256(&path)?.unwrap_or_default();
    // The configuration alone has a name of its own.
    if called != "config" && called != found {
        let list = if is_unfinished(machine, &path, &stat)? { &mut copied.unfinished } else { &mut copied.damaged };
        // The second round may have met it again.
        if !list.iter().any(|known| known == name) {
            list.push(name.to_string());
        }
        machine.remove(&path)?;
        return Ok(());
    }
    // It was at its end when it was met again.
    copied.unfinished.retain(|known| known != name);
    copied.files += 1;
    copied.bytes += stat.size;
    Ok(())
}

/// Whether a file that is not what it is called only lacks its end. Of what is no pack nothing is known but its time.
fn is_unfinished(machine: &dyn Machine, path: &Path, stat: &Stat) -> Result<bool> {
    let age = machine.now() - stat.modified / 1_000_000_000;
    if age.abs() < WRITING {
        return Ok(true);
    }
    if !path.ancestors().any(|above| above.file_name().is_some_and(|name| name == "data")) {
        return Ok(false);
    }
    let command = Command::new(["tail", "--bytes=4", "--", &path.to_string_lossy()]);
    let output = machine.query(&command)?.succeeded(&command)?;
    Ok(output.stdout.as_slice().try_into().map_or(true, |last| !has_its_end(stat.size, last)))
}

/// What a fetch with damaged files means.
///
/// # Errors
/// Exit 4, naming them.
pub fn verdict(copied: &Copied) -> Result<()> {
    if copied.damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        crate::failure::Kind::Damage,
        format!(
            "{} files of the repositories are not what they are called: {}",
            copied.damaged.len(),
            copied.damaged.join(", ")
        ),
    )
    .hint("they were changed after they were written: comuni backup verify --level L3 says what stands on them"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;
    use crate::machine::{Fake, Node, Ownership, World};

    /// A pack as it ends: a header with one entry, and how long that is.
    const WHOLE: &[u8] = b"blobs and a header of sixty-nine bytes, nobody can read it without the key..E\0\0\0";

    fn named(content: &[u8]) -> String {
        format!("c_e863/repository/data/ab/{}", sha256(content))
    }

    /// What the other host has under the name of [`WHOLE`].
    fn there(world: &World) -> Vec<u8> {
        world.node("/there").map(|_| world.text("/there").into_bytes()).unwrap_or_default()
    }

    fn rsync(world: &mut World, command: &crate::machine::Command) -> crate::machine::Output {
        let name = named(WHOLE);
        let (path, content) = (format!("{FOLDER}/{name}"), there(world));
        let asked = command.argv.iter().any(|word| word.contains("/repository/data/***"));
        let mut stdout = String::new();
        if asked && world.node(&path).is_none() {
            world.put(&path, Node::file(&content, &Ownership { uid: 0, gid: 0, mode: 0o640 }));
            stdout = format!("c_e863/\n{name}\n");
        }
        crate::machine::Output { status: 0, stdout: stdout.into(), stderr: Vec::new() }
    }

    fn tail(world: &mut World, command: &crate::machine::Command) -> crate::machine::Output {
        let text = world.text(command.argv.last().unwrap()).into_bytes();
        let stdout = text[text.len().saturating_sub(4)..].to_vec();
        crate::machine::Output { status: 0, stdout, stderr: Vec::new() }
    }

    fn host(content: &[u8]) -> Fake {
        let mut host = Fake::new();
        host.with_directory(&format!("{FOLDER}/c_e863/repository/data/ab"), 0o755);
        host.with_file("/there", content, 0o644);
        host.program("rsync", rsync);
        host.program("tail", tail);
        host
    }

    #[test]
    fn half_a_pack_is_no_damage_and_comes_once_it_is_whole() {
        let mut host = host(&WHOLE[..40]);
        let copied = fetch(&mut host).unwrap();
        assert_eq!((copied.files, copied.damaged.len()), (0, 0));
        assert_eq!(copied.unfinished, [named(WHOLE)], "told once, though both rounds met it");
        assert!(verdict(&copied).is_ok());
        assert!(copied.remark().unwrap().contains(&named(WHOLE)));
        assert!(host.world.node(format!("{FOLDER}/{}", named(WHOLE))).is_none(), "it was kept");

        host.with_file("/there", WHOLE, 0o644);
        let copied = fetch(&mut host).unwrap();
        assert_eq!((copied.files, copied.bytes, copied.remark()), (1, WHOLE.len() as u64, None));
        assert_eq!(fetch(&mut host).unwrap(), Copied::default(), "what is here is not fetched again");
    }

    #[test]
    fn a_pack_that_was_changed_after_it_was_written_is_damage() {
        let mut changed = WHOLE.to_vec();
        changed[3] ^= 1;
        let mut host = host(&changed);
        let copied = fetch(&mut host).unwrap();
        assert_eq!((copied.damaged.as_slice(), copied.unfinished.len()), (&[named(WHOLE)][..], 0));
        let failure = verdict(&copied).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 4);
        assert!(failure.message.contains(&named(WHOLE)), "{}", failure.message);
        assert!(host.world.node(format!("{FOLDER}/{}", named(WHOLE))).is_none(), "it was kept");
    }
}
