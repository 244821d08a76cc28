//! Tenants that are new: never backed up, and with nothing in them.

use serde_json::Value;

use crate::backup::seeded;
use crate::harness::{Run, Undo, on};

/// A tenant that nobody has ever written to.
const MONVALLE: &str = "c_f703-albo";

/// How far each tenant was proven, by `backup verify --format json`.
pub fn verifications(run: &Run) -> Vec<Value> {
    run.objects().into_iter().filter(|object| object["type"] == "backup_verification").collect()
}

#[test]
fn row_33_empty_tables_of_a_new_comune_are_what_they_must_be() {
    let (lab, _) = seeded();
    lab.comuni(&["backup", "run", "--member", "monvalle"]).ends_with(0);
    let run =
        lab.comuni(&["--format", "json", "backup", "verify", "--member", "monvalle", "--level", "L5"]).ends_with(0);
    let found = verifications(&run).pop().unwrap();
    assert_eq!((found["tenant"].as_str(), found["reached"].as_str()), (Some(MONVALLE), Some("L5")), "{found:#}");
    let rows = "runuser -u postgres -- psql -qtA -d c_f703_albo -c 'select count(*) from notice'";
    assert_eq!(on("db1", rows), "0", "it is no empty table");
}

#[test]
fn a_tenant_that_was_never_backed_up_is_in_the_metrics_after_an_apply() {
    let (lab, _) = seeded();
    let host = crate::harness::carrier(MONVALLE);
    let state = format!("/var/lib/comuni/backup/state/{MONVALLE}.json");
    let metrics = "/var/lib/prometheus/node-exporter/comuni_backup.prom";
    on(host, &format!("rm -f {metrics}; mkdir -p $(dirname {state}); touch {state}; mv {state} /root/state.kept"));
    let _undo =
        Undo(host, format!("test ! -s /root/state.kept || cp -p /root/state.kept {state}; rm -f /root/state.kept"));
    on(host, &format!("echo '# by hand' >> /etc/systemd/system/comuni-backup-{MONVALLE}.timer"));
    lab.comuni(&["apply", "--yes", "--member", "monvalle"]).ends_with(0);
    let page = on(host, &format!("cat {metrics}"));
    let labels = format!("{{member=\"c_f703\",application=\"albo\",tenant=\"{MONVALLE}\"}}");
    assert!(page.contains(&format!("comuni_backup_last_success_timestamp_seconds{labels} 0")), "{page}");
    assert!(page.contains(&format!("comuni_backup_last_status{labels} 1")), "{page}");
    // The others are in it as they are.
    let others = on(host, &format!("ls /etc/comuni/backup/*.json | wc -l; grep -c ^comuni_backup_rows {metrics}"));
    let counts: Vec<&str> = others.lines().collect();
    assert_eq!(counts[0], counts[1], "{page}");
}
