//! `comuni`: parses the command line, runs the verb, prints what failed, and turns it into an exit code.

use std::process::ExitCode;

use clap::Parser;
use comuni::cli::Cli;
use comuni::report::Out;
use comuni::{commands, failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            // A closed pipe while help is printed is no failure of ours.
            let _ = error.print();
            return if usage { ExitCode::from(failure::Kind::Usage.exit_code()) } else { ExitCode::SUCCESS };
        }
    };
    let out = Out::new(&cli.global);
    match commands::run(&cli, &out).and_then(|()| out.written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}
