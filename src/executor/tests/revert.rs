use super::harness::{Host, failed, file, fixed, owned_by, said, wants};
use crate::catalog::Entry;
use crate::executor::{confirm, revert};
use crate::machine::{Command, Output, World};
use crate::protocol::FromHost;
use crate::resources::{Confirm, File, Notification, Validator};

const RULES: &str = "/etc/nftables.conf";

fn rules(content: &str) -> Entry {
    let file = File {
        validate: Some(Validator::Nftables),
        notify: Some(Notification::Reload("nftables".to_string())),
        confirm: Some(Confirm::Connection),
        ..file(RULES, content)
    };
    owned_by("host", file)
}

fn host() -> Host {
    let mut host = Host::new().with_running("nftables.service");
    host.fake.with_file(RULES, "old\n", 0o644);
    host
}

/// A new connection that comes as soon as nftables was reloaded: its `confirm` renames the pending folder.
fn confirmed_at_reload(world: &mut World, command: &Command) -> Output {
    if command.argv.iter().any(|word| word == "reload-or-restart") {
        let pending = world.notes.remove("armed").unwrap_or_default();
        let kept = world.text(format!("/var/lib/comuni/revert/{pending}/kept.json"));
        assert!(!kept.is_empty(), "nothing was armed before the swap");
        let root = crate::machine::Ownership { uid: 0, gid: 0, mode: 0o700 };
        world.take(format!("/var/lib/comuni/revert/{pending}"));
        world.put(format!("/var/lib/comuni/revert/{pending}.confirmed"), crate::machine::Node::directory(&root));
    }
    said(0, if command.argv.iter().any(|word| word == "show") { "ActiveState=active\n" } else { "" })
}

fn arm(world: &mut World, command: &Command) -> Output {
    world.notes.insert("armed".to_string(), command.argv.last().cloned().unwrap_or_default());
    said(0, "")
}

#[test]
fn a_confirmed_change_stays() {
    let mut host = host();
    host.fake.program("systemd-run", arm);
    host.fake.program("systemctl", confirmed_at_reload);
    let heard = host.apply(wants(vec![rules("new\n")]));
    assert_eq!(fixed(&heard), ["file:/etc/nftables.conf"], "{heard:#?}");
    assert_eq!(host.text(RULES), "new\n");
    assert!(heard.iter().any(|event| matches!(event, FromHost::Confirm { .. })));
    let changes = host.fake.changes();
    let place = |words: &str| changes.iter().position(|change| change.contains(words)).unwrap();
    assert!(place("run systemd-run --unit=comuni-revert-") < place("write /etc/nftables.conf"));
    let armed = &changes[place("run systemd-run")];
    assert!(armed.contains("--timer-property=AccuracySec=1s /usr/local/lib/comuni/comuni-host-1 revert "), "{armed}");
}

#[test]
fn an_unconfirmed_change_is_put_back_and_its_owner_fails() {
    let mut host = host();
    let heard = host.apply(wants(vec![rules("new\n"), owned_by("host", file("/etc/comuni/after", "x"))]));
    assert_eq!(failed(&heard)["host"], "put back: no new connection could be made");
    assert_eq!(host.text(RULES), "old\n");
    assert_eq!(host.ran("reload-or-restart nftables.service"), 2);
    assert_eq!(host.fake.world.notes["unit nftables.service"], "active");
    let left = host.fake.world.node("/var/lib/comuni/revert").is_some_and(|_| {
        use crate::machine::Machine;
        !host.fake.list("/var/lib/comuni/revert".as_ref()).unwrap().is_empty()
    });
    assert!(!left, "nothing waits any more");
}

const WANTED: &str = "/etc/systemd/system/multi-user.target.wants";

/// What a boot would start to put a change back: its command, by the unit that is wanted.
fn at_boot(world: &World) -> Option<String> {
    use crate::machine::Machine;
    let mut fake = crate::machine::Fake::new();
    fake.world = world.clone();
    let name = fake.list(WANTED.as_ref()).unwrap().into_iter().find(|name| name.contains("at-boot"))?;
    let unit = fake.link_target(format!("{WANTED}/{name}").as_ref()).unwrap()?;
    Some(world.text(&unit).lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap().to_string())
}

#[test]
fn a_reboot_that_loses_the_timer_puts_the_change_back_all_the_same() {
    let mut host = host();
    // The host goes down while it waits for the confirmation.
    host.fake.program("systemd-run", |world, command| {
        world.notes.insert("token".to_string(), command.argv.last().cloned().unwrap());
        said(0, "")
    });
    host.fake.program("systemctl", |world, command| {
        if command.argv[1] == "reload-or-restart" && !world.notes.contains_key("at boot") {
            let found = at_boot(world).unwrap_or_default();
            world.notes.insert("at boot".to_string(), found);
        }
        said(0, if command.argv.iter().any(|word| word == "show") { "ActiveState=active\n" } else { "" })
    });
    host.apply(wants(vec![rules("new\n")]));
    let token = &host.fake.world.notes["token"];
    let command = format!("/usr/local/lib/comuni/comuni-host-1 revert {token}");
    assert_eq!(host.fake.world.notes["at boot"], command, "nothing would put the change back after a reboot");
    assert_eq!(at_boot(&host.fake.world), None, "it is there only while something waits");
}

#[test]
fn a_confirmation_takes_the_revert_at_boot_away() {
    let (mut host, token) = killed_while_waiting();
    let unit = format!("/etc/systemd/system/comuni-revert-at-boot-{token}.service");
    host.fake.with_file(&unit, "ExecStart=x", 0o644);
    host.fake.with_directory(WANTED, 0o755);
    let settings = host.settings.clone();
    confirm(&mut host.fake, &settings, &token).unwrap();
    assert!(!host.is_there(&unit));
}

#[test]
fn a_daemon_that_did_not_run_is_stopped_again() {
    let mut host = Host::new();
    host.fake.with_file(RULES, "old\n", 0o644);
    host.apply(wants(vec![rules("new\n")]));
    assert_eq!(host.ran("stop nftables.service"), 1);
    assert_eq!(host.fake.world.notes["unit nftables.service"], "inactive");
}

#[test]
fn without_a_timer_nothing_is_changed() {
    let mut host = host();
    host.fake.program("systemd-run", |_, _| said(1, "Failed to start transient timer unit"));
    let heard = host.apply(wants(vec![rules("new\n")]));
    assert!(failed(&heard)["host"].contains("nothing was changed"), "{heard:?}");
    assert_eq!(host.text(RULES), "old\n");
}

/// A run that was killed while it waited: the change is on disk, its folder is pending.
fn killed_while_waiting() -> (Host, String) {
    let mut host = host();
    let token = "0123456789abcdef0123456789abcdef".to_string();
    let kept = format!(
        r#"{{"files":[{{"path":"{RULES}","was":{{"file":{{"content":"b2xkCg==","uid":0,"gid":0,"mode":420}}}}}}],
            "daemons":[{{"notification":"reload nftables","was_running":true}}]}}"#
    );
    host.fake.with_file(&format!("/var/lib/comuni/revert/{token}/kept.json"), kept, 0o600);
    host.fake.with_file(RULES, "new\n", 0o644);
    (host, token)
}

#[test]
fn the_timer_puts_back_and_a_confirmation_comes_too_late_then() {
    let (mut host, token) = killed_while_waiting();
    let settings = host.settings.clone();
    revert(&mut host.fake, &settings, &token).unwrap();
    assert_eq!(host.text(RULES), "old\n");
    assert_eq!(host.ran("reload-or-restart nftables.service"), 1);
    let failure = confirm(&mut host.fake, &settings, &token).unwrap_err();
    assert!(failure.message.contains("it was put back"), "{failure}");
}

#[test]
fn what_is_confirmed_is_not_put_back_by_a_timer_that_comes_late() {
    let (mut host, token) = killed_while_waiting();
    let settings = host.settings.clone();
    confirm(&mut host.fake, &settings, &token).unwrap();
    revert(&mut host.fake, &settings, &token).unwrap();
    assert_eq!(host.text(RULES), "new\n");
    assert_eq!(host.ran(&format!("stop comuni-revert-{token}.timer")), 1);
}

#[test]
fn a_revert_that_was_cut_off_is_finished_by_the_next_one() {
    use crate::machine::Fault;
    for at in 0..3 {
        let (mut host, token) = killed_while_waiting();
        let settings = host.settings.clone();
        host.fake.cut_off(Fault::After(at));
        revert(&mut host.fake, &settings, &token).unwrap_err();
        host.fake.mend();
        revert(&mut host.fake, &settings, &token).unwrap();
        assert_eq!(host.text(RULES), "old\n");
    }
}

#[test]
fn the_next_apply_puts_back_first_what_was_never_confirmed_and_a_plan_does_not() {
    let (mut host, _) = killed_while_waiting();
    host.plan(wants(Vec::new()));
    assert_eq!(host.text(RULES), "new\n");
    host.apply(wants(Vec::new()));
    assert_eq!(host.text(RULES), "old\n");
    assert!(host.text("/var/lib/comuni/journal.jsonl").contains("it was never confirmed"));
}

#[test]
fn a_daemon_that_refuses_what_was_put_back_does_not_keep_every_later_apply_out() {
    let (mut host, _) = killed_while_waiting();
    // By hand or by age the old rules are no good any more: only new ones will do.
    host.fake.world.notes.insert("refuses nftables.service".to_string(), RULES.to_string());
    let kept = host.fake.world.text("/var/lib/comuni/revert/0123456789abcdef0123456789abcdef/kept.json");
    let bad = kept.replace("b2xkCg==", "cG9pc29uCg==");
    host.fake.with_file("/var/lib/comuni/revert/0123456789abcdef0123456789abcdef/kept.json", bad, 0o600);
    let good = || File {
        confirm: None,
        ..match rules("good\n").resource {
            crate::resources::Resource::File(file) => file,
            _ => unreachable!(),
        }
    };
    let heard = host.apply(wants(vec![owned_by("host", good())]));
    assert_eq!(fixed(&heard), ["file:/etc/nftables.conf"], "{heard:#?}");
    assert_eq!(host.text(RULES), "good\n");
}

#[test]
fn a_token_cannot_lead_out_of_the_folder() {
    let mut host = host();
    let settings = host.settings.clone();
    for token in ["../../etc", "", "0123", "0123456789ABCDEF0123456789ABCDEF"] {
        assert_eq!(confirm(&mut host.fake, &settings, token).unwrap_err().kind, crate::failure::Kind::Usage);
        assert_eq!(revert(&mut host.fake, &settings, token).unwrap_err().kind, crate::failure::Kind::Usage);
    }
}
