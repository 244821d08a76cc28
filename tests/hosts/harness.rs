//! The lab, the program, and an inventory that can be edited for the length of a test.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How a run of `comuni` ended.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// What came of a command.
    pub fn of(output: Output) -> Run {
        Run {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Everything that was printed.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn ends_with(self, status: i32) -> Run {
        assert_eq!(self.status, status, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Run {
        assert!(
            self.text().contains(words),
            "does not say {words:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn does_not_say(self, words: &str) -> Run {
        assert!(
            !self.text().contains(words),
            "says {words:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// The objects of `--format json`.
    pub fn objects(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// The lab with all tenants applied. The first caller applies them.
pub struct Lab {
    run: PathBuf,
}

static LAB: OnceLock<Lab> = OnceLock::new();

/// The lab, converged.
pub fn lab() -> &'static Lab {
    LAB.get_or_init(|| {
        let run =
            std::env::var_os("COMUNI_TEST_RUN").map_or_else(|| PathBuf::from("/var/lib/comuni-demo"), PathBuf::from);
        let prepared = Command::new(root().join("tests/lab/prepare")).arg(&run).status().unwrap();
        assert!(prepared.success(), "tests/lab/prepare failed: is the lab up? (tests/lab/lab up)");
        let lab = Lab { run };
        lab.comuni(&["secrets", "set", "--missing"]).ends_with(0);
        lab.comuni(&["apply", "--yes"]).ends_with(0);
        lab
    })
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test: the release build, unless `COMUNI_TEST_PROGRAM` names another.
pub fn program() -> PathBuf {
    std::env::var_os("COMUNI_TEST_PROGRAM").map_or_else(|| root().join("target/release/comuni"), PathBuf::from)
}

/// Runs a verb of `tests/lab/lab`.
#[track_caller]
pub fn lab_does(words: &[&str]) -> String {
    let output = Command::new(root().join("tests/lab/lab")).args(words).output().unwrap();
    assert!(output.status.success(), "lab {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

impl Lab {
    pub fn inventory(&self) -> PathBuf {
        self.run.join("inventories/lab")
    }

    /// What belongs to this run of the tests.
    pub fn folder(&self) -> PathBuf {
        self.run.clone()
    }

    pub fn varese(&self) -> PathBuf {
        self.run.join("inventories/varese")
    }

    /// Where the program keeps what it remembers between runs.
    pub fn state(&self) -> PathBuf {
        self.run.join("state")
    }

    /// The program with the lab's inventory and keys, not started yet.
    pub fn command(&self, words: &[&str]) -> Command {
        let key = lab_does(&["key"]);
        let mut command = Command::new(program());
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.run)
            .env("XDG_STATE_HOME", self.run.join("state"))
            .env("USER", "tester")
            .env("COMUNI_INVENTORY", self.inventory())
            .env("COMUNI_SSH_KEY", &key)
            .env("COMUNI_IDENTITY", &key)
            .stdin(Stdio::null());
        command
    }

    pub fn comuni(&self, words: &[&str]) -> Run {
        Run::of(self.command(words).output().unwrap())
    }

    /// As [`Lab::comuni`], with something on standard input.
    pub fn comuni_reading(&self, words: &[&str], input: &str) -> Run {
        let mut child =
            self.command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }

    /// Applies until no lock is in the way: a host half that lost its control needs some seconds to notice.
    pub fn apply_when_free(&self) -> Run {
        let began = Instant::now();
        loop {
            let run = self.comuni(&["apply", "--yes"]);
            if !run.text().contains("holds the lock") || began.elapsed() > Duration::from_secs(40) {
                return run;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Nothing is left to do anywhere.
    #[track_caller]
    pub fn is_converged(&self) {
        self.comuni(&["plan", "--detailed-exitcode"]).ends_with(0).says("no changes");
    }

    /// Changes a file of the inventory until the returned value is dropped.
    pub fn edit(&self, file: &Path, change: impl FnOnce(String) -> String) -> Edited {
        let before = fs::read_to_string(file).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "the edit of {} changes nothing", file.display());
        fs::write(file, after).unwrap();
        Edited { file: file.to_path_buf(), before }
    }
}

/// A file that gets its old content back.
pub struct Edited {
    file: PathBuf,
    before: String,
}

impl Drop for Edited {
    fn drop(&mut self) {
        fs::write(&self.file, &self.before).unwrap();
    }
}

/// Runs a shell line in a host as root and returns what it printed.
#[track_caller]
pub fn on(host: &str, line: &str) -> String {
    let (status, text) = tries_on(host, line);
    assert_eq!(status, 0, "on {host}: {line}\n{text}");
    text
}

/// Runs a shell line in a host as root; it may fail.
pub fn tries_on(host: &str, line: &str) -> (i32, String) {
    let output = Command::new(root().join("tests/lab/lab"))
        .args(["exec", host, "--", "sh", "-c", line])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text.trim().to_string())
}

/// Asks a host over HTTPS for a page of a name, trusting the consortium's authority alone; status and body.
pub fn https(lab: &Lab, host: &str, name: &str, path: &str) -> (String, String) {
    let address = lab_does(&["address", host]);
    let authority = lab.inventory().join("authority.pem");
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}", "--cacert"])
        .arg(&authority)
        .args(["--resolve", &format!("{name}:443:{address}"), &format!("https://{name}{path}")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or((&text, ""));
    let body =
        if output.status.success() { body.to_string() } else { String::from_utf8_lossy(&output.stderr).into_owned() };
    (status.to_string(), body)
}

/// Waits until something holds.
#[track_caller]
pub fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The host that carries the tenants of Lozza, the member on which tests try things.
pub const LOZZA: &str = "c_e707";

/// The application host that carries a tenant.
pub fn carrier(tenant: &str) -> &'static str {
    ["app1", "app2"]
        .into_iter()
        .find(|host| tries_on(host, &format!("test -d /etc/comuni/tenants/{tenant}")).0 == 0)
        .unwrap_or_else(|| panic!("no host carries {tenant}"))
}

/// Breaks something in the lab with one verb, and repairs it with another when it is dropped, also by a failing test.
#[must_use]
pub struct Broken(Vec<String>);

pub fn broken(verb: &str, repair: &str, host: &str, rest: &[&str]) -> Broken {
    lab_does(&[&[verb, host], rest].concat());
    let path = rest.first().map(ToString::to_string);
    Broken([repair.to_string(), host.to_string()].into_iter().chain(path).collect())
}

impl Drop for Broken {
    fn drop(&mut self) {
        let words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        lab_does(&words);
    }
}

/// A line that undoes something on a host, run when the test is over, also when it fails.
#[must_use]
pub struct Undo(pub &'static str, pub String);

impl Drop for Undo {
    fn drop(&mut self) {
        tries_on(self.0, &self.1);
    }
}

/// Puts the program, the inventory and a key onto the control host, where its timers look for them.
pub fn equip_control(lab: &Lab) {
    let folder = program().parent().unwrap().to_path_buf();
    let done = Command::new(root().join("tests/lab/control")).args([lab.folder(), folder]).status().unwrap();
    assert!(done.success(), "tests/lab/control failed");
}
