//! Where everything that is printed goes through.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::json::Object;
use crate::cli::{Format, Global};
use crate::failure::Failure;

/// The two streams of the process and how they are to be used.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    format: Format,
    verbose: bool,
    colour: bool,
    live: bool,
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
        }
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
            write_all(&mut io::stdout().lock(), text);
        }
    }

    /// Prints data whatever the format is: a document, such as a schema or a secret's value.
    pub fn document(&self, text: &str) {
        write_all(&mut io::stdout().lock(), text);
    }

    /// Prints one JSON object on a line of its own; nothing when text was asked for.
    pub fn object(&self, object: &Object) {
        if self.is_json() {
            self.json_line(object);
        }
    }

    /// Prints a remark for people on standard error.
    pub fn remark(&self, text: &str) {
        write_all(&mut io::stderr().lock(), &format!("{text}\n"));
    }

    /// Prints a failure: its kind of heading, message and hints on standard error, and as an object when JSON was asked for.
    pub fn failure(&self, failure: &Failure) {
        self.object(&Object::failure(failure));
        let mut text = String::new();
        // A rendering of inventory errors brings its own headings; a quiet exit code brings no words at all.
        if failure.message.starts_with("error") || failure.message.is_empty() {
            text.push_str(&failure.message);
        } else {
            text.push_str(&format!("error: {}", failure.message));
        }
        for (place, hint) in failure.hints.iter().enumerate() {
            text.push_str(if place == 0 { "\n\nhint: " } else { "\nhint: " });
            text.push_str(hint);
        }
        if !text.is_empty() {
            self.remark(text.trim_end());
        }
    }

    fn json_line(&self, value: &impl Serialize) {
        if let Ok(line) = serde_json::to_string(value) {
            write_all(&mut io::stdout().lock(), &format!("{line}\n"));
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

fn write_all(stream: &mut impl Write, text: &str) {
    // A reader that has gone (`comuni show ... | head`) wants no more and no complaint.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}
