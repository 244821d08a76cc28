//! A Unix group.

use serde::{Deserialize, Serialize};

use super::differences::Differences;
use super::user::account_name;
use super::{Action, Check, Context, Kind, Means};
use crate::failure::Result;
use crate::machine::{Command, Machine, gid_of};

/// A system group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name, at most 32 characters (groupadd(8)).
    pub name: String,
}

impl Kind for Group {
    fn id(&self) -> String {
        format!("group:{}", self.name)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        account_name(&self.name)?;
        let mut differences = Differences::new();
        if gid_of(host, &self.name)?.is_none() {
            differences.add("group", &self.name);
        }
        Ok(differences.into_check(Action::Create))
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        let command = Command::new(["groupadd", "--system", account_name(&self.name)?]);
        host.run(&command)?.succeeded(&command).map(drop)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        if gid_of(host, &self.name)?.is_none() {
            return Ok(());
        }
        let command = Command::new(["groupdel", account_name(&self.name)?]);
        host.run(&command)?.succeeded(&command).map(drop)
    }

    /// Files may belong to its number, which another group would be given.
    fn holds_data(&self) -> bool {
        true
    }
}
