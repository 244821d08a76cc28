//! How a staged copy of the monitoring's files is tried before a daemon gets them: with the daemons' own tools, and with
//! the tests that come beside rules and routes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

/// Where rules, their tests and their targets lie.
const RULES: &str = "/etc/prometheus/comuni/rules";
const TESTS: &str = "/etc/prometheus/comuni/tests";
const TARGETS: &str = "/etc/prometheus/comuni/targets/members";
/// The tests of a whole province take a minute of processor time, on a machine that also has other work.
const PATIENCE: Duration = Duration::from_secs(900);

/// Says for some labels each which receivers must be told.
const ROUTES: &str = "/etc/prometheus/comuni/routes";

/// The tries of Prometheus' files: all of its configuration, all rules, and the tests of the rules that change. A change
/// of the rules for all takes the tests of everybody.
///
/// # Errors
/// When the stage cannot be read.
pub fn prometheus(machine: &dyn Machine, at: impl Fn(&str) -> String, staged: &[PathBuf]) -> Result<Vec<Command>> {
    let mut commands = vec![command(&["promtool", "check", "config"], [at("/etc/prometheus/prometheus.yml")])];
    let (rules, tests) = (at(RULES), at(TESTS));
    let files = |folder: &str| -> Result<Vec<String>> {
        let names = machine.list(Path::new(folder))?;
        Ok(names.into_iter().filter(|name| name.ends_with(".yml")).map(|name| format!("{folder}/{name}")).collect())
    };
    let all = files(&rules)?;
    if !all.is_empty() {
        commands.push(command(&["promtool", "check", "rules", "--lint=all", "--lint-fatal"], all));
    }
    let changed: BTreeSet<&str> = staged
        .iter()
        .filter(|path| path.starts_with(&rules) || path.starts_with(&tests))
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    let for_all = changed.contains("comuni.yml");
    let due = |file: &String| for_all || changed.iter().any(|name| file.ends_with(&format!("/{name}")));
    let due: Vec<String> = files(&tests)?.into_iter().filter(due).collect();
    if !due.is_empty() {
        commands.push(each_by_itself(&["promtool", "test", "rules"], &due));
    }
    // promtool takes a file of targets that is not there for none; what is there it has read above.
    if machine.stat(Path::new(&at(TARGETS)))?.is_none() {
        return Err(Failure::operation(format!("{TARGETS} is not there: no member would be watched")));
    }
    Ok(commands)
}

/// The tries of Alertmanager's: its configuration, and one for each line of [`ROUTES`].
///
/// # Errors
/// When the stage cannot be read.
pub fn alertmanager(machine: &dyn Machine, at: impl Fn(&str) -> String) -> Result<Vec<Command>> {
    let file = at("/etc/prometheus/alertmanager.yml");
    let mut commands = vec![command(&["amtool", "check-config"], [file.clone()])];
    let routes = machine.read(Path::new(&at(ROUTES)))?.unwrap_or_default();
    for line in String::from_utf8_lossy(&routes).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (receivers, labels) = line
            .split_once(' ')
            .ok_or_else(|| Failure::operation(format!("{ROUTES}: \"{line}\" has no labels after the receivers")))?;
        let words = ["amtool", "config", "routes", "test"].map(str::to_string);
        let options = [format!("--config.file={file}"), format!("--verify.receivers={receivers}")];
        commands.push(Command::new(words.into_iter().chain(options).chain(labels.split(' ').map(str::to_string))));
    }
    Ok(commands)
}

/// A command for each of the files, as many at once as there are processors: promtool takes one file after the other, and
/// most of its time goes into reckoning rules. It needs little memory, so that its garbage may lie for longer.
fn each_by_itself(words: &[&str], files: &[String]) -> Command {
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let carrier = ["xargs", "--null", "--max-args=1"].map(str::to_string);
    let words = words.iter().map(|word| word.to_string());
    Command::new(carrier.into_iter().chain([format!("--max-procs={at_once}")]).chain(words))
        .stdin(files.join("\0"))
        .env("GOGC", "400")
        .within(PATIENCE)
}

fn command(words: &[&str], files: impl IntoIterator<Item = String>) -> Command {
    Command::new(words.iter().map(|word| word.to_string()).chain(files))
}
