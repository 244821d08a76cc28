//! `apply`: once to bring it about, then nothing.

use crate::harness::{LOZZA, carrier, https, lab, on, tries_on};

#[test]
fn every_tenant_of_every_member_answers_from_outside_with_a_certificate_of_the_authority() {
    let lab = lab();
    let mut tenants = 0;
    for host in ["app1", "app2"] {
        let shown = lab.comuni(&["show", "host", host]).ends_with(0).stdout;
        for line in shown.lines().filter(|line| line.starts_with("tenant ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (status, body) = https(lab, host, words[2], words[3]);
            assert_eq!(status, "200", "{line}: {body}");
            assert!(body.contains("\"status\":\"ok\"") || body.contains("\"status\": \"ok\""), "{line}: {body}");
            tenants += 1;
        }
    }
    assert_eq!(tenants, 14, "one tenant for each of the fourteen bodies");
}

#[test]
fn a_second_apply_changes_nothing_and_takes_one_exec_per_host() {
    let lab = lab();
    let run = lab.comuni(&["apply", "--yes", "--format", "json", "-v"]).ends_with(0);
    let traffic: Vec<_> = run.objects().into_iter().filter(|object| object["type"] == "traffic").collect();
    assert_eq!(traffic.len(), 5, "one object a host");
    for host in traffic {
        assert!(host["execs"].as_u64().unwrap() <= 2, "{host}");
        assert!(host["received"].as_u64().unwrap() < 100_000, "a no-op answer is short: {host}");
    }
    assert!(
        run.objects()
            .iter()
            .all(|object| object["type"] != "step" || object["event"] == "done" || object["event"] == "started")
    );
}

#[test]
fn an_apply_for_one_member_touches_only_what_that_member_owns() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let other = carrier("c_e863-albo");
    on(host, "echo '# by hand' >> /etc/nginx/comuni.d/c_e707-albo.conf");
    on(other, "echo '# by hand' >> /etc/nginx/comuni.d/c_e863-albo.conf");
    let run = lab.comuni(&["apply", "--member", "lozza", "--yes", "--format", "json"]).ends_with(0);
    for object in run.objects().iter().filter(|object| object["type"] == "step" && object["owner"].is_string()) {
        assert_eq!(object["owner"], LOZZA, "{object}");
    }
    assert_eq!(on(host, "grep -c 'by hand' /etc/nginx/comuni.d/c_e707-albo.conf || true"), "0");
    assert_eq!(on(other, "grep -c 'by hand' /etc/nginx/comuni.d/c_e863-albo.conf"), "1");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn an_application_taken_out_of_a_members_file_goes_but_its_data_stay_and_that_is_said() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    on(host, "echo kept > /srv/comuni/c_e707/albo/data/kept");
    let file = lab.varese().join("members/lozza.yml");
    {
        let _edited = lab.edit(&file, |text| {
            let applications = text.find("\napplications:").expect("lozza has applications");
            format!("{}\n", &text[..applications])
        });
        lab.comuni(&["plan"])
            .ends_with(0)
            .says("To be REMOVED")
            .says("file:/etc/nginx/comuni.d/c_e707-albo.conf")
            .says("postgres_database:c_e707_albo")
            .says("kept because they hold data");
        lab.comuni(&["apply", "--yes", "--allow", "removals", "--allow", "changes"]).ends_with(0);
        lab.comuni(&["plan", "--detailed-exitcode"]).ends_with(0).says("kept because they hold data");
        assert_eq!(on(host, "cat /srv/comuni/c_e707/albo/data/kept"), "kept");
        assert_eq!(
            on(
                "db1",
                "runuser -u postgres -- psql -Atc \"select count(*) from pg_database where datname='c_e707_albo'\""
            ),
            "1"
        );
        let (status, body) = https(lab, host, "albo.comune.lozza.va.it", "/health");
        assert!(status == "000" || status == "421", "a removed name is not served: {status} {body}");
    }
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
    assert_eq!(https(lab, host, "albo.comune.lozza.va.it", "/health").0, "200");
}

#[test]
fn a_leaving_member_is_stopped_its_name_answers_no_more_and_its_data_stay() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let rows = || on("db1", "runuser -u postgres -- psql -d c_e707_albo -Atc 'select count(*) from installation'");
    let before = rows();
    let file = lab.varese().join("members/lozza.yml");
    {
        let _edited = lab.edit(&file, |text| text.replace("status: active", "status: leaving"));
        lab.comuni(&["apply", "--yes", "--allow", "changes"]).ends_with(0);
        lab.is_converged();
        assert_eq!(tries_on(host, "systemctl is-active comuni-c_e707-albo.service").1, "inactive");
        assert_ne!(https(lab, host, "albo.comune.lozza.va.it", "/health").0, "200");
        assert_eq!(on(host, "test -d /srv/comuni/c_e707/albo/data/attachments && echo there"), "there");
        assert_eq!(rows(), before);
    }
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
    assert_eq!(https(lab, host, "albo.comune.lozza.va.it", "/health").0, "200");
}
