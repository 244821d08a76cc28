//! A Unix account.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::differences::{Differences, after};
use super::{Action, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, gid_of};

/// A system account without password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Name, at most 32 characters (useradd(8)).
    pub name: String,
    /// Home directory; not made by this kind.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Primary group; one of the same name when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Further groups. Others that it is in are left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Full name (GECOS).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A line of passwd(5).
struct Account {
    gid: u32,
    comment: String,
    home: String,
    shell: String,
}

/// The name, when useradd(8) takes it without a second look.
pub(super) fn account_name(name: &str) -> Result<&str> {
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if begins && plain && name.len() <= 32 {
        return Ok(name);
    }
    Err(Failure::operation(format!("{name:?} is no name for a Unix account"))
        .hint("Use at most 32 of a-z, 0-9, _ and -, beginning with a letter."))
}

impl User {
    fn account(&self, host: &dyn Machine) -> Result<Option<Account>> {
        let content = host.read(Path::new("/etc/passwd"))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        Ok(text.lines().find_map(|line| match line.split(':').collect::<Vec<_>>()[..] {
            [name, _, _, gid, comment, home, shell] if name == self.name => Some(Account {
                gid: gid.parse().ok()?,
                comment: comment.to_string(),
                home: home.to_string(),
                shell: shell.to_string(),
            }),
            _ => None,
        }))
    }

    /// The groups of `groups` that it is not in yet, by group(5).
    fn missing_groups(&self, host: &dyn Machine) -> Result<Vec<&str>> {
        let content = host.read(Path::new("/etc/group"))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        let is_in = |group: &str| {
            text.lines().any(|line| match line.split(':').collect::<Vec<_>>()[..] {
                [name, _, _, members] if name == group => members.split(',').any(|member| member == self.name),
                _ => false,
            })
        };
        Ok(self.groups.iter().map(String::as_str).filter(|group| !is_in(group)).collect())
    }

    fn fields(&self) -> Result<()> {
        account_name(&self.name)?;
        for name in self.group.iter().chain(&self.groups) {
            account_name(name)?;
        }
        for value in [&self.comment, &self.home, &self.shell] {
            if value.contains([':', '\n', '\0']) {
                return Err(Failure::operation(format!("user {}: {value:?} does not fit into /etc/passwd", self.name))
                    .hint("Leave out colons and newlines."));
            }
        }
        Ok(())
    }

    /// Options of useradd(8) and usermod(8) for the fields that `wanted` names.
    fn options(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut options = Vec::new();
        let mut add = |field: &str, option: &str, value: &str| {
            if wanted(field) {
                options.extend([option.to_string(), value.to_string()]);
            }
        };
        add("home", "--home-dir", &self.home);
        add("shell", "--shell", &self.shell);
        add("comment", "--comment", &self.comment);
        if let Some(group) = &self.group {
            add("group", "--gid", group);
        }
        options
    }
}

impl Kind for User {
    fn id(&self) -> String {
        format!("user:{}", self.name)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        self.fields()?;
        for group in self.group.iter().chain(&self.groups) {
            if gid_of(host, group)?.is_none() {
                return Ok(after(format!("group:{group}"), format!("there is no group {group}")));
            }
        }
        let mut differences = Differences::new();
        let missing = self.missing_groups(host)?;
        let Some(account) = self.account(host)? else {
            differences.add("home", &self.home);
            differences.add("shell", &self.shell);
            if !self.groups.is_empty() {
                differences.add("groups", self.groups.join(", "));
            }
            return Ok(differences.into_check(Action::Create));
        };
        differences.compare("home", account.home, &self.home);
        differences.compare("shell", account.shell, &self.shell);
        differences.compare("comment", account.comment, &self.comment);
        let group = self.group.as_ref().unwrap_or(&self.name);
        if let Some(gid) = gid_of(host, group)?
            && gid != account.gid
        {
            differences.compare("group", account.gid.to_string(), format!("{gid} ({group})"));
        }
        if !missing.is_empty() {
            differences.note("groups", None, Some(missing.join(", ")));
        }
        Ok(differences.into_check(Action::Change))
    }

    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()> {
        let missing = self.missing_groups(host)?.join(",");
        let mut argv: Vec<String>;
        if self.account(host)?.is_some() {
            let Check::Differs { changes, .. } = self.check(host, &means.context)? else {
                return Ok(());
            };
            argv = vec!["usermod".to_string()];
            argv.extend(self.options(|field| changes.iter().any(|change| change.field == field)));
            // usermod(8) knows the home directory by another name than useradd(8).
            argv.iter_mut().filter(|word| *word == "--home-dir").for_each(|word| *word = "--home".to_string());
            if self.group.is_none() && changes.iter().any(|change| change.field == "group") {
                argv.extend(["--gid".to_string(), self.name.clone()]);
            }
            if !missing.is_empty() {
                argv.push("--append".to_string());
            }
        } else {
            argv = ["useradd", "--system", "--no-create-home"].map(str::to_string).to_vec();
            argv.extend(self.options(|_| true));
            // A group of its name that is there already is taken, as useradd(8) would refuse to make it again.
            match (&self.group, gid_of(host, &self.name)?) {
                (None, Some(_)) => argv.extend(["--gid".to_string(), self.name.clone()]),
                (None, None) => argv.push("--user-group".to_string()),
                (Some(_), _) => {}
            }
        }
        if !missing.is_empty() {
            argv.extend(["--groups".to_string(), missing]);
        }
        argv.push(self.name.clone());
        let command = Command::new(argv);
        host.run(&command)?.succeeded(&command).map(drop)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        if self.account(host)?.is_none() {
            return Ok(());
        }
        let command = Command::new(["userdel", account_name(&self.name)?]);
        host.run(&command)?.succeeded(&command).map(drop)
    }

    fn holds_data(&self) -> bool {
        true
    }
}
