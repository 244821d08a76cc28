//! A release of an application: an archive checked by its hash, unpacked once per host, shared read-only by its tenants.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Action, Change, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership};

/// Where archives lie on a host, named by their hash.
pub const ARCHIVES: &str = "/var/lib/comuni/archives";
/// Where releases are unpacked on a host.
pub const RELEASES: &str = "/opt/comuni/releases";

/// An unpacked release at `/opt/comuni/releases/<application>/<release>`, a link to a folder named by the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Name in the catalogue.
    pub application: String,
    /// The release.
    pub release: String,
    /// Lower-case hex SHA-256 of the archive (`.tar.gz` with one folder at its top).
    pub sha256: String,
}

const SHARED: Ownership = Ownership { uid: 0, gid: 0, mode: 0o755 };

impl Release {
    fn archive(&self) -> String {
        format!("{ARCHIVES}/{}", self.sha256)
    }

    fn folder(&self) -> String {
        format!("{RELEASES}/{}/{}", self.application, self.sha256)
    }

    fn link(&self) -> String {
        format!("{RELEASES}/{}/{}", self.application, self.release)
    }

    /// The hash of the archive that must be sent before this can be fixed; `None` when it is not needed or already there.
    ///
    /// # Errors
    /// When the host cannot be read.
    pub fn archive_needed(&self, host: &dyn Machine) -> Result<Option<&str>> {
        let unpacked = host.stat(Path::new(&self.folder()))?.is_some();
        let stored = host.stat(Path::new(&self.archive()))?.is_some();
        Ok((!unpacked && !stored).then_some(self.sha256.as_str()))
    }

    /// The names, when they cannot lead out of [`RELEASES`].
    fn validated(&self) -> Result<()> {
        let name = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\0', '\n']);
        let digest = self.sha256.len() == 64 && self.sha256.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        if name(&self.application) && name(&self.release) && digest && self.release != self.sha256 {
            return Ok(());
        }
        Err(Failure::operation(format!("{}: the application, the release or the sha256 is malformed", self.id()))
            .hint("Correct it in the inventory's applications/."))
    }

    fn unpack(&self, host: &mut dyn Machine) -> Result<()> {
        let archive = self.archive();
        match host.sha256(Path::new(&archive))? {
            Some(hash) if hash == self.sha256 => {}
            Some(hash) => {
                return Err(Failure::operation(format!("{archive} has the sha256 {hash}, not {}", self.sha256)));
            }
            None => return Err(Failure::operation(format!("{archive} was not sent"))),
        }
        let list = Command::new(["tar", "--quoting-style=escape", "--numeric-owner", "-tvzf", &archive]);
        harmless(&host.query(&list)?.succeeded(&list)?.text()).map_err(|failure| failure.context(&archive))?;
        let part = format!("{}.part", self.folder());
        host.remove_tree(Path::new(&part))?;
        host.make_directory(Path::new(&part), &SHARED)?;
        for words in [
            vec![
                "tar",
                "--no-same-owner",
                "--no-same-permissions",
                "--strip-components=1",
                "-xzf",
                &archive,
                "-C",
                &part,
            ],
            vec!["chmod", "-R", "a-w,a+rX", &part],
            // A rename can reach the disk before what is in the folder does.
            vec!["sync", "--file-system", &part],
        ] {
            let command = Command::new(words);
            host.run(&command)?.succeeded(&command)?;
        }
        host.rename(Path::new(&part), Path::new(&self.folder()))
    }
}

/// Refuses an archive that could write outside its folder or bring more than files: by `tar -tv`, a line an entry.
fn harmless(listing: &str) -> Result<()> {
    let mut top: Option<&str> = None;
    for line in listing.lines() {
        let (mode, name) =
            entry(line).ok_or_else(|| Failure::operation(format!("tar lists what cannot be understood: {line}")))?;
        let refuse = |why: &str| Err(Failure::operation(format!("the archive holds {why}: {name}")));
        let (name, target) = match name.split_once(" -> ") {
            // Where the name ends and the target begins could be chosen by whoever made the archive.
            Some((_, target)) if mode.starts_with('l') && target.contains(" -> ") => return refuse("an unclear link"),
            Some((name, target)) if mode.starts_with('l') => (name, Some(target)),
            _ => (name, None),
        };
        if !mode.starts_with(['-', 'd', 'l']) {
            return refuse("something that is no file, folder or symbolic link");
        }
        if mode.contains(['s', 'S', 't', 'T']) {
            return refuse("a setuid, setgid or sticky entry");
        }
        let climbs = |path: &str| path.starts_with('/') || path.split('/').any(|part| part == "..");
        if climbs(name) || target.is_some_and(climbs) {
            return refuse("a path that leads out of it");
        }
        let first = name.split('/').next().unwrap_or(name);
        if *top.get_or_insert(first) != first {
            return refuse("more than one folder at its top");
        }
    }
    if top.is_none() {
        return Err(Failure::operation("the archive is empty"));
    }
    Ok(())
}

/// Mode and name of a line: `drwxr-xr-x 0/0 0 2018-06-20 00:00 albo-1.0.0/`.
fn entry(line: &str) -> Option<(&str, &str)> {
    let mode = line.split(' ').next()?;
    let mut rest = line;
    for _ in 0..5 {
        rest = rest.trim_start().split_once(' ')?.1;
    }
    Some((mode, rest))
}

impl Kind for Release {
    fn id(&self) -> String {
        format!("release:{}/{}", self.application, self.release)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        self.validated()?;
        let change = |field: &str, before: Option<String>, after: &str| Change {
            field: field.to_string(),
            before,
            after: Some(after.to_string()),
            secret: false,
            step: None,
        };
        let linked = host.link_target(Path::new(&self.link()))?;
        let mut changes = Vec::new();
        if host.stat(Path::new(&self.folder()))?.is_none() {
            changes.push(change("archive", None, &self.sha256));
        }
        if linked.as_deref() != Some(self.sha256.as_str()) {
            changes.push(change("release", linked.clone(), &self.sha256));
        }
        if changes.is_empty() {
            return Ok(Check::Correct);
        }
        let action = if linked.is_none() { Action::Create } else { Action::Change };
        Ok(Check::Differs { action, changes })
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        self.validated()?;
        let application = format!("{RELEASES}/{}", self.application);
        for folder in ["/opt/comuni", RELEASES, &application] {
            if host.stat(Path::new(folder))?.is_none() {
                host.make_directory(Path::new(folder), &SHARED)?;
            }
        }
        if host.stat(Path::new(&self.folder()))?.is_none() {
            self.unpack(host)?;
        }
        host.make_symlink(Path::new(&self.link()), &self.sha256)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        self.validated()?;
        host.remove(Path::new(&self.link()))?;
        let application = format!("{RELEASES}/{}", self.application);
        for other in host.list(Path::new(&application))? {
            // Another release may have the same archive.
            if host.link_target(&Path::new(&application).join(other))?.as_ref() == Some(&self.sha256) {
                return Ok(());
            }
        }
        host.remove_tree(Path::new(&self.folder()))?;
        host.remove(Path::new(&self.archive()))
    }

    fn paths(&self) -> Vec<String> {
        vec![self.link(), self.folder()]
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn an_archive_that_could_do_harm_is_refused() {
        let good = "drwxr-xr-x 0/0               0 2018-06-20 00:00 albo-1.0.0/\n-rw-r--r-- 0/0             120 2018-06-20 00:00 albo-1.0.0/a b.py\n";
        assert!(harmless(good).is_ok());
        for bad in [
            "",
            "-rw-r--r-- 0/0 1 2018-06-20 00:00 /etc/passwd",
            "-rw-r--r-- 0/0 1 2018-06-20 00:00 albo/../../etc/passwd",
            "-rwsr-xr-x 0/0 1 2018-06-20 00:00 albo/su",
            "crw-r--r-- 0/0 1,3 2018-06-20 00:00 albo/null",
            "lrwxrwxrwx 0/0 0 2018-06-20 00:00 albo/link -> /etc/shadow",
            "lrwxrwxrwx 0/0 0 2018-06-20 00:00 albo/link -> x -> /etc/shadow",
            "hrw-r--r-- 0/0 0 2018-06-20 00:00 albo/link link to albo/file",
            "-rw-r--r-- 0/0 1 2018-06-20 00:00 albo/a\n-rw-r--r-- 0/0 1 2018-06-20 00:00 other/a",
        ] {
            assert!(harmless(bad).is_err(), "{bad}");
        }
    }
}
