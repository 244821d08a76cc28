//! A host with a past: what stands there already is taken over, never made anew, and its data stay.

use crate::harness::{carrier, lab, on};

/// What a recreated account, database or folder would not keep.
fn past(host: &str) -> String {
    let account = on(host, "id c_e707_albo; cat /srv/comuni/c_e707/albo/data/notes.txt");
    let database = "select oid, (select count(*) from by_hand) from pg_database where datname = 'c_e707_albo'";
    format!("{account}\n{}", on("db1", &format!("runuser -u postgres -- psql -d c_e707_albo -Atc \"{database}\"")))
}

#[test]
fn what_stands_on_a_host_that_never_heard_of_us_is_adopted_once_and_its_data_stay() {
    let lab = lab();
    lab.is_converged();
    let host = carrier("c_e707-albo");
    for host in [host, "db1"] {
        on(host, "rm /var/lib/comuni/manifest.json /var/lib/comuni/journal.jsonl*");
    }
    on(
        host,
        "echo 'of the mayor' > /srv/comuni/c_e707/albo/data/notes.txt; usermod --shell /bin/bash c_e707_albo; \
              echo 'server { listen 127.0.0.1:81; }' > /etc/nginx/comuni.d/c_e707-albo.conf",
    );
    let table = "drop table if exists by_hand; create table by_hand as select generate_series(1, 10000) n";
    on("db1", &format!("runuser -u postgres -- psql -qd c_e707_albo -c '{table}'"));
    let before = past(host);
    lab.comuni(&["plan", "--detailed-exitcode"])
        .ends_with(2)
        .says("= postgres_database:c_e707_albo  adopted as it is: it was there before us")
        .says("= directory:/srv/comuni/c_e707/albo/data  adopted as it is: it was there before us")
        .says("~ user:c_e707_albo  adopted and changed: it was there before us")
        .says("shell: /bin/bash -> /usr/sbin/nologin")
        .says("~ file:/etc/nginx/comuni.d/c_e707-albo.conf  adopted and changed: it was there before us")
        .says("-server { listen 127.0.0.1:81; }")
        .says("to adopt, 2 to adopt and change;")
        .does_not_say("to create");
    let run = lab.comuni(&["apply", "--yes", "--format", "json"]).ends_with(0);
    let fixed: Vec<_> = run.objects().into_iter().filter(|object| object["event"] == "fixed").collect();
    assert!(fixed.len() == 2 && fixed.iter().all(|step| step["action"] == "adopt_and_change"), "{fixed:?}");
    lab.is_converged();
    assert_eq!(past(host), before);
    let adopted = r#""action":"adopt","host":"db1","id":"postgres_database:c_e707_albo","owner":"c_e707""#;
    assert_eq!(
        on("ops1", &format!("tail -qn 1 /var/lib/comuni/evidence/*.jsonl | grep -c '{adopted}'")),
        "1",
        "it is recorded"
    );
    on("db1", "runuser -u postgres -- psql -qd c_e707_albo -c 'drop table by_hand'");
    on(host, "rm /srv/comuni/c_e707/albo/data/notes.txt");
}
