//! A secret is nowhere but where it must be; and this test would find it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::harness::{Lab, carrier, lab, on};

const TOKEN: &str = "secret://c_e707/albo/database_password_a";

/// Everywhere that others could look on a host, and our own state: paths in which the word stands.
pub fn found_on(host: &str, word: &str) -> String {
    on(
        host,
        &format!(
            "(grep -rlF '{word}' /var/lib/comuni /run/comuni /var/log /etc/systemd /etc/nginx 2>/dev/null; \
          find / -xdev -type f -perm -o=r -size -1000k -not -path '/proc/*' -not -path '/sys/*' -not -path '/usr/*' -not -path '/var/lib/dpkg/*' -exec grep -lF '{word}' {{}} + 2>/dev/null; \
          journalctl --no-pager -o export 2>/dev/null | grep -aF '{word}' | head -n 3) | sort -u || true"
        ),
    )
}

/// In files on the control machine that belong to the run, but for the encrypted ones.
fn found_here(lab: &Lab, word: &str) -> String {
    let run = lab.inventory().parent().unwrap().parent().unwrap().to_path_buf();
    let output = Command::new("grep").args(["-rlF", word]).arg(run).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Looks at the arguments and the environment of every process, over and over.
pub struct Watch {
    stop: Arc<AtomicBool>,
    looks: JoinHandle<Vec<String>>,
}

impl Watch {
    pub fn begin(word: &str) -> Watch {
        let (stop, word) = (Arc::new(AtomicBool::new(false)), word.as_bytes().to_vec());
        let stopped = Arc::clone(&stop);
        let looks = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                seen.extend(processes_with(&word));
                std::thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Watch { stop, looks }
    }

    pub fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.looks.join().unwrap()
    }
}

fn processes_with(word: &[u8]) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let files = entries.flat_map(|path| [path.join("cmdline"), path.join("environ")]);
    let holds =
        |path: &PathBuf| fs::read(path).is_ok_and(|content| content.windows(word.len()).any(|part| part == word));
    files.filter(holds).map(|path| path.display().to_string()).collect()
}

#[test]
fn a_poison_word_as_database_password_is_nowhere() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let poison = format!("Vipera{}berus", std::process::id());
    lab.comuni_reading(&["secrets", "set", "--replace", TOKEN], &poison).ends_with(0).does_not_say(&poison);

    // The hosts' processes are processes of this machine too: one look sees both sides.
    let watch = Watch::begin(&poison);
    lab.comuni(&["plan", "-v"]).ends_with(0).does_not_say(&poison).says("secret, not shown");
    lab.comuni(&["plan", "-v", "--format", "json"]).ends_with(0).does_not_say(&poison);
    lab.comuni(&["apply", "--yes", "-v", "--format", "json"]).ends_with(0).does_not_say(&poison);
    assert_eq!(watch.end(), Vec::<String>::new(), "in the arguments or the environment of a process");
    lab.comuni(&["show", "catalog", host]).ends_with(0).does_not_say(&poison).says(TOKEN);
    lab.comuni(&["history"]).ends_with(0).does_not_say(&poison);
    for host in ["db1", "app1", "app2", "ops1", "mon1"] {
        assert_eq!(found_on(host, &poison), "", "{host}");
    }
    assert_eq!(found_here(lab, &poison), "");
    lab.is_converged();

    // The one place where it must be, which others cannot read.
    assert_eq!(
        on(host, &format!("grep -rlF '{poison}' /etc/comuni/tenants")),
        "/etc/comuni/tenants/c_e707-albo/pgpass"
    );

    // This test can fail: an argument, a world-readable copy and a line in the journal are found.
    let watch = Watch::begin(&poison);
    on(host, &format!("sleep 1; : {poison}"));
    assert!(!watch.end().is_empty(), "the argument of a process is seen");
    on(
        host,
        &format!(
            "install -m 0644 /etc/comuni/tenants/c_e707-albo/pgpass /var/tmp/poison; logger 'x {poison}'; sleep 0.5"
        ),
    );
    let found = found_on(host, &poison);
    on(host, "rm /var/tmp/poison; journalctl --rotate -q; journalctl --vacuum-time=1s -q");
    assert!(found.contains("/var/tmp/poison"), "{found}");
    assert!(found.contains("MESSAGE=x"), "{found}");
}

#[test]
fn without_an_identity_plan_says_not_checked_and_never_correct() {
    let lab = lab();
    let output = lab.command(&["plan", "--member", "lozza"]).env_remove("COMUNI_IDENTITY").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("not checked"), "{text}");
    assert!(text.contains("postgres_role:c_e707_albo_a"), "{text}");
}

#[test]
fn a_password_changed_by_hand_on_the_server_is_seen_and_mended() {
    let lab = lab();
    on("db1", "runuser -u postgres -- psql -qc \"alter role c_e707_albo_a password 'somebody'\"");
    lab.comuni(&["plan", "--detailed-exitcode"])
        .ends_with(2)
        .says("postgres_role:c_e707_albo_a")
        .says("secret, not shown");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}
