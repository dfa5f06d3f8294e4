//! The binary `bakeoff`: arguments, settings, printing and exit codes.

mod args;
mod commands;
mod exit;
mod files;
mod history;
mod model;
mod output;
mod progress;
mod signals;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use args::{Cli, Command};
use exit::Exit;
use output::say;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| match cli.command {
        Command::Serve(args) => commands::serve::run(&args),
        Command::Swarm(args) => commands::swarm::run(*args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Model(args) => commands::model::run(&args),
    }));
    match outcome {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => exit::report(&error).into(),
        Err(_) => {
            say("error: Bakeoff has a bug and stopped; the lines above show the place");
            say("hint: please report these lines with the command line");
            Exit::Bug.into()
        }
    }
}
