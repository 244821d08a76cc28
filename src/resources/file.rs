//! A regular file with its whole content.

use serde::{Deserialize, Serialize};

use super::differences::{Differences, Known};
use super::places::{add_ownership, compare_ownership, in_the_way, ownership, placed, straight};
use super::secret_table::{token_names, tokens};
use super::{Action, Check, Context, Kind, Means, Resource, SecretTable};
use crate::digest::sha256;
use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine, Ownership, Stat};

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
    /// `amtool check-config` over a staged copy of `/etc/prometheus`, and the routes that `comuni/routes` there asks for.
    Alertmanager,
    /// `prometheus-blackbox-exporter --config.check` over a staged copy of `/etc/prometheus`.
    Blackbox,
    /// `knotc conf-check` over a staged copy of `/etc/knot`.
    Knot,
    /// `nginx -t` over a staged copy of `/etc/nginx`.
    Nginx,
    /// `nft --check --file`.
    Nftables,
    /// `promtool check config` and `check rules` over a staged copy of `/etc/prometheus`, then the tests of the rules that
    /// change (`comuni/tests` there).
    Prometheus,
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

    fn try_from(text: String) -> std::result::Result<Notification, String> {
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

/// Longer texts are told apart by their digests.
const SHOWN: usize = 256 * 1024;
const OTHERS_MAY_READ: u32 = 0o004;

impl File {
    /// The content with every token replaced; `None` when a secret in it was not given.
    ///
    /// # Errors
    /// When a token is malformed, or its value does not fit the format it is wanted in.
    pub fn rendered(&self, secrets: &SecretTable) -> Result<Option<Vec<u8>>> {
        let rendered = secrets.replace(&self.content).map_err(|failure| failure.context(&self.path))?;
        Ok(rendered.map(String::into_bytes))
    }

    fn ownership(&self, host: &dyn Machine) -> Result<Known<Ownership>> {
        ownership(host, &self.owner, &self.group, self.mode)
    }

    fn refuse_open_secret(&self) -> Result<()> {
        if self.mode & OTHERS_MAY_READ == 0 || tokens(&self.content)?.is_empty() {
            return Ok(());
        }
        Err(Failure::operation(format!(
            "{} holds a secret and would be readable by all (mode {:04o})",
            self.path, self.mode
        ))
        .hint("Give it a mode such as \"0640\" or \"0600\" in the playbook."))
    }

    /// What may be shown of a text that differs. A file that others could not read may hold a secret that we no
    /// longer know, hence its old content is not shown either.
    fn note_content(
        &self,
        differences: &mut Differences,
        found: &Stat,
        before: &[u8],
        context: &Context,
    ) -> Result<()> {
        let closed = found.mode & OTHERS_MAY_READ == 0;
        if closed || context.secrets.shows_in(before) || !tokens(&self.content)?.is_empty() {
            differences.hide("content", context.fingerprint(before));
        } else {
            let after = self.content.as_bytes();
            differences.note("content", Some(shown(before, after)), Some(shown(after, before)));
        }
        Ok(())
    }

    /// Compares with this content; with one that is not known and differs from what is there, when it is `None`.
    fn compared(&self, host: &dyn Machine, context: &Context, content: Option<&[u8]>) -> Result<Check> {
        let path = match placed(host, &self.path)? {
            Known::Now(path) => path,
            Known::After(check) => return Ok(check),
        };
        let wanted = match self.ownership(host)? {
            Known::Now(wanted) => wanted,
            Known::After(check) => return Ok(check),
        };
        let found = host.stat(path)?;
        if let Some(Stat { kind: kind @ (FileKind::Directory | FileKind::Other), .. }) = found {
            return Err(in_the_way(path, kind, "a file"));
        }
        let mut differences = Differences::new();
        let Some(found) = found else {
            match tokens(&self.content)?.is_empty() {
                true => differences.add("content", shown(content.unwrap_or_default(), b"")),
                false => differences.hide("content", None),
            }
            add_ownership(&mut differences, &self.owner, &self.group, self.mode);
            return Ok(differences.into_check(Action::Create));
        };
        if found.kind == FileKind::Symlink {
            let target = host.link_target(path)?.unwrap_or_default();
            differences.compare("kind", format!("a symbolic link to {target}"), "a file");
            return Ok(differences.into_check(Action::Change));
        }
        let before = host.read(path)?.unwrap_or_default();
        if content != Some(before.as_slice()) {
            self.note_content(&mut differences, &found, &before, context)?;
        }
        compare_ownership(&mut differences, host, &found, &wanted)?;
        Ok(differences.into_check(Action::Change))
    }
}

/// The text, or its length and digest when it or its counterpart is too long or no text.
fn shown(bytes: &[u8], counterpart: &[u8]) -> String {
    let short = bytes.len().max(counterpart.len()) <= SHOWN && std::str::from_utf8(counterpart).is_ok();
    match std::str::from_utf8(bytes) {
        Ok(text) if short => text.to_string(),
        _ => format!("{} bytes, sha256 {}", bytes.len(), sha256(bytes)),
    }
}

impl Kind for File {
    fn id(&self) -> String {
        format!("file:{}", self.path)
    }

    fn check(&self, host: &dyn Machine, context: &Context) -> Result<Check> {
        self.refuse_open_secret()?;
        let Some(content) = self.rendered(context.secrets)? else {
            // What stands in its way or is not there yet says more than that a secret is missing.
            return Ok(match self.compared(host, context, None)? {
                Check::Unknown { needs: Some(needs), why } => Check::Unknown { needs: Some(needs), why },
                _ => context.secrets.not_checked(&self.secrets()),
            });
        };
        self.compared(host, context, Some(&content))
    }

    fn check_unread(&self, host: &dyn Machine, context: &Context, applied: &Resource) -> Result<Check> {
        self.refuse_open_secret()?;
        let Resource::File(applied) = applied else { return Ok(context.secrets.not_checked(&self.secrets())) };
        let found = host.read(straight(&self.path)?)?.unwrap_or_default();
        let same = context.fingerprint(&found).is_some_and(|now| now == applied.content);
        self.compared(host, context, same.then_some(found.as_slice()))
    }

    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()> {
        self.refuse_open_secret()?;
        let path = straight(&self.path)?;
        let wanted = self.ownership(host)?.now()?;
        let Some(content) = self.rendered(means.context.secrets)? else {
            return Err(Failure::operation(format!("{} needs a secret that was not given", self.path)));
        };
        match host.stat(path)? {
            Some(found) if found.kind == FileKind::File && host.read(path)?.as_deref() == Some(&content) => {
                host.set_ownership(path, &wanted)
            }
            _ => host.write(path, &content, &wanted),
        }
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        let path = straight(&self.path)?;
        match host.stat(path)? {
            Some(Stat { kind: kind @ (FileKind::Directory | FileKind::Other), .. }) => {
                Err(in_the_way(path, kind, "a file"))
            }
            _ => host.remove(path),
        }
    }

    fn notification(&self) -> Option<&Notification> {
        self.notify.as_ref()
    }

    fn secrets(&self) -> Vec<String> {
        token_names(&self.content)
    }

    fn paths(&self) -> Vec<String> {
        vec![self.path.clone()]
    }
}
