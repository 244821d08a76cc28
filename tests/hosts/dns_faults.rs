//! Zones and what can go wrong: whatever it is, one name server at least answers right at every moment.

use std::process::Stdio;
use std::time::Duration;

use crate::dns_apply::{PRIMARY, SECONDARY, SERVERS, ZONE, agree, apply, ask, moved, serial, watch};
use crate::harness::{eventually, lab, on, tries_on};

const FILE: &str = "/var/lib/knot/zones/comune.lozza.va.it.zone";
const BOTH: &[&str] = &["192.0.2.102", "192.0.2.210"];

#[test]
fn a_zone_file_that_was_broken_by_hand_is_seen_and_mended_also_when_knot_has_started_with_it() {
    let lab = lab();
    let watch = watch(BOTH);
    let before = serial(PRIMARY);
    on(PRIMARY, &format!("echo 'albo.{ZONE}. 3600 CNAME x.' >> {FILE}"));
    lab.comuni(&["plan", "--area", "dns"]).ends_with(0).says("zone file: changed by hand -> as it is applied");
    apply(lab, &[]).ends_with(0);
    assert_eq!((serial(PRIMARY), on(PRIMARY, &format!("grep -c CNAME.x {FILE} || true"))), (before, "0".to_string()));
    on(PRIMARY, &format!("echo 'albo.{ZONE}. 3600 CNAME x.' >> {FILE}; systemctl restart knot"));
    assert_eq!(ask(PRIMARY, &[], ZONE, "A"), Vec::<String>::new(), "the primary does not serve it");
    lab.comuni(&["plan", "--area", "dns"]).ends_with(0).says("loaded: no -> yes");
    apply(lab, &[]).ends_with(0);
    assert_eq!(ask(PRIMARY, &[], ZONE, "A"), ["192.0.2.102"]);
    agree();
    assert!(serial(PRIMARY) >= before);
    watch.was_never_dark();
    lab.is_converged();
}

#[test]
fn while_a_secondary_is_cut_off_nothing_is_changed_and_it_is_named() {
    let lab = lab();
    let watch = watch(BOTH);
    let (before, file) = (serial(PRIMARY), on(PRIMARY, &format!("cat {FILE}")));
    let edited = moved(lab, "192.0.2.210");
    // The host stays reachable for us: only its name server is not.
    on(SECONDARY, "nft insert rule inet comuni input meta l4proto { tcp, udp } th dport 53 drop");
    let run = apply(lab, &[]);
    on(SECONDARY, "systemctl reload nftables");
    run.ends_with(3).says("the name server").says("does not answer").says(ZONE);
    assert_eq!((serial(PRIMARY), on(PRIMARY, &format!("cat {FILE}"))), (before, file), "nothing was written");
    apply(lab, &[]).ends_with(0);
    agree();
    drop(edited);
    apply(lab, &[]).ends_with(0);
    watch.was_never_dark();
    lab.is_converged();
}

#[test]
fn a_secondary_that_does_not_follow_has_the_former_version_put_back() {
    let lab = lab();
    let watch = watch(BOTH);
    let _hurried = lab
        .edit(&lab.varese().join("consortium.yml"), |text| text.replace("  ttl: 3600", "  ttl: 3600\n  patience: 4"));
    let edited = moved(lab, "192.0.2.210");
    // It answers, and hears and fetches nothing.
    on(SECONDARY, &format!("knotc zone-freeze {ZONE}"));
    let run = apply(lab, &[]);
    on(SECONDARY, &format!("knotc zone-thaw {ZONE}"));
    run.ends_with(3)
        .says("after 4 seconds not every name server serves the new zone")
        .says("hint: look at that server")
        .says("serial");
    assert_eq!(ask(PRIMARY, &[], ZONE, "A"), ["192.0.2.102"], "the former version");
    assert_eq!(on(PRIMARY, &format!("grep -c 192.0.2.210 {FILE} || true")), "0");
    apply(lab, &[]).ends_with(0);
    drop(edited);
    apply(lab, &[]).ends_with(0);
    agree();
    watch.was_never_dark();
    lab.is_converged();
}

#[test]
fn a_change_by_hand_that_nobody_ended_is_named_before_anything_waits_for_it() {
    let lab = lab();
    let watch = watch(BOTH);
    let before = serial(PRIMARY);
    let edited = moved(lab, "192.0.2.210");
    on(PRIMARY, &format!("knotc zone-begin {ZONE}"));
    let plan = lab.comuni(&["plan", "--area", "dns"]);
    let run = apply(lab, &[]);
    // Had it been told to load the zone, Knot would listen to nobody any more.
    on(PRIMARY, &format!("timeout 20 knotc zone-status {ZONE} && timeout 20 knotc zone-abort {ZONE}"));
    let way_out = format!("knotc zone-abort {ZONE}");
    plan.ends_with(1).says(&format!("{ZONE} cannot be changed")).says(&way_out);
    run.ends_with(3).says(&format!("{ZONE} cannot be changed")).says(&way_out);
    assert_eq!(serial(PRIMARY), before);
    apply(lab, &[]).ends_with(0);
    drop(edited);
    apply(lab, &[]).ends_with(0);
    agree();
    watch.was_never_dark();
    lab.is_converged();
}

#[test]
fn a_saved_plan_of_a_zone_that_was_changed_since_is_refused_before_anything_is_written() {
    let lab = lab();
    let edited = moved(lab, "192.0.2.210");
    let file = lab.inventory().with_file_name("zone.json").display().to_string();
    lab.comuni(&["plan", "--area", "dns", "--out", &file]).ends_with(0).says("Plan: 1 to change;");
    let by_hand = |address: &str| {
        let steps = [
            format!("zone-begin {ZONE}"),
            format!("zone-unset {ZONE} @ A"),
            format!("zone-set {ZONE} @ 3600 A {address}"),
            format!("zone-commit {ZONE}"),
        ];
        let steps = steps.map(|step| format!("knotc {step}")).join(" && ");
        on(PRIMARY, &format!("({steps}) || {{ knotc zone-abort {ZONE}; false; }}"));
    };
    by_hand("192.0.2.211");
    agree();
    let state =
        || (serial(PRIMARY), on(PRIMARY, &format!("sha256sum {FILE}; cat /var/lib/comuni/journal.jsonl | sha256sum")));
    let before = state();
    lab.comuni(&["apply", &file, "--yes"])
        .ends_with(1)
        .says("nothing was written on any host")
        .says(&format!("zone:{ZONE}: has something else than when it was planned"));
    assert_eq!(state(), before);
    by_hand("192.0.2.102");
    agree();
    lab.comuni(&["apply", &file, "--yes"]).ends_with(0).says("1 fixed");
    assert_eq!(ask(SECONDARY, &[], ZONE, "A"), ["192.0.2.210"], "as it was planned, when nothing has moved");
    drop(edited);
    apply(lab, &[]).ends_with(0);
    lab.is_converged();
}

/// Puts a program in the way of knotc on the primary, until it is dropped: what `case` says of some words, else knotc.
fn instead_of_knotc(case: &str) -> Instead {
    let script = format!("#!/bin/sh\ncase \"$*\" in {case} esac\nexec /usr/sbin/knotc \"$@\"\n");
    on(
        PRIMARY,
        &format!(
            "rm -f /run/refused; cat > /usr/local/sbin/knotc <<'END'\n{script}END\nchmod 755 /usr/local/sbin/knotc"
        ),
    );
    Instead
}

struct Instead;

impl Drop for Instead {
    fn drop(&mut self) {
        on(PRIMARY, "rm -f /usr/local/sbin/knotc /run/refused");
    }
}

#[test]
fn a_reload_that_knot_refuses_leaves_the_former_file_on_the_disk() {
    let lab = lab();
    let watch = watch(BOTH);
    let before = serial(PRIMARY);
    let edited = moved(lab, "192.0.2.210");
    // Only the first reload of this zone fails.
    let refusing = instead_of_knotc(
        "*zone-reload*) [ -e /run/refused ] || { touch /run/refused; echo error: no memory >&2; exit 1; };;",
    );
    let run = apply(lab, &[]);
    drop(refusing);
    run.ends_with(3).says("no memory").says("the former version was put back and is served");
    assert_eq!(serial(PRIMARY), before);
    assert_eq!(on(PRIMARY, &format!("grep -c 192.0.2.210 {FILE} || true")), "0");
    assert_eq!(tries_on(PRIMARY, &format!("test -e {FILE}.unproven")).0, 1);
    drop(edited);
    apply(lab, &[]).ends_with(0).says("no changes");
    watch.was_never_dark();
    lab.is_converged();
}

#[test]
fn a_primary_that_lost_everything_is_rebuilt_with_its_keys_while_the_secondary_goes_on() {
    let lab = lab();
    let keys = ask(SECONDARY, &[], ZONE, "DNSKEY");
    let before = serial(SECONDARY);
    on(PRIMARY, "systemctl start comuni-dns-keys");
    let watch = watch(BOTH);
    on(PRIMARY, "systemctl stop knot; find /var/lib/knot -mindepth 1 -delete; systemctl start knot");
    assert_eq!(ask(PRIMARY, &[], ZONE, "A"), Vec::<String>::new());
    apply(lab, &[])
        .ends_with(3)
        .says("the keys that other name servers publish for comune.lozza.va.it are not on this host")
        .says("comuni-dns-keys-restore");
    assert_eq!(tries_on(PRIMARY, "test -e /var/lib/knot/offered/catalog.conf").0, 1, "no catalog without all zones");
    apply(lab, &[]).ends_with(1).says("--allow comune.lozza.va.it/DNSKEY");
    on(PRIMARY, "systemctl start comuni-dns-keys-restore");
    apply(lab, &["changes"]).ends_with(0);
    for server in SERVERS {
        assert_eq!(ask(server, &[], ZONE, "A"), ["192.0.2.102"]);
        assert_eq!(ask(server, &[], ZONE, "DNSKEY"), keys, "the same key as before");
        assert!(serial(server) > before, "the serial never goes back");
    }
    watch.was_never_dark();
    agree();
    on(PRIMARY, "test -e /var/lib/knot/offered/catalog.conf");
    lab.is_converged();
}

#[test]
fn of_two_applies_at_once_one_works_and_the_other_is_told_who_does() {
    let lab = lab();
    let watch = watch(BOTH);
    let edited = moved(lab, "192.0.2.210");
    let words = ["apply", "--area", "dns", "--yes"];
    // The first takes its time over the reload, so that the second meets it.
    let slow = instead_of_knotc("*zone-reload*) sleep 15;;");
    let mut first = lab.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the first holds the lock", Duration::from_secs(30), || {
        tries_on(PRIMARY, "grep -q tester /run/comuni/lock").0 == 0
    });
    let second = lab.comuni(&words);
    assert!(first.wait().unwrap().success());
    drop(slow);
    second.ends_with(6).says("tester@").says("apply");
    assert_eq!(ask(SECONDARY, &[], ZONE, "A"), ["192.0.2.210"]);
    drop(edited);
    apply(lab, &[]).ends_with(0);
    agree();
    watch.was_never_dark();
    lab.is_converged();
}
