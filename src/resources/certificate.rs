//! An X.509 certificate from the consortium's own authority: the host makes the key and the request, control signs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::differences::Known;
use super::places::{in_the_way, ownership, placed};
use super::{Action, Change, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::{Command, FileKind, Machine, Ownership, utc};

/// A key and a certificate for some names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Absolute path of the certificate with its chain (PEM). Beside it lies `<path>.json` with what was asked and given.
    pub path: String,
    /// Absolute path of the private key (PEM, P-256). Never leaves the host.
    pub key: String,
    /// DNS names; the first is the subject's common name.
    pub names: Vec<String>,
    /// Owner of both files.
    pub owner: String,
    /// Group of both files.
    pub group: String,
    /// Mode of the key.
    #[serde(deserialize_with = "super::fields::mode", serialize_with = "super::fields::write_mode")]
    #[cfg_attr(feature = "control", schemars(with = "String"))]
    pub key_mode: u32,
    /// How many days a new certificate is valid.
    #[serde(deserialize_with = "super::fields::number")]
    pub lifetime_days: u32,
    /// It is renewed when fewer days than this are left.
    #[serde(deserialize_with = "super::fields::number")]
    pub renew_days: u32,
    /// SHA-256 (hex) of the authority's certificate in DER: another authority means a new certificate.
    pub authority: String,
    /// What to tell a daemon after a new certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<super::Notification>,
}

/// What a host asks the authority for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningRequest {
    /// The id of the certificate resource. Control signs only what the catalog it sent has under this id.
    pub id: String,
    /// Certificate signing request (PKCS #10, PEM).
    pub request: String,
}

/// What the authority gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Certificate with its chain (PEM).
    pub certificate: String,
    /// End of validity, seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
}

/// Whoever signs.
pub trait Authority {
    /// Has a request signed.
    ///
    /// # Errors
    /// When the authority refuses or cannot be reached.
    fn sign(&mut self, request: SigningRequest) -> Result<Signed>;
}

/// What was asked and given, beside the certificate: comparing needs no parsing of certificates on the host.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Note {
    names: Vec<String>,
    authority: String,
    not_after: i64,
    /// SHA-256 of the certificate file.
    certificate: String,
    /// SHA-256 of the key file.
    key: String,
}

impl Certificate {
    fn note_path(&self) -> String {
        format!("{}.json", self.path)
    }

    fn note(&self, host: &dyn Machine) -> Result<Option<Note>> {
        // A damaged note is as good as none: a new certificate mends it.
        Ok(host.read(Path::new(&self.note_path()))?.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    fn ownership(&self, host: &dyn Machine, mode: u32) -> Result<Known<Ownership>> {
        ownership(host, &self.owner, &self.group, mode)
    }

    /// The configuration of a request, in place of the host's own. Control puts only the catalog's names into the
    /// certificate, whatever a request says.
    fn request_config(&self) -> Result<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.*".contains(&byte);
        if self.names.is_empty() {
            return Err(Failure::operation(format!("{} has no names", self.id())));
        }
        if let Some(name) = self.names.iter().find(|name| name.is_empty() || !name.bytes().all(plain)) {
            return Err(Failure::operation(format!("{name:?} is no DNS name")).hint("Correct it in the inventory."));
        }
        let names: Vec<String> = self.names.iter().map(|name| format!("DNS:{name}")).collect();
        Ok(format!(
            "[req]\nprompt = no\ndistinguished_name = subject\nreq_extensions = names\n\
             [subject]\nCN = comuni\n[names]\nsubjectAltName = {}\n",
            names.join(",")
        ))
    }

    fn make_key(&self, host: &mut dyn Machine, ownership: &Ownership) -> Result<()> {
        // The key goes from the program's output into its file: no other file ever holds it.
        let generate = Command::new(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let made = host.run(&generate)?.succeeded(&generate)?;
        host.write(Path::new(&self.key), &made.stdout, ownership)
    }

    /// The key that is there is kept as long as it works: a pair that does not match, after a cut between two writes,
    /// would stop a daemon from starting.
    fn request(&self, host: &mut dyn Machine, ownership: &Ownership) -> Result<String> {
        let command = Command::new(["openssl", "req", "-new", "-config", "/dev/stdin", "-key", &self.key])
            .stdin(self.request_config()?);
        match host.stat(Path::new(&self.key))?.map(|stat| stat.kind) {
            None => self.make_key(host, ownership)?,
            Some(FileKind::File) => host.set_ownership(Path::new(&self.key), ownership)?,
            Some(found) => return Err(in_the_way(Path::new(&self.key), found, "a key file")),
        }
        let mut output = host.run(&command)?;
        if output.status != 0 {
            self.make_key(host, ownership)?;
            output = host.run(&command)?;
        }
        Ok(output.succeeded(&command)?.text())
    }

    /// What is wrong with the files and what they say.
    fn differences(&self, host: &dyn Machine, wanted: &Ownership, note: &Note) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut differs = |field: &str, before: String, after: String| {
            changes.push(Change {
                field: field.to_string(),
                before: Some(before),
                after: Some(after),
                secret: false,
                step: None,
            });
        };
        if note.names != self.names {
            differs("names", note.names.join(", "), self.names.join(", "));
        }
        if note.authority != self.authority {
            differs("authority", note.authority.clone(), self.authority.clone());
        }
        let days = (note.not_after - host.now()).div_euclid(86_400);
        if days < i64::from(self.renew_days) {
            // The moment and not what is left until then: it must read the same tomorrow, in a plan that was saved.
            differs("valid", format!("until {}", utc(note.not_after)), format!("for {} days", self.lifetime_days));
        }
        if host.sha256(Path::new(&self.path))?.as_ref() != Some(&note.certificate) {
            differs("certificate", "another file".to_string(), "the one that was signed".to_string());
        }
        if host.sha256(Path::new(&self.key))?.as_ref() != Some(&note.key) {
            differs("key", "another file".to_string(), "the one that was certified".to_string());
        } else if let Some(stat) = host.stat(Path::new(&self.key))?
            && (stat.uid, stat.gid, stat.mode) != (wanted.uid, wanted.gid, wanted.mode)
        {
            let show = |uid: u32, gid: u32, mode: u32| format!("{uid}:{gid} {mode:04o}");
            differs("key ownership", show(stat.uid, stat.gid, stat.mode), show(wanted.uid, wanted.gid, wanted.mode));
        }
        Ok(changes)
    }
}

impl Kind for Certificate {
    fn id(&self) -> String {
        format!("certificate:{}", self.path)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        let wanted = match self.ownership(host, self.key_mode)? {
            Known::Now(wanted) => wanted,
            Known::After(check) => return Ok(check),
        };
        for path in [&self.path, &self.key] {
            if let Known::After(check) = placed(host, path)? {
                return Ok(check);
            }
        }
        let changes = match self.note(host)? {
            Some(note) => self.differences(host, &wanted, &note)?,
            None => {
                let names = Change {
                    field: "names".to_string(),
                    before: None,
                    after: Some(self.names.join(", ")),
                    secret: false,
                    step: None,
                };
                return Ok(Check::Differs { action: Action::Create, changes: vec![names] });
            }
        };
        Ok(if changes.is_empty() { Check::Correct } else { Check::Differs { action: Action::Change, changes } })
    }

    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()> {
        let key_ownership = self.ownership(host, self.key_mode)?.now()?;
        let request = self.request(host, &key_ownership)?;
        let signed = means.authority.sign(SigningRequest { id: self.id(), request })?;
        let ownership = Ownership { mode: 0o644, ..key_ownership };
        host.write(Path::new(&self.path), signed.certificate.as_bytes(), &ownership)?;
        let hash = |host: &dyn Machine, path: &str| host.sha256(Path::new(path)).map(Option::unwrap_or_default);
        let note = Note {
            names: self.names.clone(),
            authority: self.authority.clone(),
            not_after: signed.not_after,
            certificate: hash(host, &self.path)?,
            key: hash(host, &self.key)?,
        };
        // The note comes last: without it, after a kill, the next fix begins again with the same key.
        let content = serde_json::to_vec_pretty(&note).map_err(|error| Failure::operation(error.to_string()))?;
        host.write(Path::new(&self.note_path()), &content, &ownership)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        for path in [&self.note_path(), &self.path, &self.key] {
            host.remove(Path::new(path))?;
        }
        Ok(())
    }

    fn notification(&self) -> Option<&super::Notification> {
        self.notify.as_ref()
    }

    fn paths(&self) -> Vec<String> {
        vec![self.path.clone(), self.key.clone(), self.note_path()]
    }
}
