//! Names that follow from the inventory. Everything that is called after a member or a tenant is called so here.

use super::types::{Consortium, DomainMode, Member, MemberKind, SizeClass, Tenant};

/// The longest name of a Unix account, a role and a database that we make.
pub const LONGEST_ACCOUNT: usize = 32;

/// Codes that own something else: the machine itself, and the consortium's secrets.
pub const RESERVED_CODES: [&str; 2] = [crate::catalog::HOST_OWNER, "consortium"];

/// Token of the key with which the name servers know each other (TSIG).
pub const TRANSFER_KEY: &str = "secret://consortium/dns/transfer";

/// The word in the place of an application's name in the tokens of backups: no application is called so.
pub const BACKUP: &str = "backup";

/// Token of the key with which the copying host reads the repositories, as a seed.
pub const COPY_KEY: &str = "secret://consortium/backup/copy";

/// Token of the key that opens a member's repository.
pub fn repository_key(code: &str) -> String {
    format!("secret://{code}/{BACKUP}/repository_key")
}

/// Token of the ssh key with which an application host brings the backups of a member, as a seed.
///
/// `_private` and `_public` after it name what follows from the seed.
pub fn backup_ssh_key(code: &str, host: &str) -> String {
    format!("secret://{code}/{BACKUP}/ssh_{}", host.replace('-', "_"))
}

/// The Unix account by which a member's repository is reached. With a hyphen, so that it is no tenant's.
pub fn backup_account(code: &str) -> String {
    format!("backup-{code}")
}

/// The folder around a member's repository on a host that keeps backups.
pub fn backup_home(code: &str) -> String {
    format!("/srv/backup/{code}")
}

/// A member's repository on a host that keeps backups.
pub fn repository(code: &str) -> String {
    format!("{}/repository", backup_home(code))
}

impl Member {
    /// As it stands in documents: `Comune di Malnate`, `Comunità Montana del Piambello`.
    pub fn full_name(&self) -> String {
        match self.kind {
            MemberKind::Comune => format!("Comune di {}", self.name),
            MemberKind::Provincia if !self.name.starts_with("Provincia") => format!("Provincia di {}", self.name),
            _ => self.name.clone(),
        }
    }

    /// Names its Unix users, databases and files: `c_e863` from belfiore, else the key `code`.
    pub fn code(&self) -> Option<String> {
        match &self.belfiore {
            Some(belfiore) => Some(format!("c_{}", belfiore.to_lowercase())),
            None => self.code.clone(),
        }
    }
}

/// The tenant's id: `c_e863-albo`.
pub fn tenant_id(code: &str, application: &str) -> String {
    format!("{code}-{application}")
}

/// Its Unix account, its database and the owner role of it: `c_e863_albo`.
pub fn account(code: &str, application: &str) -> String {
    format!("{code}_{}", application.replace('-', "_"))
}

/// Its systemd unit: `comuni-c_e863-albo.service`.
pub fn unit(code: &str, application: &str) -> String {
    format!("comuni-{}.service", tenant_id(code, application))
}

/// The file that has nginx show its maintenance page as long as it is there.
pub fn maintenance(code: &str, application: &str) -> String {
    format!("/var/lib/comuni-maintenance/{}", tenant_id(code, application))
}

/// Its home folder: `/srv/comuni/c_e863/albo`.
pub fn home(code: &str, application: &str) -> String {
    format!("/srv/comuni/{code}/{application}")
}

/// The name it answers under, when the member's file does not say.
///
/// A member whose own domain is not known yet gets a name below the consortium's.
pub fn host_name(application: &str, slug: &str, member: &Member, consortium: &Consortium) -> String {
    match &member.domain {
        Some(domain) if domain.mode == DomainMode::Subzone => format!("{application}.cloud.{}", domain.zone),
        Some(domain) => format!("{application}.{}", domain.zone),
        None => format!("{application}.{slug}.{}", consortium.domain),
    }
}

/// The size class: the one that is named, else the smallest that takes the member's residents.
pub fn size<'a>(consortium: &'a Consortium, member: &Member, tenant: &'a Tenant) -> Option<(&'a str, &'a SizeClass)> {
    if let Some(name) = &tenant.size {
        return consortium.sizes.get_key_value(name).map(|(name, class)| (name.as_str(), class));
    }
    let residents = member.population.as_ref()?.residents;
    let limit = |class: &SizeClass| class.up_to.unwrap_or(u32::MAX);
    let fitting = consortium.sizes.iter().filter(|(_, class)| residents <= limit(class));
    fitting.min_by_key(|(_, class)| limit(class)).map(|(name, class)| (name.as_str(), class))
}

/// Whether `name` is `domain` or lies below it.
pub fn is_below(name: &str, domain: &str) -> bool {
    name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}
