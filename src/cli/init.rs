//! `comuni init`.

use std::path::PathBuf;

use clap::Args;

/// What a new inventory is to say. Without any of it, and without a terminal, it is an example of one machine and one comune.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// A folder that is empty or not there yet
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Write the example, and ask nothing
    #[arg(long, conflicts_with_all = ["province", "body", "name", "domain", "technicians", "recovery", "machines"])]
    pub example: bool,
    /// Sigla of the province whose bodies buy together
    #[arg(long, value_name = "SIGLA")]
    pub province: Option<String>,
    /// The body that runs it, such as `Provincia di Como`
    #[arg(long, value_name = "BODY")]
    pub body: Option<String>,
    /// What the consortium is called
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Domain of its machines, and of members until their own is known
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Who can read the secrets: a word, and the public key or its file (anna=/home/anna/.ssh/id_ed25519.pub); can be repeated
    #[arg(long = "technician", value_name = "NAME=KEY")]
    pub technicians: Vec<String>,
    /// Public half of the offline key, from age-keygen on a machine that is off the network
    #[arg(long, value_name = "AGE")]
    pub recovery: Option<String>,
    /// A purchased machine: db1=10.0.0.5:database,backup; can be repeated
    #[arg(long = "host", value_name = "NAME=ADDRESS:ROLES")]
    pub machines: Vec<String>,
}
