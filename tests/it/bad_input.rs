//! Bad input as a person meets it: the whole command, its exit code, and every word of its standard error.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519;
use assert_cmd::Command;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use comuni::inventory;

use crate::golden::{Golden, root};

/// A sound inventory in a folder of its own, as `comuni init` writes it, with what each test does to it.
struct Desk {
    folder: tempfile::TempDir,
}

/// What a command said on standard error, with its exit code.
struct Said {
    line: String,
    code: i32,
    stderr: String,
    stdout: String,
}

impl Desk {
    /// With host key, certificate authority and two age keys: nothing is left to remark.
    fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        inventory::init::init(&desk.path("inv"), None).unwrap();
        let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20".as_slice(), &[7; 32]].concat();
        let pinned = format!("host_key: ssh-ed25519 {}\n    capacity:", BASE64_STANDARD.encode(blob));
        desk.change("inv/hosts.yml", "capacity:", &pinned);
        let keys = format!("technicians: {{ anna: {} }}", desk.key("anna"));
        desk.change("inv/consortium.yml", "technicians: {}", &keys);
        let recovery = format!("recovery: {}", desk.key("recovery"));
        desk.change("inv/consortium.yml", "# recovery: age1…", &recovery);
        let consortium = inventory::load(&desk.path("inv")).unwrap().inventory.consortium;
        desk.write("inv/authority.pem", comuni::authority::make(&consortium).unwrap().0);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    /// A shipped playbook or template, changed and put into the inventory, where it wins over the built-in one.
    fn own(&self, name: &str, from: &str, to: &str) {
        self.write(&format!("inv/{name}"), fs::read(root().join(name)).unwrap());
        self.change(&format!("inv/{name}"), from, to);
    }

    /// Writes a new age identity and gives its public key.
    fn key(&self, name: &str) -> String {
        let identity = x25519::Identity::generate();
        self.write(name, identity.to_string().expose_secret());
        identity.to_public().to_string()
    }

    /// Runs the command with something on its standard input, for what asks.
    fn run(&self, arguments: &str) -> Said {
        let mut command = comuni(self.folder.path());
        let output = command.args(arguments.split(' ')).write_stdin("a value\n").output().unwrap();
        let place = self.folder.path().to_str().unwrap();
        Said {
            line: format!("comuni {arguments}"),
            code: output.status.code().unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap().replace(place, "/desk"),
            stdout: String::from_utf8(output.stdout).unwrap(),
        }
    }
}

fn comuni(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("comuni").unwrap();
    for variable in ["COMUNI_INVENTORY", "COMUNI_IDENTITY", "COMUNI_SSH_KEY", "SSH_AUTH_SOCK"] {
        command.env_remove(variable);
    }
    command.env("HOME", folder).current_dir(folder);
    command
}

impl Golden {
    fn said(&mut self, case: &str, code: i32, said: &Said) {
        assert_eq!(said.code, code, "{case}: {}", said.stderr);
        assert!(said.stderr.lines().all(|line| line.len() < 600), "{case}: a line that nobody reads");
        self.same(format!("bad_input/{case}.txt"), &format!("$ {}\n{}exit {code}\n", said.line, said.stderr));
    }
}

#[test]
fn the_desk_itself_is_sound() {
    let said = Desk::new().run("-i inv validate");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let remark = "the archive of a release is not here yet, and apply needs it: /desk/inv/releases/albo-1.0.0.tar.gz";
    assert_eq!(said.stderr.trim_end(), remark);
}

/// What a file may not be, whatever it is: a member, a playbook, a template.
#[test]
fn a_file_that_is_no_honest_text_is_refused_wherever_it_lies() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let big = "a".repeat(10_000_000);
    let contents: [(&str, &[u8]); 5] = [
        ("anchor-bomb", bomb.as_bytes()),
        ("tab", b"- name: Lozza\n\tkind: comune\n"),
        ("bom", b"\xef\xbb\xbf- name: Lozza\n"),
        ("not-utf-8", b"# Viggi\xf9\n"),
        ("10-mb", big.as_bytes()),
    ];
    let mut golden = Golden::default();
    for (what, file) in [
        ("member", "inv/members/lozza.yml"),
        ("playbook", "inv/playbooks/tenant.yml"),
        ("template", "inv/templates/tenant/nginx.conf.tera"),
    ] {
        let desk = Desk::new();
        for (how, content) in contents {
            if what == "template" && matches!(how, "anchor-bomb" | "tab") {
                continue;
            }
            desk.write(file, content);
            golden.said(&format!("{what}-{how}"), 65, &desk.run("-i inv validate"));
        }
        fs::remove_file(desk.path(file)).unwrap();
        fs::create_dir(desk.path(file)).unwrap();
        golden.said(&format!("{what}-folder"), 65, &desk.run("-i inv validate"));
    }
    golden.agree();
}

#[test]
fn mistakes_in_playbooks_and_templates_are_told_where_they_stand() {
    let mut golden = Golden::default();
    let (playbook, site) = ("playbooks/tenant.yml", "templates/tenant/nginx.conf.tera");
    for (case, name, from, to) in [
        ("template-undefined-name", site, "tenant.host_name | nginx", "tenant.host_nam | nginx"),
        ("template-includes-itself", site, "server {", "{% include \"tenant/nginx.conf.tera\" %} server {"),
        ("template-includes-nothing", site, "server {", "{% include \"tenant/ngnix.conf.tera\" %} server {"),
        ("template-syntax", site, "server {", "{{ tenant. }} server {"),
        ("step-unknown-kind", playbook, "- service:", "- servce:"),
        ("step-unknown-field", playbook, "login: false", "log_in: false"),
        ("step-wrong-type", playbook, "login: false", "login: perhaps"),
        ("step-list-for-text", playbook, "mode: \"0755\"", "mode: [\"0755\"]"),
        ("step-unknown-template", playbook, "template: tenant/pgpass.tera", "template: tenant/pgpas.tera"),
        ("condition-undefined-name", playbook, "when: not tenant.stopped", "when: not tenant.stoped"),
        ("play-unknown-place", playbook, "on: tenant.database_host", "on: tenant.databse_host"),
    ] {
        let desk = Desk::new();
        desk.own(name, from, to);
        golden.said(case, 65, &desk.run("-i inv validate"));
    }
    let desk = Desk::new();
    desk.write("inv/templates/tenant/nginx.conf.tera", "{% include \"tenant/more.tera\" %}");
    desk.write("inv/templates/tenant/more.tera", "{% include \"tenant/nginx.conf.tera\" %}");
    golden.said("template-include-loop", 65, &desk.run("-i inv validate"));
    let desk = Desk::new();
    desk.write("inv/playbooks/tenants.yml", "[]");
    golden.said("playbook-of-no-area", 65, &desk.run("-i inv validate"));
    golden.agree();
}

#[test]
fn without_an_inventory_the_way_to_one_is_said() {
    let desk = Desk::new();
    fs::create_dir(desk.path("empty")).unwrap();
    let mut golden = Golden::default();
    for (case, code, line) in [
        ("inventory-missing", 65, "-i nowhere plan"),
        ("inventory-empty", 65, "-i empty validate"),
        ("inventory-here", 65, "validate"),
        ("inventory-is-a-file", 65, "-i inv/hosts.yml validate"),
        ("init-not-empty", 64, "init inv"),
        ("init-over-a-file", 64, "init inv/hosts.yml"),
        ("init-no-province", 64, "init new --province Como --body x"),
        ("init-nobody-said", 64, "init new --province CO"),
        ("init-no-technician", 64, "init new --province CO --body x --technician anna"),
        ("init-no-machine", 64, "init new --province CO --body x --host db1=10.0.0.5:cook"),
        ("init-no-domain", 65, "init new --province CO --body x --domain nowhere_"),
    ] {
        golden.said(case, code, &desk.run(line));
    }
    fs::remove_file(desk.path("inv/authority.pem")).unwrap();
    golden.said("no-authority", 65, &desk.run("-i inv plan"));
    golden.agree();
}

#[test]
fn a_selector_that_matches_nothing_is_wrong_usage_with_near_names() {
    let desk = Desk::new();
    let mut golden = Golden::default();
    for (case, line) in [
        ("member-near", "-i inv plan --member malnat"),
        ("member-glob", "-i inv plan --member z*"),
        ("member-of-the-register", "-i inv apply --yes --member Besozzo"),
        ("member-second", "-i inv plan --member malnate --member bussero"),
        ("host-near", "-i inv plan --host all"),
        ("host-glob", "-i inv plan --host app*"),
        ("area-near", "-i inv plan --area tenants"),
        ("show-member", "-i inv show member E864"),
        ("show-host", "-i inv show host all2"),
        ("show-application", "-i inv show application alba"),
        ("show-catalog", "-i inv show catalog db1"),
    ] {
        golden.said(&format!("selector-{case}"), 64, &desk.run(line));
    }
    golden.agree();
}

#[test]
fn a_secret_file_that_is_not_for_my_key_names_those_it_is_for() {
    let desk = Desk::new();
    fs::remove_file(desk.path("inv/authority.pem")).unwrap();
    let made = desk.run("-i inv secrets set --missing --identity anna");
    assert_eq!(made.code, 0, "{}", made.stderr);
    desk.key("stranger");
    let token = "secret://c_e863/albo/database_password_a";
    let mut golden = Golden::default();
    let run = |line: &str| desk.run(&format!("-i inv secrets {line}"));
    golden.said("secret-not-for-my-key", 65, &run(&format!("show --reveal {token} --identity stranger")));
    golden.said("secret-without-a-key", 65, &run(&format!("show --reveal {token}")));
    golden.said("secrets-listed-by-a-stranger", 0, &run("show --identity stranger"));
    golden.said("secret-set-by-a-stranger", 65, &run("set --missing --identity stranger"));
    golden.said("identity-missing", 64, &run("show --identity nobody"));
    golden.said("identity-is-none", 64, &run("show --identity inv/hosts.yml"));
    golden.said("secret-near", 64, &run(&format!("show {} --identity anna", token.replace("password", "pasword"))));
    golden.said("secret-is-no-token", 64, &run("show database_password --identity anna"));
    golden.said("secret-of-nobody", 64, &run("set secret://c_e864/albo/smtp_password --identity anna"));
    golden.said("secret-set-to-no-token", 64, &run("set smtp_password --identity anna"));
    golden.said("secret-set-twice", 64, &run(&format!("set {token} --identity anna")));
    fs::write(desk.path("inv/secrets/c_e863.age"), "age-encryption.org/v1\n-> X25519 broken").unwrap();
    golden.said("secret-file-damaged", 65, &run(&format!("show --reveal {token} --identity anna")));
    golden.agree();
}

#[test]
fn when_a_technician_leaves_it_is_said_who_gains_who_loses_and_what_is_still_known() {
    let desk = Desk::new();
    fs::remove_file(desk.path("inv/authority.pem")).unwrap();
    let bruno = desk.key("bruno");
    desk.change("inv/consortium.yml", "technicians: { ", &format!("technicians: {{ bruno: {bruno}, "));
    assert_eq!(desk.run("-i inv secrets set --missing --identity anna").code, 0);
    let mut golden = Golden::default();
    let run = |line: &str| desk.run(&format!("-i inv {line}"));
    golden.said("rekey-nothing", 0, &run("secrets rekey --check --identity anna"));
    let carla = desk.key("carla");
    desk.change("inv/consortium.yml", &format!("bruno: {bruno}"), &format!("carla: {carla}"));
    let pending = run("secrets rekey --check --identity anna");
    assert_eq!(
        pending.stdout,
        "bruno would lose 2 files: c_e863, consortium\ncarla would gain 2 files: c_e863, consortium\n"
    );
    golden.said("rekey-pending", 2, &pending);
    golden.said("rekey-shown", 0, &run("secrets show --identity anna"));
    golden.said("rekey-by-who-is-not-in-yet", 65, &run("secrets rekey --identity carla"));
    let done = run("secrets rekey --identity anna");
    assert_eq!(
        done.stdout,
        "bruno loses 2 files: c_e863, consortium\ncarla gains 2 files: c_e863, consortium\n\
         2 files encrypted anew, 0 right already; commit the folder secrets/\n"
    );
    golden.said("rekey-done", 0, &done);
    golden.said("rekey-advice-stays", 0, &run("secrets show --identity carla"));
    desk.change("inv/consortium.yml", &format!("carla: {carla}, "), "");
    let said = run("validate");
    assert!(
        said.stderr.contains("secrets/c_e863.age: it is encrypted to 3 age keys, and consortium.yml has 2"),
        "{}",
        said.stderr
    );
    golden.said("rotate-of-whom", 64, &run("secrets rotate --yes --identity anna"));
    golden.said("rotate-without-consent", 64, &run("secrets rotate --all --identity anna"));
    golden.agree();
}

#[test]
fn secrets_need_a_recovery_key_and_a_technician_first() {
    let mut golden = Golden::default();
    for (case, key) in [("no-recovery-key", "recovery:"), ("no-technician", "technicians:")] {
        let desk = Desk::new();
        fs::remove_file(desk.path("inv/authority.pem")).unwrap();
        desk.change("inv/consortium.yml", &format!("\n{key}"), "\nx-away:");
        golden.said(case, 65, &desk.run("-i inv secrets set --missing --identity anna"));
    }
    golden.agree();
}

#[test]
fn an_archive_with_another_hash_is_refused_before_any_host_sees_it() {
    let desk = Desk::new();
    desk.write("inv/releases/albo-1.0.0.tar.gz", "not what was bought\n");
    let mut golden = Golden::default();
    golden.said("archive-differs", 65, &desk.run("-i inv validate"));
    golden.agree();
}

/// The cases of `tests/golden/inventory`, whose words `validate::` compares, through the command itself.
#[test]
fn every_bad_inventory_exits_65_with_its_words_on_standard_error() {
    let (mut bad, mut good) = (0, 0);
    for case in fs::read_dir(root().join("tests/golden/inventory")).unwrap().map(|entry| entry.unwrap().path()) {
        let expected = fs::read_to_string(case.join("expected.txt")).unwrap();
        let Some(expected) = expected.strip_prefix("exit 65\n") else {
            good += 1;
            continue;
        };
        let name = format!("tests/golden/inventory/{}/in", case.file_name().unwrap().to_str().unwrap());
        let output = comuni(&root()).args(["-i", &name, "validate"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{name}: {stderr}");
        assert!(output.stdout.is_empty(), "{name}: nothing for a pipe to read");
        let message = expected.split("\nhint: ").next().unwrap().trim_end();
        assert!(stderr.contains(message), "{name}:\n{stderr}");
        bad += 1;
    }
    assert!(bad > 40 && good > 0, "{bad} {good}");
}
