//! `history`: what was done, by whom, from a chain that shows when it was tampered with.

use crate::harness::{broken, lab, on};

#[test]
fn a_run_is_recorded_with_who_when_and_what() {
    let lab = lab();
    on("mon1", "ln -sfn /usr/share/zoneinfo/UTC /etc/localtime");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    let run = lab.comuni(&["history", "--last", "1"]).ends_with(0).says("apply").says("tester");
    assert!(run.stdout.contains("SHA256:"), "the key that sshd saw: {}", run.stdout);
}

#[test]
fn a_record_changed_by_hand_is_noticed() {
    let lab = lab();
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    let chain = on("ops1", "ls /var/lib/comuni/evidence/*.jsonl | head -n 1");
    on("ops1", &format!("cp -p {chain} /root/chain; sed -i '1s/apply/other/' {chain}"));
    let run = lab.comuni(&["history"]);
    on("ops1", &format!("mv /root/chain {chain}"));
    assert!(run.text().contains("broken"), "{}", run.text());
    lab.comuni(&["history"]).ends_with(0).does_not_say("broken");
}

#[test]
fn without_the_control_host_records_wait_in_the_outbox_and_are_delivered_later() {
    let lab = lab();
    let cut = broken("cut", "join", "ops1", &[]);
    on("mon1", "ln -sfn /usr/share/zoneinfo/UTC /etc/localtime");
    let run = lab.comuni(&["apply", "--yes", "--host", "mon1"]);
    drop(cut);
    run.ends_with(0).says("outbox");
    lab.apply_when_free().ends_with(0);
    lab.comuni(&["history", "--last", "2"]).ends_with(0).does_not_say("outbox");
}
