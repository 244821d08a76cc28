//! The bundles of a member: made and proven where its backups are kept, encrypted while they come in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::backup::export::{Answer, Made, Step, Task};
use crate::backup::restore::{self, From};
use crate::cli::{Tenants, Way};
use crate::commands::backup::tenants::{Tenant, chosen, owners};
use crate::commands::backup::verify::verifier;
use crate::commands::procedure::{Procedure, unexpected};
use crate::digest::{hex, sha256_of};
use crate::disk;
use crate::evidence::clock;
use crate::evidence::documents::handover::Bundle;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::names::{backup_account, home, repository, repository_key};
use crate::inventory::{Body, Inventory};
use crate::protocol::{Act, Acted};
use crate::report::{Out, bytes};
use crate::resources::SecretTable;
use crate::secrets::{PublicKey, Store};

/// Where the bundles of a member go, and who alone can open them.
pub(super) struct Bundles {
    pub(super) folder: PathBuf,
    pub(super) key: PublicKey,
}

/// One run over the tenants of a member.
struct Run<'a> {
    bundles: &'a Bundles,
    body: &'a Body,
    host: &'a str,
    store: &'a Store,
    procedure: Procedure,
}

impl Bundles {
    /// Exports the newest backup of each tenant, but for those of which the bundle here has that content already.
    ///
    /// # Errors
    /// Exit 4 when a backup, or what was made of it, is not what it must be. What was finished before stays.
    pub(super) fn bring(&self, inventory: &Inventory, slug: &str, way: &Way, out: &Out) -> Result<String> {
        let tenants = chosen(inventory, &Tenants { members: vec![slug.to_string()], applications: Vec::new() })?;
        let (body, host) = (&inventory.members[slug], verifier(inventory)?);
        let store = crate::commands::secrets::open(inventory, &way.identity)?;
        store.require(&BTreeSet::from([repository_key(&body.code)]))?;
        let procedure =
            Procedure::begin(inventory, way, "offboard export", owners(&tenants), &BTreeSet::from([host]), out)?;
        let mut run = Run { bundles: self, body, host, store: &store, procedure };
        let mut said = Vec::new();
        let mut worst = None;
        for tenant in &tenants {
            let done = match run.procedure.is_stopping() {
                Some(failure) => Err(failure),
                None => run.tenant(tenant),
            };
            run.procedure.release([host], &tenant.subject);
            match done {
                Ok(words) => {
                    run.procedure.ended(&tenant.subject, &Ok(()));
                    said.push(words);
                }
                Err(failure) => {
                    run.procedure.ended(&tenant.subject, &Err(failure.clone()));
                    worst = Some(failure);
                    break;
                }
            }
        }
        run.procedure.end(inventory, worst.as_ref().map(|failure| failure.kind), out)?;
        worst.map_or(Ok(said.join("; ")), Err)
    }

    /// The bundles that are here whole, by application: what is there is what was proven.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(super) fn there(&self, body: &Body) -> Result<BTreeMap<String, Bundle>> {
        let mut there = BTreeMap::new();
        for application in body.tenants.keys() {
            if let Some(bundle) = self.one(application)? {
                there.insert(application.clone(), bundle);
            }
        }
        Ok(there)
    }

    /// One that is here, whole, and encrypted to this key.
    fn one(&self, application: &str) -> Result<Option<Bundle>> {
        let note = self.folder.join(format!("{application}.json"));
        let text = match std::fs::read(&note) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unwritten(&note, &error)),
        };
        let Ok(bundle) = serde_json::from_slice::<Bundle>(&text) else { return Ok(None) };
        let whole = bundle.recipient == self.key.text()
            && sum(&self.folder.join(&bundle.file))?.as_deref() == Some(bundle.sha256.as_str());
        Ok(whole.then_some(bundle))
    }
}

impl Run<'_> {
    fn tenant(&mut self, tenant: &Tenant) -> Result<String> {
        let before = self.bundles.one(&tenant.application)?;
        let key = repository_key(&self.body.code);
        let task = Task {
            member: self.body.code.clone(),
            name: self.body.member.full_name(),
            application: tenant.application.clone(),
            data: format!("{}/data", home(&self.body.code, &tenant.application)),
            from: From::Here {
                folder: repository(&self.body.code),
                account: Some(backup_account(&self.body.code)),
                key: key.clone(),
            },
            unless: before.as_ref().map(|bundle| bundle.summary.content.clone()),
        };
        let table = self.store.table(&BTreeSet::from([key]));
        match (self.step(tenant, Step::Make(task), table)?, before) {
            (Answer::Same { .. }, Some(bundle)) => {
                let words = format!("nothing has changed since {} was made", bundle.file);
                self.procedure.say(self.host, &tenant.subject, &words);
                Ok(format!("{}: {words}", tenant.application))
            }
            (Answer::Made(made), _) => {
                let brought = self.fetch(tenant, &made);
                // The copy is of no more use; what cannot be taken away now is swept by the next run.
                let dropped = self.step(tenant, Step::Drop { place: made.place.clone() }, SecretTable::default());
                let bundle = brought?;
                dropped?;
                let summary = &bundle.summary;
                let words = format!(
                    "{} of {} in {}: {}, {}, {}, proven by a restore",
                    bytes(bundle.bytes),
                    clock::local_time(summary.taken),
                    bundle.file,
                    counted(summary.rows as usize, "row"),
                    counted(summary.large_objects as usize, "large object"),
                    counted(summary.files as usize, "file")
                );
                self.procedure.changed(self.host, &tenant.subject, format!("exported:{}", summary.snapshot));
                self.procedure.say(self.host, &tenant.subject, &words);
                Ok(format!("{}, sha256 {}", words, bundle.sha256))
            }
            (other, _) => {
                Err(Failure::operation(format!("{}: the host answered something else: {other:?}", self.host)))
            }
        }
    }

    /// Encrypts the bundle while it comes in: at no moment it is on this disk as it was.
    fn fetch(&mut self, tenant: &Tenant, made: &Made) -> Result<Bundle> {
        let name = format!("{}.tar.age", tenant.application);
        let place = self.bundles.folder.join(&name);
        let unfinished = self.bundles.folder.join(format!(".{name}.unfinished"));
        let failed = |error: std::io::Error| unwritten(&unfinished, &error);
        let file = File::create(&unfinished).map_err(failed)?;
        let mut sealed = crate::secrets::Sealed::begin(file, &self.bundles.key).map_err(failed)?;
        let (mut sha256, mut offset) = (Sha256::new(), 0);
        while offset < made.bytes {
            if let Some(failure) = self.procedure.is_stopping() {
                return Err(failure);
            }
            let read = Step::Read { place: made.place.clone(), offset };
            let piece = match self.step(tenant, read, SecretTable::default())? {
                Answer::Piece(text) => BASE64_STANDARD.decode(text).ok().filter(|piece| !piece.is_empty()),
                _ => None,
            };
            let piece = piece.ok_or_else(|| {
                Failure::operation(format!("{}: the bundle of {} became shorter", self.host, tenant.subject.tenant))
            })?;
            sha256.update(&piece);
            sealed.write_all(&piece).map_err(failed)?;
            offset += piece.len() as u64;
        }
        let found = hex(&sha256.finalize());
        if found != made.sha256 {
            return Err(Failure::new(
                Kind::Damage,
                format!("what came in is not the bundle that was proven: SHA-256 {found} in place of {}", made.sha256),
            )
            .hint("run the same command again"));
        }
        let (sum, length) = sealed.finish().map_err(failed)?;
        let bundle = Bundle {
            application: tenant.application.clone(),
            file: name,
            bytes: length,
            sha256: sum,
            archive_sha256: found,
            recipient: self.bundles.key.text().to_string(),
            made: clock::now().as_second(),
            summary: made.summary.clone(),
        };
        disk::put(&unfinished, &place).map_err(failed)?;
        let note = self.bundles.folder.join(format!("{}.json", tenant.application));
        let text = serde_json::to_vec_pretty(&bundle)
            .map_err(|error| Failure::operation(format!("cannot encode what was exported: {error}")))?;
        disk::replace(&note, &text, 0o644).map_err(|error| unwritten(&note, &error))?;
        Ok(bundle)
    }

    fn step(&mut self, tenant: &Tenant, step: Step, secrets: SecretTable) -> Result<Answer> {
        let acted = self.procedure.act(self.host, &tenant.subject, Act::Export(Box::new(step)), secrets)?;
        match acted {
            Acted::Exported(answer) => match *answer {
                Answer::Refused { exit, message, hints } => {
                    Err(restore::failure(exit, format!("{}: {message}", self.host), hints))
                }
                answer => Ok(answer),
            },
            other => Err(unexpected(self.host, &other).into()),
        }
    }
}

/// SHA-256 of a file, read in pieces; nothing when there is none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn sum(path: &Path) -> Result<Option<String>> {
    match File::open(path).and_then(sha256_of) {
        Ok(sum) => Ok(Some(sum)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unwritten(path, &error)),
    }
}

pub(super) fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::operation(format!("{}: {error}", path.display())).hint("look at the folder that --export names")
}
