use std::path::Path;

use super::harness::{
    BACKED_UP, Host, failed, file, fixed, owned_by, package, secret, secrets, service, skipped, wants,
};
use crate::catalog::{Entry, Stage};
use crate::executor::lock::{self, Taken};
use crate::machine::Machine;
use crate::protocol::{Holder, Operator, Request};
use crate::resources::File;

const SECRET: &str = "secret://c_e863/albo/database_password";

/// A file that can be compared but not written: its folder is a file by then.
fn bad(owner: &str) -> Entry {
    let file = File { owner: "nobody-has-made-this".to_string(), ..file(&format!("/etc/comuni/{owner}-bad"), "x") };
    owned_by(owner, file)
}

fn good(owner: &str, name: &str) -> Entry {
    owned_by(owner, file(&format!("/etc/comuni/{owner}-{name}"), "x"))
}

#[test]
fn the_first_failure_leaves_out_the_rest_of_that_owner_and_the_others_go_on() {
    let mut host = Host::new();
    let heard = host.apply(wants(vec![good("c_e863", "1"), bad("c_e863"), good("c_e863", "2"), good("c_e707", "1")]));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/c_e863-1", "file:/etc/comuni/c_e707-1"]);
    assert_eq!(skipped(&heard), ["file:/etc/comuni/c_e863-2"]);
    assert_eq!(failed(&heard).keys().collect::<Vec<_>>(), ["c_e863"]);
    assert!(!host.is_there("/etc/comuni/c_e863-2"));
}

#[test]
fn a_failed_resource_of_the_host_leaves_out_everything_after_it() {
    let mut host = Host::new();
    let heard = host.apply(wants(vec![good("host", "1"), bad("host"), good("host", "2"), good("c_e863", "1")]));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/host-1"]);
    assert_eq!(skipped(&heard), ["file:/etc/comuni/host-2", "file:/etc/comuni/c_e863-1"]);
    assert!(!host.manifest().baseline);
}

#[test]
fn an_owner_that_failed_elsewhere_is_left_out() {
    let mut host = Host::new();
    let (ended, heard) = host.converse(|control| {
        control.request(wants(vec![good("c_e863", "1"), good("c_e707", "1")]));
        control.stage_without(Stage::Application, &["c_e863"]);
        control.end();
    });
    ended.unwrap();
    assert_eq!(fixed(&heard), ["file:/etc/comuni/c_e707-1"]);
    assert_eq!(skipped(&heard), ["file:/etc/comuni/c_e863-1"]);
}

#[test]
fn fixed_means_correct_now() {
    let mut host = Host::new();
    // The installation says that all went well, and installs nothing.
    host.fake.program("apt-get", |_, _| super::harness::said(0, ""));
    let heard = host.apply(wants(vec![owned_by("host", package("nginx"))]));
    let words = &failed(&heard)["host"];
    assert!(words.contains("package:nginx was changed but is still not as it should be: "), "{words}");
}

#[test]
fn a_failed_service_carries_its_own_words_without_the_secrets_it_repeats() {
    let mut host = Host::new();
    host.fake.world.notes.insert("refuses albo.service".to_string(), "/etc/comuni/env".to_string());
    host.fake.world.notes.insert("journal albo.service".to_string(), "cannot log in with poison-rosso".to_string());
    let private = File { mode: 0o600, ..file("/etc/comuni/env", SECRET) };
    let request = Request {
        secrets: secrets(SECRET, secret("1", &[], "poison-rosso")),
        ..wants(vec![owned_by("c_e863", private), owned_by("c_e863", service("albo.service"))])
    };
    let heard = host.apply(request);
    let words = &failed(&heard)["c_e863"];
    assert!(words.contains("Job for albo.service failed"), "{words}");
    assert!(!format!("{heard:?}").contains("poison-rosso"));
    for path in ["manifest.json", "journal.jsonl"] {
        let text = host.text(&format!("/var/lib/comuni/{path}"));
        assert!(!text.is_empty() && !text.contains("poison-rosso"), "{path} holds the secret");
    }
}

#[test]
fn a_tenant_whose_lock_somebody_holds_fails_with_who_holds_it() {
    let mut host = Host::new();
    let operator = Operator { user: "bruno".to_string(), machine: "ced2".to_string(), fingerprint: None };
    let holder = Holder { operator, verb: "backup".to_string(), since: 1 };
    let path = host.settings.tenant_lock("c_e863-albo");
    let Taken::Held(_held) = lock::take(&path, &holder).unwrap() else { panic!("busy") };
    let heard = host.apply(wants(vec![good("c_e863", "1"), good("c_e707", "1")]));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/c_e707-1"]);
    assert!(failed(&heard)["c_e863"].contains("bruno@ced2 (backup)"));
}

#[test]
fn only_the_tenants_that_change_are_locked() {
    let mut host = Host::new();
    host.apply(wants(vec![good("c_e863", "1")]));
    let operator = Operator::default();
    let holder = Holder { operator, verb: "backup".to_string(), since: 1 };
    let path = host.settings.tenant_lock("c_e863-albo");
    let Taken::Held(_held) = lock::take(&path, &holder).unwrap() else { panic!("the apply kept the lock") };
    let heard = host.apply(wants(vec![good("c_e863", "1"), good("c_e707", "1")]));
    assert_eq!((fixed(&heard).len(), failed(&heard).len()), (1, 0));
}

#[test]
fn the_journal_tells_the_run_and_each_change_and_stays_small() {
    let mut host = Host::new();
    host.apply(wants(vec![good("c_e863", "1")]));
    let events = |host: &Host| -> Vec<String> {
        let text = host.text("/var/lib/comuni/journal.jsonl");
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(events(&host), ["run", "started", "finished"]);
    let path = Path::new("/var/lib/comuni/journal.jsonl");
    let large = vec![b'\n'; 1024 * 1024];
    host.fake.append(path, &large, &crate::executor::store::PRIVATE_FILE).unwrap();
    host.apply(wants(vec![good("c_e863", "1"), good("c_e863", "2")]));
    assert_eq!(events(&host), ["run", "started", "finished"]);
    assert!(host.text("/var/lib/comuni/journal.jsonl.1").len() > 1024 * 1024);
}

#[test]
fn a_resource_that_an_earlier_one_mended_is_not_fixed_again() {
    let mut host = Host::new();
    // Two resources of one path: by the time of the second the first has done it.
    let twin = Entry { ..owned_by("c_e863", file("/etc/comuni//twin", "x")) };
    let heard = host.apply(wants(vec![owned_by("c_e863", file("/etc/comuni/twin", "x")), twin]));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/twin"]);
}

#[test]
fn a_tenant_that_was_never_backed_up_is_measured_at_0_from_the_beginning() {
    let folder = "/var/lib/prometheus/node-exporter";
    let mut host = Host::new();
    host.fake.with_directory("/etc/comuni/backup", 0o700);
    let configuration =
        Entry { stage: Stage::Backup, ..owned_by("c_e863", file("/etc/comuni/backup/c_e863-albo.json", BACKED_UP)) };
    host.apply(wants(vec![configuration.clone()]));
    assert!(!host.is_there(folder), "there is no exporter yet that would read it");
    // The exporter is installed in a later stage.
    host.fake.with_directory(folder, 0o755);
    host.apply(wants(vec![configuration, Entry { stage: Stage::Monitoring, ..good("host", "exporter") }]));
    let page = host.text(&format!("{folder}/comuni_backup.prom"));
    let never = "comuni_backup_last_success_timestamp_seconds{member=\"c_e863\",application=\"albo\",tenant=\"c_e863-albo\"} 0\n";
    assert!(page.contains(never), "{page}");
}

#[test]
fn a_host_without_tenants_gets_no_metrics_of_them() {
    let mut host = Host::new();
    host.fake.with_directory("/var/lib/prometheus/node-exporter", 0o755);
    host.apply(wants(vec![Entry { stage: Stage::Monitoring, ..good("host", "exporter") }]));
    assert!(!host.is_there("/var/lib/prometheus/node-exporter/comuni_backup.prom"));
}
