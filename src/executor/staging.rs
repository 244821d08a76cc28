//! Files that one daemon reads together are tried together: a copy of its whole tree with the new versions in it,
//! whose own mentions of the real tree lead back into the copy.

use std::path::{Path, PathBuf};

use super::alarms;
use super::session::Session;
use super::store;
use crate::failure::Result;
use crate::machine::{Command, FileKind, Machine, Ownership};
use crate::resources::{File, Resource, Validator};

/// How one validator looks at a staged tree.
struct Rule {
    /// The folders that the daemon reads.
    trees: &'static [&'static str],
    /// Single files that it reads beside them.
    files: &'static [&'static str],
    /// Mentions of the real tree are rewritten only in lines that begin with this word; in all lines when empty.
    only: &'static str,
    /// Names that are not copied.
    without: fn(&str) -> bool,
}

fn rule(validator: Validator) -> Rule {
    let everything: fn(&str) -> bool = |_| false;
    match validator {
        Validator::Alertmanager | Validator::Blackbox | Validator::Prometheus => {
            Rule { trees: &["/etc/prometheus"], files: &[], only: "", without: everything }
        }
        Validator::Knot => Rule { trees: &["/etc/knot"], files: &[], only: "", without: everything },
        Validator::Nginx => Rule { trees: &["/etc/nginx"], files: &[], only: "", without: everything },
        // Host keys stay where they are, and sshd finds them there.
        Validator::Sshd => Rule {
            trees: &["/etc/ssh"],
            files: &[],
            only: "include",
            without: |name| name.starts_with("ssh_host_") || name == "moduli",
        },
        Validator::Nftables => {
            Rule { trees: &["/etc/nftables.d"], files: &["/etc/nftables.conf"], only: "", without: everything }
        }
        Validator::Sudoers | Validator::Systemd => Rule { trees: &[], files: &[], only: "", without: everything },
    }
}

/// Where a staged tree lies, and what is at which place in it.
struct Stage {
    root: PathBuf,
    /// Real path and staged path of trees and files, the longest real path first.
    places: Vec<(String, String)>,
}

/// Asks the validator whether it would accept the host with these files on it. Gives its own words if not.
///
/// # Errors
/// When the tree cannot be staged or the validator cannot be started.
pub fn validate(
    session: &mut Session,
    validator: Validator,
    files: &[&File],
) -> Result<std::result::Result<(), String>> {
    let root = session.settings.stage().join(format!("{validator:?}").to_lowercase());
    session.machine.remove_tree(&root)?;
    let verdict = try_staged(session, validator, files, &root);
    // It may hold secrets and is of no use to anybody.
    session.machine.remove_tree(&root)?;
    verdict
}

fn try_staged(
    session: &mut Session,
    validator: Validator,
    files: &[&File],
    root: &Path,
) -> Result<std::result::Result<(), String>> {
    let rule = rule(validator);
    let mut stage = Stage { root: root.to_path_buf(), places: Vec::new() };
    store::make_folder(session.machine, root)?;
    for tree in rule.trees {
        let copy = root.join(tree.trim_start_matches('/').replace('/', "-"));
        copy_tree(session.machine, Path::new(tree), &copy, rule.without)?;
        stage.places.push((tree.to_string(), copy.display().to_string()));
    }
    for file in rule.files {
        if let Some(content) = session.machine.read(Path::new(file))? {
            let copy = root.join(file.trim_start_matches('/').replace('/', "-"));
            session.machine.write(&copy, &content, &store::PRIVATE_FILE)?;
            stage.places.push((file.to_string(), copy.display().to_string()));
        }
    }
    let mut staged = Vec::new();
    for file in files {
        staged.push(put(session, &mut stage, validator, file)?);
    }
    stage.places.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
    redirect(session.machine, root, &stage, rule.only)?;
    for command in commands(session.machine, validator, &stage, &staged)? {
        let output = session.machine.run(&command)?;
        if output.status != 0 {
            let said = output.succeeded(&command).map_or_else(|failure| failure.message, |output| output.text());
            return Ok(Err(stage.real_words(&said)));
        }
    }
    Ok(Ok(()))
}

impl Stage {
    /// The staged path of a real one.
    fn place(&self, real: &str) -> Option<String> {
        self.places.iter().find_map(|(from, to)| {
            let rest = real.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        })
    }

    /// A validator's words with the paths a person knows.
    fn real_words(&self, words: &str) -> String {
        let mut words = words.to_string();
        for (real, staged) in &self.places {
            words = words.replace(staged.as_str(), real);
        }
        words
    }
}

/// Writes the new version of a file into the stage: the kind itself does it, so that secrets are filled in.
fn put(session: &mut Session, stage: &mut Stage, validator: Validator, file: &File) -> Result<PathBuf> {
    let staged = match stage.place(&file.path) {
        Some(staged) => staged,
        None => {
            let real = Path::new(&file.path);
            let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // Units lie side by side under their own names, so that they find each other; drop-ins in their folder.
            let folder = match (validator, real.parent().and_then(Path::file_name)) {
                (Validator::Systemd, Some(parent)) if parent.to_string_lossy().ends_with(".d") => {
                    stage.root.join("units").join(parent)
                }
                (Validator::Systemd, _) => stage.root.join("units"),
                _ => stage.root.join(format!("apart-{}", stage.places.len())),
            };
            let staged = folder.join(name).display().to_string();
            stage.places.push((file.path.clone(), staged.clone()));
            staged
        }
    };
    let path = PathBuf::from(&staged);
    if let Some(folder) = path.parent() {
        store::make_folder(session.machine, folder)?;
    }
    let copy = File { path: staged, validate: None, notify: None, confirm: None, ..file.clone() };
    session.machine.remove(&path)?;
    session.fix(&Resource::File(copy))?;
    Ok(path)
}

fn copy_tree(machine: &mut dyn Machine, from: &Path, to: &Path, without: fn(&str) -> bool) -> Result<()> {
    store::make_folder(machine, to)?;
    for name in machine.list(from)? {
        if without(&name) {
            continue;
        }
        let (source, copy) = (from.join(&name), to.join(&name));
        let Some(stat) = machine.stat(&source)? else { continue };
        match stat.kind {
            FileKind::Directory => copy_tree(machine, &source, &copy, without)?,
            FileKind::Symlink => {
                // A relative link that leaves the tree would lead nowhere from the stage.
                let target = machine.link_target(&source)?.unwrap_or_default();
                match machine.read(&source)? {
                    Some(content) if target.starts_with('/') || target.contains("..") => {
                        machine.write(&copy, &content, &store::PRIVATE_FILE)?;
                    }
                    _ => machine.make_symlink(&copy, &target)?,
                }
            }
            FileKind::File => {
                let content = machine.read(&source)?.unwrap_or_default();
                machine.write(&copy, &content, &Ownership { uid: stat.uid, gid: stat.gid, mode: stat.mode })?;
            }
            FileKind::Other => {}
        }
    }
    Ok(())
}

/// Leads mentions of real paths in the staged files to their staged places.
fn redirect(machine: &mut dyn Machine, folder: &Path, stage: &Stage, only: &str) -> Result<()> {
    for name in machine.list(folder)? {
        let path = folder.join(&name);
        let Some(stat) = machine.stat(&path)? else { continue };
        match stat.kind {
            FileKind::Directory => redirect(machine, &path, stage, only)?,
            FileKind::File => {
                let Ok(text) = String::from_utf8(machine.read(&path)?.unwrap_or_default()) else { continue };
                let redirected: String =
                    text.split_inclusive('\n').map(|line| redirect_line(line, stage, only)).collect();
                if redirected != text {
                    let ownership = Ownership { uid: stat.uid, gid: stat.gid, mode: stat.mode };
                    machine.write(&path, redirected.as_bytes(), &ownership)?;
                }
            }
            FileKind::Symlink | FileKind::Other => {}
        }
    }
    Ok(())
}

fn redirect_line(line: &str, stage: &Stage, only: &str) -> String {
    if only.is_empty() {
        return stage.places.iter().fold(line.to_string(), |line, (real, staged)| line.replace(real.as_str(), staged));
    }
    let word = line.split_whitespace().next().unwrap_or_default();
    if !word.eq_ignore_ascii_case(only) {
        return line.to_string();
    }
    // sshd_config(5): a relative pattern means /etc/ssh, wherever the including file lies.
    let patterns: Vec<String> = line
        .split_whitespace()
        .skip(1)
        .map(|pattern| {
            let bare = pattern.trim_matches('"');
            let absolute = if bare.starts_with('/') { bare.to_string() } else { format!("/etc/ssh/{bare}") };
            stage.place(&absolute).unwrap_or(absolute)
        })
        .collect();
    format!("{word} {}\n", patterns.join(" "))
}

fn commands(machine: &dyn Machine, validator: Validator, stage: &Stage, staged: &[PathBuf]) -> Result<Vec<Command>> {
    let at = |real: &str| stage.place(real).unwrap_or_else(|| real.to_string());
    let each = |argv: &[&str]| -> Vec<Command> {
        let last = |path: &PathBuf| path.display().to_string();
        staged.iter().map(|path| Command::new(argv.iter().map(|word| word.to_string()).chain([last(path)]))).collect()
    };
    Ok(match validator {
        Validator::Alertmanager => alarms::alertmanager(machine, at)?,
        Validator::Blackbox => {
            let file = format!("--config.file={}", at("/etc/prometheus/blackbox.yml"));
            vec![Command::new(["prometheus-blackbox-exporter", &file, "--config.check"])]
        }
        Validator::Prometheus => alarms::prometheus(machine, at, staged)?,
        Validator::Knot => vec![Command::new(["knotc", "--config", &at("/etc/knot/knot.conf"), "conf-check"])],
        Validator::Nginx => vec![Command::new(["nginx", "-t", "-q", "-c", &at("/etc/nginx/nginx.conf")])],
        // sshd insists on its absolute path.
        Validator::Sshd => vec![Command::new(["/usr/sbin/sshd", "-t", "-f", &at("/etc/ssh/sshd_config")])],
        Validator::Nftables => {
            let main = at("/etc/nftables.conf");
            let read_by_main = machine.stat(Path::new(&main))?.is_some()
                && staged
                    .iter()
                    .all(|path| *path == Path::new(&main) || !path.display().to_string().contains("/apart-"));
            if read_by_main {
                vec![Command::new(["nft", "--check", "--file", &main])]
            } else {
                each(&["nft", "--check", "--file"])
            }
        }
        Validator::Sudoers => each(&["visudo", "--check", "--quiet", "--file"]),
        Validator::Systemd => staged
            .iter()
            .filter(|path| !path.parent().is_some_and(|folder| folder.display().to_string().ends_with(".d")))
            .map(|path| {
                // Only the unit itself: what others it names say is not its fault; nor are missing manual pages.
                let path = path.display().to_string();
                Command::new(["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", &path])
            })
            .collect(),
    })
}
