//! The command line: clap types and help texts. What a verb does is in `commands`.

mod backup;
mod dns;
mod hosts;
mod init;
mod monitoring;
mod offboard;
mod onboard;
mod report;
mod selection;
mod upgrade;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backup::{Backup, Restore, Tenants, Verify};
pub use dns::{Check, Dns};
pub use hosts::Hosts;
pub use init::Init;
pub use monitoring::{Monitoring, MonitoringCheck, Silencing};
pub use offboard::Offboard;
pub use onboard::{BodyKind, Onboard, Wished, ZoneMode};
pub use report::{
    ActivationReport, ComplianceReport, CostsReport, DeletionReport, Report, RestoreTestReport, UpgradeReport,
};
pub use selection::{Selectors, Way};
pub use upgrade::{Rollback, Upgrade};

const EXIT_CODES: &str = "\
Exit codes:
   0  done, or nothing to do            5  stale or missing
   1  an operation failed               6  busy: somebody holds the lock
   2  changes are pending               7  inconclusive
   3  some done and some not           64  wrong usage
   4  verification found damage        65  the inventory is invalid
 130  interrupted                     143  terminated
With many members or hosts the worst wins, and all are listed.";

/// Run the software of all comuni of a province in the cloud
///
/// Reads an inventory of the member bodies and brings the purchased machines to what it says.
#[derive(Debug, Parser)]
#[command(name = "comuni", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every verb")]
pub struct Global {
    /// Folder of the inventory
    #[arg(short, long, value_name = "DIR", env = "COMUNI_INVENTORY", global = true)]
    pub inventory: Option<PathBuf>,
    /// Text for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    pub format: Format,
    /// Say more: whole diffs, the fields of what is new, what went over the wire
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line, the first with the schema's version.
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a small inventory to begin with
    Init(Init),
    /// Check the inventory, its playbooks and templates, without any network
    Validate,
    /// Show what the inventory says and where each value comes from
    #[command(subcommand)]
    Show(Show),
    /// Write the JSON Schema of every file of an inventory, for editors
    Schema {
        /// Folder to write to; `schema` in the inventory when not said
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Compare the hosts with the inventory; change nothing
    #[command(
        after_help = "Examples:\n  comuni plan\n  comuni plan --member malnate --area tenant\n  comuni plan --detailed-exitcode    # 2 when changes are pending, for cron\n  comuni plan --out monday.json      # then: comuni show plan monday.json; comuni apply monday.json"
    )]
    Plan {
        /// What to look at.
        #[command(flatten)]
        selectors: Selectors,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
        /// Save the plan in a file, to be read, attached to a ticket, and applied as long as nothing has moved
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write metrics for the node exporter's textfile collector: what is pending, and what was changed by hand
        #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "hosts", "areas"])]
        textfile: Option<PathBuf>,
        /// Exit with 2 when changes are pending
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Bring the hosts to what the inventory says
    #[command(
        after_help = "Examples:\n  comuni apply\n  comuni apply --member lozza --yes\n  comuni apply --host app1 --area host --allow removals\n  comuni apply monday.json    # what `comuni plan --out monday.json` saved, and nothing else"
    )]
    Apply {
        /// A saved plan (`comuni plan --out FILE`): refused before any change when anything it stands on has moved
        #[arg(value_name = "PLANFILE", conflicts_with_all = ["members", "hosts", "areas", "older_inventory"])]
        plan_file: Option<PathBuf>,
        /// What to work on.
        #[command(flatten)]
        selectors: Selectors,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
        /// Do not ask; compulsory without a terminal
        #[arg(short, long)]
        yes: bool,
        /// Lift the brake of the consortium's limits
        ///
        /// `removals`, `changes`; a zone (comune.lozza.va.it) that changes more than its limits; a protected RRset of a
        /// zone as NAME/TYPE (pec.comune.lozza.va.it/MX); NAME/TYPE/now for an address that shall move at once. Can be
        /// repeated.
        #[arg(long, value_name = "WHAT")]
        allow: Vec<Allowance>,
    },
    /// Make a body a member: from its name to tenants that answer, are backed up, restored for proof, and watched
    ///
    /// The comune is found in the register of ISTAT that is built in. Its file is shown and written; secrets are made; the plan
    /// of this member alone is shown and applied; then all is proven: the tenants answer over HTTPS, the name servers have
    /// their names, the first backup is taken and restored, and the monitoring sees them. Only then `joining` becomes `active`.
    /// A run that failed or was cut off anywhere goes on when the same command is typed again.
    #[command(after_help = "\
Examples:
  comuni onboard Cunardo
  comuni onboard Cunardo --applications albo --zone comune.cunardo.va.it --mode subzone --yes
  comuni onboard \"Comunità Montana Valli del Verbano\" --kind comunita_montana --code cm_verbano --size small
  comuni onboard --from comuni.csv --yes

Exit codes: 0 active; 2 all is done but records that others must set; 3 some bodies and not others; 1, 4, 5, 7 a step failed, and is named;
64 the body or its wishes are not clear; 65 the inventory is invalid")]
    Onboard(Box<Onboard>),
    /// Hand a member its data in open formats, proven by a restore, and stop its tenants; later delete all of it
    ///
    /// Says what will happen and asks. Each tenant is backed up and exported from that backup: SQL, a table (CSV) for each
    /// table, files, a manifest with checksums, and a text in Italian that says how to bring it back without this program. The
    /// bundle is restored as that text says, on the host where backups are proven, compared row for row, and written into
    /// the folder encrypted to the member's own key. Only then the member is `leaving`: its tenants stop, the monitoring
    /// forgets them, the TTLs of its zone are lowered, and the last state, standing still, is what is handed over. All data
    /// stay. With `--purge`, when the days are over for which they are kept, all of it is deleted: on every host, in both copies
    /// of the backups, in Prometheus and in the inventory. A run that failed or was cut off anywhere goes on when the same
    /// command is typed again.
    #[command(after_help = "\
Examples:
  comuni offboard lozza --export /mnt/consegna --recipient lozza.pub
  comuni offboard lozza --purge

Exit codes: 0 handed over, or deleted; 3 something still names who was deleted; 4 a backup or its export is not what it must be;
1, 5, 7 a step failed, and is named; 6 busy; 64 the member or the key is not clear, it is not time, or nobody agreed;
65 the inventory is invalid")]
    Offboard(Box<Offboard>),
    /// Say with your ssh key that a saved plan may be applied
    ///
    /// Shows the plan, asks, and adds who signed, when and the signature to its file. Whoever applies the plan sees it, and
    /// the record of that run keeps it. No host is asked.
    #[command(
        name = "sign-off",
        after_help = "Examples:\n  comuni sign-off monday.json --key ~/.ssh/id_ed25519\n  comuni sign-off monday.json --key ~/.ssh/id_ed25519.pub    # the private half is in the agent"
    )]
    SignOff {
        /// The file that `comuni plan --out` wrote
        #[arg(value_name = "PLANFILE")]
        plan_file: PathBuf,
        /// File with your ssh key, or with its public half when an agent has it
        #[arg(long, value_name = "FILE", env = "COMUNI_SSH_KEY", value_delimiter = ':', required = true)]
        key: Vec<PathBuf>,
        /// Do not ask; compulsory without a terminal
        #[arg(short, long)]
        yes: bool,
    },
    /// Show, set and change secrets, and who can read them
    #[command(subcommand)]
    Secrets(Secrets),
    /// Take backups of the tenants, and show what there is
    #[command(subcommand)]
    Backup(Backup),
    /// Bring the tenants of an application to another release, canaries first, each with a way back
    ///
    /// One tenant after the other: a backup that is proven to be restorable, the maintenance page, the application stops, a
    /// snapshot of database and files, the new release and its migration, and the application must be healthy before the page
    /// goes. What fails before that goes back by itself to the old release with its data as they were. Who is frozen or
    /// outside of its maintenance window is left alone. Every step is noted on the host: what was cut off is brought to an end
    /// by the next run.
    #[command(after_help = "\
Examples:
  comuni upgrade albo --to 1.1.0 --plan
  comuni upgrade albo --to 1.1.0 --canary lozza --batch 4
  comuni upgrade albo --to 1.1.0 --member malnate --yes
  comuni upgrade albo --resume

Exit codes: 0 all done, or left alone; 1 none, and what failed went back; 3 some; 6 somebody is at a tenant; 64, 65 before anything")]
    Upgrade(Box<Upgrade>),
    /// Bring a tenant back to the release that it had before its last upgrade
    ///
    /// When the release is `reversible` in the catalogue only the code goes back, and nothing that was written is lost. Else
    /// the data go back too, to what they were when the upgrade stopped the application: it says what that would lose, and
    /// asks.
    #[command(after_help = "\
Examples:
  comuni rollback albo --member lozza

Exit codes: 0 done; 1 failed, and the tenant is as before; 5 no upgrade of it is recorded; 6 busy; 64 without consent")]
    Rollback(Box<Rollback>),
    /// Write documents for the bodies, in Italian
    #[command(subcommand)]
    Report(Report),
    /// Look at zones from outside
    #[command(subcommand)]
    Dns(Dns),
    /// Look at what watches, and mute a tenant for a while
    #[command(subcommand)]
    Monitoring(Monitoring),
    /// Show how the fleet is: members, tenants, certificates, zones, backups, pending changes
    ///
    /// One line for each member, from Prometheus and from the evidence; no tenant's host is asked. What nobody measured lately
    /// is `unknown`, and never ok. Pending changes and drift are those of the last `comuni plan --textfile`.
    #[command(after_help = "\
Examples:
  comuni status
  comuni status --member malnate
  comuni status --html stato.html          # one page in Italian, to read, to hand out and to print

Exit codes: 0 all could be asked, however the fleet is; 7 something could not be asked, and is shown as unknown")]
    Status {
        /// Only this member (name, slug, code or glob); can be repeated
        #[arg(long = "member", value_name = "MEMBER")]
        members: Vec<String>,
        /// Write also one page in Italian with what was measured over 30 days, without scripts and anything from elsewhere
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
    },
    /// Show past runs from the evidence
    History {
        /// Only runs that touched this member (name, slug, code or glob)
        #[arg(long, value_name = "MEMBER")]
        member: Option<String>,
        /// At most this many runs, the newest last
        #[arg(long, value_name = "N", default_value_t = 20)]
        last: u32,
        /// Only runs since then: a day (2026-11-01), a moment, or how long ago (12h, 7d)
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// How to reach the control host.
        #[command(flatten)]
        way: Way,
    },
    /// Pin the keys of hosts, or look whether hosts can be worked on
    #[command(subcommand)]
    Hosts(Hosts),
    /// Write the hosts for another program
    #[command(after_help = "Examples:\n  comuni inventory --ansible\n  comuni inventory --ansible --host app1")]
    Inventory {
        /// As a dynamic inventory of Ansible: groups by role and by member
        #[arg(long, required = true)]
        ansible: bool,
        /// All hosts and groups; so it is also when nothing is said
        #[arg(long, conflicts_with = "host")]
        list: bool,
        /// The variables of this host only
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
    },
    /// Write the completions of a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Folder to write to; the first page goes to standard output when not said
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// A member, with the file and line of each value
    Member {
        /// Name, slug or code
        name: String,
    },
    /// A host and what it carries
    Host {
        /// Name
        name: String,
    },
    /// The compiled list of resources of a host
    Catalog {
        /// Name of the host
        name: String,
    },
    /// An application of the catalogue and its releases
    Application {
        /// Name
        name: String,
    },
    /// A saved plan: who planned it, when, from which inventory, and what it would do
    Plan {
        /// The file that `comuni plan --out` wrote
        #[arg(value_name = "PLANFILE")]
        file: PathBuf,
    },
}

/// Work with secrets.
#[derive(Debug, Subcommand)]
pub enum Secrets {
    /// List secrets; their values only with `--reveal`
    Show {
        /// A token such as secret://c_e863/albo/database_password_a; all when not said
        token: Option<String>,
        /// Print the values
        #[arg(long)]
        reveal: bool,
        /// Who reads.
        #[command(flatten)]
        identity: Identity,
    },
    /// Set a secret from standard input or a prompt, or make all that are missing
    #[command(
        after_help = "Examples:\n  comuni secrets set --missing\n  comuni secrets set secret://c_e863/albo/smtp_password < FILE"
    )]
    Set {
        /// A token such as secret://c_e863/albo/smtp_password
        #[arg(required_unless_present = "missing")]
        token: Option<String>,
        /// Put a new value in the place of the one that is there
        #[arg(long, conflicts_with = "missing")]
        replace: bool,
        /// Make every secret that the inventory needs and that is not there yet, and the certificate authority
        #[arg(long, conflicts_with = "token")]
        missing: bool,
        /// Who reads.
        #[command(flatten)]
        identity: Identity,
    },
    /// Give tenants new database passwords, without a moment in which they cannot log in
    #[command(
        long_about = "Give tenants new database passwords, without a moment in which they cannot log in\n\n\
            Each tenant has two login roles. The idle one gets a new password; the application is restarted with it and \
            must be healthy; then the role it used before gets a password that nobody knows, and its sessions end. Each \
            step is on disk before it is on a host: a run that was cut off goes on when it is started again.",
        after_help = "Examples:\n  comuni secrets rotate --member lozza\n  comuni secrets rotate --application albo\n  comuni secrets rotate --all --yes"
    )]
    Rotate(Rotate),
    /// Encrypt the secret files to the technicians that consortium.yml names now
    #[command(
        long_about = "Encrypt the secret files to the technicians that consortium.yml names now, and to the recovery key\n\n\
            Says who gains and who loses access, and which secrets those who lost it still know: encrypting anew does not \
            change the secrets, and git keeps every earlier file.",
        after_help = "Examples:\n  comuni secrets rekey\n  comuni secrets rekey --check    # 2 when a file is for others, for cron"
    )]
    Rekey {
        /// Change nothing; exit with 2 when a file is not for exactly these
        #[arg(long)]
        check: bool,
        /// Who reads.
        #[command(flatten)]
        identity: Identity,
    },
}

/// Whose passwords to rotate.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("whose").args(["members", "applications", "all"]).required(true).multiple(true))]
pub struct Rotate {
    /// Only tenants of this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// Only tenants of this application (name or glob); can be repeated
    #[arg(long = "application", value_name = "APPLICATION")]
    pub applications: Vec<String>,
    /// Every tenant
    #[arg(long, conflicts_with_all = ["members", "applications"])]
    pub all: bool,
    /// Do not ask; compulsory without a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// Keys that open the secrets.
#[derive(Debug, Clone, Default, Args)]
pub struct Identity {
    /// File with an age or ssh-ed25519 identity that opens the secrets; several with `:` between them
    #[arg(long, value_name = "FILE", env = "COMUNI_IDENTITY", value_delimiter = ':')]
    pub identity: Vec<PathBuf>,
}

/// What the brake can be lifted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowance {
    /// More removals than the limit.
    Removals,
    /// More changes on one host than the limit.
    Changes,
    /// More changes in this zone than its limits.
    Zone(String),
    /// The change of this RRset, `NAME/TYPE`; or that it moves at once: `NAME/TYPE/now`.
    RrSet(String),
}

impl std::str::FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Allowance, String> {
        let is_name = |name: &str| name.contains('.') && !name.contains(char::is_whitespace);
        match text {
            "removals" => Ok(Allowance::Removals),
            "changes" => Ok(Allowance::Changes),
            _ => {
                let is_kind = |kind: &str| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let rrset = |name: &str, kind: &str| {
                    format!("{}/{}", name.trim_end_matches('.').to_lowercase(), kind.to_uppercase())
                };
                match text.split('/').collect::<Vec<_>>()[..] {
                    [name] if is_name(name) => Ok(Allowance::Zone(name.trim_end_matches('.').to_lowercase())),
                    [name, kind] if is_name(name) && is_kind(kind) => Ok(Allowance::RrSet(rrset(name, kind))),
                    [name, kind, "now"] if is_name(name) && is_kind(kind) => {
                        Ok(Allowance::RrSet(format!("{}/now", rrset(name, kind))))
                    }
                    _ => {
                        Err("write `removals`, `changes`, the name of a zone, NAME/TYPE of its RRset, or NAME/TYPE/now"
                            .to_string())
                    }
                }
            }
        }
    }
}

impl Verb {
    /// The verb's word, as it is typed.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::Init(_) => "init",
            Verb::Validate => "validate",
            Verb::Show(_) => "show",
            Verb::Schema { .. } => "schema",
            Verb::Plan { .. } => "plan",
            Verb::Apply { .. } => "apply",
            Verb::Onboard(_) => "onboard",
            Verb::Offboard(_) => "offboard",
            Verb::SignOff { .. } => "sign-off",
            Verb::Secrets(_) => "secrets",
            Verb::Backup(_) => "backup",
            Verb::Upgrade(_) => "upgrade",
            Verb::Rollback(_) => "rollback",
            Verb::Report(_) => "report",
            Verb::Dns(_) => "dns",
            Verb::Monitoring(_) => "monitoring",
            Verb::Status { .. } => "status",
            Verb::History { .. } => "history",
            Verb::Hosts(_) => "hosts",
            Verb::Inventory { .. } => "inventory",
            Verb::Completions { .. } => "completions",
            Verb::Man { .. } => "man",
        }
    }
}
