//! A regular file with its whole content.

use serde::{Deserialize, Serialize};

pub(super) fn root() -> String {
    "root".to_string()
}

pub(super) fn default_mode() -> u32 {
    0o644
}

/// The program that must accept a file (with all it is read together with) before it takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Validator {
    /// `nginx -t` over a staged copy of `/etc/nginx`.
    Nginx,
    /// `nft --check --file`.
    Nftables,
    /// `sshd -t -f` over a staged copy of `/etc/ssh`.
    Sshd,
    /// `visudo --check --file`.
    Sudoers,
    /// `systemd-analyze verify` of the unit.
    Systemd,
}

/// A change that can lock us out is put back by the host unless a new connection confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// By a new ssh connection.
    Connection,
}

/// What a daemon must be told after a change: `reload nginx`, `restart postgresql`, or `daemon-reload`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub enum Notification {
    /// `systemctl reload UNIT`.
    Reload(String),
    /// `systemctl restart UNIT`.
    Restart(String),
    /// `systemctl daemon-reload`.
    DaemonReload,
}

impl TryFrom<String> for Notification {
    type Error = String;

    fn try_from(text: String) -> Result<Notification, String> {
        match text.split(' ').collect::<Vec<_>>()[..] {
            ["daemon-reload"] => Ok(Notification::DaemonReload),
            ["reload", unit] if !unit.is_empty() => Ok(Notification::Reload(unit.to_string())),
            ["restart", unit] if !unit.is_empty() => Ok(Notification::Restart(unit.to_string())),
            _ => Err(format!("\"{text}\" is no notification: write `reload UNIT`, `restart UNIT` or `daemon-reload`")),
        }
    }
}

impl From<Notification> for String {
    fn from(notification: Notification) -> String {
        notification.to_string()
    }
}

impl std::fmt::Display for Notification {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Notification::Reload(unit) => write!(out, "reload {unit}"),
            Notification::Restart(unit) => write!(out, "restart {unit}"),
            Notification::DaemonReload => out.write_str("daemon-reload"),
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// The whole content. May hold secret tokens (`secret://owner/application/name`), which only the host replaces.
    pub content: String,
    /// Unix user; root when not said.
    #[serde(default = "root")]
    pub owner: String,
    /// Unix group; root when not said.
    #[serde(default = "root")]
    pub group: String,
    /// Four octal digits; `0644` when not said. A file with a secret must not be readable by others.
    #[serde(
        default = "default_mode",
        deserialize_with = "super::fields::mode",
        serialize_with = "super::fields::write_mode"
    )]
    #[cfg_attr(feature = "control", schemars(with = "String"))]
    pub mode: u32,
    /// Who must accept it first. Files with one validator on one host are staged, validated and swapped together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Validator>,
    /// What to tell a daemon afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notification>,
    /// Put back unless confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
}

impl super::Kind for File {
    fn id(&self) -> String {
        todo!()
    }
    fn check(
        &self,
        _host: &dyn crate::machine::Machine,
        _context: &super::Context,
    ) -> crate::failure::Result<super::Check> {
        todo!()
    }
    fn fix(&self, _host: &mut dyn crate::machine::Machine, _means: &mut super::Means) -> crate::failure::Result<()> {
        todo!()
    }
    fn remove(&self, _host: &mut dyn crate::machine::Machine) -> crate::failure::Result<()> {
        todo!()
    }
}
