//! Starts processes of the real host: bounded in time and in what they may say, apart from our own streams.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process_group};

use super::{Command, Output};
use crate::failure::{Failure, Result};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const STDOUT_LIMIT: usize = 64 * 1024 * 1024;
const STDERR_KEPT: usize = 1024 * 1024;
/// How long a process has between being asked to end and being killed.
const FAREWELL: Duration = Duration::from_secs(3);
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
    follow(command, child)
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

fn follow(command: &Command, mut child: Child) -> Result<Output> {
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
    collect(command, group, &news)
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

fn collect(command: &Command, group: Pid, news: &Receiver<News>) -> Result<Output> {
    let mut until = Instant::now() + command.deadline;
    let mut status = None;
    let mut refused: Option<Failure> = None;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let argv = command.argv.join(" ");
    loop {
        match news.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(News::Stdout(piece)) if stdout.len() + piece.len() <= STDOUT_LIMIT => stdout.extend(piece),
            Ok(News::Stdout(_)) => {
                if refused.is_none() {
                    refused = Some(Failure::operation(format!("{argv} wrote more than 64 MiB and was ended")));
                    // It may have ended already: then there is nothing left to kill.
                    let _ = kill_process_group(group, Signal::KILL);
                }
            }
            Ok(News::Stderr(piece)) => keep_last(&mut stderr, &piece),
            Ok(News::Ended(Ok(ended))) => {
                status = Some(ended);
                until = Instant::now() + LATE_OUTPUT;
            }
            Ok(News::Ended(Err(error))) => return Err(Failure::operation(format!("cannot wait for {argv}: {error}"))),
            Err(RecvTimeoutError::Timeout) if status.is_none() && refused.is_none() => {
                let _ = kill_process_group(group, Signal::TERM);
                refused = Some(late(command, &stderr));
                until = Instant::now() + FAREWELL;
            }
            Err(RecvTimeoutError::Timeout) => {
                if refused.is_some() {
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
    Ok(Output { status: status.code().unwrap_or_else(signal), stdout, stderr })
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
