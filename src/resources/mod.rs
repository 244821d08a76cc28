//! What a host can have: one file per kind, each with its fields, `check` and `fix`.
//!
//! `check` gets a `&dyn Machine`, so planning has no write call. After `fix` the executor checks again:
//! fixed means correct now.

mod absent;
mod certificate;
mod differences;
mod directory;
mod fields;
mod file;
mod group;
#[cfg(test)]
pub mod laws;
mod package;
mod places;
mod postgres;
mod postgres_database;
mod postgres_grant;
mod postgres_role;
mod release;
mod scram;
mod secret_table;
mod service;
mod symlink;
mod user;
mod zone;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use absent::Absent;
pub use certificate::{Authority, Certificate, Signed, SigningRequest};
pub use directory::Directory;
pub use file::{Confirm, File, Notification, Validator};
pub use group::Group;
pub use package::Package;
pub use postgres::{end_sessions, names as postgres_names};
pub use postgres_database::PostgresDatabase;
pub use postgres_grant::PostgresGrant;
pub use postgres_role::PostgresRole;
pub use release::{ARCHIVES, RELEASES, Release};
pub use scram::hmac;
pub use secret_table::{SecretTable, SecretValue};
pub use service::Service;
pub use symlink::Symlink;
pub use user::User;
pub use zone::{Key as RrKey, RrSet, Zone, ZoneCatalog, previous_zone};

use crate::failure::Result;
use crate::machine::{Machine, hex};

/// One difference between what a resource says and what the host has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Change {
    /// The field that differs: `content`, `mode`, `running`...
    pub field: String,
    /// What the host has; nothing when it has nothing or when it may not be shown. Of a secret at most a digest under
    /// the host's own key, which tells nobody anything but whether it is still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it must have; nothing when it may not be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The value holds a secret: only *that* it differs is said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// It takes more than one apply, or others go on with what was there for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
}

/// Which part of a change this is that takes time to reach everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The whole of it: for so many seconds others may go on with what was there.
    Whole {
        /// Seconds.
        remembered: u32,
    },
    /// The first of two: others are told to ask again soon.
    First {
        /// What the second brings; nothing when it takes away.
        then: Option<String>,
        /// Seconds from the first to the second.
        after: u32,
    },
    /// The second, which an apply leaves alone before its time.
    Second {
        /// Seconds since 1970-01-01T00:00:00Z.
        not_before: i64,
    },
}

/// What an apply would do with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there and differs.
    Change,
    /// It is there as it must be, but is not ours: it is taken over as it is.
    Adopt,
    /// It is there, differs, and is not ours: it is changed and taken over, never made anew.
    AdoptAndChange,
    /// It is there and no longer wanted.
    Remove,
    /// It is no longer wanted, but holds data: it stays until `offboard`.
    Keep,
    /// It is as far as it can be now; what is left has its time ([`Step::Second`]).
    Wait,
}

/// What checking a resource found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The host has it as it must be.
    Correct,
    /// The host must be changed.
    Differs {
        /// Create or change.
        action: Action,
        /// At least one.
        changes: Vec<Change>,
    },
    /// It cannot be told before something else is there, or without a secret that was not given.
    Unknown {
        /// The id of the resource (`user:c_e863_albo`) that must come first; `None` when nothing on this host can help.
        needs: Option<String>,
        /// Why it cannot be told, for a person.
        why: String,
    },
}

/// What a check and a fix may know beside the machine.
pub struct Context<'a> {
    /// The secrets this host may have, by token.
    pub secrets: &'a SecretTable,
    /// Key of this host, under which digests of secrets are stored: 32 random bytes made on the host.
    pub host_key: &'a [u8],
    /// What the operator allowed by name (`NAME/TYPE` of an RRset).
    pub allowed: &'a BTreeSet<String>,
}

impl Context<'_> {
    /// Tells whether something that may not be shown is still the same. `None` before the host has a key: a digest
    /// without one could be guessed from.
    pub(crate) fn fingerprint(&self, content: &[u8]) -> Option<String> {
        let keyed = || format!("hmac-sha256:{}", hex(&hmac(self.host_key, content)));
        (!self.host_key.is_empty()).then(keyed)
    }
}

/// What a fix may use beside the machine.
pub struct Means<'a> {
    /// As for a check.
    pub context: Context<'a>,
    /// Signs certificates: the control side, over the wire.
    pub authority: &'a mut dyn Authority,
}

/// The behaviour every kind has.
pub trait Kind {
    /// `kind:name`, unique on a host.
    fn id(&self) -> String;
    /// Compares with the host.
    ///
    /// # Errors
    /// When the host could not be asked although what is needed for that is there.
    fn check(&self, host: &dyn Machine, context: &Context) -> Result<Check>;
    /// As `check`, by whoever knows only the ids of the secrets in it: exactly this was applied with secrets of these ids,
    /// and is remembered as `applied`. Tells whether anything was changed since.
    ///
    /// # Errors
    /// As `check`.
    fn check_unread(&self, _host: &dyn Machine, context: &Context, _applied: &Resource) -> Result<Check> {
        Ok(context.secrets.not_checked(&self.secrets()))
    }
    /// Brings the host to what the fields say. Called only after `check` said that it differs.
    ///
    /// # Errors
    /// With the words of the command that failed. The resource is then as before, or will be mended by the next fix.
    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()>;
    /// Takes it off the host.
    ///
    /// # Errors
    /// As `fix`.
    fn remove(&self, host: &mut dyn Machine) -> Result<()>;
    /// Takes it off the host with the data in it, for a member that left.
    ///
    /// # Errors
    /// As `fix`.
    fn purge(&self, host: &mut dyn Machine) -> Result<()> {
        self.remove(host)
    }
    /// It holds data of a member: an apply never removes it.
    fn holds_data(&self) -> bool {
        false
    }
    /// What must be told to a daemon after this has changed.
    fn notification(&self) -> Option<&Notification> {
        None
    }
    /// The tokens (`secret://...`) in its fields, without a `#format`.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
    /// Every path it puts on the host, for telling our files from foreign ones.
    fn paths(&self) -> Vec<String> {
        Vec::new()
    }
}

macro_rules! kinds {
    ($($variant:ident),+ $(,)?) => {
        /// One thing that a host must have. In a playbook: a map with the kind's name as its only key.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Resource {
            $(#[allow(missing_docs)] $variant($variant)),+
        }

        impl Resource {
            /// The kind's behaviour.
            pub fn kind(&self) -> &dyn Kind {
                match self { $(Resource::$variant(fields) => fields),+ }
            }
        }
    };
}

kinds!(
    Absent,
    Certificate,
    Directory,
    File,
    Group,
    Package,
    PostgresDatabase,
    PostgresGrant,
    PostgresRole,
    Release,
    Service,
    Symlink,
    User,
    Zone,
    ZoneCatalog,
);

impl Resource {
    /// `kind:name`, unique on a host.
    pub fn id(&self) -> String {
        self.kind().id()
    }
}
