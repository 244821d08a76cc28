//! Starts processes of the real host: bounded in time and in what they may say, apart from our own streams.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process_group};

use super::{Command, Output, stop};
use crate::failure::{Failure, Result};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const STDOUT_LIMIT: usize = 64 * 1024 * 1024;
const STDERR_KEPT: usize = 1024 * 1024;
/// How long a process has between being asked to end and being killed.
const FAREWELL: Duration = Duration::from_secs(3);
/// The same for one that has to take a lock away in another place.
const GENTLE_FAREWELL: Duration = Duration::from_secs(20);
/// How long output is awaited after the process: a daemon that it left behind may hold the pipe for ever.
const LATE_OUTPUT: Duration = Duration::from_millis(500);

enum News {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Ended(std::io::Result<ExitStatus>),
}

/// An account as passwd(5) knows it.
struct Account {
    uid: u32,
    gid: u32,
    home: String,
}

/// Runs a command to its end. A program that is not there is an output with status 127.
///
/// # Errors
/// When the account is unknown, the process cannot be started, says too much, or does not end within its deadline.
pub(super) fn execute(command: &Command) -> Result<Output> {
    let mut stdout = Vec::new();
    let output = attend(command, &mut |piece| {
        if stdout.len() + piece.len() > STDOUT_LIMIT {
            return Err(Failure::operation(format!("{} wrote more than 64 MiB and was ended", command.argv.join(" "))));
        }
        stdout.extend(piece);
        Ok(())
    })?;
    Ok(Output { stdout, ..output })
}

/// Runs a command to its end and hands over each line of its standard output; nothing of it is kept.
///
/// # Errors
/// As [`execute`], and with what `line` fails with.
pub(super) fn follow(command: &Command, line: &mut dyn FnMut(&str) -> Result<()>) -> Result<Output> {
    let mut rest = Vec::new();
    let output = attend(command, &mut |piece| {
        rest.extend(piece);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            line(&String::from_utf8_lossy(&rest[..end]))?;
            rest.drain(..=end);
        }
        if rest.len() > STDERR_KEPT {
            rest.clear();
        }
        Ok(())
    })?;
    if !rest.is_empty() {
        line(&String::from_utf8_lossy(&rest))?;
    }
    Ok(output)
}

/// Takes pieces of standard output.
type Take<'a> = dyn FnMut(Vec<u8>) -> Result<()> + 'a;

fn attend(command: &Command, take: &mut Take<'_>) -> Result<Output> {
    let Some(name) = command.argv.first() else {
        return Err(Failure::operation("a command without a program was to be run"));
    };
    let mut process = prepare(command)?;
    let child = match process.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Output { status: 127, stdout: Vec::new(), stderr: format!("{name}: not found").into_bytes() });
        }
        Err(error) => return Err(Failure::operation(format!("cannot start {name}: {error}"))),
    };
    watch(command, child, take)
}

pub(super) fn prepare(command: &Command) -> Result<std::process::Command> {
    let mut argv = command.argv.clone();
    let mut home = "/root".to_string();
    if let Some(user) = &command.user {
        let account = account(user)?;
        home = account.home;
        if getuid().as_raw() != account.uid {
            // setpriv(1) and not `Command::uid`: only it sets the supplementary groups too.
            let prefix = [
                "setpriv".to_string(),
                format!("--reuid={}", account.uid),
                format!("--regid={}", account.gid),
                "--init-groups".to_string(),
                "--".to_string(),
            ];
            argv.splice(0..0, prefix);
        }
    }
    #[allow(clippy::disallowed_methods, reason = "the one place where the host half starts a program")]
    let mut process = std::process::Command::new(&argv[0]);
    process
        .args(&argv[1..])
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", home)
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(process)
}

fn account(user: &str) -> Result<Account> {
    let content = std::fs::read_to_string("/etc/passwd")
        .map_err(|error| Failure::operation(format!("cannot read /etc/passwd: {error}")))?;
    let account = content.lines().find_map(|line| match line.split(':').collect::<Vec<_>>()[..] {
        [name, _, uid, gid, _, home, ..] if name == user => {
            Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: home.to_string() })
        }
        _ => None,
    });
    account.ok_or_else(|| Failure::operation(format!("there is no user {user} on this host")))
}

fn watch(command: &Command, mut child: Child, take: &mut Take<'_>) -> Result<Output> {
    let group = Pid::from_child(&child);
    let (sender, news) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        let input = command.stdin.clone();
        // A program that does not read all of its input says so by its status, not by our broken pipe.
        thread::spawn(move || stdin.write_all(&input));
    }
    if let Some(stdout) = child.stdout.take() {
        listen(stdout, sender.clone(), News::Stdout);
    }
    if let Some(stderr) = child.stderr.take() {
        listen(stderr, sender.clone(), News::Stderr);
    }
    thread::spawn(move || sender.send(News::Ended(child.wait())));
    collect(command, group, &news, take)
}

fn listen(mut stream: impl Read + Send + 'static, sender: Sender<News>, wrap: fn(Vec<u8>) -> News) {
    thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return,
                Ok(length) if sender.send(wrap(piece[..length].to_vec())).is_err() => return,
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    });
}

fn collect(command: &Command, group: Pid, news: &Receiver<News>, take: &mut Take<'_>) -> Result<Output> {
    let mut until = Instant::now() + command.deadline;
    let mut status = None;
    let mut refused: Option<Failure> = None;
    let mut stderr = Vec::new();
    let argv = command.argv.join(" ");
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let asked = if refused.is_none() && status.is_none() { stop::stopped() } else { None };
        if let Some(failure) = asked {
            refused = Some(failure);
            until = farewell(command, group);
            continue;
        }
        match news.recv_timeout(left.min(stop::LOOK)) {
            Ok(News::Stdout(piece)) if refused.is_none() => {
                if let Err(failure) = take(piece) {
                    refused = Some(failure);
                    if status.is_none() {
                        until = farewell(command, group);
                    }
                }
            }
            Ok(News::Stdout(_)) => {}
            Ok(News::Stderr(piece)) => keep_last(&mut stderr, &piece),
            Ok(News::Ended(Ok(ended))) => {
                status = Some(ended);
                until = Instant::now() + LATE_OUTPUT;
            }
            Ok(News::Ended(Err(error))) => return Err(Failure::operation(format!("cannot wait for {argv}: {error}"))),
            Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
            Err(RecvTimeoutError::Timeout) if status.is_none() && refused.is_none() => {
                refused = Some(late(command, &stderr));
                until = farewell(command, group);
            }
            Err(RecvTimeoutError::Timeout) => {
                if refused.is_some() {
                    // It may have ended already: then there is nothing left to kill.
                    let _ = kill_process_group(group, Signal::KILL);
                }
                break;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if let Some(failure) = refused {
        return Err(failure);
    }
    let Some(status) = status else {
        return Err(Failure::operation(format!("{argv} was lost sight of")));
    };
    let signal = || status.signal().map_or(-1, |signal| 128 + signal);
    Ok(Output { status: status.code().unwrap_or_else(signal), stdout: Vec::new(), stderr })
}

/// Asks a process group to end. Answers until when that is waited for.
fn farewell(command: &Command, group: Pid) -> Instant {
    let (signal, patience) = if command.interrupt { (Signal::INT, GENTLE_FAREWELL) } else { (Signal::TERM, FAREWELL) };
    // It may end at this very moment: then there is nobody to ask.
    let _ = kill_process_group(group, signal);
    Instant::now() + patience
}

fn late(command: &Command, stderr: &[u8]) -> Failure {
    let words = String::from_utf8_lossy(stderr);
    let said = if words.trim().is_empty() { String::new() } else { format!("; it said: {}", words.trim()) };
    Failure::operation(format!(
        "{} did not end within {} s and was ended{said}",
        command.argv.join(" "),
        command.deadline.as_secs()
    ))
}

pub(super) fn keep_last(kept: &mut Vec<u8>, piece: &[u8]) {
    kept.extend(piece);
    if kept.len() > STDERR_KEPT {
        kept.drain(..kept.len() - STDERR_KEPT);
    }
}
