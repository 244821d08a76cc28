//! Asking a person.

use std::io::{self, BufRead, IsTerminal, Write};

use super::Out;
use crate::failure::{Failure, Kind, Result};

/// Asks whether to go on; only the whole word `yes` is consent.
///
/// # Errors
/// Exit 64 without a terminal: an unattended run must say `--yes`.
pub fn consent(out: &Out, question: &str) -> Result<bool> {
    agreement(out, question, "there are changes", "read `comuni plan`, then run again with --yes")
}

/// As [`consent`], with the reason why there is something to ask, and the remedy for an unattended run.
///
/// # Errors
/// Exit 64 when nobody can be asked.
pub fn agreement(out: &Out, question: &str, why: &str, remedy: &str) -> Result<bool> {
    somebody_must_be_there(out, why, remedy)?;
    ask(&format!("{question} [yes/no] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(agrees(&answer))
}

/// Asks for a line; a bare return takes what is usual.
///
/// # Errors
/// Exit 64 when nobody can be asked: it says why there is something to ask, and the remedy for unattended runs.
pub fn answer(out: &Out, question: &str, usual: &str, why: &str, remedy: &str) -> Result<String> {
    somebody_must_be_there(out, why, remedy)?;
    ask(&match usual {
        "" => format!("{question}: "),
        usual => format!("{question} [{usual}]: "),
    })?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer).map_err(unreadable)? == 0 {
        return Err(Failure::usage(format!("{why}, and the questions were not answered")).hint(remedy));
    }
    match answer.trim() {
        "" => Ok(usual.to_string()),
        answer => Ok(answer.to_string()),
    }
}

/// Asks for a name to be typed in full, so that nobody destroys what he did not mean.
///
/// # Errors
/// Exit 64 when nobody can be asked.
pub fn typed(out: &Out, question: &str, name: &str, why: &str, remedy: &str) -> Result<bool> {
    somebody_must_be_there(out, why, remedy)?;
    ask(&format!("{question}\nType {name} to go on: "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(answer.trim() == name)
}

/// Whether somebody is there who can answer.
pub fn is_attended(out: &Out) -> bool {
    nobody_is_there(out.is_json(), io::stdin().is_terminal(), io::stderr().is_terminal()).is_none()
}

fn somebody_must_be_there(out: &Out, why: &str, remedy: &str) -> Result<()> {
    match nobody_is_there(out.is_json(), io::stdin().is_terminal(), io::stderr().is_terminal()) {
        None => Ok(()),
        Some(obstacle) => Err(Failure::usage(format!("{why}, and nobody can be asked {obstacle}")).hint(remedy)),
    }
}

/// Why nobody can be asked; `None` when somebody can.
fn nobody_is_there(json: bool, answers: bool, sees: bool) -> Option<&'static str> {
    match (json, answers && sees) {
        (false, true) => None,
        (true, _) => Some("with --format json"),
        (false, false) => Some("without a terminal"),
    }
}

fn agrees(answer: &str) -> bool {
    answer.trim() == "yes"
}

/// Asks for a secret without echo (termios(3)); takes standard input as it is when it is no terminal.
///
/// # Errors
/// When standard input cannot be read, nothing was entered, or two entries on a terminal differ (exit 64).
pub fn prompt_secret(question: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        let mut value = String::new();
        io::Read::read_to_string(&mut io::stdin().lock(), &mut value).map_err(unreadable)?;
        return entered(value);
    }
    let first = hidden(question)?;
    let second = hidden(&format!("{question} (again)"))?;
    if first != second {
        return Err(Failure::usage("the two entries differ; nothing was set"));
    }
    entered(first)
}

/// Asks for a secret without echo, once.
///
/// # Errors
/// Exit 64 when nobody can be asked: it says why there is something to ask, and the remedy for unattended runs.
pub fn prompt_once(out: &Out, question: &str, why: &str, remedy: &str) -> Result<String> {
    somebody_must_be_there(out, why, remedy)?;
    entered(hidden(question)?)
}

/// A value without the end of its line; an end of file or a bare return is a mistake, not an empty secret.
fn entered(value: String) -> Result<String> {
    let value = value.strip_suffix('\n').unwrap_or(&value);
    if value.is_empty() {
        return Err(Failure::usage("nothing was entered; nothing was set"));
    }
    Ok(value.to_string())
}

fn hidden(question: &str) -> Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
    let input = io::stdin();
    let before = tcgetattr(&input).map_err(|error| unreadable(error.into()))?;
    let mut silent = before.clone();
    // An interruption ends the line and not the process, or the terminal would stay without echo.
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    silent.special_codes[SpecialCodeIndex::VEOL] = before.special_codes[SpecialCodeIndex::VINTR];
    ask(&format!("{question}: "))?;
    tcsetattr(&input, OptionalActions::Flush, &silent).map_err(|error| unreadable(error.into()))?;
    let mut value = String::new();
    let read = until_line_end(&mut input.lock(), before.special_codes[SpecialCodeIndex::VINTR], &mut value);
    tcsetattr(&input, OptionalActions::Flush, &before).map_err(|error| unreadable(error.into()))?;
    ask("\n")?;
    read.map(|()| value)
}

/// Reads a line, or stops with [`Kind::Interrupted`] at the character by which a terminal interrupts.
fn until_line_end(input: &mut impl BufRead, interruption: u8, value: &mut String) -> Result<()> {
    let mut line = Vec::new();
    loop {
        let piece = input.fill_buf().map_err(unreadable)?;
        let (length, over) = match piece.iter().position(|byte| *byte == b'\n' || *byte == interruption) {
            Some(end) => (end + 1, true),
            None => (piece.len(), piece.is_empty()),
        };
        line.extend_from_slice(&piece[..length]);
        input.consume(length);
        if over {
            break;
        }
    }
    if line.last() == Some(&interruption) {
        return Err(Failure::new(Kind::Interrupted, "interrupted"));
    }
    *value = String::from_utf8(line).map_err(|_| Failure::usage("what was entered is not UTF-8"))?;
    Ok(())
}

fn ask(text: &str) -> Result<()> {
    let mut stream = io::stderr().lock();
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).map_err(unreadable)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::operation(format!("cannot ask on this terminal: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Format;

    #[test]
    fn nobody_is_asked_unless_a_person_can_see_the_question_and_answer_it() {
        for (json, answers, sees, asked) in [
            (false, true, true, true),
            (false, false, true, false),
            (false, true, false, false),
            (false, false, false, false),
            (true, true, true, false),
            (true, false, false, false),
        ] {
            let case = format!("json {json}, answers {answers}, sees {sees}");
            assert_eq!(nobody_is_there(json, answers, sees).is_none(), asked, "{case}");
        }
    }

    #[test]
    fn a_run_with_json_is_refused_before_anything_is_read() {
        let refusal = consent(&Out::plain(Format::Json, false), "Apply?").unwrap_err();
        assert_eq!(refusal.kind, Kind::Usage);
        assert!(refusal.hints.iter().any(|hint| hint.contains("--yes")), "{refusal:?}");
    }

    #[test]
    fn only_the_whole_word_yes_is_consent() {
        for (answer, consent) in [
            ("yes\n", true),
            (" yes \r\n", true),
            ("yes", true),
            ("y\n", false),
            ("YES\n", false),
            ("Yes\n", false),
            ("si\n", false),
            ("yes please\n", false),
            ("\n", false),
            ("", false),
        ] {
            assert_eq!(agrees(answer), consent, "{answer:?}");
        }
    }

    #[test]
    fn a_secret_keeps_all_but_the_end_of_its_line_and_is_never_empty() {
        for (typed, value) in [
            ("segreta\n", Some("segreta")),
            ("segreta", Some("segreta")),
            (" con spazi \n", Some(" con spazi ")),
            ("due\nrighe\n", Some("due\nrighe")),
            ("\n", None),
            ("", None),
        ] {
            assert_eq!(entered(typed.to_string()).ok().as_deref(), value, "{typed:?}");
        }
    }
}
