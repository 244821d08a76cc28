//! age files of secrets; a value that cannot be printed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::failure::Result;
use crate::inventory::Inventory;
use crate::resources::SecretTable;

/// The secrets of an inventory as far as the identities at hand can read them.
pub struct Store;

/// Where identities are: `COMUNI_IDENTITY`, `--identity`, `~/.ssh/id_ed25519`.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    /// Files with an age or an ssh-ed25519 identity.
    pub files: Vec<PathBuf>,
}

impl Store {
    /// Reads what can be read. A file that none of the identities opens is no error here: see [`Store::unreadable`].
    ///
    /// # Errors
    /// When an identity file or a secret file is damaged.
    pub fn open(_inventory: &Inventory, _identities: &Identities) -> Result<Store> {
        todo!()
    }

    /// The values of these tokens that could be read.
    pub fn table(&self, _tokens: &BTreeSet<String>) -> SecretTable {
        todo!()
    }

    /// Owners whose file none of the identities opens, with why.
    pub fn unreadable(&self) -> Vec<(String, String)> {
        todo!()
    }
}
