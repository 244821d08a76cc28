//! One file per verb: the order of calls, nothing else.

mod ansible;
mod apply;
mod archives;
mod backup;
mod brake;
mod dns;
mod health;
mod history;
mod hosts;
mod init;
mod inventory;
mod manual;
mod monitoring;
mod offboard;
mod onboard;
mod past;
mod plan;
mod procedure;
mod records;
mod releases;
mod report;
mod saved;
mod secrets;
mod status;
mod survey;
mod upgrade;
mod walk;
mod ways;
mod zone_brake;

use crate::cli::{Cli, Verb};
use crate::failure::Result;
use crate::report::Out;
use crate::report::json::Object;

/// Runs the verb of a command line.
///
/// # Errors
/// Whatever the verb fails with; the kind decides the exit code.
pub fn run(cli: &Cli, out: &Out) -> Result<()> {
    let global = &cli.global;
    out.object(&Object::version(cli.verb.name()));
    match &cli.verb {
        Verb::Init(wanted) => init::run(wanted, out),
        Verb::Validate => inventory::validate(global, out),
        Verb::Show(what) => inventory::show(global, what, out),
        Verb::Schema { directory } => inventory::schema(global, directory.as_deref(), out),
        Verb::Plan { selectors, way, out: file, textfile, detailed_exitcode } => {
            plan::run(global, selectors, way, file.as_deref(), textfile.as_deref(), *detailed_exitcode, out)
        }
        Verb::Apply { plan_file: None, selectors, way, yes, allow } => {
            apply::run(global, selectors, way, *yes, allow, out)
        }
        Verb::Apply { plan_file: Some(file), way, yes, allow, .. } => {
            apply::run_saved(global, file, way, *yes, allow, out)
        }
        Verb::Onboard(wanted) => onboard::run(global, wanted, out),
        Verb::Offboard(wanted) => offboard::run(global, wanted, out),
        Verb::SignOff { plan_file, key, yes } => saved::sign_off(plan_file, key, *yes, out),
        Verb::Backup(what) => backup::run(global, what, out),
        Verb::Upgrade(options) => upgrade::run(global, options, out),
        Verb::Rollback(options) => upgrade::rollback(global, options, out),
        Verb::Report(what) => report::run(global, what, out),
        Verb::Dns(what) => dns::run(global, what, out),
        Verb::Monitoring(what) => monitoring::run(global, what, out),
        Verb::Status { members, html, way } => status::run(global, members, html.as_deref(), way, out),
        Verb::Secrets(what) => secrets::run(global, what, out),
        Verb::History { member, last, since, way } => {
            history::run(global, member.as_deref(), *last, since.as_deref(), way, out)
        }
        Verb::Hosts(what) => hosts::run(global, what, out),
        Verb::Inventory { host, .. } => ansible::run(global, host.as_deref(), out),
        Verb::Completions { shell } => {
            manual::completions(*shell, out);
            Ok(())
        }
        Verb::Man { directory } => manual::man(directory.as_deref(), out),
    }
}
