//! The host half: sent by control, started over ssh, speaks the wire on stdin and stdout.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use comuni::executor::{Settings, backup, confirm, copy_backups, revert, serve};
use comuni::failure::{Failure, Result};
use comuni::machine::{Local, heed};
use comuni::protocol::VERSION;

/// How long a timer waits for whoever holds its tenant.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

fn main() -> ExitCode {
    // A panicking thread must not leave the others working: the message goes to stderr, then everything ends.
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort();
    }));
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut stderr = std::io::stderr();
            // Nothing can be done about a stderr that nobody reads; the exit code still says it.
            let _ = writeln!(stderr, "comuni-host: {failure}");
            for hint in &failure.hints {
                let _ = writeln!(stderr, "  {hint}");
            }
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match *words {
        ["serve"] => start(None),
        ["serve", "--auth-info", path] => start(Some(path).filter(|path| !path.is_empty())),
        ["confirm", token] => confirm(&mut Local::new(), &settings()?, token),
        ["revert", token] => revert(&mut Local::new(), &settings()?, token),
        ["backup", tenant] => take_backup(tenant, PATIENCE),
        ["backup", tenant, "--wait", seconds] => {
            let seconds =
                seconds.parse().map_err(|_| Failure::usage(format!("{seconds:?} is no number of seconds")))?;
            take_backup(tenant, Duration::from_secs(seconds))
        }
        ["copy-backups"] => {
            heed()?;
            if let Some(remark) = copy_backups(&mut Local::new(), &settings()?)? {
                // For the journal; that nobody reads it is no failure of the copy.
                let _ = writeln!(std::io::stderr(), "comuni-host: {remark}");
            }
            Ok(())
        }
        ["measure-queues"] => comuni::queue::measure(&mut Local::new()),
        ["version"] => {
            let mut stdout = std::io::stdout();
            writeln!(stdout, "comuni-host {} (wire {VERSION})", env!("CARGO_PKG_VERSION"))
                .map_err(|error| Failure::operation(format!("standard output: {error}")))
        }
        _ => Err(Failure::usage(format!("\"{}\" is not understood", words.join(" "))).hint(
            "comuni starts this program by itself: serve [--auth-info PATH], confirm TOKEN, revert TOKEN, version; \
             timers start: backup TENANT [--wait SECONDS], copy-backups, measure-queues",
        )),
    }
}

/// By a timer, so nobody is asked: a signal ends it well.
fn take_backup(tenant: &str, patience: Duration) -> Result<()> {
    heed()?;
    backup(&mut Local::new(), &settings()?, tenant, patience)
}

fn start(auth_info: Option<&str>) -> Result<()> {
    let wire = take_stdout()?;
    let settings = Settings { auth_info: auth_info.map(PathBuf::from), ..settings()? };
    serve(std::io::stdin(), wire, &mut Local::new(), settings)
}

fn settings() -> Result<Settings> {
    let executable =
        std::env::current_exe().map_err(|error| Failure::operation(format!("where this program lies: {error}")))?;
    Ok(Settings::of_a_host(executable))
}

/// Standard output is the wire: it moves to a descriptor that no child inherits, and descriptor 1 becomes stderr, so
/// that nothing else can write on it. (SIGPIPE is ignored since before `main`: the standard library does that.)
fn take_stdout() -> Result<File> {
    let failed = |error: rustix::io::Errno| Failure::operation(format!("standard output: {error}"));
    let wire: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).map_err(failed)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map_err(failed)?;
    Ok(File::from(wire))
}
