//! A change that locks us out is put back by the host itself.

use std::time::Duration;

use crate::harness::{eventually, lab, on, root};

#[test]
fn a_firewall_rule_that_drops_ssh_reverts_by_itself() {
    let lab = lab();
    let overriding = lab.inventory().join("templates/host");
    std::fs::create_dir_all(&overriding).unwrap();
    let shipped = std::fs::read_to_string(root().join("templates/host/nftables.conf.tera")).unwrap();
    // New connections to sshd are dropped on mon1; the session that applies it lives on.
    let broken = shipped.replace(
        "tcp dport {{ host.ssh_port }} accept",
        "tcp dport {{ host.ssh_port }} {% if host.name == \"mon1\" %}drop{% else %}accept{% endif %}",
    );
    assert_ne!(broken, shipped, "the template accepts ssh in a line of its own");
    std::fs::write(overriding.join("nftables.conf.tera"), broken).unwrap();
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
