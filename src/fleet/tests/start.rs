//! The start of a host half against a real sshd; the host half is a shell script.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::catalog::Catalog;
use crate::fleet::{Checked, Event, Fleet, HostHalf, Opening, Received, Settings, Ssh, Transport, Wire};
use crate::protocol::{Mode, Operator, Request};
use crate::resources::SecretTable;
use crate::ssh::sshd::Sshd;
use crate::ssh::{Concealed, Sudo, Transport as Way};

/// Greets, compares, ends; like the real one it lives on its stdin.
const HALF: &str = r#"#!/bin/sh
if [ "$1" = confirm ]; then [ "$2" = t0k3n-1 ]; exit; fi
echo '{"hello":{"protocol":1,"version":"0","boot_id":"b","fingerprint":"'"$1 $2"'"}}'
while read -r line; do
  case "$line" in
    '{"request"'*) echo '{"hold":{"revision":null,"unknown_members":[],"debts":[],"baseline":false}}'
      echo '{"checked":{"correct":3,"archives":[]}}' ;;
    '"end"') echo '"end"'; exit 0 ;;
    '"alive"') ;;
    *) echo "what is $line" >&2; exit 1 ;;
  esac
done
exit 3
"#;

struct Site {
    sshd: Sshd,
    half: HostHalf,
    /// Programs and scripts that the sshd needs as long as it runs.
    _tools: Option<tempfile::TempDir>,
}

impl Site {
    fn new(options: &[&str]) -> Site {
        Site { sshd: Sshd::start(options), half: HostHalf::new(HALF.as_bytes()), _tools: None }
    }

    /// A site for each way to connect to it.
    fn each() -> impl Iterator<Item = Site> {
        [Way::Direct, Way::System].into_iter().map(|way| {
            let site = Site::new(&[]);
            Site { sshd: site.sshd.over(way), ..site }
        })
    }

    /// A site whose account's login shell first does this.
    fn with_profile(profile: &str) -> Site {
        Site::with_tools(&[], profile)
    }

    /// A site with this script as `sudo`.
    fn with_sudo(script: &str) -> Site {
        let mut site = Site::with_tools(&[("sudo", script)], "");
        site.sshd.target.sudo = Sudo::Free;
        site
    }

    /// A site with these scripts before all other programs, whose account's login shell first does what `profile` says.
    fn with_tools(scripts: &[(&str, &str)], profile: &str) -> Site {
        let tools = tempfile::tempdir().unwrap();
        let path = tools.path().display();
        let shell = ("shell", &*format!("PATH={path}:$PATH\n{profile}\neval \"$SSH_ORIGINAL_COMMAND\""));
        for (name, script) in scripts.iter().chain([&shell]) {
            std::fs::write(tools.path().join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(tools.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let site = Site::new(&[&format!("ForceCommand {path}/shell")]);
        Site { _tools: Some(tools), ..site }
    }

    fn folder(&self) -> String {
        self.sshd.path("lib/comuni").display().to_string()
    }

    fn ssh(&self) -> Ssh {
        let (credentials, limits) = (self.sshd.credentials.clone(), self.sshd.limits());
        let folder = self.folder();
        Ssh { folder, ..Ssh::new([self.sshd.target.clone()], credentials, limits, self.half.clone()) }
    }

    fn open(&self) -> crate::failure::Result<Box<dyn Wire>> {
        self.ssh().open("app1", &|_| {})
    }

    fn installed(&self) -> BTreeSet<String> {
        let folder = std::fs::read_dir(self.folder()).unwrap();
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn line(wire: &mut dyn Wire) -> String {
    match wire.receive(Duration::from_secs(30)).unwrap() {
        Received::Line(line) => String::from_utf8(line).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_run_installs_with_two_execs_and_the_next_needs_one() {
    for site in Site::each() {
        let seen = Mutex::new(Vec::new());
        let mut wire = site.ssh().open("app1", &|opening| seen.lock().unwrap().push(opening)).unwrap();
        assert!(line(&mut *wire).starts_with("{\"hello\""));
        assert_eq!(*seen.lock().unwrap(), [Opening::LoggedIn, Opening::Installing { bytes: HALF.len() as u64 }]);
        assert_eq!(wire.traffic().execs, 2);
        assert_eq!(wire.traffic().sent, HALF.len() as u64);
        wire.send(b"\"end\"\n", Instant::now() + Duration::from_secs(30)).unwrap();
        assert_eq!(line(&mut *wire), "\"end\"");
        assert!(wire.finish(Duration::from_secs(30)).unwrap().success());

        let wire = site.open().unwrap();
        assert_eq!(wire.traffic().execs, 1);
        assert_eq!(wire.traffic().sent, 0);
        let file = std::path::Path::new(&site.folder()).join(format!("comuni-host-{}", site.half.sha256));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(std::fs::metadata(site.folder()).unwrap().permissions().mode() & 0o7777, 0o755);
    }
}

#[test]
fn a_whole_comparison_of_a_host_is_one_exec_and_the_same_bytes_every_time() {
    for site in Site::each() {
        let run = || {
            let events: Arc<Mutex<Vec<Event>>> = Arc::default();
            let seen = Arc::clone(&events);
            let tell = Arc::new(move |event| seen.lock().unwrap().push(event));
            let sign = Arc::new(|_: &str, _| Err("nothing to sign".to_string()));
            let mut fleet = Fleet::new(site.ssh(), Settings::default(), tell, sign).unwrap();
            let checked = fleet.check(vec![Request {
                mode: Mode::Plan,
                operator: Operator::default(),
                verb: "plan".to_string(),
                catalog: Catalog { host: "app1".to_string(), entries: Vec::new() },
                owners: BTreeSet::new(),
                areas: BTreeSet::new(),
                members: BTreeSet::new(),
                secrets: SecretTable::default(),
                allowed: BTreeSet::new(),
                purge: BTreeSet::new(),
            }]);
            let Checked::Checked { correct: 3, fingerprint, .. } = &checked["app1"] else { panic!("{checked:?}") };
            assert!(fingerprint.as_ref().unwrap().starts_with("serve --auth-info"), "{fingerprint:?}");
            let ended = fleet.end();
            assert_eq!(ended.failures, [].into());
            ended.traffic["app1"]
        };
        assert_eq!(run().execs, 2);
        let (second, third) = (run(), run());
        assert_eq!((second.execs, second.sent), (1, third.sent));
        assert!(second.received < 1000, "{second:?}");
    }
}

#[test]
fn the_host_half_learns_which_key_logged_in() {
    for site in Site::each() {
        let asking = HALF.replace("\"$1 $2\"", "\"$(cut -d' ' -f1,2 \"$3\")\"");
        let site = Site { half: HostHalf::new(asking.into_bytes()), ..site };
        for _ in ["installing", "installed"] {
            let greeting = line(&mut *site.open().unwrap());
            assert!(greeting.contains("publickey ssh-ed25519"), "{greeting}");
        }
    }
}

#[test]
fn a_damaged_host_half_is_replaced() {
    for site in Site::each() {
        site.open().unwrap();
        let file = std::path::Path::new(&site.folder()).join(format!("comuni-host-{}", site.half.sha256));
        std::fs::write(&file, "#!/bin/sh\necho evil\n").unwrap();
        let mut wire = site.open().unwrap();
        assert!(line(&mut *wire).starts_with("{\"hello\""));
        assert_eq!(wire.traffic().execs, 2);
        assert_eq!(std::fs::read(&file).unwrap(), HALF.as_bytes());
    }
}

#[test]
fn only_the_two_newest_generations_stay_and_nothing_half_made() {
    let mut site = Site::new(&[]);
    let mut generations = Vec::new();
    for number in 0..4 {
        site.half = HostHalf::new(format!("{HALF}# {number}\n").into_bytes());
        generations.push(format!("comuni-host-{}", site.half.sha256));
        site.open().unwrap();
        // The order of generations is that of their times.
        std::thread::sleep(Duration::from_millis(20));
    }
    let kept = generations[2..].iter().cloned().chain(["comuni-host".to_string()]);
    assert_eq!(site.installed(), kept.collect());
}

#[test]
fn what_an_upload_left_behind_when_the_machine_died_is_removed_later() {
    let site = Site::new(&[]);
    std::fs::create_dir_all(site.folder()).unwrap();
    let left = std::path::Path::new(&site.folder()).join(".incoming-12345678");
    std::fs::write(&left, "half").unwrap();
    let hour = Duration::from_secs(3700);
    std::fs::File::open(&left).unwrap().set_modified(std::time::SystemTime::now() - hour).unwrap();
    site.open().unwrap();
    let half = format!("comuni-host-{}", site.half.sha256);
    assert_eq!(site.installed(), [half, "comuni-host".to_string()].into());
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing_in_place() {
    let mut site = Site::new(&[]);
    site.half = HostHalf::new(vec![b'x'; 200_000_000]);
    let failure = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !std::path::Path::new(&site.folder()).exists() || site.installed().is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            site.sshd.cut_connections();
        });
        site.open().err().unwrap()
    });
    assert!(failure.message.contains("connection lost"), "{failure}");
    let until = Instant::now() + Duration::from_secs(20);
    while !site.installed().is_empty() {
        assert!(Instant::now() < until, "{:?}", site.installed());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_upload_that_arrives_damaged_is_not_put_in_place() {
    for mut site in Site::each() {
        let claimed = HostHalf::new(HALF.as_bytes());
        site.half = HostHalf { sha256: claimed.sha256, bytes: Arc::from(&b"something else"[..]) };
        let failure = site.open().err().unwrap();
        assert!(failure.message.contains("damaged"), "{failure}");
        assert_eq!(site.installed(), BTreeSet::new());
    }
}

#[test]
fn what_a_shell_profile_prints_before_the_hello_is_skipped() {
    for profile in ["echo Benvenuti; echo; echo '{\"not\":\"ours\"}'", "printf 'no newline'", "head -c 5000 /dev/zero"]
    {
        let site = Site::with_profile(profile);
        assert!(line(&mut *site.open().unwrap()).starts_with("{\"hello\""), "installing after: {profile}");
        assert!(line(&mut *site.open().unwrap()).starts_with("{\"hello\""), "starting after: {profile}");
    }
}

#[test]
fn a_profile_that_prints_without_end_is_refused() {
    let failure = Site::with_profile("yes").open().err().unwrap();
    assert!(failure.message.contains("prints without end"), "{failure}");
}

#[test]
fn sudo_without_password_runs_the_half_and_its_installation() {
    // Accepts exactly `sudo -n -- COMMAND...`.
    let site = Site::with_sudo("[ \"$1 $2\" = '-n --' ] || exit 9; shift 2; AS_ROOT=yes exec \"$@\"");
    assert!(line(&mut *site.open().unwrap()).starts_with("{\"hello\""));
    let wire = site.open().unwrap();
    assert_eq!(wire.traffic().execs, 1);
}

#[test]
fn sudo_that_wants_a_password_is_told_with_the_remedy() {
    let site = Site::with_sudo("echo 'sudo: a password is required' >&2; exit 1");
    let failure = site.open().err().unwrap();
    assert!(failure.message.contains("sudo: a password is required"), "{failure}");
    assert!(failure.hints[0].contains("NOPASSWD"), "{failure:?}");
}

/// What sudo does with a password: asks on stderr, reads one line of its stdin, thrice.
const ASKING: &str = r#"
case "$1 $2 $3" in '-k -S -p') ;; *) echo "sudo: $1 $2 $3" >&2; exit 9 ;; esac
prompt=$4; shift 5
for attempt in 1 2 3; do
  printf '%s' "$prompt" >&2
  IFS= read -r given || { echo 'sudo: no password was provided' >&2; exit 1; }
  echo "$given" >> "$TRIED"
  [ "$given" = 'pass word' ] && AS_ROOT=yes exec "$@"
  echo 'Sorry, try again.' >&2
done
exit 1"#;

/// A site whose sudo asks, with what it was answered so far.
fn asking_site(script: &str, way: Way) -> (Site, std::path::PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let tried = folder.path().join("tried");
    std::fs::write(&tried, "").unwrap();
    let script = script.replace("$TRIED", &tried.display().to_string());
    let mut site = Site::with_tools(&[("sudo", &script)], "");
    site.sshd = site.sshd.over(way);
    site.sshd.target.sudo = Sudo::Password;
    site.sshd.credentials.sudo_password = Some(Concealed::new("pass word".to_string()));
    (site, tried, folder)
}

#[test]
fn sudo_that_asks_is_answered_once_for_each_command_whether_the_half_is_there_or_not() {
    for way in [Way::Direct, Way::System] {
        let (site, tried, _folder) = asking_site(ASKING, way);
        assert!(line(&mut *site.open().unwrap()).starts_with("{\"hello\""), "installing");
        let mut wire = site.open().unwrap();
        assert!(line(&mut *wire).starts_with("{\"hello\""), "starting");
        assert_eq!(wire.traffic().execs, 1);
        site.ssh().confirm("app1", "t0k3n-1").unwrap();
        assert_eq!(std::fs::read_to_string(tried).unwrap(), "pass word\n".repeat(3));
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_said() {
    for way in [Way::Direct, Way::System] {
        let (mut site, tried, _folder) = asking_site(ASKING, way);
        site.sshd.credentials.sudo_password = Some(Concealed::new("sbagliata".to_string()));
        let failure = site.open().err().unwrap();
        assert!(failure.message.contains("sudo does not take the password"), "{failure}");
        assert!(!format!("{failure:?}").contains("sbagliata"));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(std::fs::read_to_string(tried).unwrap(), "sbagliata\n", "accounts are locked after some");
    }
}

#[test]
fn a_password_is_not_sent_to_a_sudo_that_does_not_ask() {
    let (site, ..) = asking_site("shift 5; exec \"$@\"", Way::Direct);
    // The half says what it reads.
    let echoing = HALF.replace("while read -r line; do", "while read -r line; do echo \"read $line\";");
    let site = Site { half: HostHalf::new(echoing.into_bytes()), ..site };
    for _ in ["installing", "installed"] {
        let mut wire = site.open().unwrap();
        assert!(line(&mut *wire).starts_with("{\"hello\""));
        wire.send(b"\"alive\"\n", Instant::now() + Duration::from_secs(30)).unwrap();
        assert_eq!(line(&mut *wire), "read \"alive\"");
    }
}

#[test]
fn a_host_whose_sudo_asks_is_not_even_reached_without_a_password() {
    let (mut site, ..) = asking_site(ASKING, Way::Direct);
    site.sshd.credentials.sudo_password = None;
    let failure = site.open().err().unwrap();
    assert_eq!(failure.kind.exit_code(), 64);
    assert!(failure.hints[0].contains("COMUNI_SUDO_PASSWORD_FILE"), "{failure:?}");
    assert!(!site.sshd.log().contains("Accepted"), "{}", site.sshd.log());
}

#[test]
fn another_architecture_is_refused() {
    let site = Site::with_tools(&[("uname", "echo aarch64")], "");
    let failure = site.open().err().unwrap();
    assert!(failure.message.contains("architecture aarch64"), "{failure}");
    assert!(!std::path::Path::new(&site.folder()).exists());
}

#[test]
fn a_confirmation_is_one_command_over_a_new_connection_and_never_anything_but_a_token() {
    for site in Site::each() {
        site.open().unwrap();
        site.ssh().confirm("app1", "t0k3n-1").unwrap();
        let failure = site.ssh().confirm("app1", "t0k3n-2").unwrap_err();
        assert!(failure.message.contains("exit status 1"), "{failure}");
        let marker = site.sshd.path("marker");
        for bad in ["", "a b", "a;b", "$(a)", &format!("x;touch {}", marker.display())] {
            assert!(site.ssh().confirm("app1", bad).unwrap_err().message.contains("no token"), "{bad}");
        }
        assert!(!marker.exists());
    }
}

#[test]
fn a_host_that_is_not_in_the_inventory_is_said_to_be_so() {
    let site = Site::new(&[]);
    assert_eq!(site.ssh().open("nowhere", &|_| {}).err().unwrap().kind.exit_code(), 65);
}
