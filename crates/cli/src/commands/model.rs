//! `bakeoff model`: models from the Hugging Face Hub.

use bakeoff_hub::{Form, Hub, HubError, Revision};
use bakeoff_qa::{ModelFiles, ModelOptions, QuestionAnswering};

use crate::args::{ModelCommand, ModelCommandArgs};
use crate::exit::{Exit, hinted};
use crate::output::{data, say};
use crate::progress::Progress;

/// Pulls a model, checks that it runs, and prints its folder.
pub(crate) fn run(args: &ModelCommandArgs) -> anyhow::Result<Exit> {
    let ModelCommand::Pull { name, revision } = &args.command;
    let hub = Hub::from_env();
    let mut bar: Option<(String, Progress)> = None;
    let folder = hub
        .pull(
            name,
            revision,
            &|folder| {
                let files = ModelFiles::read(folder)?;
                files.check()?;
                Ok(if files.runs_from_safetensors()? {
                    Form::SafetensorsFirst
                } else {
                    Form::OnnxFirst
                })
            },
            &mut |pulled| {
                if bar.as_ref().is_none_or(|(file, _)| *file != pulled.file) {
                    bar = Some((pulled.file.clone(), Progress::new(pulled.of)));
                }
                if let Some((file, bar)) = &mut bar {
                    let megabytes = |bytes: u64| bytes as f64 / 1e6;
                    let (there, all) = (megabytes(pulled.bytes), megabytes(pulled.of));
                    bar.set(pulled.bytes, &format!("{file}  {there:.1} of {all:.1} MB"));
                }
            },
        )
        .map_err(with_hint)?;
    drop(bar);
    QuestionAnswering::open_with(&folder, &ModelOptions::default())?;
    data(&format!("{}\n", folder.display()))?;
    // A name without a revision means the main branch.
    let model = if *revision == Revision::main() {
        name.to_string()
    } else {
        folder.display().to_string()
    };
    say(&format!("ready to serve: bakeoff serve --model {model}"));
    Ok(Exit::Done)
}

fn with_hint(error: HubError) -> anyhow::Error {
    let (exit, hint) = match &error {
        HubError::Refused {
            endpoint,
            model,
            gated: true,
            ..
        } => (
            Exit::Environment,
            format!(
                "accept the model's terms at {endpoint}/{model}, and set HF_TOKEN to a token of that account"
            ),
        ),
        error => {
            let (exit, hint) = plain_hint(error);
            (exit, hint.to_owned())
        }
    };
    hinted(exit, error, hint)
}

fn plain_hint(error: &HubError) -> (Exit, &'static str) {
    match error {
        HubError::NotFound { .. } => (
            Exit::Usage,
            "check the name and the revision; a private model needs HF_TOKEN",
        ),
        HubError::Setting(_) => (Exit::Usage, "correct the variable, or unset it"),
        HubError::NoFile { .. } => (
            Exit::Usage,
            "save the model again with transformers: model.save_pretrained and, for a fast tokenizer, tokenizer.save_pretrained",
        ),
        HubError::NoWeights { .. } => (
            Exit::Usage,
            "save the model again with transformers, model.save_pretrained(…, safe_serialization=True), and serve that folder",
        ),
        HubError::Unusable { .. } => (
            Exit::Usage,
            "Bakeoff runs models for extractive question answering; docs/serving.md lists the architectures",
        ),
        HubError::Refused {
            with_token: false, ..
        } => (
            Exit::Environment,
            "check the name; for a private or gated model, set HF_TOKEN to a token that may read it, or run `hf auth login`",
        ),
        HubError::Refused { .. } => (
            Exit::Environment,
            "check the name, and set HF_TOKEN to a valid token that may read the model; the current token may not",
        ),
        HubError::Offline { .. } => (
            Exit::Environment,
            "unset HF_HUB_OFFLINE and pull the model once",
        ),
        HubError::Hash { .. } => (
            Exit::Environment,
            "the file was removed; pull the model again, or set HF_ENDPOINT to another mirror",
        ),
        HubError::Busy { .. } => (
            Exit::Environment,
            "wait until the other process ends, then pull again",
        ),
        HubError::Cache { .. } => (
            Exit::Environment,
            "free disk space, make the folder writable, or set HF_HOME to another folder; downloaded bytes are kept",
        ),
        HubError::Answer { .. } => (
            Exit::Environment,
            "check that HF_ENDPOINT is a hub and that no proxy changes its answers; downloaded bytes are kept",
        ),
        _ => (
            Exit::Environment,
            "check the network, HTTPS_PROXY and HF_ENDPOINT, and pull again; downloaded bytes are kept",
        ),
    }
}
