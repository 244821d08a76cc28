//! What a new consortium is, where it is not the example: from flags or from whoever sits there.

use std::str::FromStr;

use crate::failure::{Failure, Result as Done};
use crate::inventory::register;
use crate::inventory::types::Role;

/// A machine of a new consortium: `db1=10.0.0.5:database,backup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// What it does.
    pub roles: Vec<Role>,
}

impl FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> Result<Machine, String> {
        let wrong =
            || format!("`{text}` is no machine; write NAME=ADDRESS:ROLE,ROLE such as db1=10.0.0.5:database,backup");
        let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
        // The address may be one of IPv6.
        let (address, roles) = rest.rsplit_once(':').ok_or_else(wrong)?;
        if name.is_empty() || address.is_empty() {
            return Err(wrong());
        }
        let role = |role: &str| {
            serde_json::from_value(serde_json::Value::from(role)).map_err(|_| {
                format!(
                    "`{role}` is no role; there are application, database, dns, backup, monitoring, control and verification"
                )
            })
        };
        let roles = roles.split(',').map(str::trim).map(role).collect::<Result<Vec<Role>, String>>()?;
        Ok(Machine { name: name.to_string(), address: address.trim_matches(['[', ']']).to_string(), roles })
    }
}

/// Who can read the secrets: `anna=ssh-ed25519 AAAA…`, or `anna=age1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technician {
    /// A name of one word.
    pub name: String,
    /// The public key.
    pub key: String,
}

/// A new consortium.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Founding {
    /// Sigla of its province.
    pub province: String,
    /// The body that runs it: `Provincia di Como`.
    pub body: String,
    /// What it is called.
    pub name: String,
    /// Domain of its machines.
    pub domain: String,
    /// Who can read the secrets.
    pub technicians: Vec<Technician>,
    /// The offline key, `age1…`; left open when there is none yet.
    pub recovery: Option<String>,
    /// Its machines; an example when none is named.
    pub machines: Vec<Machine>,
}

impl Founding {
    /// A province by its sigla, in any case.
    ///
    /// # Errors
    /// Wrong usage (64) when the register has none.
    pub fn province(sigla: &str) -> Done<String> {
        let wanted = sigla.trim().to_uppercase();
        match register::all().iter().any(|comune| comune.province == wanted) {
            true => Ok(wanted),
            false => {
                Err(Failure::usage(format!("`{sigla}` is no province")).hint("write its sigla, such as CO for Como"))
            }
        }
    }

    /// The files of the inventory, made of those of the example.
    pub(super) fn files(&self, example: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = example
            .into_iter()
            .filter(|(path, _)| !path.starts_with("members/"))
            .map(|(path, text)| match path.as_str() {
                "consortium.yml" => (path, self.consortium(&text)),
                "hosts.yml" => (path, self.hosts(&text)),
                _ => (path, text),
            })
            .collect();
        // git keeps no empty folder.
        files.push(("members/.gitkeep".to_string(), String::new()));
        files
    }

    fn consortium(&self, example: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let technicians: String = self
            .technicians
            .iter()
            .map(|technician| format!("\n  {}: {}", technician.name, quoted(&technician.key)))
            .collect();
        let permitted = format!("[{}.it, {}]", self.province.to_lowercase(), self.domain);
        let mut text = example
            .replace("name: Comuni in cloud\n", &format!("name: {}\n", quoted(&self.name)))
            .replace("name: Provincia di Varese,", &format!("name: {},", quoted(&self.body)))
            .replace("[va.it, cloud.varese.example]", &permitted)
            .replace("A name for documentation: put your own.", "")
            .replace("cloud.varese.example", &self.domain);
        if !technicians.is_empty() {
            text = text.replace("technicians: {}", &format!("technicians:{technicians}"));
        }
        if let Some(recovery) = &self.recovery {
            text = text.replace("# recovery: age1…", &format!("recovery: {recovery}"));
        }
        // Where a sentence went, its blank went with it.
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn hosts(&self, example: &str) -> String {
        let Some((head, _)) = example.split_once("hosts:\n").filter(|_| !self.machines.is_empty()) else {
            return example.to_string();
        };
        let machine = |machine: &Machine| {
            let role = |role: &Role| serde_json::to_value(role).ok()?.as_str().map(str::to_string);
            let roles: Vec<String> = machine.roles.iter().filter_map(role).collect();
            format!(
                "  {}:\n    address: {}\n    roles: [{}]\n    login: {{ user: ops, sudo: true }}\n    capacity: {{ tenants: 40, memory_mib: 16384 }}   # what was purchased: correct it\n",
                machine.name,
                serde_json::Value::from(machine.address.as_str()),
                roles.join(", ")
            )
        };
        let machines: String = self.machines.iter().map(machine).collect();
        format!("{head}hosts:\n{machines}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_read_with_their_address_of_either_kind_and_their_roles() {
        let read = |text: &str| text.parse::<Machine>();
        let machine = read("db1=10.0.0.5:database,backup").unwrap();
        assert_eq!((machine.name.as_str(), machine.address.as_str()), ("db1", "10.0.0.5"));
        assert_eq!(machine.roles, [Role::Database, Role::Backup]);
        assert_eq!(read("a=[2001:db8::5]:control").unwrap().address, "2001:db8::5");
        for wrong in ["db1", "db1=10.0.0.5", "=10.0.0.5:control", "db1=:control", "db1=10.0.0.5:cook", "db1=10.0.0.5:"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("db1=10.0.0.5:cook").unwrap_err().contains("`cook` is no role"));
    }

    #[test]
    fn provinces_are_known_by_their_sigla() {
        assert_eq!(Founding::province(" co").unwrap(), "CO");
        assert!(Founding::province("Como").unwrap_err().message.contains("is no province"));
    }
}
