//! Tells a watcher outside that a verification began and how it ended. When the watcher hears nothing, it cries out; that
//! it cannot be told is a remark, and no result.

use std::time::Duration;

use crate::machine::{Command, Local, Machine};
use crate::report::Out;

/// How long a word may take, in seconds.
const PATIENCE: &str = "10";

/// A watcher, if there is one.
pub(super) struct Ping<'a> {
    url: Option<&'a str>,
    out: &'a Out,
}

impl<'a> Ping<'a> {
    pub(super) fn new(url: Option<&'a str>, out: &'a Out) -> Ping<'a> {
        Ping { url, out }
    }

    /// It begins.
    pub(super) fn begin(&self) {
        self.tell("/start");
    }

    /// It ended with this exit code; 0 is well.
    pub(super) fn end(&self, exit: u8) {
        self.tell(&format!("/{exit}"));
    }

    /// The address is a secret of sorts: who has it can speak in our name. So it stands in no argument.
    fn tell(&self, what: &str) {
        let Some(url) = self.url else { return };
        let address = format!("{}{what}", url.trim_end_matches('/')).replace(['"', '\\', '\n'], "");
        let mut command = Command::new(["curl", "--config", "-", "--silent", "--show-error", "--fail"]);
        command.argv.extend(["--max-time", PATIENCE, "--output", "/dev/null"].map(str::to_string));
        let command = command.stdin(format!("url = \"{address}\"\n")).within(Duration::from_secs(15));
        let why = match Local::new().run(&command) {
            Ok(output) if output.status == 0 => return,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_string(),
            Err(failure) => failure.message,
        };
        self.out.remark(&format!("the watcher was not told ({what}): {}", why.replace(url, "URL")));
    }
}
