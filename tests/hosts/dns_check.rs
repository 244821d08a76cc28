//! Zones seen from outside: whole, and broken in the ways that a technician must be told.

use std::time::Duration;

use crate::dns_apply::{PRIMARY, SECONDARY, ZONE, apply, ask, moved, serial};
use crate::harness::{Run, broken, eventually, lab, lab_does, on};

fn check(words: &[&str]) -> Run {
    lab().comuni(&[&["dns", "check"], words].concat())
}

/// All is well again, for the tests that follow.
fn is_well() {
    eventually("the zones are well from outside", Duration::from_secs(20), || check(&["--quiet"]).status == 0);
}

#[test]
fn zones_that_are_well_are_one_line_and_quiet_for_cron_and_all_in_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("comuni-dns.prom");
    let run = check(&["--textfile", file.to_str().unwrap()]).ends_with(0).says(": all as the inventory says");
    let zones: usize = run.stdout.split(' ').next().unwrap().parse().unwrap();
    assert!(zones >= 10, "{}", run.stdout);
    assert!(run.stdout.contains("not looked at: 2 zones that others serve, the delegation and DS"), "{}", run.stdout);
    let page = std::fs::read_to_string(&file).unwrap();
    for metric in ["comune_dns_ok", "comune_dnssec_chain_ok"] {
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(&format!("{metric}{{"))).collect();
        assert_eq!(lines.len(), zones, "{page}");
        assert!(lines.iter().all(|line| line.ends_with(" 1")), "{lines:?}");
    }
    let quiet = check(&["--quiet"]).ends_with(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let asked = check(&["--zone", "comune.malnate.va.it", "--format", "json"]).ends_with(0).objects();
    let zone = asked.iter().find(|object| object["type"] == "zone").unwrap();
    assert_eq!((&zone["ok"], &zone["drift"], &zone["pec"]), (&true.into(), &0.into(), &true.into()), "{zone}");
    check(&["--zone", "comune.loza.va.it"]).ends_with(64).says(&format!("did you mean {ZONE}?"));
}

#[test]
fn a_name_server_that_is_cut_off_is_damage_and_named_once_for_each_zone() {
    let lab = lab();
    let cut = broken("cut", "join", SECONDARY, &[]);
    let address = lab_does(&["address", SECONDARY]);
    let run = check(&["--zone", ZONE, "--format", "json"]).ends_with(4);
    let findings: Vec<_> = run.objects().into_iter().filter(|object| object["type"] == "zone_finding").collect();
    assert!(findings.iter().all(|finding| finding["id"] == "no-answer"), "{findings:?}");
    assert!(findings.iter().all(|finding| finding["servers"][0].as_str().unwrap().contains(&address)), "{findings:?}");
    drop(cut);
    is_well();
    lab.is_converged();
}

#[test]
fn a_server_without_tcp_is_told_though_udp_answers() {
    on(SECONDARY, "nft insert rule inet comuni input tcp dport 53 drop");
    let run = check(&["--zone", ZONE]);
    on(SECONDARY, "systemctl reload nftables");
    run.ends_with(4).says("no-answer at ns2.cloud.varese.example").says("over TCP");
    is_well();
}

#[test]
fn a_zone_changed_on_the_primary_behind_our_back_is_told_with_what_was_wanted() {
    let lab = lab();
    let zone = "comune.malnate.va.it";
    let steps =
        ["zone-begin ZONE", "zone-unset ZONE pec MX", "zone-set ZONE vecchio 60 A 192.0.2.66", "zone-commit ZONE"];
    let steps = steps.map(|step| format!("knotc {}", step.replace("ZONE", zone))).join(" && ");
    // A transaction that stays open would hold up every later change of the zone.
    on(PRIMARY, &format!("{steps} || {{ knotc zone-abort {zone}; false; }}"));
    let vecchio = format!("vecchio.{zone}");
    eventually("the secondary follows", Duration::from_secs(10), || ask(SECONDARY, &[], &vecchio, "A").len() == 1);
    let run = check(&["--member", "malnate"]);
    let back = apply(lab, &[]);
    run.ends_with(4)
        .says(&format!("pec: pec.{zone} MX does not exist; wanted: 10 mx.pec.example."))
        .says(&format!("unexpected: {vecchio} A is served"))
        .says("certified e-mail stops");
    back.ends_with(0);
    is_well();
    lab.is_converged();
}

#[test]
fn other_keys_than_those_seen_before_are_told_and_the_ds_are_where_the_registrar_gets_them() {
    let lab = lab();
    is_well();
    let ds = ask(PRIMARY, &[], ZONE, "CDS");
    let digest = ds[0].split(' ').nth(3).unwrap().to_uppercase();
    lab.comuni(&["show", "member", "lozza"]).ends_with(0).says(&format!("DS of {ZONE}")).says(&digest[..50]);
    let letter = lab.comuni(&["dns", "records", "lozza"]).ends_with(0).says("record DS vanno comunicati solo quando");
    assert!(
        letter.stdout.contains(&digest) && letter.stdout.contains("IN NS ns1.cloud.varese.example."),
        "{}",
        letter.stdout
    );
    lab.comuni(&["dns", "records", "vedano-olona"])
        .ends_with(0)
        .says("chiediamo la delega della zona cloud.comune.vedano");
    lab.comuni(&["dns", "records", "varese"])
        .ends_with(0)
        .says("nella zona comune.varese.it, da Voi gestita")
        .says("IN A ");
    // A state of another machine, where the zone had other keys.
    let state = walk(&lab.state().join("comuni/dns"));
    let kept = std::fs::read_to_string(&state).unwrap();
    std::fs::write(&state, kept.replace(&digest, &"0".repeat(digest.len()))).unwrap();
    check(&["--zone", ZONE]).ends_with(4).says("keys-changed").says("--accept-keys");
    check(&["--zone", ZONE, "--accept-keys"]).ends_with(0);
    check(&["--zone", ZONE]).ends_with(0);
}

/// The only file of its kind below a folder.
fn walk(folder: &std::path::Path) -> std::path::PathBuf {
    let inner = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    inner.join("keys.json")
}

#[test]
fn a_rollback_brings_the_version_before_back_with_a_higher_serial_and_says_that_the_inventory_must_follow() {
    let lab = lab();
    let edited = moved(lab, "192.0.2.211");
    apply(lab, &[]).ends_with(0);
    let before = serial(PRIMARY);
    assert_eq!(ask(SECONDARY, &[], ZONE, "A"), ["192.0.2.211"]);
    lab.comuni(&["dns", "rollback", ZONE, "--yes"])
        .ends_with(0)
        .says(&format!("{ZONE}/A: 3600 192.0.2.211 -> 3600 192.0.2.102"))
        .says("the inventory says otherwise still");
    for server in [PRIMARY, SECONDARY] {
        assert_eq!(ask(server, &[], ZONE, "A"), ["192.0.2.102"]);
        assert!(serial(server) > before);
    }
    lab.comuni(&["plan", "--area", "dns", "--detailed-exitcode"])
        .ends_with(2)
        .says(&format!("{ZONE}/A: 3600 192.0.2.102 -> 3600 192.0.2.211"));
    check(&["--zone", ZONE]).ends_with(4).says(&format!("{ZONE} A is 192.0.2.102; wanted: 192.0.2.211"));
    drop(edited);
    is_well();
    lab.is_converged();
    lab.comuni(&["dns", "rollback", "comune.varese.it", "--yes"]).ends_with(64).says("is served by others");
}

/// A server of the zone above and of a zone that others serve, on this machine; it also answers as a resolver would.
struct Others {
    folder: tempfile::TempDir,
    process: std::process::Child,
}

impl Others {
    fn start(above: &str, varese: &str) -> Others {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        std::fs::create_dir(folder.path().join("db")).unwrap();
        for (zone, name, text) in [("va.it", "a.va.it", above), ("comune.varese.it", "ns.comune.varese.it", varese)] {
            let head = format!(
                "@ 3600 SOA {name}. h 1 14400 3600 1209600 3600\n@ 3600 NS {name}.\n{name}. 3600 A 127.0.0.3\n"
            );
            std::fs::write(folder.path().join(zone), head + text).unwrap();
        }
        let configuration = format!(
            "server:\n  listen: 127.0.0.3@53\n  rundir: {at}\ndatabase:\n  storage: {at}/db\n  journal-db-max-size: 8M\n\
             zone:\n  - domain: va.it\n    file: {at}/va.it\n  - domain: comune.varese.it\n    file: {at}/comune.varese.it\n"
        );
        std::fs::write(folder.path().join("knot.conf"), configuration).unwrap();
        let mut knot = std::process::Command::new("/usr/sbin/knotd");
        knot.arg("-c").arg(folder.path().join("knot.conf")).stdout(std::process::Stdio::null());
        let process = knot.stderr(std::process::Stdio::null()).spawn().unwrap();
        eventually("the zone above is served", Duration::from_secs(20), || {
            std::net::TcpStream::connect("127.0.0.3:53").is_ok()
        });
        Others { folder, process }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        assert!(self.folder.path().exists());
    }
}

#[test]
fn the_zone_above_and_the_zones_of_others_are_looked_at_through_a_resolver() {
    let lab = lab();
    let zone = "comune.malnate.va.it";
    let letter = lab.comuni(&["dns", "records", "malnate"]).ends_with(0).stdout;
    let delegation: String =
        letter.lines().filter(|line| line.contains(" IN ")).map(|line| format!("{}\n", line.trim())).collect();
    let albo = format!("albo 3600 A {}\n", lab_does(&["address", "app1"]));
    {
        let _others = Others::start(&delegation, &albo);
        let run = check(&["--zone", zone, "--zone", "comune.varese.it", "--resolver", "127.0.0.3"]).ends_with(0);
        assert_eq!(run.stdout, "2 zones: all as the inventory says\n", "what the text says, as it was forwarded");
        check(&["--member", "induno-olona", "--resolver", "127.0.0.3"]).ends_with(7).says("no zone was looked at");
    }
    let elsewhere =
        delegation.replace("ns2.cloud.varese.example.", "dns.vecchio.example.").replace(" 13 2 ", " 13 2 00");
    let elsewhere: String = elsewhere
        .lines()
        .map(|line| if line.contains(" DS ") { format!("{}\n", &line[..line.len() - 2]) } else { format!("{line}\n") })
        .collect();
    let _others = Others::start(&elsewhere, "");
    check(&["--zone", zone, "--parent", "127.0.0.3"])
        .ends_with(4)
        .says("delegation: 127.0.0.3 names ns1.cloud.varese.example, dns.vecchio.example; ours are")
        .says("chain-broken: 127.0.0.3 has DS ");
    check(&["--member", "varese", "--resolver", "127.0.0.3"])
        .ends_with(4)
        .says("albo.comune.varese.it A does not exist")
        .says("`comuni dns records varese` writes the text for them");
}
