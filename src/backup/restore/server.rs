//! The database host's part of a restore in place, as the server's own account.

use super::source::must_have_room;
use super::{Exchange, Shape};
use crate::backup::postgres::Connection;
use crate::backup::script::Script;
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// How often a swap is tried: somebody may connect between the end of all sessions and the rename.
const TRIES: u32 = 5;

/// An empty database as the live one is, with its settings. By the server's rules a role gets only into a database that
/// is called as a role that it is a member of (`templates/host/pg_hba.conf.tera`): so there is one for the time.
const MAKE: &str = r#"
drop database if exists :"new" with (force);
create database :"new" owner :"owner" template template0 encoding :'encoding' lc_collate :'collate' lc_ctype :'ctype';
revoke all on database :"new" from public;
select format('alter %s set %I = %s',
         case when d.setrole = 0 then format('database %I', :'new')
              else format('role %I in database %I', pg_get_userbyid(d.setrole), :'new') end,
         left(s, strpos(s, '=') - 1),
         case when lower(left(s, strpos(s, '=') - 1)) in
                ('local_preload_libraries', 'search_path', 'session_preload_libraries', 'temp_tablespaces')
              then substr(s, strpos(s, '=') + 1) else quote_literal(substr(s, strpos(s, '=') + 1)) end)
  from pg_db_role_setting d, unnest(d.setconfig) s
  where d.setdatabase = (select oid from pg_database where datname = :'name') \gexec
select format('create role %I nologin', :'new') where not exists (select from pg_roles where rolname = :'new') \gexec
grant :"new" to :"owner";
select oid from pg_database where datname = :'new';
"#;

/// All sessions end; then both names change in one transaction: `alter database … rename` holds the database against new
/// sessions until it commits. The old one lets nobody in any more.
const SWAP: &str = r#"
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname in (:'name', :'new') and pid <> pg_backend_pid();
begin;
alter database :"name" rename to :"kept";
alter database :"new" rename to :"name";
alter database :"kept" with allow_connections false;
revoke :"new" from :"owner";
drop role :"new";
commit;
"#;

/// The other way round.
const SWAP_BACK: &str = r#"
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname in (:'name', :'kept') and pid <> pg_backend_pid();
begin;
alter database :"name" rename to :"new";
alter database :"kept" rename to :"name";
alter database :"name" with allow_connections true;
commit;
"#;

fn server() -> Connection {
    let environment = vec![("PGDATABASE".to_string(), "postgres".to_string())];
    Connection { environment, account: Some("postgres".to_string()) }
}

fn script(names: &Exchange, more: &[(&str, &str)]) -> Result<Script> {
    let own = [
        ("name", names.name.as_str()),
        ("owner", names.owner.as_str()),
        ("new", names.new.as_str()),
        ("kept", names.kept.as_str()),
    ];
    Script::new(&own.into_iter().chain(more.iter().copied()).collect::<Vec<_>>())
}

/// Makes the new database, when there is room for 2.5 times the dump; gives its number.
///
/// # Errors
/// When there is no room, or the server refuses.
pub fn make(machine: &mut dyn Machine, names: &Exchange, shape: &Shape) -> Result<u32> {
    let mut question = Script::new(&[])?;
    question.then("show data_directory;");
    let folder = question.run(machine, &server())?;
    must_have_room(machine, std::path::Path::new(folder.trim()), shape.bytes.saturating_mul(5) / 2)?;
    let mut script =
        script(names, &[("encoding", &shape.encoding), ("collate", &shape.collate), ("ctype", &shape.ctype)])?;
    script.then(MAKE);
    let said = script.run(machine, &server())?;
    said.lines().last().and_then(|line| line.trim().parse().ok()).ok_or_else(|| {
        Failure::operation(format!("the server does not say the number of {}: {}", names.new, said.trim()))
    })
}

/// Takes away the new database, and the role that let the tenant into it.
///
/// # Errors
/// When the server refuses.
pub fn unmake(machine: &mut dyn Machine, names: &Exchange) -> Result<()> {
    let mut script = script(names, &[])?;
    script.then("drop database if exists :\"new\" with (force);\ndrop role if exists :\"new\";");
    script.run(machine, &server()).map(drop)
}

/// The new database takes the place of the old one.
///
/// # Errors
/// When the server refuses: then nothing has changed.
pub fn swap(machine: &mut dyn Machine, names: &Exchange) -> Result<()> {
    tried(machine, names, SWAP)
}

/// The old database takes its place again; what was restored is taken away.
///
/// # Errors
/// When the server refuses: then nothing has changed, or only the restored one is left over.
pub fn swap_back(machine: &mut dyn Machine, names: &Exchange) -> Result<()> {
    tried(machine, names, SWAP_BACK)?;
    let mut script = script(names, &[])?;
    script.then("drop database if exists :\"new\" with (force);");
    script.run(machine, &server()).map(drop)
}

fn tried(machine: &mut dyn Machine, names: &Exchange, statements: &'static str) -> Result<()> {
    let mut left = TRIES;
    loop {
        let mut script = script(names, &[])?;
        script.then(statements);
        left -= 1;
        match script.run(machine, &server()) {
            Err(failure) if left > 0 && failure.message.contains("is being accessed by other users") => {}
            done => return done.map(drop),
        }
    }
}
