//! `plan`: says what differs, and changes nothing.

use crate::harness::{carrier, lab, on};

#[test]
fn a_hand_edit_is_the_one_difference_and_apply_mends_it() {
    let lab = lab();
    lab.is_converged();
    let host = carrier("c_e863-albo");
    on(host, "sed -i 's/client_max_body_size.*/client_max_body_size 1g;/' /etc/nginx/comuni.d/c_e863-albo.conf");
    lab.comuni(&["plan", "--detailed-exitcode"])
        .ends_with(2)
        .says("~ file:/etc/nginx/comuni.d/c_e863-albo.conf  (changed on the host by hand)")
        .says("-    client_max_body_size 1g;")
        .says("Plan: 1 to change;");
    assert_eq!(
        on(host, "grep -c 'client_max_body_size 1g' /etc/nginx/comuni.d/c_e863-albo.conf"),
        "1",
        "plan wrote nothing"
    );
    lab.comuni(&["apply", "--yes"]).ends_with(0).says("1 fixed");
    lab.is_converged();
}

#[test]
fn a_file_of_somebody_else_in_our_folders_is_reported_and_left_alone() {
    let lab = lab();
    on("app1", "echo 'server { }' > /etc/nginx/comuni.d/foreign.conf.off");
    lab.comuni(&["plan"]).ends_with(0).says("file:/etc/nginx/comuni.d/foreign.conf.off  is not ours; left alone");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    assert_eq!(on("app1", "cat /etc/nginx/comuni.d/foreign.conf.off"), "server { }");
    on("app1", "rm /etc/nginx/comuni.d/foreign.conf.off");
}

#[test]
fn a_stopped_service_a_wrong_mode_and_a_lost_privilege_are_seen() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    on(host, "systemctl stop comuni-c_e707-albo.service; chmod 0777 /srv/comuni/c_e707/albo/data");
    on("db1", "runuser -u postgres -- psql -qc 'grant connect on database c_e707_albo to public'");
    lab.comuni(&["plan", "--detailed-exitcode"])
        .ends_with(2)
        .says("service:comuni-c_e707-albo.service")
        .says("mode: 0777 -> 0750")
        .says("postgres_grant:c_e707_albo");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn a_plan_of_one_host_or_area_asks_only_for_that() {
    let lab = lab();
    lab.comuni(&["plan", "--host", "db1", "--area", "tenant"]).ends_with(0).says("on 1 of 1 hosts");
    lab.comuni(&["plan", "--host", "db9"]).ends_with(64).says("db1");
}

#[test]
fn json_has_one_object_a_line_and_begins_with_the_schema() {
    let lab = lab();
    let run = lab.comuni(&["plan", "--format", "json"]).ends_with(0);
    let objects = run.objects();
    assert_eq!(objects[0]["type"], "version");
    assert_eq!(objects[0]["schema"], 1);
    assert_eq!(objects.last().unwrap()["type"], "plan");
}
