//! A transaction that is held open over one exported snapshot: what is dumped and what is fingerprinted are then the
//! same rows, whatever others write meanwhile.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::fingerprint::{DatabaseFingerprint, database};
use super::postgres::{Connection, newest};
use crate::failure::{Failure, Result};
use crate::machine::{Conversation, Machine};

/// How long it may be held at most: a dump that takes longer has stuck.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Ends every answer of psql. No answer can hold it: each line of one is a JSON value.
const MARKER: &str = "--comuni: that is all--";

/// Whatever the server, the database or the role prefer, values are written in one way in this transaction.
macro_rules! one_way {
    () => {
        "\
set local search_path = pg_catalog;
set local datestyle = iso;
set local intervalstyle = postgres;
set local timezone = utc;
set local extra_float_digits = 3;
set local bytea_output = hex;
set local xmlbinary = base64;
set local lc_monetary = 'C';
set local row_security = off;
set local client_encoding = utf8;
set local statement_timeout = 0;
"
    };
}

/// The same, for other transactions.
pub(super) const ONE_WAY: &str = one_way!();

/// Nothing ends the transaction but we, and it waits for nobody who changes a table's structure.
const BEGINNING: &str = concat!(
    "begin isolation level repeatable read read only;\n",
    one_way!(),
    "set local lock_timeout = '60s';\n",
    "set local idle_in_transaction_session_timeout = 0;\n",
    "select to_json(pg_export_snapshot());\n"
);

/// An open transaction with its exported snapshot. Dropping it ends the transaction, and with it the snapshot.
#[derive(Debug)]
pub struct Snapshot {
    talk: Box<dyn Conversation>,
    id: String,
}

impl Snapshot {
    /// Begins one.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, with psql's own words.
    pub fn open(machine: &dyn Machine, connection: &Connection) -> Result<Snapshot> {
        let mut command = connection.program(newest(machine, "psql")?);
        command.argv.extend(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"].map(str::to_string));
        let talk = machine.converse(&command.stdin(BEGINNING).within(LONGEST))?;
        let mut snapshot = Snapshot { talk, id: String::new() };
        let mut ids: Vec<String> = snapshot.ask("")?;
        snapshot.id = ids.pop().ok_or_else(|| Failure::operation("psql exported no snapshot"))?;
        Ok(snapshot)
    }

    /// What `pg_dump --snapshot` takes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the database holds in this snapshot.
    ///
    /// # Errors
    /// When the server refuses, such as a table that the role may not read.
    pub fn fingerprint(&mut self) -> Result<DatabaseFingerprint> {
        database::take(self)
    }

    /// Looks once more at the sequences, after the dump: they stand outside of every snapshot, so the dump has a value
    /// between the two looks.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn look_again_at_sequences(&mut self, fingerprint: &mut DatabaseFingerprint) -> Result<()> {
        database::sequences_after(self, fingerprint)
    }

    /// Says statements; every line that they select is a JSON value.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, statements: &str) -> Result<Vec<T>> {
        self.talk.say(&format!("{statements}\n\\echo {MARKER}\n"))?;
        let mut answers = Vec::new();
        loop {
            let line = self.talk.hear()?;
            if line == MARKER {
                return Ok(answers);
            }
            let answer = serde_json::from_str(&line).map_err(|error| {
                Failure::operation(format!("psql answered what cannot be understood ({error}, {} bytes)", line.len()))
            })?;
            answers.push(answer);
        }
    }
}
