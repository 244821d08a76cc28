use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

fn mine(mode: u32) -> Ownership {
    Ownership { uid: rustix::process::getuid().as_raw(), gid: rustix::process::getgid().as_raw(), mode }
}

fn names(folder: &Path) -> Vec<String> {
    Local::new().list(folder).unwrap()
}

#[test]
fn a_written_file_has_its_content_and_mode_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.conf");
    let mut host = Local::new();
    host.write(&path, b"one", &mine(0o640)).unwrap();
    host.write(&path, b"two", &mine(0o600)).unwrap();
    assert_eq!(host.read(&path).unwrap().unwrap(), b"two");
    assert_eq!(host.stat(&path).unwrap().unwrap().mode, 0o600);
    assert_eq!(names(folder.path()), ["a.conf"]);
}

#[test]
fn a_write_that_fails_leaves_the_old_state_and_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("is-a-directory");
    fs::create_dir(&path).unwrap();
    assert!(Local::new().write(&path, b"x", &mine(0o644)).is_err());
    assert_eq!(names(folder.path()), ["is-a-directory"]);
}

#[test]
#[ignore = "needs root, to mount a small file system"]
fn a_full_disk_keeps_the_old_file_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mount = |argv: &[&str]| {
        Local::new().run(&Command::new(argv.to_vec())).unwrap().succeeded(&Command::new(argv.to_vec())).unwrap()
    };
    let place = folder.path().to_str().unwrap();
    mount(&["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place]);
    let path = folder.path().join("a");
    let mut host = Local::new();
    host.write(&path, b"old", &mine(0o644)).unwrap();
    let written = host.write(&path, &vec![b'x'; 1 << 20], &mine(0o644)).unwrap_err();
    let appended = host.append(&path, &vec![b'x'; 1 << 20], &mine(0o644)).unwrap_err();
    let (left, content) = (names(folder.path()), host.read(&path).unwrap().unwrap());
    mount(&["umount", place]);
    assert!(written.message.contains("No space left") && appended.message.contains("No space left"));
    assert!(written.hints[0].contains("Free space"));
    assert_eq!((left, content), (vec!["a".to_string()], b"old".to_vec()));
}

#[test]
fn what_a_killed_writer_left_is_swept_away_but_not_what_a_living_one_works_on() {
    let folder = tempfile::tempdir().unwrap();
    let living = format!("{TEMPORARY}{}-x", std::process::id());
    fs::write(folder.path().join(format!("{TEMPORARY}4194999-0")), "half").unwrap();
    fs::write(folder.path().join(&living), "half").unwrap();
    Local::new().write(&folder.path().join("a"), b"", &mine(0o644)).unwrap();
    assert_eq!(names(folder.path()), [living, "a".to_string()]);
}

#[test]
fn appending_makes_the_file_once_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut host = Local::new();
    host.append(&path, b"1\n", &mine(0o600)).unwrap();
    host.append(&path, b"2\n", &mine(0o600)).unwrap();
    assert_eq!(host.read(&path).unwrap().unwrap(), b"1\n2\n");
    assert_eq!(host.stat(&path).unwrap().unwrap().mode, 0o600);
}

#[test]
fn directories_and_links_appear_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, link) = (folder.path().join("d"), folder.path().join("l"));
    let mut host = Local::new();
    host.make_directory(&directory, &mine(0o2750)).unwrap();
    assert!(host.make_directory(&directory, &mine(0o700)).is_err());
    host.make_symlink(&link, "a").unwrap();
    host.make_symlink(&link, "b").unwrap();
    assert_eq!(host.stat(&directory).unwrap().unwrap().mode, 0o2750);
    assert_eq!(host.link_target(&link).unwrap().as_deref(), Some("b"));
    assert_eq!(host.link_target(&directory).unwrap(), None);
    assert_eq!(names(folder.path()), ["d", "l"]);
}

#[test]
fn ownership_is_set_on_the_thing_itself_and_never_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("f"), folder.path().join("l"));
    let mut host = Local::new();
    host.write(&file, b"", &mine(0o600)).unwrap();
    host.make_symlink(&link, "f").unwrap();
    host.set_ownership(&link, &mine(0o666)).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    host.set_ownership(&file, &mine(0o644)).unwrap();
    assert_eq!(host.stat(&file).unwrap().unwrap().mode, 0o644);
}

#[test]
fn what_is_not_there_is_none_and_no_error_to_remove() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("no/such");
    let mut host = Local::new();
    assert_eq!(host.read(&nothing).unwrap(), None);
    assert_eq!(host.stat(&nothing).unwrap(), None);
    assert_eq!(host.sha256(&nothing).unwrap(), None);
    assert_eq!(host.list(&nothing).unwrap(), Vec::<String>::new());
    host.remove(&nothing).unwrap();
    host.remove_tree(&nothing).unwrap();
}

#[test]
fn removing_a_directory_with_something_in_it_fails_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(folder.path().join("d/x"), "").unwrap();
    let failure = Local::new().remove(&folder.path().join("d")).unwrap_err();
    assert!(failure.message.contains("not empty"), "{failure}");
    Local::new().remove_tree(&folder.path().join("d")).unwrap();
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_digest_is_that_of_the_content() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "abc").unwrap();
    let digest = Local::new().sha256(&folder.path().join("x")).unwrap().unwrap();
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_command_gets_its_input_and_a_clean_environment_and_its_status_is_kept() {
    let mut host = Local::new();
    let output = host.run(&Command::new(["cat"]).stdin("many ".repeat(200_000))).unwrap();
    assert_eq!(output.stdout.len(), 1_000_000);
    let environment = host.run(&Command::new(["env"]).env("X", "y z")).unwrap().text();
    let mut names: Vec<_> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort();
    assert_eq!(names, ["HOME", "LC_ALL", "PATH", "X"]);
    assert_eq!(host.run(&Command::new(["pwd"])).unwrap().text(), "/\n");
    let failing = Command::new(["sh", "-c", "echo it broke >&2; exit 3"]);
    let failure = host.run(&failing).unwrap().succeeded(&failing).unwrap_err();
    assert!(failure.message.ends_with("ended with 3: it broke"), "{failure}");
    assert_eq!(host.run(&Command::new(["sh", "-c", "kill -9 $$"])).unwrap().status, 137);
}

#[test]
fn a_program_that_is_not_there_is_told_by_status_127() {
    let output = Local::new().query(&Command::new(["no-such-program"])).unwrap();
    assert_eq!((output.status, output.stderr), (127, b"no-such-program: not found".to_vec()));
}

#[test]
fn a_deadline_ends_the_process_and_its_children() {
    let begun = Instant::now();
    let command =
        Command::new(["sh", "-c", "echo waiting >&2; sleep 61.25 & sleep 61.25"]).within(Duration::from_secs(1));
    let failure = Local::new().run(&command).unwrap_err();
    assert!(failure.message.contains("did not end within 1 s") && failure.message.contains("waiting"), "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    std::thread::sleep(Duration::from_millis(200));
    let left = Local::new().query(&Command::new(["pgrep", "-f", "^sleep 61[.]25"])).unwrap();
    assert_eq!(left.text(), "");
}

#[test]
fn a_daemon_that_keeps_the_pipe_open_does_not_hold_us() {
    let begun = Instant::now();
    let output = Local::new().run(&Command::new(["sh", "-c", "echo started; sleep 5 &"])).unwrap();
    assert_eq!(output.text(), "started\n");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_command_that_says_too_much_is_ended() {
    let failure = Local::new().run(&Command::new(["yes"])).unwrap_err();
    assert!(failure.message.contains("more than 64 MiB"), "{failure}");
}

#[test]
fn a_question_is_asked_once_until_something_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Local::new();
    let question = Command::new(["date", "+%N"]);
    let first = host.query(&question).unwrap();
    assert_eq!(host.query(&question).unwrap(), first);
    host.write(&folder.path().join("x"), b"", &mine(0o644)).unwrap();
    assert_ne!(host.query(&question).unwrap(), first);
}

#[test]
fn an_unknown_account_is_named() {
    let failure = Local::new().run(&Command::new(["true"]).as_user("no-such-account")).unwrap_err();
    assert!(failure.message.contains("no-such-account"));
}

#[test]
#[ignore = "needs root, to become another account"]
fn another_account_gets_its_own_groups_and_home() {
    let mut host = Local::new();
    let command = Command::new(["sh", "-c", "id -un; echo $HOME"]).as_user("nobody");
    assert_eq!(host.run(&command).unwrap().text(), "nobody\n/nonexistent\n");
    assert_eq!(host.run(&Command::new(["no-such-program"]).as_user("nobody")).unwrap().status, 127);
}
