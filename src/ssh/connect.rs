//! From a TCP connection to a logged-in session.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ssh2::{ErrorCode, MethodType};

use super::host_key::HostKey;
use super::{Credentials, Limits, Target, login};
use crate::failure::{Failure, Result};

/// What libssh2 answers when no algorithm is shared (`LIBSSH2_ERROR_KEX_FAILURE`, `..._METHOD_NONE`,
/// `..._ALGO_UNSUPPORTED`).
const NOTHING_SHARED: [i32; 3] = [-5, -17, -51];

/// Before the second attempt; doubled before each later one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

enum Attempt {
    LoggedIn(ssh2::Session, Arc<TcpStream>),
    /// sshd closed the connection before its banner: too many at once.
    Dropped(Failure),
}

/// Connects, checks the host key before anything of ours is sent, logs in, and makes the session non-blocking.
pub(super) fn connect(
    target: &Target,
    credentials: &Credentials,
    limits: &Limits,
) -> Result<(ssh2::Session, Arc<TcpStream>)> {
    let pin = HostKey::pinned(target)?;
    let mut pause = FIRST_PAUSE;
    let mut tried = 1;
    loop {
        match attempt(target, credentials, limits, &pin)? {
            Attempt::LoggedIn(session, socket) => return Ok((session, socket)),
            Attempt::Dropped(failure) if tried >= limits.attempts => {
                return Err(failure.context(format!("{tried} attempts")).hint(
                    "sshd turned us away before its banner: look at `MaxStartups` in its configuration, at its log, \
                     and at what else logs in there",
                ));
            }
            Attempt::Dropped(_) => {
                std::thread::sleep(pause + jitter(pause));
                pause = (pause * 2).min(LONGEST_PAUSE);
                tried += 1;
            }
        }
    }
}

/// Up to as much again, so that connections dropped together do not come back together.
fn jitter(pause: Duration) -> Duration {
    pause.mul_f64((RandomState::new().hash_one(0) % 1000) as f64 / 1000.0)
}

fn attempt(target: &Target, credentials: &Credentials, limits: &Limits, pin: &HostKey) -> Result<Attempt> {
    let socket = Arc::new(dial(target, limits.connect)?);
    let mut session = ssh2::Session::new().map_err(|error| failed(target, "starting libssh2", &error))?;
    session.set_timeout(u32::try_from(limits.connect.as_millis()).unwrap_or(u32::MAX));
    session
        .method_pref(MethodType::HostKey, pin.preference())
        .map_err(|error| failed(target, "choosing the type of the host key", &error))?;
    session.set_tcp_stream(Arc::clone(&socket));
    if let Err(error) = session.handshake() {
        return handshake_failed(target, pin, &session, &error);
    }
    let (shown, _) = session.host_key().ok_or_else(|| {
        Failure::operation(format!("host `{}` showed no host key in the handshake; nothing was sent", target.name))
    })?;
    pin.verify(shown, target)?;
    login::login(&session, target, credentials)?;
    session.set_blocking(false);
    Ok(Attempt::LoggedIn(session, socket))
}

pub(super) fn dial(target: &Target, within: Duration) -> Result<TcpStream> {
    let unreachable = |why: &dyn std::fmt::Display| {
        Failure::operation(format!(
            "cannot reach host `{}` ({} port {}): {why}",
            target.name, target.address, target.port
        ))
        .hint("see that the machine runs, that `address` and `port` in hosts.yml are right, and that no firewall is between")
    };
    let addresses = (target.address.as_str(), target.port).to_socket_addrs().map_err(|error| unreachable(&error))?;
    let until = Instant::now() + within;
    let mut last = None;
    for address in addresses {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => {
                socket.set_nodelay(true).map_err(|error| unreachable(&error))?;
                return Ok(socket);
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                last = Some(unreachable(&format!("no answer within {} s", within.as_secs())));
            }
            Err(error) => last = Some(unreachable(&error)),
        }
    }
    Err(last.unwrap_or_else(|| unreachable(&"the name has no address")))
}

fn handshake_failed(target: &Target, pin: &HostKey, session: &ssh2::Session, error: &ssh2::Error) -> Result<Attempt> {
    const TIMED_OUT: [ErrorCode; 2] = [ErrorCode::Session(-9), ErrorCode::Session(-30)];
    let failure = failed(target, "handshake", error);
    if TIMED_OUT.contains(&error.code()) {
        return Err(failure.hint("something answers on this port, but not as an sshd that has time for us"));
    }
    // An sshd that drops us may say why in a line of its own, which libssh2 keeps in the place of the banner.
    if !session.banner_bytes().is_some_and(|banner| banner.starts_with(b"SSH-")) {
        return Ok(Attempt::Dropped(failure));
    }
    if NOTHING_SHARED.iter().any(|code| error.code() == ErrorCode::Session(*code)) {
        return Err(failure.hint(format!(
            "the pinned key of `{0}` is {1}: if its sshd has no key of that type any more, `comuni hosts trust {0}` shows \
             what it has, to be compared with the machine's console",
            target.name,
            pin.algorithm(),
        )));
    }
    Err(failure)
}

pub(super) fn failed(target: &Target, doing: &str, error: &ssh2::Error) -> Failure {
    Failure::operation(format!(
        "host `{}` ({} port {}): {doing}: {}",
        target.name,
        target.address,
        target.port,
        error.message()
    ))
}
