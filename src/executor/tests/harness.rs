//! A host with a small model of systemd, and a control that holds conversations with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::catalog::{Area, Catalog, Entry, Origin, Stage};
use crate::executor::store::Settings;
use crate::executor::{manifest::Manifest, serve};
use crate::failure::Result;
use crate::machine::{Command, Fake, Output, World};
use crate::protocol::{Finding, FromHost, Mode, Operator, Outcome, Request, ToHost, read_line, write_line};
use crate::resources::{
    Directory, File, Notification, Package, Resource, SecretTable, SecretValue, Service, User, Validator,
};

/// How `c_e863-albo` is backed up from a host.
pub const BACKED_UP: &str = r#"{"version":1,"tenant":"c_e863-albo","host":"app1","member":"c_e863","application":"albo","release":"1.0.0",
    "data":"/srv/comuni/c_e863/albo/data","repository":{"ssh":"/etc/ssh","key_file":"/etc/key"},
    "policy":{"rpo_hours":26,"keep_days":90,"within_minutes":180,"shrink_percent":50,"changing_files":20}}"#;

/// A host and where it keeps its things. Locks are real files, hence a real folder for them.
pub struct Host {
    pub fake: Fake,
    pub settings: Settings,
    _folder: TempDir,
}

impl Host {
    pub fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            run: folder.path().join("comuni"),
            silence: Duration::from_secs(5),
            confirm_within: Duration::from_millis(400),
            ..Settings::of_a_host("/usr/local/lib/comuni/comuni-host-1".into())
        };
        let mut fake = Fake::new();
        fake.program("systemctl", systemctl);
        fake.program("systemd-run", |_, _| said(0, ""));
        fake.with_file("/proc/sys/kernel/random/boot_id", "5c1a\n", 0o444);
        fake.with_directory("/etc/comuni", 0o755);
        Host { fake, settings, _folder: folder }
    }

    /// A unit that is installed and runs.
    pub fn with_running(mut self, unit: &str) -> Host {
        self.fake.world.notes.insert(format!("unit {unit}"), "active".to_string());
        self
    }

    /// Holds one conversation; gives how it ended and all that the host said.
    pub fn converse(&mut self, talk: impl FnOnce(&mut Control) + Send + 'static) -> (Result<()>, Vec<FromHost>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let control = std::thread::spawn(move || {
            let input = BufReader::new(ours.try_clone().unwrap());
            let mut control = Control { input, output: ours, heard: Vec::new() };
            talk(&mut control);
            // As a closed ssh connection would: nothing more comes, but what is on its way is still read.
            let _ = control.output.shutdown(std::net::Shutdown::Write);
            while control.next().is_some() {}
            control.heard
        });
        let input = theirs.try_clone().unwrap();
        let ended = serve(input, theirs, &mut self.fake, self.settings.clone());
        (ended, control.join().unwrap())
    }

    /// Plans a request.
    pub fn plan(&mut self, request: Request) -> Vec<FromHost> {
        let request = Request { mode: Mode::Plan, ..request };
        let (ended, heard) = self.converse(move |control| {
            control.request(request);
            control.end();
        });
        ended.unwrap();
        heard
    }

    /// Applies a request the way control does: only stages with something to do, then the revision.
    pub fn apply(&mut self, request: Request) -> Vec<FromHost> {
        let (ended, heard) = self.converse(move |control| control.apply(request));
        ended.unwrap();
        heard
    }

    pub fn manifest(&self) -> Manifest {
        serde_json::from_str(&self.fake.world.text("/var/lib/comuni/manifest.json")).unwrap()
    }

    pub fn text(&self, path: &str) -> String {
        self.fake.world.text(path)
    }

    pub fn is_there(&self, path: &str) -> bool {
        self.fake.world.node(Path::new(path)).is_some()
    }

    /// Commands that were run and whose words contain this.
    pub fn ran(&self, words: &str) -> usize {
        self.fake.changes().iter().filter(|change| change.starts_with("run ") && change.contains(words)).count()
    }
}

/// The other end of the wire.
pub struct Control {
    input: BufReader<UnixStream>,
    pub output: UnixStream,
    pub heard: Vec<FromHost>,
}

impl Control {
    pub fn send(&mut self, message: ToHost) {
        // The host may be gone already: some tests are about that.
        let _ = write_line(&mut self.output, &message);
    }

    pub fn next(&mut self) -> Option<FromHost> {
        let event = read_line::<FromHost>(&mut self.input).ok().flatten()?;
        self.heard.push(event.clone());
        Some(event)
    }

    /// Listens until this is heard, or the host has nothing more to say.
    pub fn until(&mut self, wanted: impl Fn(&FromHost) -> bool) {
        let last = |event: &FromHost| matches!(event, FromHost::Busy(_) | FromHost::Refused { .. } | FromHost::End);
        while !self.heard.last().is_some_and(last) {
            match self.next() {
                Some(event) if !wanted(&event) => {}
                _ => return,
            }
        }
    }

    pub fn request(&mut self, request: Request) {
        self.send(ToHost::Request(Box::new(request)));
        self.until(|event| matches!(event, FromHost::Checked { .. }));
    }

    pub fn stage(&mut self, stage: Stage) {
        self.stage_without(stage, &[]);
    }

    pub fn stage_without(&mut self, stage: Stage, without: &[&str]) {
        let without = without.iter().map(ToString::to_string).collect();
        self.send(ToHost::Stage { stage, without });
        self.until(|event| matches!(event, FromHost::StageDone { .. }));
    }

    pub fn end(&mut self) {
        self.send(ToHost::End);
        self.until(|event| matches!(event, FromHost::End));
    }

    pub fn apply(&mut self, request: Request) {
        self.request(request);
        let debts = self.heard.iter().any(|event| matches!(event, FromHost::Hold { debts, .. } if !debts.is_empty()));
        let mut stages: BTreeSet<Stage> = findings(&self.heard).into_iter().map(|finding| finding.stage).collect();
        if debts && stages.is_empty() {
            stages.insert(Stage::Application);
        }
        for stage in stages {
            self.stage(stage);
        }
        self.send(ToHost::Record { revision: "r1".to_string() });
        self.until(|event| matches!(event, FromHost::Recorded));
        self.end();
    }
}

pub fn said(status: i32, words: &str) -> Output {
    Output { status, stdout: words.into(), stderr: if status == 0 { Vec::new() } else { words.into() } }
}

/// Units are notes (`unit nginx.service` = `active`). A note `refuses nginx.service` makes each reload and restart
/// fail while the file it names holds the word `poison`.
fn systemctl(world: &mut World, command: &Command) -> Output {
    let words: Vec<&str> = command.argv[1..].iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let refuses = |world: &World, unit: &str| {
        world.notes.get(&format!("refuses {unit}")).is_some_and(|path| world.text(path).contains("poison"))
    };
    match words[..] {
        ["daemon-reload"] => said(0, ""),
        ["show", ref units @ ..] => {
            let known: Vec<String> =
                world.notes.keys().filter_map(|key| Some(key.strip_prefix("unit ")?.to_string())).collect();
            let named = units.iter().map(ToString::to_string).filter(|unit| !unit.contains('*'));
            let all: BTreeSet<String> = named.chain(known).collect();
            let shown: Vec<String> = all
                .iter()
                .filter(|unit| units.contains(&unit.as_str()) || units.iter().any(|unit| unit.contains('*')))
                .map(|unit| {
                    let state = world.notes.get(&format!("unit {unit}")).map_or("inactive", String::as_str);
                    let enabled = world.notes.contains_key(&format!("enabled {unit}"));
                    let enabled = if enabled { "enabled" } else { "disabled" };
                    format!("Id={unit}\nLoadState=loaded\nActiveState={state}\nSubState={state}\nUnitFileState={enabled}\nNeedDaemonReload=no\nType=simple\n")
                })
                .collect();
            said(0, &shown.join("\n"))
        }
        ["reload-or-restart" | "restart" | "start" | "reload", unit] => {
            if refuses(world, unit) {
                return said(1, &format!("Job for {unit} failed."));
            }
            world.notes.insert(format!("unit {unit}"), "active".to_string());
            said(0, "")
        }
        ["stop", unit] => {
            world.notes.insert(format!("unit {unit}"), "inactive".to_string());
            said(0, "")
        }
        ["enable", unit] => {
            world.notes.insert(format!("enabled {unit}"), String::new());
            said(0, "")
        }
        ["disable", unit] => {
            world.notes.remove(&format!("enabled {unit}"));
            if command.argv.iter().any(|word| word == "--now") {
                world.notes.insert(format!("unit {unit}"), "inactive".to_string());
            }
            said(0, "")
        }
        _ => said(0, ""),
    }
}

pub fn file(path: &str, content: &str) -> File {
    File {
        path: path.to_string(),
        content: content.to_string(),
        owner: "root".to_string(),
        group: "root".to_string(),
        mode: 0o644,
        validate: None,
        notify: None,
        confirm: None,
    }
}

/// A fragment that nginx reads with the others.
pub fn fragment(tenant: &str, content: &str) -> File {
    File {
        validate: Some(Validator::Nginx),
        notify: Some(Notification::Reload("nginx".to_string())),
        ..file(&format!("/etc/nginx/comuni.d/{tenant}.conf"), content)
    }
}

pub fn directory(path: &str) -> Directory {
    let (owner, group) = ("root".to_string(), "root".to_string());
    Directory { path: path.to_string(), owner, group, mode: 0o755, data: false, exclusive: false }
}

pub fn service(unit: &str) -> Resource {
    Resource::Service(Service { unit: unit.to_string(), enabled: true, running: true, within_seconds: 180 })
}

pub fn package(name: &str) -> Resource {
    Resource::Package(Package { names: vec![name.to_string()] })
}

pub fn user(name: &str) -> Resource {
    Resource::User(User {
        name: name.to_string(),
        home: format!("/srv/{name}"),
        shell: "/usr/sbin/nologin".to_string(),
        group: None,
        groups: Vec::new(),
        comment: String::new(),
    })
}

pub fn secret(id: &str, replaces: &[&str], value: &str) -> SecretValue {
    let replaces = replaces.iter().map(ToString::to_string).collect();
    SecretValue { id: id.to_string(), replaces, value: value.to_string(), withheld: false }
}

pub fn secrets(token: &str, value: SecretValue) -> SecretTable {
    SecretTable { values: BTreeMap::from([(token.to_string(), value)]) }
}

/// An entry of the area `tenant`, stage `application`; of the area and stage `host` when the host owns it.
pub fn owned_by(owner: &str, resource: impl Into<Resource>) -> Entry {
    let resource = resource.into();
    let host = owner == "host";
    Entry {
        id: resource.id(),
        owner: owner.to_string(),
        tenant: (!host).then(|| format!("{owner}-albo")),
        area: if host { Area::Host } else { Area::Tenant },
        stage: if host { Stage::Host } else { Stage::Application },
        origin: Origin { playbook: "playbooks/tenant.yml".to_string(), line: 7, play: "A tenant".to_string() },
        resource,
    }
}

impl From<File> for Resource {
    fn from(file: File) -> Resource {
        Resource::File(file)
    }
}

impl From<Directory> for Resource {
    fn from(directory: Directory) -> Resource {
        Resource::Directory(directory)
    }
}

/// A request of everybody for everything.
pub fn wants(entries: Vec<Entry>) -> Request {
    let operator = Operator { user: "anna".to_string(), machine: "ced1".to_string(), fingerprint: None };
    Request {
        mode: Mode::Apply,
        operator,
        verb: "apply".to_string(),
        catalog: Catalog { host: "app1".to_string(), entries },
        owners: BTreeSet::new(),
        areas: BTreeSet::new(),
        members: ["c_e863", "c_e707", "c_a825"].map(ToString::to_string).into(),
        secrets: SecretTable::default(),
        allowed: BTreeSet::new(),
        purge: BTreeSet::new(),
    }
}

pub fn findings(heard: &[FromHost]) -> Vec<Finding> {
    heard
        .iter()
        .filter_map(|event| match event {
            FromHost::Finding(finding) => Some(finding.clone()),
            _ => None,
        })
        .collect()
}

/// The one finding about this id.
pub fn outcome(heard: &[FromHost], id: &str) -> Outcome {
    let found = findings(heard).into_iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("nothing was found about {id} in {heard:#?}")).outcome
}

pub fn fixed(heard: &[FromHost]) -> Vec<String> {
    heard
        .iter()
        .filter_map(|event| match event {
            FromHost::Fixed { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect()
}

pub fn skipped(heard: &[FromHost]) -> Vec<String> {
    heard
        .iter()
        .filter_map(|event| match event {
            FromHost::Skipped { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect()
}

/// Owners that failed, with the words.
pub fn failed(heard: &[FromHost]) -> BTreeMap<String, String> {
    heard
        .iter()
        .filter_map(|event| match event {
            FromHost::Failed { owner, message, .. } => Some((owner.clone(), message.clone())),
            _ => None,
        })
        .collect()
}
