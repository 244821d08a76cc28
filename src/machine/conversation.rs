//! A program that is talked with over its standard input and output, line by line, within one deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Command, process};
use crate::failure::{Failure, Result};

/// How many lines may wait to be heard: a program that says more is held up by its full pipe.
const WAITING: usize = 1024;

/// How long a program has to end once nobody talks with it any more.
const FAREWELL: Duration = Duration::from_secs(3);

/// A program that is talked with. Dropping it ends its whole process group.
pub trait Conversation: std::fmt::Debug {
    /// Writes to its standard input.
    ///
    /// # Errors
    /// When it is gone, with its own words.
    fn say(&mut self, text: &str) -> Result<()>;

    /// The next line of its standard output, without its end.
    ///
    /// # Errors
    /// When it is gone, with its own words, or says nothing until the deadline of the whole conversation.
    fn hear(&mut self) -> Result<String>;
}

/// A conversation with a program of this host.
#[derive(Debug)]
pub(super) struct Talk {
    name: String,
    child: Child,
    group: Pid,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
    until: Instant,
    deadline: Duration,
}

/// Starts the program and says what stands in the command's own input.
///
/// # Errors
/// When it cannot be started.
pub(super) fn begin(command: &Command) -> Result<Talk> {
    let name = command.argv.first().cloned().unwrap_or_default();
    let mut child = process::prepare(command)?
        .spawn()
        .map_err(|error| Failure::operation(format!("cannot start {name}: {error}")))?;
    let group = Pid::from_child(&child);
    let (sender, lines) = sync_channel(WAITING);
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { return };
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
    }
    let stderr = Arc::new(Mutex::new(Vec::new()));
    let listener = child.stderr.take().map(|mut stream| {
        let kept = Arc::clone(&stderr);
        thread::spawn(move || {
            let mut piece = vec![0; 16 * 1024];
            while let Ok(length @ 1..) = stream.read(&mut piece) {
                if let Ok(mut kept) = kept.lock() {
                    process::keep_last(&mut kept, &piece[..length]);
                }
            }
        })
    });
    let (stdin, deadline) = (child.stdin.take(), command.deadline);
    let mut talk =
        Talk { name, child, group, stdin, lines, stderr, listener, until: Instant::now() + deadline, deadline };
    let first = String::from_utf8_lossy(&command.stdin).into_owned();
    talk.say(&first)?;
    Ok(talk)
}

impl Conversation for Talk {
    fn say(&mut self, text: &str) -> Result<()> {
        let said = self.stdin.as_mut().map_or(Ok(()), |stdin| {
            stdin.write_all(text.as_bytes())?;
            stdin.flush()
        });
        said.map_err(|_| self.gone())
    }

    fn hear(&mut self) -> Result<String> {
        match self.lines.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Disconnected) => Err(self.gone()),
            Err(RecvTimeoutError::Timeout) => Err(Failure::operation(format!(
                "{} was not done within {} s and was ended",
                self.name,
                self.deadline.as_secs()
            ))),
        }
    }
}

impl Talk {
    /// Why it went away. Its last words are waited for: they are the reason.
    fn gone(&mut self) -> Failure {
        self.stdin = None;
        let end = Instant::now() + FAREWELL;
        while self.listener.as_ref().is_some_and(|listener| !listener.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        let words = self.stderr.lock().map(|kept| String::from_utf8_lossy(&kept).trim().to_string());
        let words = words.ok().filter(|words| !words.is_empty()).unwrap_or_else(|| "it said nothing".to_string());
        Failure::operation(format!("{} ended too early: {words}", self.name))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.stdin = None;
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        // It may end at this very moment: then there is nothing left to end.
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, seconds: u64) -> Talk {
        begin(&Command::new(["sh", "-c", script]).within(Duration::from_secs(seconds))).unwrap()
    }

    #[test]
    fn question_and_answer_take_turns() {
        let mut talk = shell("while read line; do echo \"you said $line\"; done", 20);
        for word in ["one", "two"] {
            talk.say(&format!("{word}\n")).unwrap();
            assert_eq!(talk.hear().unwrap(), format!("you said {word}"));
        }
    }

    #[test]
    fn who_goes_away_is_quoted() {
        let mut talk = shell("read line; echo 'no such thing' >&2; exit 3", 20);
        talk.say("x\n").unwrap();
        assert!(talk.hear().unwrap_err().message.contains("no such thing"));
    }

    #[test]
    fn who_says_nothing_is_ended_with_all_its_children() {
        let mut talk = shell("sleep 1000 & echo $!; sleep 1000", 1);
        let child = talk.hear().unwrap();
        assert!(talk.hear().unwrap_err().message.contains("within 1 s"));
        drop(talk);
        let end = Instant::now() + Duration::from_secs(5);
        let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        while !(state().is_empty() || state().contains(") Z ")) {
            assert!(Instant::now() < end, "{}", state());
            thread::sleep(Duration::from_millis(20));
        }
    }
}
