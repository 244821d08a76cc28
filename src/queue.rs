//! How old the oldest thing in the queue of a tenant is, by a question of the catalogue to its database: for Prometheus, by
//! the textfile collector of the node exporter. An age tells what a length does not: a long queue that moves is well.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership};

/// Where the playbook writes what is asked, a file for each tenant whose database is here.
const FOLDER: &str = "/etc/comuni/queues";
/// What the exporter reads.
const METRICS: &str = "/var/lib/prometheus/node-exporter/comuni_queue.prom";
/// It is read by the exporter's account.
const READABLE: Ownership = Ownership { uid: 0, gid: 0, mode: 0o644 };
/// The account that owns the server: it is let in by name, without a password.
const ACCOUNT: &str = "postgres";

/// What is asked of one tenant's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Queue {
    tenant: String,
    member: String,
    application: String,
    database: String,
    /// The role that owns it: the question may do what that role may, and in a transaction that cannot write.
    owner: String,
    /// A `select` of one whole number of seconds; null when nothing waits.
    oldest: String,
}

/// Asks all of them and replaces the metrics. A queue that cannot be asked is left out, so that its alert sees it.
///
/// # Errors
/// Names the queues that could not be asked, after the metrics of the others were written; or why nothing was.
pub fn measure(machine: &mut dyn Machine) -> Result<()> {
    let mut measured = Vec::new();
    let mut failed = Vec::new();
    for name in machine.list(Path::new(FOLDER))?.iter().filter(|name| name.ends_with(".json")) {
        let path = Path::new(FOLDER).join(name);
        let content = machine.read(&path)?.unwrap_or_default();
        let queue: Queue = serde_json::from_slice(&content)
            .map_err(|error| Failure::operation(format!("{}: {error}", path.display())))?;
        match queue.age(machine) {
            Ok(age) => measured.push((queue, age, machine.now())),
            Err(failure) => failed.push(format!("{}: {}", queue.tenant, failure.message)),
        }
    }
    machine.write(Path::new(METRICS), text(&measured).as_bytes(), &READABLE)?;
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::operation(format!("queues that could not be asked:\n  {}", failed.join("\n  ")))),
    }
}

impl Queue {
    fn age(&self, machine: &dyn Machine) -> Result<u64> {
        let command = Command::new(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"]);
        let mut command = command.stdin(self.script()?).as_user(ACCOUNT);
        command.argv.push(self.database.clone());
        let output = machine.query(&command)?.succeeded(&command)?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_string();
        // What begins in the future is not late.
        let age = if said.is_empty() { Some(0) } else { said.parse::<i64>().ok() };
        age.map(|age| u64::try_from(age).unwrap_or(0))
            .ok_or_else(|| Failure::operation("its question is not answered with one whole number"))
    }

    fn script(&self) -> Result<String> {
        if self.owner.contains(['\n', '\r', '\0']) {
            return Err(Failure::operation("the owner of the database is no name"));
        }
        let owner = self.owner.replace('\\', "\\\\").replace('\'', "''");
        let question = self.oldest.trim_end_matches([';', ' ', '\n']);
        Ok(format!(
            "\\set owner '{owner}'\nbegin transaction read only;\nset local statement_timeout = '20s';\n\
             set local role :\"owner\";\n{question};\nrollback;\n"
        ))
    }
}

fn text(measured: &[(Queue, u64, i64)]) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, value: &dyn Fn(&(Queue, u64, i64)) -> i64| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for one in measured {
            let Queue { tenant, member, application, .. } = &one.0;
            let labels = format!("member=\"{member}\",application=\"{application}\",tenant=\"{tenant}\"");
            let _ = writeln!(text, "{name}{{{labels}}} {}", value(one));
        }
    };
    metric(
        "comuni_queue_oldest_seconds",
        "For how long the oldest thing in the queue has waited; 0 when none does.",
        &|one| i64::try_from(one.1).unwrap_or(i64::MAX),
    );
    metric("comuni_queue_measured_timestamp_seconds", "When that was measured.", &|one| one.2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    fn with_queue(host: &mut Fake, tenant: &str, said: (i32, &str)) {
        let queue = Queue {
            tenant: tenant.to_string(),
            member: "c_e863".to_string(),
            application: "contabilita".to_string(),
            database: tenant.replace('-', "_"),
            owner: "own'er".to_string(),
            oldest: "select 1;".to_string(),
        };
        host.with_file(&format!("{FOLDER}/{tenant}.json"), serde_json::to_string(&queue).unwrap(), 0o600);
        let argv = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &queue.database];
        host.answer(&argv, said.0, said.1, "what psql said");
        assert!(queue.script().unwrap().starts_with("\\set owner 'own''er'\nbegin transaction read only;\n"));
        assert!(queue.script().unwrap().ends_with("\nselect 1;\nrollback;\n"));
    }

    fn host() -> Fake {
        let mut host = Fake::new();
        let accounts = host.world.text("/etc/passwd") + "postgres:x:90:90::/var:/bin/sh\n";
        host.with_file("/etc/passwd", accounts, 0o644);
        host.with_directory(FOLDER, 0o755);
        host.with_directory("/var/lib/prometheus/node-exporter", 0o755);
        host
    }

    #[test]
    fn ages_are_measured_and_what_waits_for_its_time_is_not_late() {
        let mut host = host();
        for (tenant, said) in [("a-x", "1801\n"), ("b-x", "\n"), ("c-x", "-7\n")] {
            with_queue(&mut host, tenant, (0, said));
        }
        measure(&mut host).unwrap();
        let page = host.world.text(METRICS);
        for (tenant, age) in [("a-x", 1801), ("b-x", 0), ("c-x", 0)] {
            let labels = format!("{{member=\"c_e863\",application=\"contabilita\",tenant=\"{tenant}\"}}");
            assert!(page.contains(&format!("comuni_queue_oldest_seconds{labels} {age}\n")), "{page}");
            assert!(
                page.contains(&format!("comuni_queue_measured_timestamp_seconds{labels} {}\n", host.now())),
                "{page}"
            );
        }
    }

    #[test]
    fn a_queue_that_cannot_be_asked_is_left_out_and_named_and_the_others_are_measured() {
        let mut host = host();
        with_queue(&mut host, "a-x", (3, ""));
        with_queue(&mut host, "b-x", (0, "many\n"));
        with_queue(&mut host, "c-x", (0, "7\n"));
        let told = measure(&mut host).unwrap_err().message;
        assert!(told.contains("a-x: ") && told.contains("what psql said") && told.contains("b-x: "), "{told}");
        let page = host.world.text(METRICS);
        assert!(page.contains("tenant=\"c-x\"} 7") && !page.contains("a-x") && !page.contains("b-x"), "{page}");
    }

    #[test]
    fn a_tenant_that_is_gone_is_measured_no_more() {
        let mut host = host();
        with_queue(&mut host, "a-x", (0, "7\n"));
        measure(&mut host).unwrap();
        host.world.take(format!("{FOLDER}/a-x.json"));
        measure(&mut host).unwrap();
        assert!(!host.world.text(METRICS).contains("a-x"));
    }
}
