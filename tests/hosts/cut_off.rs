//! Runs that are cut off at one of their steps: `./check` draws steps by a printed seed (`COMUNI_SEED` repeats it),
//! `./check --all` takes all of them, and `COMUNI_STEPS` those that it names.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::harness::{Lab, tries_on};

/// All steps, or those that are drawn; `COMUNI_STEPS=4,9` names them instead.
pub fn steps<const MANY: usize>(draw: impl FnOnce(usize) -> [usize; MANY]) -> Box<dyn Iterator<Item = usize>> {
    match std::env::var("COMUNI_STEPS") {
        Ok(named) => Box::new(named.split(',').map(|step| step.parse().unwrap()).collect::<Vec<_>>().into_iter()),
        Err(_) if takes_all() => Box::new(1..),
        Err(_) => Box::new(draw(drawn()).into_iter()),
    }
}

/// What is drawn from.
#[allow(clippy::print_stderr, reason = "shown when the test fails: how to see it again")]
pub fn drawn() -> usize {
    let seed = std::env::var("COMUNI_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |age| age.as_secs()));
    eprintln!("COMUNI_SEED={seed} repeats this choice");
    usize::try_from(seed % 1_000_000).unwrap_or(1)
}

/// `./check --all` takes everything that `./check` draws from.
pub fn takes_all() -> bool {
    std::env::var_os("COMUNI_CHECK_ALL").is_some()
}

/// Runs a verb and calls `kill`, with the process's id, when its `step`-th line that is a sign of life comes; `false` when
/// there were fewer.
pub fn killed_at(
    lab: &Lab,
    words: &[&str],
    step: usize,
    is_sign: impl Fn(&Value) -> bool,
    kill: impl FnOnce(u32),
) -> bool {
    let mut kill = Some(kill);
    let mut seen = 0;
    watched(lab, words, |line, pid| {
        seen += usize::from(is_sign(line));
        if seen == step
            && let Some(kill) = kill.take()
        {
            kill(pid);
        }
    });
    kill.is_none()
}

/// Runs a verb and hands over each line when it comes, with the process's id. Gives how it ended; nothing of a signal.
pub fn watched(lab: &Lab, words: &[&str], mut look: impl FnMut(&Value, u32)) -> Option<i32> {
    let words = [&["--format", "json"], words].concat();
    let mut child = lab.command(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        look(&serde_json::from_str(&line).expect(&line), child.id());
    }
    child.wait().unwrap().code()
}

/// A step of a run, whichever.
pub fn is_step(line: &Value) -> bool {
    line["type"] == "step"
}

/// `kill -9` of a process of this machine.
pub fn kill_here(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// `kill -9` of our half on these hosts, where it serves control.
pub fn kill_host_halves(hosts: &[&str]) {
    for host in hosts {
        tries_on(
            host,
            "for pid in $(pgrep -f '^/usr/local/lib/comuni/comuni-host-[0-9a-f]* serve'); do kill -9 $pid; done",
        );
    }
}
