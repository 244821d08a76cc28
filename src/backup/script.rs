//! Scripts for psql. No SQL is built from values: they enter as psql's variables, which it quotes itself (psql(1), "SQL
//! Interpolation").

use std::time::Duration;

use super::postgres::{Connection, newest};
use super::words::last_words;
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// How long a script may take.
const LONG: Duration = Duration::from_secs(3600);

/// A script that begins with its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script(String);

impl Script {
    /// A script with these variables; in it `:'name'` is a literal, `:"name"` an identifier.
    ///
    /// # Errors
    /// When a value holds a line break or a NUL, which psql cannot take.
    pub fn new(variables: &[(&str, &str)]) -> Result<Script> {
        let mut text = String::new();
        for (name, value) in variables {
            text.push_str(&variable(name, value)?);
        }
        Ok(Script(text))
    }

    /// Gives a variable another value from here on.
    ///
    /// # Errors
    /// As [`Script::new`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.0.push_str(&variable(name, value)?);
        Ok(())
    }

    /// Adds statements, in which values stand only as variables.
    pub fn then(&mut self, statements: &'static str) {
        self.0.push_str(statements);
        self.0.push('\n');
    }

    /// Runs it, statement by statement, until one fails; gives what it selects.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, in psql's words.
    pub fn run(self, machine: &mut dyn Machine, connection: &Connection) -> Result<String> {
        let mut command = connection.program(newest(machine, "psql")?).within(LONG).stdin(self.0);
        command.argv.extend(["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"].map(str::to_string));
        let output = machine.run(&command)?;
        if output.status != 0 {
            return Err(Failure::operation(format!("psql ended with {}: {}", output.status, last_words(&output))));
        }
        Ok(output.text())
    }
}

/// The line that gives psql a variable.
///
/// # Errors
/// When the value holds a line break or a NUL, which psql cannot take.
pub(super) fn variable(name: &str, value: &str) -> Result<String> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(Failure::operation(format!("the {name} holds a line break or a NUL")));
    }
    let quoted = value.replace('\\', "\\\\").replace('\'', "''");
    Ok(format!("\\set {name} '{quoted}'\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_variable() {
        assert_eq!(Script::new(&[("name", r"a'b\c")]).unwrap().0, "\\set name 'a''b\\\\c'\n");
        assert!(Script::new(&[("name", "a\n\\! reboot")]).is_err());
    }
}
