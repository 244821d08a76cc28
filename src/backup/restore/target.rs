//! Into which folders a backup may be brought.

use std::path::{Component, Path};

use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine};

/// Below these something is live, or belongs to the system: nothing is restored there but by `--in-place`.
const LIVE: [&str; 14] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/proc",
    "/run",
    "/sbin",
    "/srv/backup",
    "/srv/comuni",
    "/sys",
    "/usr",
    "/var/lib/comuni",
    "/var/lib/postgresql",
];

/// Refuses a folder that is not empty, is `/`, is or lies behind a link, or in which something is live. Says whether it has
/// to be made.
///
/// # Errors
/// Exit 64, with the reason.
pub fn must_be_free(machine: &dyn Machine, folder: &Path) -> Result<bool> {
    let place = folder.display();
    let refused = |why: &str| {
        Err(Failure::usage(format!("refused: {place} {why}"))
            .hint("name a folder that is empty or not there yet, such as /var/tmp/malnate; without --to one is made"))
    };
    let plain = folder.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !folder.is_absolute() || !plain {
        return refused("is no absolute path without `..`");
    }
    if folder.parent().is_none() {
        return refused("is the root of all");
    }
    if LIVE.iter().any(|live| folder.starts_with(live)) {
        return refused("is in use by the system or by tenants");
    }
    for above in folder.ancestors() {
        match machine.stat(above)?.map(|stat| stat.kind) {
            Some(FileKind::Symlink) if above == folder => return refused("is a symbolic link"),
            Some(FileKind::Symlink) => return refused(&format!("lies behind the symbolic link {}", above.display())),
            Some(FileKind::Directory) => {}
            Some(_) => return refused(&format!("cannot be a folder: {} is none", above.display())),
            None if above == folder => {}
            None => return refused(&format!("has no folder around it: there is no {}", above.display())),
        }
    }
    if machine.stat(folder)?.is_none() {
        return Ok(true);
    }
    match machine.names(folder)?.len() {
        0 => Ok(false),
        1 => refused("is not empty: there is something in it"),
        count => refused(&format!("is not empty: there are {count} things in it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::machine::{Local, Machine};

    #[test]
    fn row_35_a_target_that_is_not_empty_is_the_root_or_is_a_link_is_refused() {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let base = folder.path();
        let mut host = Local::new();
        std::fs::create_dir(base.join("empty")).unwrap();
        std::fs::create_dir(base.join("full")).unwrap();
        std::fs::write(base.join("full/.hidden"), "").unwrap();
        std::fs::write(base.join("file"), "").unwrap();
        host.make_symlink(&base.join("link"), "empty").unwrap();
        assert!(must_be_free(&host, &base.join("new")).unwrap());
        assert!(!must_be_free(&host, &base.join("empty")).unwrap());
        for (path, why) in [
            (base.join("full"), "is not empty"),
            (base.join("link"), "is a symbolic link"),
            (base.join("link/new"), "lies behind the symbolic link"),
            (base.join("file"), "cannot be a folder"),
            (base.join("no/new"), "has no folder around it"),
            ("/".into(), "is the root of all"),
            ("relative".into(), "is no absolute path"),
            (base.join("empty/../empty"), "is no absolute path"),
            ("/etc/restored".into(), "is in use"),
            ("/srv/comuni/c_e863/albo/data".into(), "is in use"),
        ] {
            let failure = must_be_free(&host, &path).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
            assert!(failure.message.contains(why), "{}: {failure}", path.display());
        }
    }
}
