//! The queue of Tryton with work of its own in it: `queue:` of the catalogue, the timer on the database host, Prometheus.

use std::time::Duration;

use crate::harness::{eventually, on};
use crate::monitoring::reckoned;
use crate::software::Member;

/// Before any work of Tryton's own code.
const BEGIN: &str = "import os
from trytond import config
config.update_etc([os.environ['TRYTOND_CONFIG']])
from trytond.pool import Pool
from trytond.transaction import Transaction
from trytond.worker import run_task
name = os.environ['PGDATABASE']
Pool.start()
pool = Pool(name)
pool.init()
Party = pool.get('party.party')
";

/// Runs Tryton's own code, as the account of the tenant and over its login.
fn python(host: &str, tenant: &str, release: &str, code: &str) -> String {
    let account = tenant.replace('-', "_");
    let line = format!(
        "set -a; . /etc/comuni/tenants/{tenant}/environment; cd /; export PYTHONDONTWRITEBYTECODE=1 \
         PYTHONPATH=/opt/comuni/releases/contabilita/{release}; \
         runuser -u {account} -- python3 - <<'END'\n{BEGIN}{code}\nEND\n"
    );
    on(host, &line).trim().to_string()
}

/// The age that the host measures now.
fn measured(tenant: &str) -> u64 {
    let page =
        on("db1", "systemctl start comuni-queues.service && cat /var/lib/prometheus/node-exporter/comuni_queue.prom");
    let of_tenant = format!("tenant=\"{tenant}\"");
    let is_age = |line: &&str| line.starts_with("comuni_queue_oldest_seconds") && line.contains(&of_tenant);
    let line = page.lines().find(is_age).unwrap_or_else(|| panic!("{tenant} is not measured: {page}"));
    line.rsplit(' ').next().unwrap().parse().expect(line)
}

/// A piece of work that nobody has begun grows old on the host and in Prometheus; when Tryton has done it, nothing waits.
pub fn what_waits_in_it_is_measured_until_it_is_done((host, code, _): Member, release: &str) {
    let tenant = format!("{code}-contabilita");
    assert_eq!(measured(&tenant), 0, "nothing waits at first");
    // As a process leaves it that dies between the commit and the work.
    let left = "with Transaction().start(name, 1) as transaction:
    party, = Party.create([{'name': 'In coda'}])
    Party.__queue__.write([party], {'name': 'Lavorata'})
    transaction.tasks.clear()
    transaction.commit()
    print(party.id)";
    let party = python(host, &tenant, release, left);
    std::thread::sleep(Duration::from_secs(3));
    let first = measured(&tenant);
    assert!((3..600).contains(&first), "{first} s: the zones of clocks do not count");
    std::thread::sleep(Duration::from_secs(3));
    let second = measured(&tenant);
    assert!(second >= first + 3, "it grows: {first}, {second}");
    let age = format!("comuni_queue_oldest_seconds{{tenant=\"{tenant}\"}}");
    let in_prometheus = || reckoned(&age).parse::<u64>().ok();
    eventually("Prometheus knows the age", Duration::from_secs(120), || in_prometheus() >= Some(second));

    let work = "with Transaction().start(name, 0) as transaction:
    task, _ = pool.get('ir.queue').pull(transaction.database, transaction.connection)
    transaction.commit()
run_task(name, task)";
    python(host, &tenant, release, work);
    let named = format!("with Transaction().start(name, 1):\n    print(Party({party}).name)");
    assert_eq!(python(host, &tenant, release, &named), "Lavorata", "Tryton did it");
    assert_eq!(measured(&tenant), 0, "nothing waits any more");
    eventually("Prometheus knows that nothing waits", Duration::from_secs(120), || in_prometheus() == Some(0));
}
