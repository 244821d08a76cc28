//! What a monitoring host is asked about itself: Prometheus and Alertmanager, at its own loopback address, where nobody else
//! reaches them.

mod silence;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use silence::{LONGEST_SILENCE, Silence, lift, silence};

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Output};

/// Where they listen.
const PROMETHEUS: &str = "http://127.0.0.1:9090/api/v1";
const ALERTMANAGER: &str = "http://127.0.0.1:9093/api/v2";

/// Where the rules lie that Prometheus loads.
const RULES: &str = "/etc/prometheus/comuni/rules";

/// Longest time for one answer, in seconds.
const ANSWER: &str = "60";

/// What to do when they do not as they are asked.
const JOURNALS: &str =
    "look at its journal on the monitoring host: journalctl -u prometheus -u prometheus-alertmanager";

/// How much of an answer is taken, in bytes: a whole province with its rules is a tenth of it.
const LARGEST: usize = 16 << 20;

/// A closed list, so that control can ask for nothing else over this way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What an expression comes to now.
    Query {
        /// PromQL.
        expression: String,
    },
    /// What an expression came to in the past, up to now.
    Range {
        /// PromQL.
        expression: String,
        /// From so many seconds ago.
        seconds: u32,
        /// One value for so many seconds.
        step: u32,
    },
    /// What is watched, and whether it answers.
    Targets,
    /// The rules as they are loaded, and whether they can be reckoned.
    Rules,
    /// How Prometheus runs: whether it loaded its files, and when.
    Running,
    /// The files of the rules on disk: a list of `path` and `modified` (seconds since 1970-01-01T00:00:00Z).
    RuleFiles,
    /// The alerts that have reached Alertmanager.
    Alerts,
    /// The silences of Alertmanager, also those that are over.
    Silences,
}

/// Answers a question. Writes nothing.
///
/// # Errors
/// When the daemon does not answer in time, says that it cannot, or says more than is taken.
pub fn ask(machine: &dyn Machine, question: &Question) -> Result<Value> {
    match question {
        Question::Query { expression } => {
            prometheus(machine, &["--get", "--data-urlencode", &format!("query={expression}")], "query")
        }
        Question::Range { expression, seconds, step } => {
            let end = machine.now();
            let fields = [
                format!("query={expression}"),
                format!("start={}", end - i64::from(*seconds)),
                format!("end={end}"),
                format!("step={step}"),
            ];
            let mut words = vec!["--get"];
            fields.iter().for_each(|field| words.extend(["--data-urlencode", field]));
            prometheus(machine, &words, "query_range")
        }
        Question::Targets => prometheus(machine, &[], "targets?state=active"),
        Question::Rules => prometheus(machine, &[], "rules"),
        Question::Running => prometheus(machine, &[], "status/runtimeinfo"),
        Question::RuleFiles => rule_files(machine),
        Question::Alerts => alertmanager(machine, "alerts"),
        Question::Silences => alertmanager(machine, "silences"),
    }
}

/// Has Prometheus forget all that it measured of a member and of its zone, on its disk too.
///
/// # Errors
/// When it does not answer, or its interface for that is not open.
pub fn forget(machine: &mut dyn Machine, member: &str, zone: Option<&str>) -> Result<()> {
    let mut words = vec!["--request".to_string(), "POST".to_string()];
    // By whichever name a metric calls the one that it is of.
    let mut series: Vec<String> = ["member", "owner", "comune"].map(|label| format!("{{{label}=\"{member}\"}}")).into();
    series.push(format!("{{tenant=~\"{member}-.*\"}}"));
    series.extend(zone.map(|zone| format!("{{zone=\"{zone}\"}}")));
    for one in series {
        words.extend(["--data-urlencode".to_string(), format!("match[]={one}")]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for (words, path) in [(words.as_slice(), "delete_series"), (&["--request", "POST"][..], "clean_tombstones")] {
        let output = machine.run(&command(words, &format!("{PROMETHEUS}/admin/tsdb/{path}")))?;
        let (status, value) = answer("Prometheus", output)?;
        well("Prometheus", status, &value).map_err(|failure| {
            failure.context("its series stay").hint("comuni apply --area monitoring opens its interface for that")
        })?;
    }
    Ok(())
}

fn rule_files(machine: &dyn Machine) -> Result<Value> {
    let folder = Path::new(RULES);
    let mut files = Vec::new();
    for name in machine.list(folder)?.into_iter().filter(|name| name.ends_with(".yml")) {
        let path = folder.join(&name);
        if let Some(stat) = machine.stat(&path)? {
            files.push(json!({ "path": path.display().to_string(), "modified": stat.modified / 1_000_000_000 }));
        }
    }
    Ok(Value::Array(files))
}

/// What Prometheus says, without its envelope.
fn prometheus(machine: &dyn Machine, words: &[&str], path: &str) -> Result<Value> {
    let (_, answer) = answer("Prometheus", machine.query(&command(words, &format!("{PROMETHEUS}/{path}")))?)?;
    match answer["status"].as_str() {
        Some("success") => Ok(answer["data"].clone()),
        _ => Err(Failure::operation(format!(
            "Prometheus cannot answer {path}: {}",
            answer["error"].as_str().unwrap_or("it does not say why")
        ))
        .hint(JOURNALS)),
    }
}

fn alertmanager(machine: &dyn Machine, path: &str) -> Result<Value> {
    let (status, value) = answer("Alertmanager", machine.query(&command(&[], &format!("{ALERTMANAGER}/{path}")))?)?;
    well("Alertmanager", status, &value)?;
    Ok(value)
}

fn command(words: &[&str], url: &str) -> Command {
    let always =
        ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", ANSWER, "--write-out", "\n%{http_code}"];
    Command::new(always.iter().chain(words).copied().chain(["--", url])).within(Duration::from_secs(90))
}

/// The status of an answer and its JSON; nothing (`null`) for an answer without words.
fn answer(who: &str, output: Output) -> Result<(u16, Value)> {
    if output.status != 0 {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_string();
        return Err(Failure::operation(format!("{who} does not answer: {why}")).hint(JOURNALS));
    }
    if output.stdout.len() > LARGEST {
        return Err(Failure::operation(format!("{who} says more than {} MiB", LARGEST >> 20)));
    }
    let text = output.text();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    let status = status.parse().unwrap_or(0);
    if body.trim().is_empty() {
        return Ok((status, Value::Null));
    }
    let value = serde_json::from_str(body).map_err(|_| {
        let start: String = body.chars().take(120).collect();
        Failure::operation(format!("{who} answers {status} and no JSON: {start:?}")).hint(JOURNALS)
    })?;
    Ok((status, value))
}

fn well(who: &str, status: u16, value: &Value) -> Result<()> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    let words = value.as_str().or(value["message"].as_str()).map_or_else(|| value.to_string(), str::to_string);
    Err(Failure::operation(format!("{who} answers {status}: {words}")).hint(JOURNALS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: b"curl: (7) Failed to connect".to_vec() }
    }

    #[test]
    fn an_answer_is_its_status_and_its_json() {
        assert_eq!(answer("x", said(0, "{\"a\":1}\n200")).unwrap(), (200, json!({ "a": 1 })));
        assert_eq!(answer("x", said(0, "\n204")).unwrap(), (204, Value::Null));
    }

    #[test]
    fn what_is_no_answer_is_said() {
        assert!(answer("x", said(7, "\n000")).unwrap_err().message.contains("Failed to connect"));
        assert!(answer("x", said(0, "<html>\n502")).unwrap_err().message.contains("502 and no JSON"));
        let large = format!("[{}]\n200", " ".repeat(LARGEST));
        assert!(answer("x", said(0, &large)).unwrap_err().message.contains("more than 16 MiB"));
        assert!(well("x", 400, &json!("bad end")).unwrap_err().message.contains("400: bad end"));
    }
}
