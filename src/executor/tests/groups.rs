use super::harness::{Host, failed, file, fixed, fragment, owned_by, said, secret, secrets, service, skipped, wants};
use crate::catalog::Entry;
use crate::machine::{Command, Output, World};
use crate::protocol::Request;
use crate::resources::{File, Notification, Validator};

const MAIN: &str = "/etc/nginx/nginx.conf";

/// Reads the staged tree as nginx would: what it finds wrong it names by its own (staged) path.
fn nginx(world: &mut World, command: &Command) -> Output {
    let main = command.argv.last().cloned().unwrap_or_default();
    if main == MAIN {
        return said(1, "asked about the real tree");
    }
    let text = world.text(&main);
    let Some(folder) = text.lines().find_map(|line| line.strip_prefix("include ")?.strip_suffix("/*.conf;")) else {
        return said(1, &format!("nothing is included by {main}: {text}"));
    };
    world.notes.entry("validated".to_string()).or_default().push('x');
    let mut names = Vec::new();
    for tenant in ["c_a825-albo", "c_e707-albo", "c_e863-albo"] {
        let path = format!("{folder}/{tenant}.conf");
        let text = world.text(&path);
        if text.contains("bad") {
            return said(1, &format!("nginx: [emerg] unknown directive \"bad\" in {path}:1"));
        }
        for name in text.lines().filter_map(|line| line.strip_prefix("name ")) {
            if names.contains(&name.to_string()) {
                return said(1, &format!("nginx: [emerg] {name} twice in {path}"));
            }
            names.push(name.to_string());
        }
    }
    said(0, "")
}

fn host() -> Host {
    let mut host = Host::new().with_running("nginx.service");
    host.fake.program("nginx", nginx);
    host.fake.with_file(MAIN, "include /etc/nginx/comuni.d/*.conf;\n", 0o644);
    host.fake.with_directory("/etc/nginx/comuni.d", 0o755);
    host
}

fn malnate(content: &str) -> Entry {
    owned_by("c_e863", fragment("c_e863-albo", content))
}

fn lozza(content: &str) -> Entry {
    owned_by("c_e707", fragment("c_e707-albo", content))
}

fn on_disk(host: &Host, tenant: &str) -> String {
    host.text(&format!("/etc/nginx/comuni.d/{tenant}.conf"))
}

#[test]
fn a_group_is_validated_once_swapped_and_reloaded_once() {
    let mut host = host();
    let heard = host.apply(wants(vec![malnate("ok 1\n"), lozza("ok 1\n")]));
    assert_eq!(fixed(&heard).len(), 2);
    assert_eq!(host.fake.world.notes["validated"], "x");
    assert_eq!(host.ran("reload-or-restart nginx.service"), 1);
    assert_eq!(host.text("/var/lib/comuni/owed.json").trim(), "[]");
    let stage = host.settings.run.join("stage/nginx");
    assert!(!host.is_there(&stage.display().to_string()), "the stage holds what others must not read");
}

#[test]
fn one_bad_owner_keeps_its_version_on_disk_and_the_others_go_on() {
    let mut host = host();
    host.apply(wants(vec![malnate("ok 1\n"), lozza("ok 1\n")]));
    let after = owned_by("c_e863", file("/etc/comuni/after", "x"));
    let heard = host.apply(wants(vec![malnate("bad\n"), lozza("ok 2\n"), after]));
    assert_eq!((on_disk(&host, "c_e863-albo").as_str(), on_disk(&host, "c_e707-albo").as_str()), ("ok 1\n", "ok 2\n"));
    let words = &failed(&heard)["c_e863"];
    assert!(words.contains("unknown directive \"bad\" in /etc/nginx/comuni.d/c_e863-albo.conf:1"), "{words}");
    assert_eq!(failed(&heard).len(), 1);
}

#[test]
fn two_that_only_clash_with_each_other_cost_the_second_one_alone() {
    let mut host = host();
    let heard = host.apply(wants(vec![malnate("name www\n"), lozza("name www\n")]));
    assert_eq!(failed(&heard).keys().collect::<Vec<_>>(), ["c_e707"]);
    assert_eq!(on_disk(&host, "c_e863-albo"), "name www\n");
    assert_eq!(on_disk(&host, "c_e707-albo"), "");
}

#[test]
fn a_broken_file_on_disk_is_mended_by_its_owner_and_blames_nobody_else() {
    let mut host = host();
    host.fake.with_file("/etc/nginx/comuni.d/c_e863-albo.conf", "bad\n", 0o644);
    let heard = host.apply(wants(vec![malnate("ok 1\n"), lozza("ok 1\n")]));
    assert_eq!((failed(&heard).len(), fixed(&heard).len()), (0, 2));
    // With the disk broken already, the one whose absence would not help is not to blame for it.
    host.fake.with_file("/etc/nginx/comuni.d/c_e863-albo.conf", "bad\n", 0o644);
    let heard = host.apply(wants(vec![malnate("ok 2\n"), lozza("bad\n")]));
    assert_eq!(failed(&heard).keys().collect::<Vec<_>>(), ["c_e707"]);
    assert_eq!(on_disk(&host, "c_e863-albo"), "ok 2\n");
}

#[test]
fn a_failed_reload_puts_everything_of_the_group_back_and_reloads_again() {
    let mut host = host();
    host.apply(wants(vec![malnate("ok 1\n"), lozza("ok 1\n")]));
    let path = "/etc/nginx/comuni.d/c_e863-albo.conf".to_string();
    host.fake.world.notes.insert("refuses nginx.service".to_string(), path);
    let heard = host.apply(wants(vec![malnate("poison\n"), lozza("ok 2\n")]));
    assert_eq!((on_disk(&host, "c_e863-albo").as_str(), on_disk(&host, "c_e707-albo").as_str()), ("ok 1\n", "ok 1\n"));
    let words = failed(&heard);
    assert_eq!(words.keys().collect::<Vec<_>>(), ["c_e707", "c_e863"]);
    assert!(words["c_e863"].contains("Job for nginx.service failed.; it was put back"), "{words:?}");
    assert_eq!(host.ran("reload-or-restart nginx.service"), 3);
    assert_eq!(host.text("/var/lib/comuni/owed.json").trim(), "[]");
    assert_eq!(fixed(&heard), [] as [&str; 0]);
}

#[test]
fn a_new_file_that_is_put_back_is_gone_again() {
    let mut host = host();
    let path = "/etc/nginx/comuni.d/c_e863-albo.conf".to_string();
    host.fake.world.notes.insert("refuses nginx.service".to_string(), path.clone());
    host.apply(wants(vec![malnate("poison\n")]));
    assert!(!host.is_there(&path));
}

#[test]
fn a_validator_that_is_not_installed_is_a_failure_and_nothing_is_swapped() {
    let mut host = host();
    host.fake.program("nginx", |_, _| said(127, "nginx: not found"));
    let heard = host.apply(wants(vec![malnate("ok 1\n")]));
    assert!(failed(&heard)["c_e863"].contains("nginx: not found"));
    assert_eq!(on_disk(&host, "c_e863-albo"), "");
}

#[test]
fn units_are_validated_and_loaded_before_their_service_is_started() {
    let mut host = Host::new();
    let unit = File { validate: Some(Validator::Systemd), ..file("/etc/systemd/system/albo.service", "[Service]\n") };
    let heard = host.apply(wants(vec![owned_by("c_e863", unit), owned_by("c_e863", service("albo.service"))]));
    assert_eq!(fixed(&heard), ["file:/etc/systemd/system/albo.service", "service:albo.service"], "{heard:#?}");
    let changes = host.fake.changes().to_vec();
    let place = |words: &str| changes.iter().position(|change| change.contains(words)).unwrap();
    assert!(place("systemd-analyze verify") < place("write /etc/systemd/system/albo.service"));
    assert!(place("write /etc/systemd/system/albo.service") < place("systemctl daemon-reload"));
    assert!(place("systemctl daemon-reload") < place("systemctl start albo.service"));
    assert!(changes[place("systemd-analyze")].ends_with("/stage/systemd/units/albo.service"));
}

/// The rules and the tests of the stage must be of one version.
fn promtool(world: &mut World, command: &Command) -> Output {
    let rules = command.argv.last().cloned().unwrap_or_default().replace("prometheus.yml", "comuni/rules/comuni.yml");
    let test = rules.replace("rules/comuni.yml", "tests/c_e863.yml");
    if world.text(&rules) == world.text(&test) { said(0, "") } else { said(1, "a test of another version") }
}

#[test]
fn rules_and_the_tests_of_members_come_together_while_prometheus_runs() {
    let at = |path: &str, content: &str| {
        let notify = Some(Notification::Reload("prometheus.service".to_string()));
        File { validate: Some(Validator::Prometheus), notify, ..file(&format!("/etc/prometheus/{path}"), content) }
    };
    let both = |version: &str| {
        let mut test = owned_by("c_e863", at("comuni/tests/c_e863.yml", version));
        test.stage = crate::catalog::Stage::Host;
        vec![
            owned_by("host", at("prometheus.yml", version)),
            owned_by("host", at("comuni/rules/comuni.yml", version)),
            owned_by("host", service("prometheus.service")),
            test,
        ]
    };
    for running in [true, false] {
        let mut host = Host::new();
        host.fake.program("promtool", promtool);
        host.fake.program("xargs", |_, _| said(0, ""));
        host.fake.with_directory("/etc/prometheus/comuni/targets/members", 0o755);
        for path in ["prometheus.yml", "comuni/rules/comuni.yml", "comuni/tests/c_e863.yml"] {
            host.fake.with_file(&format!("/etc/prometheus/{path}"), "1", 0o644);
        }
        let mut host = if running { host.with_running("prometheus.service") } else { host };
        let heard = host.apply(wants(both("2")));
        // One that is down may be so because of what it reads: it gets the new files before it is started.
        assert_eq!(failed(&heard).is_empty(), running, "{heard:#?}");
        let wanted = if running { "2" } else { "1" };
        assert_eq!(host.text("/etc/prometheus/comuni/rules/comuni.yml"), wanted);
    }
}

#[test]
fn an_owner_that_failed_while_its_file_waited_is_left_out() {
    let mut host = host();
    let broken = File { owner: "nobody".to_string(), ..file("/etc/comuni/broken", "x") };
    let heard = host.apply(wants(vec![malnate("ok 1\n"), owned_by("c_e863", broken), lozza("ok 1\n")]));
    assert_eq!(skipped(&heard), ["file:/etc/nginx/comuni.d/c_e863-albo.conf"]);
    assert_eq!(fixed(&heard), ["file:/etc/nginx/comuni.d/c_e707-albo.conf"]);
}

#[test]
fn relative_includes_of_sshd_lead_into_the_stage_and_host_keys_stay() {
    let mut host = Host::new().with_running("ssh.service");
    host.fake.with_file(
        "/etc/ssh/sshd_config",
        "Include sshd_config.d/*.conf\nHostKey /etc/ssh/ssh_host_rsa_key\n",
        0o644,
    );
    host.fake.with_file("/etc/ssh/ssh_host_rsa_key", "private", 0o600);
    host.fake.with_directory("/etc/ssh/sshd_config.d", 0o755);
    host.fake.program("/usr/sbin/sshd", |world, command| {
        let staged = command.argv.last().cloned().unwrap_or_default();
        let folder = staged.trim_end_matches("sshd_config");
        let text = world.text(&staged);
        let inside = text.contains(&format!("Include {folder}sshd_config.d/*.conf"));
        let keys = text.contains("HostKey /etc/ssh/ssh_host_rsa_key")
            && world.node(format!("{folder}ssh_host_rsa_key")).is_none();
        let fragment = world.text(format!("{folder}sshd_config.d/comuni.conf"));
        said(if inside && keys && fragment == "PasswordAuthentication no\n" { 0 } else { 1 }, &text)
    });
    let fragment = File {
        validate: Some(Validator::Sshd),
        notify: Some(Notification::Reload("ssh".to_string())),
        ..file("/etc/ssh/sshd_config.d/comuni.conf", "PasswordAuthentication no\n")
    };
    let heard = host.apply(wants(vec![owned_by("host", fragment)]));
    assert_eq!(fixed(&heard).len(), 1, "{:?}", failed(&heard));
}

#[test]
fn a_validator_that_repeats_a_secret_is_not_repeated() {
    let mut host = host();
    host.fake.program("nginx", |world, command| {
        let main = command.argv.last().cloned().unwrap_or_default();
        said(1, &world.text(main.replace("nginx.conf", "comuni.d/c_e863-albo.conf")))
    });
    let token = "secret://c_e863/albo/database_password";
    let private = File { mode: 0o600, ..fragment("c_e863-albo", &format!("password {token}")) };
    let request = Request {
        secrets: secrets(token, secret("1", &[], "poison-rosso")),
        ..wants(vec![owned_by("c_e863", private)])
    };
    let heard = host.apply(request);
    assert!(failed(&heard)["c_e863"].contains("password [secret]"), "{heard:?}");
    assert!(!format!("{heard:?}").contains("poison-rosso"));
    assert!(!host.text("/var/lib/comuni/journal.jsonl").contains("poison-rosso"));
}
