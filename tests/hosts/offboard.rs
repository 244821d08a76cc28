//! `comuni offboard`: a member gets its data, proven by a restore, and its tenants stop; it goes on after a crash, touches
//! nobody else, and stops nobody whose data cannot be handed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::backup::{TENANT, seeded};
use crate::cut_off::{kill_here, killed_at, steps};
use crate::harness::{Lab, eventually, https, on, tries_on};
use crate::welcome::others;

const HOSTS: [&str; 5] = ["app1", "app2", "db1", "mon1", "ops1"];

/// Lozza, which is a member again when this is dropped: nothing was deleted.
struct Leaver<'l> {
    lab: &'l Lab,
    file: PathBuf,
    before: Option<String>,
}

fn leaver(lab: &Lab) -> Leaver<'_> {
    let file = lab.inventory().join("members/lozza.yml");
    Leaver { lab, before: fs::read_to_string(&file).ok(), file }
}

impl Drop for Leaver<'_> {
    fn drop(&mut self) {
        match &self.before {
            Some(text) => fs::write(&self.file, text).unwrap(),
            None => drop(fs::remove_file(&self.file)),
        }
        let run = self.lab.comuni(&["apply", "--yes", "--allow", "changes"]);
        if !std::thread::panicking() {
            run.ends_with(0);
            self.lab.is_converged();
        }
    }
}

/// The key of a comune, and the file with its public half.
pub fn key(lab: &Lab) -> (PathBuf, PathBuf) {
    let (private, public) = (lab.folder().join("comune.key"), lab.folder().join("comune.pub"));
    let _ = fs::remove_file(&private);
    assert!(Command::new("age-keygen").arg("-o").arg(&private).stderr(Stdio::null()).status().unwrap().success());
    let output = Command::new("age-keygen").arg("-y").arg(&private).output().unwrap();
    fs::write(&public, output.stdout).unwrap();
    (private, public)
}

/// A PostgreSQL on this machine in which nothing is.
struct Bare {
    folder: tempfile::TempDir,
}

const BIN: &str = "/usr/lib/postgresql/15/bin";

impl Bare {
    fn start() -> Bare {
        let bare = Bare { folder: tempfile::Builder::new().prefix("bare").tempdir_in("/var/tmp").unwrap() };
        bare.does("chown postgres .");
        bare.as_postgres(&format!("{BIN}/initdb --auth=peer --no-sync --pgdata=data >/dev/null"));
        bare.as_postgres(&format!(
            "{BIN}/pg_ctl --pgdata=data --wait --log=log --options=\"-c listen_addresses= -c unix_socket_directories=$PWD\" start >/dev/null"
        ));
        bare
    }

    /// A line of a shell, as postgres, in this folder.
    #[track_caller]
    fn as_postgres(&self, line: &str) -> String {
        self.does(&format!("exec runuser --user postgres -- sh -ec '{}'", line.replace('\'', "'\\''")))
    }

    #[track_caller]
    fn does(&self, line: &str) -> String {
        let folder = self.folder.path();
        let output = Command::new("sh").args(["-ec", line]).current_dir(folder).env("PGHOST", folder).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = Command::new("runuser")
            .args(["--user", "postgres", "--", &format!("{BIN}/pg_ctl"), "--mode=immediate", "stop", "--pgdata"])
            .arg(self.folder.path().join("data"))
            .stdout(Stdio::null())
            .status();
    }
}

/// The commands of a text for people that begin with this word.
fn commands(text: &str, word: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    lines.filter(|line| line.starts_with(&format!("{word} "))).map(str::to_string).collect()
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What the texts say is done, word for word, with the comune's own key and a PostgreSQL that knows nothing of it.
fn restored_by_its_own_text(handed: &Path, private: &Path) {
    let bare = Bare::start();
    let at = |folder: &Path, line: &str| bare.does(&format!("cd '{}'; {line}", folder.display()));
    let outer = read(handed, "LEGGIMI.md");
    let sums = commands(&outer, "sha256sum");
    assert_eq!(sums.len(), 1);
    at(handed, &sums[0]);
    let open = commands(&outer, "age");
    assert_eq!(open.len(), 1);
    bare.does(&format!("cp '{}'/* . 2>/dev/null || true", handed.display()));
    bare.does(&open[0].replace("CHIAVE", &private.to_string_lossy()));
    let inside = bare.folder.path().join("albo");
    bare.does("chown --recursive postgres albo");
    let text = read(&inside, "LEGGIMI.md");
    at(&inside, &commands(&text, "sha256sum")[0]);
    let mut database = commands(&text, "createdb");
    database.extend(commands(&text, "psql").into_iter().filter(|line| line.contains("--file=")));
    assert_eq!(database.len(), 2, "{text}");
    for line in database {
        bare.as_postgres(&format!("export PATH={BIN}:$PATH; cd albo; {line}"));
    }
    let asks = |question: &str| bare.as_postgres(&format!("psql -XAt -d albo -c \"{question}\""));
    let manifest: Value = serde_json::from_str(&read(&inside, "manifest.json")).unwrap();
    let tables = manifest["database"]["tables"].as_object().unwrap();
    assert!(tables.len() > 5);
    for (table, says) in tables {
        assert_eq!(asks(&format!("select count(*) from {table}")), says["rows"].to_string(), "{table}");
        // The CSV holds the same rows: NULL, empty text, line breaks and all.
        let file = inside.join(says["file"].as_str().unwrap());
        let differing = format!(
            "create temp table c as select * from {table} with no data; copy c from '{}' (format csv, header true); \
             select count(*) from ((select c::text from c except all select t::text from {table} t) union all \
             (select t::text from {table} t except all select c::text from c)) d",
            file.display()
        );
        let said = bare.as_postgres(&format!("psql -XAtq -d albo <<'END'\n{differing};\nEND"));
        assert_eq!(said, "0", "{table}");
    }
    let objects = asks("select count(*) from pg_largeobject_metadata");
    assert_eq!(objects, bare.does("ls albo/large-objects | wc -l"));
    assert!(objects.parse::<u32>().unwrap() > 2, "{objects}");
    // What the database speaks of is there, whatever it is called.
    let live = on("app2", "cd /srv/comuni/c_e707/albo/data && find . -type f -exec sha256sum {} + | sort");
    assert_eq!(bare.does("cd albo/files && find . -type f -exec sha256sum {} + | sort"), live);
    assert!(live.lines().count() > 1000);
}

#[test]
fn a_comune_gets_its_data_and_stops_also_after_a_kill_and_nobody_else_is_touched() {
    let (lab, host) = seeded();
    let leaver = leaver(lab);
    let (private, public) = key(lab);
    let export = lab.folder().join("consegna");
    let _ = fs::remove_dir_all(&export);
    let before = others("c_e707", "lozza");
    let notices = || on("db1", "runuser -u postgres -- psql -XAt -d c_e707_albo -c 'select count(*) from notice'");
    let all = notices();
    let (export, public) = (export.to_string_lossy().into_owned(), public.to_string_lossy().into_owned());
    let words = ["offboard", "lozza", "--export", &export, "--recipient", &public, "--yes"];
    let is_sign = |line: &Value| {
        line["type"] == "offboard_step"
            || (line["type"] == "step" && matches!(line["event"].as_str(), Some("fixed" | "acted")))
    };
    for at in steps(|seed| [1 + seed % 22]) {
        let killed = killed_at(lab, &words, at, is_sign, kill_here);
        let free = |host: &&str| tries_on(host, "flock -n /run/comuni/lock true").0 == 0;
        eventually("no lock stays", Duration::from_secs(40), || HOSTS.iter().all(|host| free(host)));
        if !killed {
            break;
        }
    }
    let run = lab.comuni(&words).ends_with(0);
    run.says("is handed over").says("the registry must withdraw the DS of comune.lozza.va.it");

    let handed = Path::new(&export).join("c_e707");
    let mut names: Vec<String> =
        fs::read_dir(&handed).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        ["LEGGIMI.md", "SHA256SUMS", "albo.json", "albo.tar.age", "consegna.json", "dns"],
        "no clear text"
    );
    restored_by_its_own_text(&handed, &private);
    let zone = read(&handed, "dns/comune.lozza.va.it.zone");
    let ttls: Vec<u32> = zone.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect();
    assert!(zone.contains("mx1.posta.example.") && ttls.len() > 8 && ttls.iter().all(|ttl| *ttl <= 300), "{zone}");
    assert_eq!(on("ops1", "ls /var/lib/comuni-scratch"), "", "no copy is left where it was proven");

    // It stands still, and what is its own is all there.
    let file = fs::read_to_string(lab.inventory().join("members/lozza.yml")).unwrap();
    assert!(file.contains("leaving") && file.contains("until: 20"), "{file}");
    assert_eq!(tries_on(host, &format!("systemctl is-active comuni-{TENANT}.service")).1.trim(), "inactive");
    assert_ne!(https(lab, host, "albo.comune.lozza.va.it", "/health").0, "200");
    assert_eq!(notices(), all, "its data are all there");
    let record = on("mon1", "knotc zone-read comune.lozza.va.it comune.lozza.va.it. MX | head -n 1");
    let ttl: Option<u32> = record.split_whitespace().nth(2).and_then(|ttl| ttl.parse().ok());
    assert!(ttl.is_some_and(|ttl| ttl <= 300), "{record}");
    lab.is_converged();

    let other: Vec<String> = before.symmetric_difference(&others("c_e707", "lozza")).cloned().collect();
    assert!(before.len() > 60 && other.is_empty(), "what is of the others is not as it was: {other:#?}");

    // Typed again it finds all of it there, and the evidence tells of it.
    lab.comuni(&words).ends_with(0).says("nothing has changed since albo.tar.age was made");
    let history = lab.comuni(&["--format", "json", "history", "--member", "lozza", "--last", "20"]).ends_with(0);
    let handed = history.objects().into_iter().any(|line| {
        let record = &line["value"]["record"];
        let steps = record["steps"].as_array().cloned().unwrap_or_default();
        record["verb"] == "offboard"
            && record["exit_code"] == 0
            && steps.iter().any(|step| step["step"] == "handed over")
    });
    assert!(handed, "{}", history.text());
    drop(leaver);
}

#[test]
fn nobody_is_stopped_whose_data_a_bare_postgresql_does_not_take() {
    let (lab, host) = seeded();
    let leaver = leaver(lab);
    let (private, public) = key(lab);
    let export = lab.folder().join("rifiutata");
    let (export, public) = (export.to_string_lossy().into_owned(), public.to_string_lossy().into_owned());
    let words = ["offboard", "lozza", "--export", &export, "--recipient", &public, "--yes"];

    // Their private key is nothing for us.
    let private = private.to_string_lossy().into_owned();
    let theirs = ["offboard", "lozza", "--export", &export, "--recipient", &private, "--yes"];
    lab.comuni(&theirs).ends_with(64).says("holds a private key");
    // Nobody is there who could agree.
    lab.comuni(&words[..6]).ends_with(64).says("--yes");

    let psql = |line: &str| on("db1", &format!("runuser -u postgres -- psql -Xq -d c_e707_albo -c '{line}'"));
    psql("create policy only_here on register to c_e707_albo using (true)");
    let run = lab.comuni(&words);
    psql("drop policy only_here on register");
    run.ends_with(4).says("a bare PostgreSQL does not take database.sql").says("nothing was deleted");
    let file = fs::read_to_string(lab.inventory().join("members/lozza.yml")).unwrap_or_default();
    assert!(!file.contains("leaving"), "{file}");
    assert_eq!(on(host, &format!("systemctl is-active comuni-{TENANT}.service")), "active");
    assert_eq!(on("ops1", "ls /var/lib/comuni-scratch"), "");
    lab.is_converged();
    drop(leaver);
}
