//! Asking a person.

use std::io::{self, BufRead, IsTerminal, Write};

use super::Out;
use crate::failure::{Failure, Result};

/// Asks whether to go on; only the whole word `yes` is consent.
///
/// # Errors
/// Exit 64 without a terminal: an unattended run must say `--yes`.
pub fn consent(out: &Out, question: &str) -> Result<bool> {
    if out.is_json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage("there are changes, and nobody can be asked without a terminal")
            .hint("read `comuni plan`, then run again with --yes"));
    }
    ask(&format!("{question} [yes/no] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(answer.trim() == "yes")
}

/// Asks for a secret without echo (termios(3)); takes standard input as it is when it is no terminal.
///
/// # Errors
/// When standard input cannot be read, or two entries on a terminal differ.
pub fn prompt_secret(question: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        let mut value = String::new();
        io::Read::read_to_string(&mut io::stdin().lock(), &mut value).map_err(unreadable)?;
        return Ok(value.strip_suffix('\n').map(str::to_string).unwrap_or(value));
    }
    let first = hidden(question)?;
    let second = hidden(&format!("{question} (again)"))?;
    if first != second {
        return Err(Failure::usage("the two entries differ; nothing was set"));
    }
    Ok(first)
}

fn hidden(question: &str) -> Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let input = io::stdin();
    let before = tcgetattr(&input).map_err(|error| unreadable(error.into()))?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    ask(&format!("{question}: "))?;
    tcsetattr(&input, OptionalActions::Flush, &silent).map_err(|error| unreadable(error.into()))?;
    let mut value = String::new();
    let read = input.lock().read_line(&mut value);
    tcsetattr(&input, OptionalActions::Flush, &before).map_err(|error| unreadable(error.into()))?;
    ask("\n")?;
    read.map_err(unreadable)?;
    Ok(value.trim_end_matches('\n').to_string())
}

fn ask(text: &str) -> Result<()> {
    let mut stream = io::stderr().lock();
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).map_err(unreadable)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::operation(format!("cannot ask on this terminal: {error}"))
}
