use super::harness::{Host, failed, file, findings, fixed, fragment, owned_by, service, wants};
use crate::catalog::{Area, Entry, Stage};
use crate::machine::Fake;
use crate::protocol::{FromHost, Request, ToHost};
use crate::resources::{File, Notification, Resource, Service};

fn telling(path: &str, content: &str, notification: Notification) -> File {
    File { notify: Some(notification), ..file(path, content) }
}

fn restart(unit: &str) -> Notification {
    Notification::Restart(unit.to_string())
}

fn reload(unit: &str) -> Notification {
    Notification::Reload(unit.to_string())
}

fn notified(heard: &[FromHost]) -> Vec<String> {
    let words = heard.iter().filter_map(|event| match event {
        FromHost::Notified { notification } => Some(notification.clone()),
        _ => None,
    });
    words.collect()
}

#[test]
fn each_notification_is_paid_once_and_a_restart_spares_the_reload() {
    let mut host = Host::new().with_running("albo.service").with_running("nginx.service");
    let heard = host.apply(wants(vec![
        owned_by("c_e863", telling("/etc/comuni/a", "x", reload("nginx"))),
        owned_by("c_e863", telling("/etc/comuni/b", "x", reload("albo"))),
        owned_by("c_e863", telling("/etc/comuni/c", "x", restart("albo.service"))),
        owned_by("c_e707", telling("/etc/comuni/d", "x", reload("nginx"))),
        owned_by("c_e707", telling("/etc/comuni/e", "x", Notification::DaemonReload)),
    ]));
    assert_eq!(notified(&heard), ["daemon-reload", "restart albo.service", "reload albo", "reload nginx"]);
    let ran = |words| host.ran(words);
    assert_eq!((ran("daemon-reload"), ran("restart albo"), ran("reload-or-restart nginx")), (1, 1, 1));
    assert_eq!(ran("reload-or-restart albo"), 0);
}

#[test]
fn a_debt_is_written_before_the_change_that_causes_it() {
    let mut host = Host::new().with_running("nginx.service");
    host.apply(wants(vec![owned_by("c_e863", telling("/etc/comuni/a", "x", reload("nginx")))]));
    let changes = host.fake.changes();
    let place = |words: &str| changes.iter().position(|change| change.contains(words)).unwrap();
    assert!(place("write /var/lib/comuni/owed.json") < place("write /etc/comuni/a"));
}

/// Runs the apply once for each change that it makes, cut off just before or just after it; then once undisturbed.
fn cut_off_everywhere(entries: &[Entry], prepare: impl Fn() -> Host, converged: impl Fn(&Host)) {
    use crate::machine::Fault;
    let mut whole = prepare();
    whole.fake.mend();
    whole.apply(wants(entries.to_vec()));
    let changes = whole.fake.changes().len();
    converged(&whole);
    assert!(changes > 5, "there is hardly anything to cut off");
    for at in 0..changes {
        for fault in [Fault::Before(at), Fault::After(at)] {
            let mut host = prepare();
            host.fake.cut_off(fault);
            let request = wants(entries.to_vec());
            let _ = host.converse(move |control| control.apply(request));
            host.fake.mend();
            host.apply(wants(entries.to_vec()));
            converged(&host);
            let rest = host.plan(wants(entries.to_vec()));
            assert_eq!(findings(&rest), [], "after {fault:?}");
            let FromHost::Hold { debts, .. } = &rest[1] else { panic!("{rest:?}") };
            assert_eq!(debts, &[], "after {fault:?}");
        }
    }
}

#[test]
fn wherever_a_run_is_cut_off_the_next_one_converges_and_pays_what_was_owed() {
    let prepare = || {
        let mut host = Host::new().with_running("nginx.service");
        host.fake.with_directory("/etc/nginx/comuni.d", 0o755);
        host
    };
    let entries = [
        owned_by("host", file("/etc/comuni/motd", "hello\n")),
        owned_by("c_e863", fragment("c_e863-albo", "server {}\n")),
        owned_by("c_e863", telling("/etc/comuni/env", "x", restart("albo.service"))),
        owned_by("c_e863", service("albo.service")),
    ];
    // What nginx works with is what lay on disk when it was last told.
    cut_off_everywhere(&entries, prepare, |host| {
        let changes = host.fake.changes();
        let last = |words: &str| changes.iter().rposition(|change| change.contains(words));
        if let Some(swapped) = last("write /etc/nginx/comuni.d/c_e863-albo.conf") {
            assert!(last("reload-or-restart nginx") > Some(swapped), "{changes:#?}");
        }
        assert_eq!(host.text("/etc/nginx/comuni.d/c_e863-albo.conf"), "server {}\n");
        assert_eq!(host.fake.world.notes["unit albo.service"], "active");
        assert_eq!(host.manifest().records.len(), 4);
    });
}

#[test]
fn a_reload_owed_from_a_kill_between_swap_and_reload_is_paid_though_nothing_differs() {
    let mut host = Host::new().with_running("nginx.service");
    host.fake.with_directory("/etc/nginx/comuni.d", 0o755);
    let entries = || vec![owned_by("c_e863", fragment("c_e863-albo", "server {}\n"))];
    host.apply(wants(entries()));
    let before = host.ran("reload-or-restart nginx.service");
    let debt = r#"[{"notification":"reload nginx","owner":"c_e863","since":1529452800}]"#;
    host.fake.with_file("/var/lib/comuni/owed.json", debt, 0o600);
    let heard = host.apply(wants(entries()));
    assert_eq!(findings(&heard), []);
    assert_eq!(notified(&heard), ["reload nginx"]);
    assert_eq!(host.ran("reload-or-restart nginx.service"), before + 1);
    assert_eq!(host.text("/var/lib/comuni/owed.json").trim(), "[]");
}

#[test]
fn a_unit_that_is_just_started_needs_no_reload_and_one_that_is_not_wanted_neither() {
    let mut host = Host::new();
    let heard = host.apply(wants(vec![
        owned_by("c_e863", telling("/etc/comuni/env", "x", restart("albo.service"))),
        owned_by("c_e863", service("albo.service")),
        owned_by("c_e707", telling("/etc/comuni/other", "x", reload("nobody.service"))),
    ]));
    assert_eq!(notified(&heard), ["restart albo.service", "reload nobody.service"]);
    assert_eq!((host.ran("start albo.service"), host.ran("restart albo.service")), (1, 0));
    assert_eq!(host.ran("nobody.service"), 0);
}

#[test]
fn a_running_unit_is_restarted_before_it_is_looked_at() {
    let mut host = Host::new().with_running("albo.service");
    host.fake.world.notes.insert("enabled albo.service".to_string(), String::new());
    let heard = host.apply(wants(vec![
        owned_by("c_e863", telling("/etc/comuni/env", "x", restart("albo.service"))),
        owned_by("c_e863", service("albo.service")),
        owned_by("c_e863", file("/etc/comuni/after", "x")),
    ]));
    assert_eq!(fixed(&heard).len(), 2);
    let changes = host.fake.changes();
    let place = |words: &str| changes.iter().position(|change| change.contains(words)).unwrap();
    assert!(place("systemctl restart albo.service") < place("write /etc/comuni/after"));
}

#[test]
fn a_failed_restart_fails_its_owners_once_and_stays_owed() {
    let mut host = Host::new().with_running("albo.service");
    host.fake.world.notes.insert("refuses albo.service".to_string(), "/etc/comuni/env".to_string());
    let heard = host.apply(wants(vec![
        owned_by("c_e863", telling("/etc/comuni/env", "poison", restart("albo.service"))),
        owned_by("c_e707", file("/etc/comuni/lozza", "x")),
    ]));
    assert_eq!(failed(&heard), [("c_e863".to_string(), failed(&heard)["c_e863"].clone())].into());
    assert!(failed(&heard)["c_e863"].contains("Job for albo.service failed"));
    assert!(host.text("/var/lib/comuni/owed.json").contains("restart albo.service"));
    // Mended, the next apply pays; the old debt does not stand in the way of the file that mends it.
    let mended = vec![owned_by("c_e863", telling("/etc/comuni/env", "good", restart("albo.service")))];
    let heard = host.apply(wants(mended));
    assert_eq!(failed(&heard).len(), 0);
    assert_eq!(notified(&heard), ["restart albo.service"]);
}

#[test]
fn an_old_debt_that_a_later_stage_mends_is_not_held_against_its_owner() {
    let mut host = Host::new().with_running("nginx.service");
    host.fake.with_file("/etc/comuni/env", "poison", 0o644);
    host.fake.world.notes.insert("refuses nginx.service".to_string(), "/etc/comuni/env".to_string());
    let debt = r#"[{"notification":"reload nginx","owner":"c_e863","since":1529452800}]"#;
    host.fake.with_file("/var/lib/comuni/owed.json", debt, 0o600);
    let heard = host.apply(wants(vec![
        owned_by("host", file("/etc/comuni/motd", "x")),
        owned_by("c_e863", telling("/etc/comuni/env", "good", reload("nginx"))),
    ]));
    assert_eq!(failed(&heard).len(), 0, "{heard:#?}");
    assert_eq!(notified(&heard), ["reload nginx"]);
}

#[test]
fn a_restarted_unit_must_stay_up() {
    let mut host = Host::new().with_running("albo.service");
    fn crashes(fake: &mut Fake) {
        fake.answer(
            &["systemctl", "show", "--property=ActiveState", "albo.service"],
            0,
            "ActiveState=activating\n",
            "",
        );
    }
    crashes(&mut host.fake);
    let (ended, heard) = host.converse(|control| {
        control.request(wants(vec![owned_by("c_e863", telling("/etc/comuni/env", "x", restart("albo.service")))]));
        control.stage(Stage::Application);
        control.send(ToHost::End);
    });
    ended.unwrap();
    assert!(failed(&heard)["c_e863"].contains("albo.service was restarted but is activating"), "{heard:?}");
}

#[test]
fn the_files_of_a_stopped_tenant_do_not_start_it() {
    let stopped = |running| {
        let unit = "albo.service".to_string();
        owned_by("c_e863", Resource::Service(Service { unit, enabled: false, running, within_seconds: 180 }))
    };
    for active in ["inactive", "active"] {
        let mut host = Host::new();
        host.fake.world.notes.insert("unit albo.service".to_string(), active.to_string());
        let heard = host.apply(wants(vec![
            owned_by("c_e863", telling("/etc/comuni/env", "x", restart("albo.service"))),
            owned_by("c_e863", telling("/etc/comuni/more", "x", reload("albo.service"))),
            stopped(false),
        ]));
        assert_eq!(failed(&heard).len(), 0);
        assert_eq!(host.fake.world.notes["unit albo.service"], "inactive");
        assert_eq!(host.ran("restart albo.service"), 0, "from {active}");
        assert_eq!(host.text("/var/lib/comuni/owed.json").trim(), "[]");
        // Nor does a run that has the file alone in its catalog: what was applied last still holds.
        let file = owned_by("c_e863", telling("/etc/comuni/env", "y", restart("albo.service")));
        host.apply(Request { areas: [Area::Host].into(), ..wants(vec![file]) });
        assert_eq!(host.fake.world.notes["unit albo.service"], "inactive");
    }
}
