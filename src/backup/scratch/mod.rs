//! A place for a copy that is to be proven: a folder and a PostgreSQL of its own, far from everything that is live.
//!
//! Its name is made by chance and never typed. It is removed always; what a run that was killed left is swept by the next
//! one, when it carries our prefix *and* our marker and its maker is gone.

mod cluster;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use cluster::{Cluster, Obstacle};

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership, PRIVATE_FILE};

/// Where copies are made. Not below `/var/lib/comuni`, which nobody but root may enter: PostgreSQL must.
pub const FOLDER: &str = "/var/lib/comuni-scratch";

/// What every name of ours begins with: folders, units.
pub const PREFIX: &str = "comuni-scratch-";

/// The Unix account that applications run as on a copy.
pub const ACCOUNT: &str = "comuni-scratch";

/// The file that makes a folder ours to remove.
const MARKER: &str = "marker.json";

/// Others may pass through, and see nothing.
const PASSAGE: Ownership = Ownership { uid: 0, gid: 0, mode: 0o711 };

/// Room that is kept free beside what the copy needs, in bytes.
const RESERVE: u64 = 256 * 1024 * 1024;

/// A place of ours.
#[derive(Debug)]
pub struct Scratch {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
}

/// Who made a place, so that somebody else can tell whether he is still there.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    purpose: String,
    name: String,
    tenant: String,
    process: u32,
    /// When that process began, in ticks since the boot: a number of a process comes again.
    since: String,
    boot: String,
}

impl Scratch {
    /// Makes one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make(machine: &mut dyn Machine, tenant: &str) -> Result<Scratch> {
        let base = Path::new(FOLDER);
        match machine.stat(base)? {
            None => machine.make_directory(base, &PASSAGE)?,
            Some(stat) if stat.kind == crate::machine::FileKind::Directory => {}
            Some(_) => {
                return Err(Failure::operation(format!("{FOLDER} is no folder, and copies are made nowhere else")));
            }
        }
        let name = format!("{PREFIX}{}", chance(machine)?);
        let folder = base.join(&name);
        machine.make_directory(&folder, &PASSAGE)?;
        let (process, boot) = (std::process::id(), boot(machine)?);
        let since = began(machine, process)?.unwrap_or_default();
        let purpose = "a copy of a backup that is being proven".to_string();
        let marker = Marker { purpose, name: name.clone(), tenant: tenant.to_string(), process, since, boot };
        let text =
            serde_json::to_vec(&marker).map_err(|error| Failure::operation(format!("cannot encode: {error}")))?;
        machine.write(&folder.join(MARKER), &text, &PRIVATE_FILE)?;
        Ok(Scratch { name, folder })
    }

    /// One that an earlier act of the same tenant made.
    ///
    /// # Errors
    /// When there is none with this name and our marker, or it is another tenant's.
    pub fn open(machine: &dyn Machine, name: &str, tenant: &str) -> Result<Scratch> {
        let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let folder = Path::new(FOLDER).join(name);
        let marker = match name.strip_prefix(PREFIX).is_some_and(plain) {
            true => machine.read(&folder.join(MARKER))?,
            false => None,
        };
        let marker = marker.and_then(|text| serde_json::from_slice::<Marker>(&text).ok());
        match marker.filter(|marker| marker.name == name && marker.tenant == tenant) {
            Some(_) => Ok(Scratch { name: name.to_string(), folder }),
            None => Err(Failure::operation(format!("there is no copy {name} of {tenant} here: a later run swept it"))
                .hint("run the same command again")),
        }
    }

    /// Its unit for a purpose.
    pub fn unit(&self, purpose: &str) -> String {
        format!("{}-{purpose}.service", self.name)
    }

    /// Takes it away with all that runs in it, and looks whether it is gone.
    ///
    /// # Errors
    /// When something of it is left.
    pub fn remove(&self, machine: &mut dyn Machine) -> Result<()> {
        remove(machine, &self.name, &self.folder)
    }
}

/// Takes away what runs that were killed left. Says what it did, and what it let lie because it is not surely ours.
///
/// # Errors
/// When the folder cannot be read.
pub fn sweep(machine: &mut dyn Machine) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for name in machine.list(Path::new(FOLDER))? {
        let folder = Path::new(FOLDER).join(&name);
        let marker = machine.read(&folder.join(MARKER))?;
        let marker = marker.and_then(|text| serde_json::from_slice::<Marker>(&text).ok());
        let Some(marker) = marker.filter(|marker| name.starts_with(PREFIX) && marker.name == name) else {
            said.push(format!("{} is left alone: it does not carry our marker", folder.display()));
            continue;
        };
        if boot(machine)? == marker.boot && began(machine, marker.process)?.is_some_and(|since| since == marker.since) {
            continue;
        }
        said.push(match remove(machine, &name, &folder) {
            Ok(()) => format!("{name}, left by a run that was cut off ({}), was removed", marker.tenant),
            Err(failure) => format!("{name}, left by a run that was cut off, cannot be removed: {failure}"),
        });
    }
    Ok(said)
}

/// Whether there is room for so many bytes; if not, how much is missing.
///
/// # Errors
/// When the file system cannot be asked.
pub fn room(machine: &mut dyn Machine, needed: u64) -> Result<std::result::Result<u64, String>> {
    let command = Command::new(["df", "--output=avail", "--block-size=1", FOLDER]);
    let output = machine.run(&command)?.succeeded(&command)?.text();
    let free: u64 = output
        .lines()
        .last()
        .and_then(|line| line.trim().parse().ok())
        .ok_or_else(|| Failure::operation(format!("df answered what cannot be understood: {}", output.trim())))?;
    let needed = needed.saturating_add(RESERVE);
    Ok(if free >= needed {
        Ok(free)
    } else {
        Err(format!("{free} bytes are free in {FOLDER}, and {needed} are needed: {} too few", needed - free))
    })
}

fn remove(machine: &mut dyn Machine, name: &str, folder: &Path) -> Result<()> {
    // Unknown units are no error of this, and nothing else carries such a name.
    let pattern = format!("{name}-*.service");
    machine.run(&Command::new(["systemctl", "kill", "--signal=SIGKILL", &pattern]))?;
    machine.run(&Command::new(["systemctl", "stop", &pattern]))?;
    machine.run(&Command::new(["systemctl", "reset-failed", &pattern]))?;
    machine.remove_tree(folder)?;
    let units = machine.run(&Command::new(["systemctl", "list-units", "--all", "--plain", "--no-legend", &pattern]))?;
    if machine.stat(folder)?.is_some() || !units.text().trim().is_empty() {
        return Err(Failure::operation(format!("{name} is not gone: {}", units.text().trim())));
    }
    Ok(())
}

/// Sixteen hexadecimal digits of chance.
pub(in crate::backup) fn chance(machine: &dyn Machine) -> Result<String> {
    let text = machine.read(Path::new("/proc/sys/kernel/random/uuid"))?.unwrap_or_default();
    let digits: String = String::from_utf8_lossy(&text).chars().filter(char::is_ascii_hexdigit).take(16).collect();
    if digits.len() < 16 {
        return Err(Failure::operation("the system gives no random name"));
    }
    Ok(digits)
}

fn boot(machine: &dyn Machine) -> Result<String> {
    let text = machine.read(Path::new("/proc/sys/kernel/random/boot_id"))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).trim().to_string())
}

/// When a process began; none when there is no such process (proc(5): the twentieth field after the name).
fn began(machine: &dyn Machine, process: u32) -> Result<Option<String>> {
    let text = machine.read(Path::new(&format!("/proc/{process}/stat")))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let field = text.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19));
    Ok(field.map(str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef\n";

    fn host() -> Fake {
        let mut host = Fake::new();
        host.with_file("/proc/sys/kernel/random/uuid", UUID, 0o444);
        host.with_file("/proc/sys/kernel/random/boot_id", "boot\n", 0o444);
        let stat = format!("{} (comuni) S 1 {}", std::process::id(), "0 ".repeat(17) + "4711 0");
        host.with_file(&format!("/proc/{}/stat", std::process::id()), stat, 0o444);
        host.answer(&["systemctl"], 0, "", "");
        host
    }

    #[test]
    fn what_a_killed_run_left_is_swept_and_nothing_else() {
        let host = &mut host();
        let own = Scratch::make(host, "c_e863-albo").unwrap();
        host.with_file(&format!("{FOLDER}/lavoro/marker.json"), "{}", 0o600);
        host.with_file(&format!("{FOLDER}/{PREFIX}0000000000000000/data"), "x", 0o600);
        let foreign = format!(r#"{{"purpose":"","name":"{}","tenant":"","process":1,"since":"","boot":""}}"#, own.name);
        host.with_file(&format!("{FOLDER}/{PREFIX}1111111111111111/marker.json"), foreign, 0o600);
        // Its maker is at work.
        let said = sweep(host).unwrap();
        assert_eq!(said.iter().filter(|line| line.contains("left alone")).count(), 3, "{said:?}");
        assert!(host.stat(&own.folder).unwrap().is_some());
        // Its maker is gone, and another process has its number.
        host.with_file(&format!("/proc/{}/stat", std::process::id()), format!("1 (x) S 1 {}", "0 ".repeat(20)), 0o444);
        let said = sweep(host).unwrap();
        assert!(said.iter().any(|line| line.contains("was removed")), "{said:?}");
        assert!(host.stat(&own.folder).unwrap().is_none());
        assert!(host.stat(Path::new(&format!("{FOLDER}/{PREFIX}0000000000000000/data"))).unwrap().is_some());
    }

    #[test]
    fn room_is_told_by_how_much_it_is_too_little() {
        let host = &mut host();
        host.answer(&["df"], 0, "Avail\n300000000\n", "");
        assert_eq!(room(host, 1000).unwrap(), Ok(300_000_000));
        assert!(room(host, 100_000_000).unwrap().unwrap_err().contains("68435456 too few"));
    }
}
