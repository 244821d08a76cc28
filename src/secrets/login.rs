//! Which of its two login roles a tenant uses, and how far a rotation has come.
//!
//! It lies inside the encrypted file, so that one atomic replacement of that file is one step of a rotation. Hosts get
//! it as two tokens that nobody sets by hand: [`ACTIVE_TOKENS`].

use serde::{Deserialize, Serialize};

use super::document::{Document, Entry};
use super::secret::{self, Secret};
use crate::failure::Result;
use crate::inventory::{account, login_roles};
use crate::resources::SecretValue;

/// Name of the token that stands for the login role in use.
pub(super) const USER: &str = "database_user";

/// Name of the token that stands for the password of the login role in use.
const PASSWORD: &str = "database_password";

/// The names of both: they follow from a rotation, and nobody sets them.
pub const ACTIVE_TOKENS: [&str; 2] = [USER, PASSWORD];

/// The names of the passwords of the two login roles.
pub const PASSWORD_TOKENS: [&str; 2] = ["database_password_a", "database_password_b"];

/// Id of the choice that no rotation has changed yet.
const FIRST: &str = "first";

/// One of the two login roles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// `..._a`
    #[default]
    A,
    /// `..._b`
    B,
}

/// How far a rotation has come: what it says is on disk, and may or may not be on the hosts yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The idle role has a new password.
    Prepared,
    /// The application uses the role that was idle.
    Switched,
    /// The role that was in use before has a new password that nobody uses.
    Barred,
}

/// The state of a tenant's two login roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    pub(super) active: Half,
    /// Changes whenever `active` changes.
    pub(super) id: String,
    /// The ids before this one, the newest last.
    #[serde(default)]
    pub(super) replaces: Vec<String>,
    /// `None` when no rotation is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<Step>,
}

impl Default for Login {
    fn default() -> Login {
        Login { active: Half::A, id: FIRST.to_string(), replaces: Vec::new(), step: None }
    }
}

impl Half {
    /// The other one.
    pub fn other(self) -> Half {
        match self {
            Half::A => Half::B,
            Half::B => Half::A,
        }
    }

    fn index(self) -> usize {
        match self {
            Half::A => 0,
            Half::B => 1,
        }
    }

    /// The role of this half: `c_e863_albo_a`.
    pub fn role(self, owner: &str, application: &str) -> String {
        let [a, b] = login_roles(&account(owner, application));
        match self {
            Half::A => a,
            Half::B => b,
        }
    }

    pub(super) fn password(self) -> &'static str {
        PASSWORD_TOKENS[self.index()]
    }
}

impl Login {
    /// Chooses a role, under a new id.
    pub(super) fn choose(&mut self, half: Half) -> Result<()> {
        self.replaces.push(std::mem::replace(&mut self.id, secret::new_id()?));
        self.active = half;
        Ok(())
    }
}

/// Whether nobody sets a secret of this name: it follows from which login role is in use.
pub(super) fn is_derived(name: &str) -> bool {
    ACTIVE_TOKENS.contains(&name)
}

/// What one of the derived tokens stands for; `None` for a tenant without these passwords.
///
/// The password in use takes the place of any password of either role: it is the id of the user's name, which goes with
/// it wherever both are used, that tells an older inventory.
pub(super) fn derived(document: &Document, owner: &str, application: &str, name: &str) -> Option<SecretValue> {
    let login = document.logins.get(application).cloned().unwrap_or_default();
    let entry = |half: Half| document.secrets.get(&format!("{application}/{}", half.password()));
    let (active, idle) = (entry(login.active)?, entry(login.active.other())?);
    match name {
        USER => {
            let value = login.active.role(owner, application);
            Some(SecretValue { id: login.id, replaces: login.replaces, value, withheld: false })
        }
        PASSWORD => Some(SecretValue {
            id: active.id.clone(),
            replaces: ids_before(active).chain(ids(idle)).cloned().collect(),
            value: active.value.expose().to_string(),
            withheld: active.withheld,
        }),
        _ => None,
    }
}

fn ids_before(entry: &Entry) -> impl Iterator<Item = &String> {
    entry.replaces.iter()
}

fn ids(entry: &Entry) -> impl Iterator<Item = &String> {
    entry.replaces.iter().chain([&entry.id])
}

/// A new random password for one half.
pub(super) fn renew(document: &mut Document, application: &str, half: Half) -> Result<()> {
    document.put(&format!("{application}/{}", half.password()), Secret::generate()?)?;
    Ok(())
}
