//! `comuni onboard`: a body becomes a member.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Way;
use super::dns::address;
use crate::backup::ladder::Level;

/// Who joins, and with what.
#[derive(Debug, Clone, Args)]
pub struct Onboard {
    /// Its name; for a comune in any spelling, with the province when two have it: `L'Aquila`, `Samone (TO)`
    #[arg(value_name = "NAME", required_unless_present = "from")]
    pub name: Option<String>,
    /// Many at once: a table (CSV) with a column `name`, and any of the options below as further columns
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    pub from: Option<PathBuf>,
    /// What is not in the table, or for the one that is named.
    #[command(flatten)]
    pub wish: Wished,
    /// How far the first backup is proven by a restore
    #[arg(long, value_name = "LEVEL", default_value = "L6")]
    pub level: Level,
    /// Ask this resolver who serves a zone of others; ADDRESS or ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", env = "COMUNI_RESOLVER", value_parser = address)]
    pub resolver: Option<SocketAddr>,
    /// Wait so many minutes for the records that others must set
    #[arg(long, value_name = "MINUTES", default_value_t = 0)]
    pub wait: u32,
    /// Ask nothing: what is not said gets its default; compulsory without a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// What only the one who asks can know about a body.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "About the body")]
pub struct Wished {
    /// Sigla of the province of a comune whose name is not the only one
    #[arg(long, value_name = "SIGLA")]
    pub province: Option<String>,
    /// Kind of body; a comune when not said
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: Option<BodyKind>,
    /// Short word that names its accounts and databases for ever, for a body that is no comune
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Its applications; those that most members have when not said
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub applications: Vec<String>,
    /// Size class of its tenants; by its residents when not said
    #[arg(long, value_name = "CLASS")]
    pub size: Option<String>,
    /// Its domain, such as comune.cunardo.va.it; until it is said its tenants answer below the consortium's
    #[arg(long, value_name = "DOMAIN", requires = "mode")]
    pub zone: Option<String>,
    /// Who serves the names of its tenants: others who set them in its zone, or we do below `cloud.` of it
    #[arg(long, value_enum, value_name = "MODE", requires = "zone")]
    pub mode: Option<ZoneMode>,
    /// E-mail address of its technicians
    #[arg(long, value_name = "MAIL")]
    pub technical: Option<String>,
    /// Its certified e-mail address
    #[arg(long, value_name = "MAIL")]
    pub pec: Option<String>,
    /// Host of its applications; the one with the largest part free when not said
    #[arg(long, value_name = "HOST")]
    pub application_host: Option<String>,
    /// Host of its databases; the one with the largest part free when not said
    #[arg(long, value_name = "HOST")]
    pub database_host: Option<String>,
    /// First day of its membership (YYYY-MM-DD); today when not said
    #[arg(long, value_name = "DAY")]
    pub since: Option<String>,
}

/// Kinds of body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum BodyKind {
    /// Comune
    Comune,
    /// Comunità montana
    ComunitaMontana,
    /// Unione di comuni
    Unione,
    /// Provincia
    Provincia,
}

/// Who serves the names of the tenants of a body that joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub enum ZoneMode {
    /// Others serve the zone and set the records that we tell them
    External,
    /// We serve `cloud.ZONE`, which is delegated to us
    Subzone,
}
