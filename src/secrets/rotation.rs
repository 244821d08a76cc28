//! The steps of a rotation on disk. Each is one atomic replacement of the owner's file, and after each of them the
//! inventory is one that can be applied: so whoever applies in between helps, and never undoes.

use super::document::Document;
use super::file::Lock;
use super::login::{self, Half, Step};
use super::recipients::Recipients;
use super::{Store, Token};
use crate::failure::{Failure, Kind, Result};

/// How far the rotation of a tenant's login has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The login role in use, as far as the disk says.
    pub active: Half,
    /// The last step that is on disk; `None` when no rotation is under way.
    pub step: Option<Step>,
}

impl Store {
    /// How far the rotation of a tenant's login has come.
    ///
    /// # Errors
    /// Exit 65 when none of the identities opens its owner's file, or it has no passwords for this tenant.
    pub fn rotation(&self, owner: &str, application: &str) -> Result<Rotation> {
        self.must_be_open(owner)?;
        let document = self.documents.get(owner);
        match document.filter(|document| login::derived(document, owner, application, login::USER).is_some()) {
            Some(document) => Ok(rotation(document, application)),
            None => Err(Failure::inventory(format!("{owner}: {application} has no database passwords yet"))
                .hint("comuni secrets set --missing makes them")),
        }
    }

    /// Reads an owner's file again: another run may have written it.
    ///
    /// # Errors
    /// Exit 65 when it is damaged.
    pub fn refresh(&mut self, owner: &str) -> Result<()> {
        self.reload(owner)
    }

    /// Goes from one step to the next: prepare, switch, bar, and to the end, on disk before this returns.
    ///
    /// # Errors
    /// Exit 6 when the file says that the rotation is not at `from`: somebody else went on with it. Else as
    /// [`Store::set`].
    pub fn advance(&mut self, owner: &str, application: &str, from: Rotation) -> Result<Rotation> {
        self.step(owner, application, from, |document, login| {
            let idle = login.active.other();
            login.step = match from.step {
                None => {
                    login::renew(document, application, idle)?;
                    Some(Step::Prepared)
                }
                Some(Step::Prepared) => {
                    login.choose(idle)?;
                    Some(Step::Switched)
                }
                Some(Step::Switched) => {
                    login::renew(document, application, idle)?;
                    Some(Step::Barred)
                }
                Some(Step::Barred) => None,
            };
            Ok(())
        })
    }

    /// Goes back from [`Step::Switched`]: the application uses the role it used before, and no rotation is under way.
    ///
    /// # Errors
    /// As [`Store::advance`].
    pub fn switch_back(&mut self, owner: &str, application: &str, from: Rotation) -> Result<Rotation> {
        self.step(owner, application, from, |_, login| {
            login.choose(login.active.other())?;
            login.step = None;
            Ok(())
        })
    }

    fn step(
        &mut self,
        owner: &str,
        application: &str,
        from: Rotation,
        change: impl FnOnce(&mut Document, &mut login::Login) -> Result<()>,
    ) -> Result<Rotation> {
        let recipients = Recipients::of(&self.consortium)?;
        let _lock = Lock::take(&self.folder)?;
        self.reload(owner)?;
        if self.rotation(owner, application)? != from {
            let token = Token::new(owner, application, login::USER);
            return Err(Failure::new(Kind::Busy, format!("{token}: somebody else goes on with this rotation"))
                .hint("wait for the other run to end, then run the same command again"));
        }
        let mut document = self.documents.get(owner).cloned().unwrap_or_default();
        let mut login = document.logins.get(application).cloned().unwrap_or_default();
        change(&mut document, &mut login)?;
        document.logins.insert(application.to_string(), login);
        let after = rotation(&document, application);
        self.keep(owner, document, &recipients)?;
        Ok(after)
    }
}

fn rotation(document: &Document, application: &str) -> Rotation {
    let login = document.logins.get(application).cloned().unwrap_or_default();
    Rotation { active: login.active, step: login.step }
}
