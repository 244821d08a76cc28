//! The second copy: fetched by the host that keeps it, with a key that can only read there. So nobody but that host can
//! change or delete anything of it.
//!
//! A file of a repository is called after its own SHA-256 and never changes: what is here is not fetched again, and what
//! arrives must be what it is called. A snapshot comes after what it stands on.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

/// Where repositories are, on either host.
const FOLDER: &str = "/srv/backup";
/// The way to the other host, where it is called `repository`.
const SSH: &str = "/etc/comuni/backup/copy.conf";
/// Longer than any night.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

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
        machine.remove(&path)?;
        copied.damaged.push(name.to_string());
        return Ok(());
    }
    copied.files += 1;
    copied.bytes += stat.size;
    Ok(())
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
    .hint(
        "one that was just being written comes whole with the next fetch; otherwise: comuni backup verify --level L3",
    ))
}
