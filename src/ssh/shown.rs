//! The key that a host shows, whoever it is: what a person compares before it is pinned.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ssh2::MethodType;

use super::connect::{dial, failed};
use super::host_key::fingerprint;
use super::{Limits, Target};
use crate::failure::{Failure, Result};

/// The one type of key that is pinned: every sshd of the last ten years has one.
pub(super) const PINNED: &str = "ssh-ed25519";

/// A host's key as it showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// `type base64`, as a `.pub` file has it.
    pub line: String,
    /// `SHA256:...`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

impl ShownKey {
    pub(super) fn of_blob(blob: &[u8]) -> ShownKey {
        ShownKey { line: format!("{PINNED} {}", BASE64_STANDARD.encode(blob)), fingerprint: fingerprint(blob) }
    }

    /// A key that is written somewhere, `type base64`; `None` when it is no key.
    pub fn of_line(line: &str) -> Option<ShownKey> {
        let blob = BASE64_STANDARD.decode(line.split_ascii_whitespace().nth(1)?).ok()?;
        Some(ShownKey { line: line.trim().to_string(), fingerprint: fingerprint(&blob) })
    }
}

/// Goes as far as the key exchange and no further.
pub(super) fn direct(target: &Target, limits: &Limits) -> Result<ShownKey> {
    let socket = dial(target, limits.connect)?;
    let mut session = ssh2::Session::new().map_err(|error| failed(target, "starting libssh2", &error))?;
    session.set_timeout(u32::try_from(limits.connect.as_millis()).unwrap_or(u32::MAX));
    session
        .method_pref(MethodType::HostKey, PINNED)
        .map_err(|error| failed(target, "choosing the type of the host key", &error))?;
    session.set_tcp_stream(socket);
    session.handshake().map_err(|error| failed(target, "asking for its key", &error).hint(no_such_key(target)))?;
    let (blob, _) = session
        .host_key()
        .ok_or_else(|| Failure::operation(format!("host `{}` showed no host key in the handshake", target.name)))?;
    Ok(ShownKey::of_blob(blob))
}

pub(super) fn no_such_key(target: &Target) -> String {
    format!("an sshd without an ed25519 key gets one by `ssh-keygen -A` on the console of `{}`", target.name)
}
