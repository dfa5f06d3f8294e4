//! The binary `bakeoff`: arguments, settings, printing and exit codes.

mod args;
mod commands;
mod exit;
mod files;
mod output;
mod progress;
mod signals;

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use exit::Exit;
use output::say;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| in_words(error).exit());
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| match cli.command {
        Command::Serve(args) => commands::serve::run(&args),
        Command::Swarm(args) => commands::swarm::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Model(args) => commands::model::run(&args),
    }));
    match outcome {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => exit::report(&error).into(),
        Err(_) => {
            say("error: Bakeoff itself failed; the lines above say where");
            say("hint: please report them with the command line");
            Exit::Bug.into()
        }
    }
}

/// Says of a number that is none what it has to be.
fn in_words(error: clap::Error) -> clap::Error {
    let problem = error.source().map(ToString::to_string);
    let problem = match problem.as_deref() {
        Some("invalid digit found in string" | "cannot parse integer from empty string") => {
            "it has to be a whole number"
        }
        Some("number would be zero for non-zero type") => {
            "it has to be a whole number of at least 1"
        }
        Some("number too large to fit in target type") => "it is too large",
        _ => return error,
    };
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (argument, value) = (
        text(ContextKind::InvalidArg),
        text(ContextKind::InvalidValue),
    );
    Cli::command().error(
        ErrorKind::ValueValidation,
        format!("invalid value '{value}' for '{argument}': {problem}"),
    )
}
