//! Where everything that is printed goes through.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::json::Object;
use crate::cli::{Format, Global};
use crate::failure::{Failure, Result};

/// The two streams of the process and how they are to be used.
#[derive(Debug, Clone)]
pub struct Out {
    format: Format,
    verbose: bool,
    colour: bool,
    live: bool,
    /// Why standard output did not take all of it.
    cut: Arc<OnceLock<String>>,
}

impl Out {
    /// Looks at the options, the terminal and `NO_COLOR` (no-color.org).
    pub fn new(global: &Global) -> Out {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Out {
            format: global.format,
            verbose: global.verbose,
            colour: !plain && io::stdout().is_terminal(),
            live: !plain && io::stderr().is_terminal(),
            cut: Arc::new(OnceLock::new()),
        }
    }

    /// Without a terminal and without colour.
    #[cfg(test)]
    pub(crate) fn plain(format: Format, verbose: bool) -> Out {
        Out { format, verbose, colour: false, live: false, cut: Arc::new(OnceLock::new()) }
    }

    /// As on a terminal with colour.
    #[cfg(test)]
    pub(crate) fn coloured() -> Out {
        Out { colour: true, ..Out::plain(Format::Text, false) }
    }

    /// JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// More was asked for.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Standard error is a terminal that can be drawn on.
    pub fn is_live(&self) -> bool {
        self.live && !self.is_json()
    }

    /// Wraps text in an SGR colour (ECMA-48) when standard output is a terminal.
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.colour {
            return text.to_string();
        }
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Cyan => 36,
            Colour::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Prints data for people; nothing when JSON was asked for.
    pub fn text(&self, text: &str) {
        if !self.is_json() {
            self.data(text);
        }
    }

    /// Prints data whatever the format is: a document, such as a schema or a secret's value.
    pub fn document(&self, text: &str) {
        self.data(text);
    }

    /// Prints one JSON object on a line of its own; nothing when text was asked for.
    pub fn object(&self, object: &Object) {
        if self.is_json() {
            self.json_line(object);
        }
    }

    /// With `-v`: what went over the wire to a host.
    pub fn traffic(&self, host: &str, execs: u32, sent: u64, received: u64) {
        if self.verbose {
            self.object(&Object::Traffic { host: host.to_string(), execs, sent, received });
            self.text(&format!("{host}: {execs} commands over ssh, {sent} bytes sent, {received} received\n"));
        }
    }

    /// Prints a remark for people on standard error.
    pub fn remark(&self, text: &str) {
        // When nobody listens on standard error, there is nobody to tell it.
        let _ = write_all(&mut io::stderr().lock(), &format!("{text}\n"));
    }

    /// Prints a failure: its message and hints on standard error, and as an object when JSON was asked for.
    pub fn failure(&self, failure: &Failure) {
        self.object(&Object::failure(failure));
        let mut text = String::new();
        let message = visible(&failure.message);
        // A rendering of inventory errors brings its own headings; a quiet exit code brings no words at all.
        if message.starts_with("error:") || message.is_empty() {
            text.push_str(&message);
        } else {
            text.push_str(&format!("error: {message}"));
        }
        for (place, hint) in failure.hints.iter().enumerate() {
            text.push_str(if place == 0 { "\n\nhint: " } else { "\nhint: " });
            text.push_str(&visible(hint));
        }
        if !text.is_empty() {
            self.remark(text.trim_end());
        }
    }

    /// Whether standard output took everything that was printed; to be asked last.
    ///
    /// # Errors
    /// When it did not, a full disk for example: what was written is not whole. A reader that has gone is no error.
    pub fn written(&self) -> Result<()> {
        match self.cut.get() {
            None => Ok(()),
            Some(why) => Err(Failure::operation(format!("standard output is not whole: {why}"))),
        }
    }

    fn json_line(&self, value: &impl Serialize) {
        if let Ok(line) = serde_json::to_string(value) {
            self.data(&format!("{line}\n"));
        }
    }

    fn data(&self, text: &str) {
        match write_all(&mut io::stdout().lock(), text) {
            // `comuni show ... | head` wants no more and no complaint.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let _ = self.cut.set(error.to_string());
            }
            _ => {}
        }
    }
}

/// Colours in use; each also has a sign or a word.
#[derive(Debug, Clone, Copy)]
pub enum Colour {
    /// Removals and failures.
    Red,
    /// Creations.
    Green,
    /// Changes.
    Yellow,
    /// Places in a diff.
    Cyan,
    /// Headings.
    Bold,
}

/// Text from a host or a file as it may go to a terminal: control characters and changes of direction are written out,
/// so that a file's content can neither move the cursor nor hide a line.
pub fn visible(text: &str) -> Cow<'_, str> {
    let unseen = |letter: char| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(unseen) {
        return Cow::Borrowed(text);
    }
    let written = |letter: char| if unseen(letter) { letter.escape_default().to_string() } else { letter.to_string() };
    Cow::Owned(text.chars().map(written).collect())
}

/// Lines, each indented.
pub(super) fn indented(text: &str, indent: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_string() } else { format!("{indent}{line}\n") };
    visible(text).lines().map(line).collect()
}

fn write_all(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
}
