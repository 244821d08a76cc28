use std::path::Path;
use std::time::Duration;

use super::harness::{BACKED_UP, Host};
use crate::executor::backup::{backup, newest};
use crate::executor::lock::{self, Taken};
use crate::machine::{Machine, PRIVATE_FILE};
use crate::protocol::{Holder, Operator};

const TENANT: &str = "c_e863-albo";
const RUNS: &str = "/var/lib/comuni/backup/runs.jsonl";

/// A host with this many records of runs.
fn with_runs(count: usize) -> Host {
    let mut host = Host::new();
    host.fake.with_file(&format!("/etc/comuni/backup/{TENANT}.json"), BACKED_UP, 0o600);
    let holder = Holder { operator: Operator::default(), verb: "upgrade".to_string(), since: 1 };
    let Taken::Held(_held) = lock::take(&host.settings.tenant_lock(TENANT), &holder).unwrap() else { panic!("busy") };
    for number in 0..count {
        // Its first letters are the end of a run's id.
        host.fake.with_file("/proc/sys/kernel/random/uuid", format!("{number:04}"), 0o444);
        backup(&mut host.fake, &host.settings, TENANT, Duration::ZERO).unwrap_err();
    }
    host
}

#[test]
fn row_43_records_that_are_cut_off_exactly_at_the_end_of_one_are_missed() {
    let mut host = with_runs(3);
    let (runs, broken) = newest(&host.fake, 10).unwrap();
    assert_eq!((runs.len(), broken), (3, None));
    let text = host.text(RUNS);
    let cut: String = text.split_inclusive('\n').take(2).collect();
    host.fake.write(Path::new(RUNS), cut.as_bytes(), &PRIVATE_FILE).unwrap();
    let (runs, broken) = newest(&host.fake, 10).unwrap();
    assert_eq!(runs.len(), 2, "what is there holds together");
    let words = broken.unwrap();
    assert!(words.contains("line 3: the end is missing") && words.contains(TENANT), "{words}");
}

#[test]
fn records_that_are_gone_as_a_whole_are_missed() {
    let mut host = with_runs(1);
    host.fake.remove(Path::new(RUNS)).unwrap();
    assert!(newest(&host.fake, 10).unwrap().1.is_some());
    assert_eq!(newest(&with_runs(0).fake, 10).unwrap(), (Vec::new(), None), "nothing was ever recorded");
}
