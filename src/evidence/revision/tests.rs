use tempfile::TempDir;

use super::*;

/// A work tree whose folder `inventory` has one commit.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Checkout {
        let checkout = Checkout(tempfile::tempdir().unwrap());
        fs::create_dir(checkout.inventory()).unwrap();
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.change("first");
        checkout
    }

    fn inventory(&self) -> PathBuf {
        self.0.path().join("inventory")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.0.path())
            .args(["-c", "user.name=Anna", "-c", "user.email=anna@va.example", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// Writes and commits; the revision of that commit.
    fn change(&self, content: &str) -> String {
        fs::write(self.inventory().join("consortium.yml"), content).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", content]);
        format!("git:{}", self.git(&["rev-parse", "HEAD"]))
    }

    fn revision(&self) -> Revision {
        at(&self.inventory(), &digest('0')).unwrap()
    }
}

fn digest(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn outside(folder: &Path, letter: char) -> Revision {
    at(folder, &digest(letter)).unwrap()
}

#[test]
fn in_git_the_revision_is_the_commit_and_contains_its_history() {
    let checkout = Checkout::new();
    let first = checkout.revision();
    let second = checkout.change("second");
    let now = checkout.revision();
    assert_eq!(now.text, second);
    assert!(now.contains(&second).unwrap());
    assert!(now.contains(&first.text).unwrap());
}

#[test]
fn a_checkout_older_than_what_was_applied_is_refused_with_the_flag_that_overrules() {
    let checkout = Checkout::new();
    let newer = checkout.change("second");
    checkout.git(&["checkout", "--quiet", "HEAD~1"]);
    let older = checkout.revision();
    assert!(!older.contains(&newer).unwrap());
    let refused = older.require("app1", &newer).unwrap_err();
    assert_eq!(refused.kind.exit_code(), 65);
    assert!(refused.message.contains("not in the history"), "{refused}");
    assert!(refused.hints.iter().any(|hint| hint.contains("--older-inventory")));
    older.require("app1", &older.text).unwrap();
}

#[test]
fn another_branch_does_not_contain_it() {
    let checkout = Checkout::new();
    checkout.git(&["checkout", "--quiet", "-b", "side"]);
    let side = checkout.change("side");
    checkout.git(&["checkout", "--quiet", "main"]);
    checkout.change("main");
    assert!(!checkout.revision().contains(&side).unwrap());
    checkout.git(&["merge", "--quiet", "--strategy", "ours", "--no-edit", "side"]);
    assert!(checkout.revision().contains(&side).unwrap(), "until it is merged");
}

#[test]
fn commits_that_are_unknown_or_no_commits_are_not_contained() {
    let checkout = Checkout::new();
    let tree = checkout.git(&["rev-parse", "HEAD^{tree}"]);
    let known = checkout.revision();
    for (applied, why) in [
        (format!("git:{}", "ab".repeat(20)), "does not know commit"),
        (format!("git:{tree}"), "does not know commit"),
        ("git:--help".to_string(), "no commit"),
        ("git:HEAD".to_string(), "no commit"),
        ("git:".to_string(), "no commit"),
        ("svn:7".to_string(), "no revision"),
        (format!("sha256:{}", digest('a')), "is not in"),
    ] {
        let Contained::No(told) = known.compare(&applied).unwrap() else { panic!("{applied}") };
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn changes_that_are_not_committed_are_told_apart() {
    let checkout = Checkout::new();
    let clean = checkout.revision();
    assert!(!clean.dirty);
    fs::write(checkout.0.path().join("elsewhere"), "outside of the inventory").unwrap();
    assert!(!checkout.revision().dirty);
    fs::write(checkout.inventory().join("hosts.yml"), "new").unwrap();
    let dirty = checkout.revision();
    assert_eq!((dirty.dirty, dirty.text), (true, clean.text));
}

#[test]
fn a_checkout_of_somebody_else_still_tells_its_commit() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let checkout = Checkout::new();
    let commit = checkout.revision().text;
    for path in [checkout.0.path().to_path_buf(), checkout.inventory(), checkout.0.path().join(".git")] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    let theirs = checkout.revision();
    assert_eq!(theirs.text, commit);
    assert!(theirs.contains(&commit).unwrap());
}

#[test]
fn a_copy_inside_of_a_work_tree_that_git_does_not_keep_counts_by_its_digest() {
    let checkout = Checkout::new();
    let copy = checkout.0.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("consortium.yml"), "copy").unwrap();
    assert_eq!(outside(&copy, 'a').text, format!("sha256:{}", digest('a')));
}

#[test]
fn a_work_tree_without_a_commit_counts_by_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("consortium.yml"), "first").unwrap();
    let made = Command::new("git").args(["init", "--quiet"]).arg(folder.path()).status().unwrap();
    assert!(made.success());
    assert!(outside(folder.path(), 'a').text.starts_with(DIGEST));
}

#[test]
fn outside_of_git_digests_are_chained_when_they_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (outside(folder.path(), 'a'), outside(folder.path(), 'b'));
    first.commit().unwrap();
    first.commit().unwrap();
    assert!(!first.contains(&second.text).unwrap(), "what was never applied from here is not contained");
    second.commit().unwrap();
    assert!(second.contains(&first.text).unwrap());
    let text = fs::read_to_string(folder.path().join(".comuni/revisions")).unwrap();
    assert_eq!(text, format!("{}\n{}\n", first.text, second.text));

    first.commit().unwrap();
    assert_eq!(first.listed().unwrap().len(), 3, "going back is a change as well");
}

#[test]
fn a_copy_made_before_the_last_apply_does_not_contain_it() {
    let (here, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    outside(here.path(), 'a').commit().unwrap();
    fs::create_dir(older.path().join(".comuni")).unwrap();
    fs::copy(here.path().join(".comuni/revisions"), older.path().join(".comuni/revisions")).unwrap();
    let applied = outside(here.path(), 'b');
    applied.commit().unwrap();

    let refused = outside(older.path(), 'a').require("app1", &applied.text).unwrap_err();
    assert_eq!(refused.kind.exit_code(), 65);
    assert!(refused.message.contains("bbbbbbbbbbbb"), "{refused}");
}

#[test]
fn half_a_line_of_a_crash_is_no_revision() {
    let folder = tempfile::tempdir().unwrap();
    let revision = outside(folder.path(), 'a');
    fs::create_dir(folder.path().join(".comuni")).unwrap();
    fs::write(folder.path().join(".comuni/revisions"), "sha256:bbbb").unwrap();
    revision.commit().unwrap();
    assert_eq!(revision.listed().unwrap(), std::slice::from_ref(&revision.text));
    assert!(!revision.contains("sha256:bbbb").unwrap());
}

#[test]
fn from_git_to_no_git_is_refused_and_from_digests_to_git_goes_by_the_list() {
    let checkout = Checkout::new();
    let applied = checkout.revision().text;
    let folder = tempfile::tempdir().unwrap();
    let Contained::No(why) = outside(folder.path(), 'a').compare(&applied).unwrap() else { panic!() };
    assert!(why.contains("not kept in git"), "{why}");

    let before = Revision { text: format!("sha256:{}", digest('a')), dirty: false, folder: checkout.inventory() };
    assert!(!checkout.revision().contains(&before.text).unwrap());
    before.commit().unwrap();
    assert!(checkout.revision().contains(&before.text).unwrap());
}

#[test]
fn in_git_nothing_is_written_down() {
    let checkout = Checkout::new();
    checkout.revision().commit().unwrap();
    assert!(!checkout.inventory().join(".comuni").exists());
}
