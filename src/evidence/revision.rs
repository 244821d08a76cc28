//! Which state of the inventory is applied, and whether an inventory contains what was applied last.
//!
//! An inventory that git keeps has the commit as its revision. Any other has the digest of its files, and
//! `.comuni/revisions` in its folder lists all digests that were applied from there.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;

const GIT: &str = "git:";
const DIGEST: &str = "sha256:";

/// What we still pass on to git: where it is, and where its user's own settings are.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "XDG_CONFIG_HOME", "SUDO_UID"];

/// A state of an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// `git:<commit>` or `sha256:<digest>`, as hosts remember it.
    pub text: String,
    /// The files differ from that commit, or git could not tell. Never set outside of git.
    pub dirty: bool,
    folder: PathBuf,
}

/// Whether an inventory contains what was applied last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contained {
    /// It does.
    Yes,
    /// It does not, or that cannot be told; says why.
    No(String),
}

/// The revision of an inventory.
///
/// # Errors
/// Exit 1 when the inventory lies in a git work tree and git cannot be asked.
pub fn current(inventory: &Inventory) -> Result<Revision> {
    at(&inventory.directory, &inventory.digest)
}

fn at(folder: &Path, digest: &str) -> Result<Revision> {
    let folder =
        fs::canonicalize(folder).map_err(|error| Failure::inventory(format!("{}: {error}", folder.display())))?;
    match commit(&folder)? {
        Some(commit) => Ok(Revision { text: format!("{GIT}{commit}"), dirty: differs(&folder)?, folder }),
        None => Ok(Revision { text: format!("{DIGEST}{digest}"), dirty: false, folder }),
    }
}

impl Revision {
    /// Whether this inventory contains the revision that a host says was applied last.
    ///
    /// # Errors
    /// Exit 1 when git or the list of revisions cannot be read.
    pub fn contains(&self, applied: &str) -> Result<bool> {
        Ok(self.compare(applied)? == Contained::Yes)
    }

    /// As [`Revision::contains`], with the reason.
    ///
    /// # Errors
    /// Exit 1 when git or the list of revisions cannot be read.
    pub fn compare(&self, applied: &str) -> Result<Contained> {
        if applied == self.text {
            return Ok(Contained::Yes);
        }
        match (applied.strip_prefix(GIT), self.text.strip_prefix(GIT)) {
            (Some(commit), Some(_)) => self.descends_from(commit),
            (Some(commit), None) => Ok(Contained::No(format!(
                "commit {} was applied, but this inventory is not kept in git, so nobody can tell whether it is newer",
                short(commit)
            ))),
            (None, _) if applied.starts_with(DIGEST) => self.lists(applied),
            (None, _) => Ok(Contained::No(format!("`{applied}` is no revision that this comuni understands"))),
        }
    }

    /// Refuses an inventory that does not contain what `host` has had applied last.
    ///
    /// # Errors
    /// Exit 65 when it does not, with the reason and the flag that overrules it; exit 1 as [`Revision::contains`].
    pub fn require(&self, host: &str, applied: &str) -> Result<()> {
        match self.compare(applied)? {
            Contained::Yes => Ok(()),
            Contained::No(why) => {
                let get_newer = if self.text.starts_with(GIT) {
                    "bring this checkout up to date (git pull), then try again"
                } else {
                    "use the copy of the inventory that was applied last, with its folder .comuni"
                };
                Err(Failure::inventory(format!("{host}: this inventory does not contain what was applied last: {why}"))
                    .hint(get_newer)
                    .hint("say --older-inventory to apply it all the same; newer work on the hosts is then undone"))
            }
        }
    }

    /// Remembers that this revision is about to be applied. To be called just before the first write to any host. In
    /// git there is nothing to do: the commit remembers.
    ///
    /// # Errors
    /// Exit 1 when the list of revisions cannot be written.
    pub fn commit(&self) -> Result<()> {
        if !self.text.starts_with(DIGEST) {
            return Ok(());
        }
        let path = self.list_path();
        let newest = self.listed()?.into_iter().next_back();
        if newest.as_deref() == Some(self.text.as_str()) {
            return Ok(());
        }
        let written =
            fs::create_dir_all(self.folder.join(".comuni")).and_then(|()| disk::append_line(&path, &self.text));
        written.map_err(|error| {
            Failure::operation(format!("{}: the revision cannot be written down: {error}", path.display()))
                .hint("without it a later checkout could not be told from an older one: make the folder writable")
        })
    }

    fn list_path(&self) -> PathBuf {
        self.folder.join(".comuni/revisions")
    }

    /// The digests applied from here, the oldest first. Anything else in the file (half a line of a crash) is no digest.
    fn listed(&self) -> Result<Vec<String>> {
        let path = self.list_path();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().filter(|line| is_digest(line)).map(str::to_string).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Failure::operation(format!("{}: {error}", path.display()))),
        }
    }

    fn lists(&self, applied: &str) -> Result<Contained> {
        if self.listed()?.iter().any(|line| line == applied) {
            return Ok(Contained::Yes);
        }
        let digest = short(applied.trim_start_matches(DIGEST));
        Ok(Contained::No(format!("its digest {digest} is not in {}", self.list_path().display())))
    }

    fn descends_from(&self, commit: &str) -> Result<Contained> {
        if !is_hex(commit) {
            return Ok(Contained::No(format!("`{commit}` is no commit")));
        }
        let kind = git(&self.folder, true, &["cat-file", "-e", &format!("{commit}^{{commit}}")])?;
        if !kind.status.success() {
            return Ok(Contained::No(format!("this checkout does not know commit {}", short(commit))));
        }
        let answer = git(&self.folder, true, &["merge-base", "--is-ancestor", commit, "HEAD"])?;
        match answer.status.code() {
            Some(0) => Ok(Contained::Yes),
            Some(1) => Ok(Contained::No(format!("commit {} is not in the history of this checkout", short(commit)))),
            _ => Err(refused(&self.folder, &answer)),
        }
    }
}

/// The commit that is checked out; `None` when git does not keep this inventory: no work tree, no commit yet, or the
/// inventory is only a copy that lies inside somebody's work tree.
fn commit(folder: &Path) -> Result<Option<String>> {
    if !folder.ancestors().any(|above| above.join(".git").exists()) {
        return Ok(None);
    }
    let inside = git(folder, true, &["rev-parse", "--is-inside-work-tree"])?;
    if !inside.status.success() {
        return Err(refused(folder, &inside));
    }
    let kept = git(folder, true, &["ls-files", "--error-unmatch", "--", "consortium.yml"])?;
    let head = git(folder, true, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
    let commit = String::from_utf8_lossy(&head.stdout).trim().to_string();
    Ok((kept.status.success() && head.status.success() && is_hex(&commit)).then_some(commit))
}

/// Whether files of the inventory differ from the commit. Here git may run filters that the repository's own settings
/// name, so its guard against repositories of other people stays on; where it does not answer, they count as different.
fn differs(folder: &Path) -> Result<bool> {
    let status = git(folder, false, &["status", "--porcelain", "--untracked-files=normal", "--", "."])?;
    Ok(!status.status.success() || !status.stdout.is_empty())
}

/// Runs git in a folder with none of our environment that could lead it elsewhere. `trusted` accepts a repository that
/// belongs to somebody else: right only for commands that run nothing the repository names.
fn git(folder: &Path, trusted: bool, arguments: &[&str]) -> Result<Output> {
    #[allow(clippy::disallowed_methods, reason = "the inventory's history is git's to tell")]
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    if trusted {
        command.args(["-c", "safe.directory=*"]);
    }
    command.args(arguments).stdin(Stdio::null()).env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
    command.envs([
        ("LC_ALL", "C"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        // A missing commit of a partial clone is told, not fetched.
        ("GIT_NO_LAZY_FETCH", "1"),
    ]);
    command.output().map_err(|error| {
        Failure::operation(format!(
            "{}: the inventory is kept in git, but git cannot be run: {error}",
            folder.display()
        ))
        .hint("install git on this machine")
    })
}

fn refused(folder: &Path, output: &Output) -> Failure {
    let words = String::from_utf8_lossy(&output.stderr).trim().to_string();
    let failure = Failure::operation(format!("{}: git does not tell the revision: {words}", folder.display()));
    if words.contains("dubious ownership") {
        return failure.hint(format!(
            "if you trust whoever owns the checkout: git config --global --add safe.directory {}",
            folder.display()
        ));
    }
    failure.hint(format!("look at it with: git -C {} status", folder.display()))
}

fn is_hex(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_digest(line: &str) -> bool {
    line.strip_prefix(DIGEST).is_some_and(|digest| digest.len() == 64 && is_hex(digest))
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
