//! New passwords while everybody goes on working; cut off anywhere, the next run ends it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cut_off::{is_step, kill_here, kill_host_halves, killed_at, steps};
use crate::harness::{Lab, Run, carrier, eventually, https, lab, lab_does, on, root, tries_on};

const TENANT: &str = "c_e707-albo";
const SITE: &str = "albo.comune.lozza.va.it";

/// Logs in as the tenant's files say, with what they say at that moment.
const CLIENT: &str = r#"
import sys, time, psycopg2
folder = sys.argv[1]
def files():
    lines = [line.rstrip("\n").split("=", 1) for line in open(folder + "/environment") if line.startswith("PG")]
    values = {name: value.strip('"') for name, value in lines}
    passwords = [line.rstrip("\n").split(":") for line in open(folder + "/pgpass")]
    return values, {fields[3]: fields[4] for fields in passwords}
def login(values, user, password):
    psycopg2.connect(host=values["PGHOST"], hostaddr=values["PGHOSTADDR"], port=values["PGPORT"], dbname=values["PGDATABASE"],
                     user=user, password=password, sslmode="verify-full", sslrootcert=values["PGSSLROOTCERT"]).close()
if sys.argv[2] == "try":
    values, _ = files()
    for line in sys.stdin:
        user, password = line.split()
        try:
            login(values, user, password)
            print(user, "let in")
        except psycopg2.OperationalError as error:
            print(user, "refused" if "password authentication failed" in str(error) else str(error))
else:
    good, bad, began = 0, [], time.time()
    print("begun", flush=True)
    while time.time() - began < 600 and not open("/run/comuni-test-stop").read():
        try:
            values, passwords = files()
            login(values, values["PGUSER"], passwords[values["PGUSER"]])
            good += 1
        except Exception as error:
            bad.append(str(error).strip())
        time.sleep(0.005)
    print(good, len(bad), round(good / (time.time() - began)), bad[:1])
"#;

fn client(host: &str, mode: &str) -> Command {
    on(host, &format!("cat > /root/comuni-test-client.py <<'EOF'\n{CLIENT}\nEOF"));
    let mut command = Command::new(root().join("tests/lab/lab"));
    let folder = format!("/etc/comuni/tenants/{TENANT}");
    command.args(["exec", host, "--", "python3", "/root/comuni-test-client.py", &folder, mode]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Everybody who goes on working: a client that logs in all the time, and visitors of the site.
struct Load {
    host: &'static str,
    logins: Child,
    said: BufReader<std::process::ChildStdout>,
    stop: Arc<AtomicBool>,
    visitors: JoinHandle<Vec<String>>,
}

impl Load {
    fn begin(lab: &'static Lab, host: &'static str) -> Load {
        on(host, ": > /run/comuni-test-stop");
        let mut logins = client(host, "loop").spawn().unwrap();
        let mut said = BufReader::new(logins.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "begun\n");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let visitors = std::thread::spawn(move || {
            let mut answers = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                answers.push(https(lab, host, SITE, "/").0);
                std::thread::sleep(Duration::from_millis(50));
            }
            answers
        });
        Load { host, logins, said, stop, visitors }
    }

    /// Ends it; nobody may have failed to log in, and visitors met at most the restart's page.
    #[allow(clippy::print_stderr, reason = "the figures of a rotation")]
    fn ends_without_a_failed_login(mut self) {
        on(self.host, "echo stop > /run/comuni-test-stop");
        self.stop.store(true, Ordering::Relaxed);
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        self.logins.wait().unwrap();
        let answers = self.visitors.join().unwrap();
        let count = |status: &str| answers.iter().filter(|answer| *answer == status).count();
        eprintln!(
            "logins, failed, a second: {}; requests {}: {} with 200, {} with 503",
            line.trim(),
            answers.len(),
            count("200"),
            count("503")
        );
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words[0].parse::<u32>().unwrap() > 20, "it did log in: {line}");
        assert_eq!(words[1], "0", "{line}");
        assert_eq!(count("200") + count("503"), answers.len(), "{answers:?}");
        on(self.host, "rm /run/comuni-test-stop /root/comuni-test-client.py");
    }
}

/// Roles and passwords as the tenant's password file has them: lines for the client's `try`.
fn passwords(host: &str) -> String {
    on(host, &format!("cut -d: -f4,5 /etc/comuni/tenants/{TENANT}/pgpass | tr : ' '")) + "\n"
}

fn in_use(host: &str) -> String {
    on(host, &format!("grep ^PGUSER /etc/comuni/tenants/{TENANT}/environment"))
}

fn tried(host: &str, passwords: &str) -> String {
    let mut child = client(host, "try").stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(passwords.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

fn refused() -> &'static str {
    "c_e707_albo_a refused\nc_e707_albo_b refused\n"
}

/// Rotates until no lock is in the way: a host half that lost its control needs some seconds to notice.
fn rotate_when_free(lab: &Lab) -> Run {
    let began = Instant::now();
    loop {
        let run = lab.comuni(&["secrets", "rotate", "--member", "lozza", "--yes"]);
        if run.status != 6 || began.elapsed() > Duration::from_secs(40) {
            return run;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn while_a_tenant_is_rotated_it_can_always_log_in_and_afterwards_the_old_passwords_are_refused() {
    let lab = lab();
    let host = carrier(TENANT);
    let (before, used) = (passwords(host), in_use(host));
    let load = Load::begin(lab, host);
    lab.comuni(&["secrets", "rotate", "--member", "lozza", "--yes"])
        .ends_with(0)
        .says("1 of 1 tenant rotated")
        .says("is barred: its old password is no longer good");
    load.ends_without_a_failed_login();
    assert_ne!(in_use(host), used);
    assert_eq!(tried(host, &before), refused());
    let now = tried(host, &passwords(host));
    assert_eq!(now, "c_e707_albo_a let in\nc_e707_albo_b let in\n", "this client can log in at all");
    lab.is_converged();
    let key = Command::new("ssh-keygen").args(["-lf", &format!("{}.pub", lab_does(&["key"]))]).output().unwrap();
    let key = String::from_utf8(key.stdout).unwrap();
    let fingerprint = key.split(' ').nth(1).unwrap();
    lab.comuni(&["history", "--member", "lozza", "--last", "1"]).ends_with(0).says("secrets rotate").says(fingerprint);
}

#[test]
fn a_tenant_that_is_not_as_the_inventory_says_is_not_rotated_and_nothing_is_written() {
    let lab = lab();
    let file = lab.inventory().join("secrets/c_e707.age");
    let before = std::fs::read(&file).unwrap();
    on("db1", "runuser -u postgres -- psql -qc \"alter role c_e707_albo_b password 'somebody'\"");
    let run = lab.comuni(&["secrets", "rotate", "--member", "lozza", "--yes"]);
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    run.ends_with(1)
        .says("c_e707-albo is not as the inventory says: db1: postgres_role:c_e707_albo_b")
        .says("comuni apply --member lozza");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    lab.is_converged();
}

#[test]
fn an_application_that_is_unhealthy_with_the_new_login_gets_the_old_one_back() {
    let lab = lab();
    let host = carrier(TENANT);
    let used = in_use(host);
    // The other role may not read: it stands for any reason for which the application cannot work with it.
    let other = if used.contains("_a\"") { "c_e707_albo_b" } else { "c_e707_albo_a" };
    let rule = format!("hostssl all {other} 0.0.0.0/0 reject");
    let rules = "/etc/postgresql/15/main/pg_hba.conf";
    on(
        "db1",
        &format!(
            "cp -p {rules} /root/rules && {{ echo '{rule}'; cat /root/rules; }} > {rules} && systemctl reload postgresql"
        ),
    );
    let run = lab.comuni(&["secrets", "rotate", "--member", "lozza", "--yes"]);
    on("db1", &format!("cp -p /root/rules {rules} && rm /root/rules && systemctl reload postgresql"));
    run.ends_with(1).says("again, as before, and is healthy");
    assert_eq!(in_use(host), used);
    lab.is_converged();
}

#[test]
fn two_rotations_of_one_tenant_do_not_meet() {
    let lab = lab();
    let held = Command::new(root().join("tests/lab/lab"))
        .args(["exec", "db1", "--", "flock", "/run/comuni/tenants/c_e707-albo.lock", "sleep", "417"])
        .spawn();
    let mut held = held.unwrap();
    eventually("the lock is held", Duration::from_secs(10), || tries_on("db1", "pgrep -f '^sleep 417$'").0 == 0);
    let run = lab.comuni(&["secrets", "rotate", "--member", "lozza", "--yes"]);
    on("db1", "pkill -f '^sleep 417$'");
    held.wait().unwrap();
    run.ends_with(6).says("c_e707-albo is busy");
    lab.is_converged();
}

#[test]
fn an_older_copy_of_the_secrets_cannot_undo_a_rotation() {
    let lab = lab();
    let host = carrier(TENANT);
    let file = lab.inventory().join("secrets/c_e707.age");
    let older = std::fs::read(&file).unwrap();
    rotate_when_free(lab).ends_with(0);
    let (newer, used, works) = (std::fs::read(&file).unwrap(), in_use(host), passwords(host));
    std::fs::write(&file, older).unwrap();
    lab.comuni(&["apply", "--yes"]).ends_with(3).says("the host has a newer secret");
    lab.comuni(&["secrets", "rotate", "--member", "lozza", "--yes"]).ends_with(1).says("the host has a newer secret");
    std::fs::write(&file, newer).unwrap();
    assert_eq!((in_use(host), passwords(host)), (used, works));
    lab.is_converged();
}

const ROTATE: [&str; 5] = ["secrets", "rotate", "--member", "lozza", "--yes"];

fn one(seed: usize) -> [usize; 1] {
    [3 + seed % 10]
}

/// However it was cut off: the tenant works, a plan and an apply do no harm, and the next run ends the rotation.
fn goes_on(lab: &Lab, host: &str, before: &str, what: &str, apply_between: bool) {
    let (status, body) = https(lab, host, SITE, "/health");
    assert!(status == "200" || status == "503", "{what}: {body}");
    if apply_between {
        lab.apply_when_free().ends_with(0);
        assert_eq!(https(lab, host, SITE, "/health").0, "200", "{what}");
    }
    rotate_when_free(lab).ends_with(0);
    lab.is_converged();
    assert_eq!(https(lab, host, SITE, "/health").0, "200", "{what}");
    assert_eq!(tried(host, before), refused(), "{what}");
}

#[test]
fn control_killed_at_a_step_of_a_rotation() {
    let lab = lab();
    let host = carrier(TENANT);
    for step in steps(one) {
        let before = passwords(host);
        let load = Load::begin(lab, host);
        let killed = killed_at(lab, &ROTATE, step, is_step, kill_here);
        goes_on(lab, host, &before, &format!("control killed at step {step}"), step % 2 == 0);
        load.ends_without_a_failed_login();
        if !killed {
            assert!(step > 8, "there are at least eight steps to kill at, not {step}");
            break;
        }
    }
}

#[test]
fn host_half_killed_at_a_step_of_a_rotation() {
    let lab = lab();
    let host = carrier(TENANT);
    for step in steps(one) {
        let before = passwords(host);
        let load = Load::begin(lab, host);
        let killed = killed_at(lab, &ROTATE, step, is_step, |_| kill_host_halves(&[host, "db1"]));
        goes_on(lab, host, &before, &format!("host half killed at step {step}"), step % 2 == 1);
        load.ends_without_a_failed_login();
        if !killed {
            break;
        }
    }
}

#[test]
fn all_tenants_are_rotated_while_one_is_watched() {
    if std::env::var_os("COMUNI_CHECK_ALL").is_none() {
        return;
    }
    let lab = lab();
    let host = carrier(TENANT);
    let before = passwords(host);
    let load = Load::begin(lab, host);
    lab.comuni(&["secrets", "rotate", "--all", "--yes"]).ends_with(0).says("tenants rotated");
    load.ends_without_a_failed_login();
    assert_eq!(tried(host, &before), refused());
    lab.is_converged();
}
