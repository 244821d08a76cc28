//! Login by the keys of an agent, then by key files. Never asks anybody anything.

use std::path::Path;

use super::key_file::{is_encrypted, public_half};
use super::{Concealed, Credentials, Target};
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
        match by_file(session, target, path, credentials.passphrase.as_ref()) {
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

fn by_file(
    session: &ssh2::Session,
    target: &Target,
    path: &Path,
    passphrase: Option<&Concealed>,
) -> std::result::Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let passphrase = match (is_encrypted(&text), passphrase) {
        (false, _) => None,
        (true, Some(passphrase)) => Some(passphrase.expose()),
        // libssh2's own words for this are "Unable to extract public key".
        (true, None) => {
            return Err("has a passphrase, which nobody was asked for: load it with `ssh-add`, or name the file with \
                        its passphrase by --passphrase-file"
                .to_string());
        }
    };
    session.userauth_pubkey_memory(&target.user, None, &text, passphrase).map_err(|error| match passphrase {
        Some(_) if !is_refusal(&error) => "cannot be opened with this passphrase".to_string(),
        _ => error.message().to_string(),
    })?;
    match session.authenticated() {
        true => Ok(()),
        false => Err("accepted, but the host wants more than a key".to_string()),
    }
}

/// Whether the host said no, and not our side before it (`LIBSSH2_ERROR_AUTHENTICATION_FAILED`,
/// `..._PUBLICKEY_UNVERIFIED`).
fn is_refusal(error: &ssh2::Error) -> bool {
    [-18, -19].iter().any(|code| error.code() == ssh2::ErrorCode::Session(*code))
}
