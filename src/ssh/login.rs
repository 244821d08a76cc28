//! Login by the keys of an agent, then by key files. Never asks anybody anything.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Credentials, Target};
use crate::failure::{Failure, Result};

/// sshd ends the connection after six refused keys (MaxAuthTries); the last ones are left for the key files.
const AGENT_KEYS: usize = 4;

/// Logs in.
///
/// # Errors
/// With what became of every key.
pub(super) fn login(session: &ssh2::Session, target: &Target, credentials: &Credentials) -> Result<()> {
    let mut refused = Vec::new();
    if let Some(socket) = &credentials.agent {
        match by_agent(session, target, credentials, socket) {
            Ok(()) => return Ok(()),
            Err(why) => refused.push(format!("ssh-agent at {}: {why}", socket.display())),
        }
    }
    for path in &credentials.key_files {
        match by_file(session, target, path) {
            Ok(()) => return Ok(()),
            Err(why) => refused.push(format!("{}: {why}", path.display())),
        }
    }
    if refused.is_empty() {
        refused.push("there is neither a key file nor an agent".to_string());
    }
    Err(Failure::operation(format!(
        "host `{}` ({} port {}) let us in as `{}` with none of our keys\n  {}",
        target.name,
        target.address,
        target.port,
        target.user,
        refused.join("\n  ")
    ))
    .hint(format!(
        "put the public key into `~{}/.ssh/authorized_keys` on the machine, or load a key that is there with `ssh-add`",
        target.user
    )))
}

fn by_agent(
    session: &ssh2::Session,
    target: &Target,
    credentials: &Credentials,
    socket: &Path,
) -> std::result::Result<(), String> {
    let words = |error: ssh2::Error| error.message().to_string();
    let mut agent = session.agent().map_err(words)?;
    agent.set_identity_path(socket).map_err(words)?;
    agent.connect().map_err(|error| format!("does not answer ({})", error.message()))?;
    agent.list_identities().map_err(words)?;
    let mut identities = agent.identities().map_err(words)?;
    if identities.is_empty() {
        return Err("holds no key".to_string());
    }
    let preferred: Vec<Vec<u8>> = credentials.key_files.iter().filter_map(|path| public_half(path)).collect();
    identities.sort_by_key(|identity| !preferred.iter().any(|blob| blob == identity.blob()));
    let held = identities.len();
    for identity in identities.iter().take(AGENT_KEYS) {
        if agent.userauth(&target.user, identity).is_ok() && session.authenticated() {
            return Ok(());
        }
    }
    Err(match held {
        0..=AGENT_KEYS => format!("its {held} keys are refused"),
        _ => format!(
            "the first {AGENT_KEYS} of its {held} keys are refused; name the right one as key file to try it first"
        ),
    })
}

/// The key in `<path>.pub`, when that is there.
fn public_half(path: &Path) -> Option<Vec<u8>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let text = std::fs::read_to_string(name).ok()?;
    BASE64_STANDARD.decode(text.split_ascii_whitespace().nth(1)?).ok()
}

fn by_file(session: &ssh2::Session, target: &Target, path: &Path) -> std::result::Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    // libssh2's own words for this are "Unable to extract public key".
    if is_encrypted(&text) {
        return Err("has a passphrase, and nothing here asks for one: load it with `ssh-add`".to_string());
    }
    session.userauth_pubkey_memory(&target.user, None, &text, None).map_err(|error| error.message().to_string())?;
    match session.authenticated() {
        true => Ok(()),
        false => Err("accepted, but the host wants more than a key".to_string()),
    }
}

/// Whether a private key has a passphrase, in OpenSSH's own format or in PEM.
fn is_encrypted(text: &str) -> bool {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return true;
    }
    let Some(body) = text
        .split_once("-----BEGIN OPENSSH PRIVATE KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END OPENSSH PRIVATE KEY-----"))
    else {
        return false;
    };
    let encoded: String = body.0.split_ascii_whitespace().collect();
    // PROTOCOL.key: the magic, then the cipher's name as a counted string.
    BASE64_STANDARD
        .decode(encoded)
        .is_ok_and(|raw| raw.strip_prefix(b"openssh-key-v1\0").is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none")))
}
