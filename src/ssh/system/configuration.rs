//! The configuration that the system's ssh gets: ours first, for the first value that is said counts; the operator's own
//! behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::super::host_key::HostKey;
use super::super::{Credentials, Limits, Proof, Target};
use crate::failure::{Failure, Result};

/// How long no sign of life is borne: asked after a third of the silence, given up after the second question in vain.
const UNANSWERED: u32 = 2;

/// For every host of ours, whatever somebody's own configuration says.
const OURS: &str = "  StrictHostKeyChecking yes
  GlobalKnownHostsFile /dev/null
  KnownHostsCommand none
  UpdateHostKeys no
  VerifyHostKeyDNS no
  CheckHostIP no
  CanonicalizeHostname no
  PreferredAuthentications publickey
  ConnectionAttempts 1
  ControlMaster no
  ControlPath none
  ControlPersist no
  AddKeysToAgent no
  ForwardAgent no
  ForwardX11 no
  ClearAllForwardings yes
  Tunnel no
  RequestTTY no
  RemoteCommand none
  SessionType default
  StdinNull no
  ForkAfterAuthentication no
  PermitLocalCommand no
  EscapeChar none
  LogLevel INFO
";

/// Behind ours: the operator's blocks still say what ours do not (ProxyJump, CertificateFile, PKCS11Provider...).
const THEIRS: &str = "Host *
  BatchMode yes
  Include ~/.ssh/config
  Include /etc/ssh/ssh_config
";

/// # Errors
/// Exit 65 or 64 when a value cannot be said in a configuration of ssh.
pub(super) fn text(
    targets: &BTreeMap<String, Target>,
    credentials: &Credentials,
    limits: &Limits,
    known_hosts: &Path,
) -> Result<String> {
    let mut text = String::new();
    for target in targets.values() {
        text.push_str(&block(target)?);
    }
    let names: Vec<&str> = targets.keys().map(String::as_str).collect();
    let _ = write!(text, "Host {}\n  UserKnownHostsFile {}\n", names.join(" "), path(known_hosts)?);
    let _ = writeln!(text, "  ConnectTimeout {}", limits.connect.as_secs().max(1));
    let _ = writeln!(text, "  ServerAliveInterval {}", (limits.silence / (UNANSWERED + 1)).as_secs().max(1));
    let _ = writeln!(text, "  ServerAliveCountMax {UNANSWERED}");
    for file in &credentials.key_files {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let _ = writeln!(text, "  IdentityFile {}", path(&file)?);
    }
    text.push_str(OURS);
    if credentials.passphrase.is_some() {
        // So that ssh asks our program for it, which answers nothing else; once is enough.
        text.push_str("  BatchMode no\n  NumberOfPasswordPrompts 1\n");
    }
    text.push_str(THEIRS);
    Ok(text)
}

fn block(target: &Target) -> Result<String> {
    let alias = match &target.proof {
        Proof::Authority { principal, .. } => principal,
        _ => &target.name,
    };
    let (name, address, user) = (word(&target.name)?, word(&target.address)?, word(&target.user)?);
    let mut block = format!(
        "Host {name}\n  HostName {address}\n  Port {}\n  User {user}\n  HostKeyAlias {}\n",
        target.port,
        word(alias)?
    );
    if let Some(via) = &target.via {
        let _ = writeln!(block, "  ProxyJump {}", word(via)?);
    }
    if let Proof::Key(_) = &target.proof
        && let Ok(pin) = HostKey::pinned(target)
    {
        let _ = writeln!(block, "  HostKeyAlgorithms {}", pin.preference());
    }
    Ok(block)
}

/// What proves who the hosts are; a host without a proof is not in it, and so is refused.
pub(super) fn known_hosts(targets: &BTreeMap<String, Target>) -> String {
    let mut lines = String::new();
    for target in targets.values() {
        let _ = match &target.proof {
            Proof::Missing => Ok(()),
            Proof::Key(key) => writeln!(lines, "{} {}", target.name, one_key(key)),
            Proof::Authority { key, principal } => writeln!(lines, "@cert-authority {principal} {}", one_key(key)),
        };
    }
    lines
}

fn one_key(key: &str) -> String {
    key.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The inventory's checks let nothing else through; this is the last place that could notice.
fn word(value: &str) -> Result<&str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte);
    match value.bytes().all(known) && !value.is_empty() && !value.starts_with('-') {
        true => Ok(value),
        false => Err(Failure::inventory(format!("hosts.yml: `{}` cannot be given to ssh", value.escape_debug()))),
    }
}

/// A path in quotes; ssh replaces `%` and `${` in it and knows no way to write a quote.
fn path(path: &Path) -> Result<String> {
    let refused = || Failure::usage(format!("the path {} cannot be given to ssh", path.display())).hint("rename it");
    let text = path.to_str().ok_or_else(refused)?;
    match text.contains(['"', '\\', '\n']) || text.contains("${") {
        true => Err(refused()),
        false => Ok(format!("\"{}\"", text.replace('%', "%%"))),
    }
}

pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
