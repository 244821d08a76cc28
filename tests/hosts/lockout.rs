//! A change that locks us out is put back by the host itself.

use std::time::Duration;

use crate::harness::{Lab, eventually, lab, lab_does, on, root, tries_on};

/// Makes the rules of mon1 drop new connections to sshd; the session that applies them lives on.
fn lock_out(lab: &Lab) {
    let overriding = lab.inventory().join("templates/host");
    std::fs::create_dir_all(&overriding).unwrap();
    let shipped = std::fs::read_to_string(root().join("templates/host/nftables.conf.tera")).unwrap();
    let broken = shipped.replace(
        "tcp dport {{ host.ssh_port }} accept",
        "tcp dport {{ host.ssh_port }} {% if host.name == \"mon1\" %}drop{% else %}accept{% endif %}",
    );
    assert_ne!(broken, shipped, "the template accepts ssh in a line of its own");
    std::fs::write(overriding.join("nftables.conf.tera"), broken).unwrap();
}

#[test]
fn a_firewall_rule_that_drops_ssh_reverts_by_itself() {
    let lab = lab();
    lock_out(lab);
    let before = on("mon1", "cat /etc/nftables.conf; nft list ruleset");
    lab.comuni(&["apply", "--host", "mon1", "--yes", "--allow", "changes"]).ends_with(1).says("put back");
    eventually("the old rules are back", Duration::from_secs(90), || {
        on("mon1", "cat /etc/nftables.conf; nft list ruleset") == before
    });
    std::fs::remove_dir_all(lab.inventory().join("templates")).unwrap();
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
    assert_eq!(on("mon1", "systemctl list-units --plain --no-legend 'comuni-revert-*' | wc -l"), "0", "no timer stays");
}

#[test]
fn a_reboot_while_such_a_rule_waits_for_its_confirmation_reverts_it_too() {
    let lab = lab();
    lock_out(lab);
    let before = on("mon1", "cat /etc/nftables.conf");
    let mut run = lab.command(&["apply", "--host", "mon1", "--yes", "--allow", "changes"]).spawn().unwrap();
    eventually("the rule is in force", Duration::from_secs(60), || {
        tries_on("mon1", "nft list ruleset").1.contains("22 drop")
    });
    lab_does(&["kill", "mon1"]);
    run.wait().unwrap();
    lab_does(&["boot", "mon1"]);
    eventually("the old rules are back", Duration::from_secs(60), || {
        let (_, rules) = tries_on("mon1", "cat /etc/nftables.conf; nft list ruleset");
        rules.contains(&before) && !rules.contains("22 drop")
    });
    std::fs::remove_dir_all(lab.inventory().join("templates")).unwrap();
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
    assert_eq!(on("mon1", "find /etc/systemd/system -name 'comuni-revert-*' | wc -l"), "0", "no unit stays");
}
