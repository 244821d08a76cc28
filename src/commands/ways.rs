//! The ways in: from the inventory and the options to what the room `ssh` takes, and what has to be asked for that.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cli::Way;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::inventory::types::{self, Host};
use crate::report::{Out, prompt_once};
use crate::ssh::{Concealed, Credentials, Proof, Sudo, Target, Transport, passphrase_fits, wants_passphrase};

/// How often a person may try a passphrase. It is only compared with the key file: nobody is locked out by it.
const TRIES: u32 = 3;

/// A file with a password is not longer than this.
const LONGEST: u64 = 4096;

/// All hosts of an inventory, as `ssh` knows them.
pub(super) fn targets(inventory: &Inventory) -> impl Iterator<Item = Target> {
    inventory.hosts.iter().map(|(name, host)| target(name, host))
}

fn target(name: &str, host: &Host) -> Target {
    let proof = match (&host.host_key, &host.host_ca) {
        (Some(key), _) => Proof::Key(key.clone()),
        (None, Some(authority)) => Proof::Authority {
            key: authority.key.clone(),
            principal: authority.principal.clone().unwrap_or_else(|| name.to_string()),
        },
        (None, None) => Proof::Missing,
    };
    Target {
        name: name.to_string(),
        address: host.address.clone(),
        port: host.port,
        user: host.login.user.clone(),
        sudo: match host.login.sudo {
            types::Sudo::No => Sudo::No,
            types::Sudo::Free => Sudo::Free,
            types::Sudo::Password => Sudo::Password,
        },
        proof,
        transport: match host.transport {
            types::Transport::Libssh2 => Transport::Direct,
            types::Transport::Openssh => Transport::System,
        },
        via: host.via.clone(),
    }
}

/// What proves who we are to these hosts. A person is asked at most once for each word, and before anything connects.
///
/// # Errors
/// Exit 64 when nobody can be asked, a file is not fit to hold a secret, or a passphrase does not open the key.
pub(super) fn credentials(inventory: &Inventory, asked: &[&str], way: &Way, out: &Out) -> Result<Credentials> {
    let mut credentials = Credentials::with_agent(way.keys.clone());
    let hosts = || asked.iter().filter_map(|name| inventory.hosts.get(*name).map(|host| (*name, host)));
    if !asked.is_empty() {
        credentials.passphrase = passphrase(&credentials, way, out)?;
    }
    if let Some((name, host)) = hosts().find(|(_, host)| host.login.sudo == types::Sudo::Password) {
        credentials.sudo_password = Some(match &way.sudo_password_file {
            Some(file) => first_line(file)?,
            None => {
                let question = format!("password of {} for sudo", host.login.user);
                let why = format!("sudo on {name} asks for a password");
                Concealed::new(prompt_once(out, &question, &why, SUDO_REMEDY)?)
            }
        });
    }
    Ok(credentials)
}

const SUDO_REMEDY: &str = "name a file that holds it by --sudo-password-file or COMUNI_SUDO_PASSWORD_FILE";
const KEY_REMEDY: &str = "load the key with `ssh-add`, give an unattended run a key of its own without passphrase, or \
                          name a file that holds the passphrase by --passphrase-file or COMUNI_SSH_PASSPHRASE_FILE";

fn passphrase(credentials: &Credentials, way: &Way, out: &Out) -> Result<Option<Concealed>> {
    let Some(key) = wants_passphrase(credentials) else { return Ok(None) };
    let wrong = || Failure::usage(format!("the passphrase does not open {}", key.display()));
    if let Some(file) = &way.passphrase_file {
        let passphrase = first_line(file)?;
        return match passphrase_fits(&key, &passphrase) {
            Some(false) => Err(wrong().hint(format!("correct the first line of {}", file.display()))),
            _ => Ok(Some(passphrase)),
        };
    }
    let why = format!("the ssh key {} has a passphrase", key.display());
    for _ in 0..TRIES {
        let question = format!("passphrase of {}", key.display());
        let passphrase = Concealed::new(prompt_once(out, &question, &why, KEY_REMEDY)?);
        match passphrase_fits(&key, &passphrase) {
            Some(false) => out.remark("this passphrase does not open the key"),
            _ => return Ok(Some(passphrase)),
        }
    }
    Err(wrong())
}

/// The first line of a file that only we can read, or of a pipe.
fn first_line(path: &Path) -> Result<Concealed> {
    let unread = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(unread)?;
    let about = file.metadata().map_err(unread)?;
    let open = about.permissions().mode() & 0o077;
    if about.is_file() && open != 0 {
        return Err(Failure::usage(format!("{} holds a secret and others can read or change it", path.display()))
            .hint(format!("chmod 600 {}", path.display())));
    }
    let mut line = String::new();
    BufReader::new(file.take(LONGEST)).read_line(&mut line).map_err(unread)?;
    let line = line.trim_end_matches(['\n', '\r']);
    match line.is_empty() {
        true => Err(Failure::usage(format!("the first line of {} is empty", path.display()))),
        false => Ok(Concealed::new(line.to_string())),
    }
}
