//! Command line: the list of commands.

#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help texts, which are no Markdown"
)]

mod compare;
mod environment;
mod eval;
mod model;
mod number;
mod runs;
mod serve;
mod swarm;
mod value;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::output::say;

pub(crate) use self::compare::{CompareArgs, GateArgs, ReportArgs};
pub(crate) use self::eval::EvalArgs;
pub(crate) use self::model::{ModelArgs, ModelCommand, ModelCommandArgs};
pub(crate) use self::runs::{RunsArgs, RunsCommand};
pub(crate) use self::serve::{LogFormat, ServeArgs};
pub(crate) use self::swarm::{
    FileArgs, HistoryArgs, LoadArgs, OutcomeArgs, PageArgs, SwarmArgs, TelemetryArgs,
};

/// Measures which way of serving a model is better, by how much, and with what confidence.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Parses the command line of this process and the variables that stand for its flags.
    ///
    /// # Errors
    /// The exit code of clap, after the help or the error was printed.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let mut command = environment::without_ignored_variables(Self::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let read = matches.and_then(|mut matches| Self::from_arg_matches_mut(&mut matches));
        read.map_err(|error| {
            let code = error.exit_code();
            let variables = environment::named_by(&error, &command);
            // A closed stderr leaves nothing to do.
            let _ = number::in_words(error, &mut command).print();
            if !variables.is_empty() {
                let variables = variables.join(", ");
                say(&format!(
                    "hint: the value comes from the variable {variables}"
                ));
            }
            ExitCode::from(u8::try_from(code).expect("clap ends with 0 or 2"))
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a question-answering model at POST /question_answering
    Serve(ServeArgs),
    /// Load test an HTTP server, as Locust does
    Swarm(Box<SwarmArgs>),
    /// List, compare, export, import and delete the runs in the history of swarm
    Runs(RunsArgs),
    /// Run contenders under the same load, and report which one is better
    Compare(CompareArgs),
    /// Measure exact match and F1 of a model on a SQuAD file
    Eval(EvalArgs),
    /// Download models from the Hugging Face Hub
    Model(ModelCommandArgs),
}
