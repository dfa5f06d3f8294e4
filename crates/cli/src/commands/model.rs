//! `bakeoff model`: models from the Hugging Face Hub.

use std::path::{Path, PathBuf};

use bakeoff_hub::{Form, Hub, HubError, ModelName, Revision};
use bakeoff_qa::{ModelFiles, ModelOptions, QuestionAnswering};

use crate::args::{ModelCommand, ModelCommandArgs};
use crate::exit::{Exit, hinted};
use crate::output::{data, say};
use crate::progress::Progress;

/// Pulls a model, looks whether it runs, and prints its folder.
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
    // A name means the main branch.
    let model = if *revision == Revision::main() {
        name.to_string()
    } else {
        folder.display().to_string()
    };
    say(&format!("it runs: bakeoff serve --model {model}"));
    Ok(Exit::Done)
}

/// The folder that `model` names: itself, or where a model of that name was pulled to.
pub(crate) fn folder_of(model: &Path) -> anyhow::Result<PathBuf> {
    let name = model
        .to_str()
        .and_then(|text| text.parse::<ModelName>().ok());
    let Some(name) = name.filter(|_| !model.exists()) else {
        return Ok(model.to_owned());
    };
    let hub = Hub::from_env();
    hub.find(&name, &Revision::main()).ok_or_else(|| {
        let cache = hub.cache().display();
        let what = anyhow::anyhow!("`{name}` is neither a folder nor a model in the cache {cache}");
        hinted(
            Exit::Usage,
            what,
            format!("bring it there with `bakeoff model pull {name}`"),
        )
    })
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
            "look at the name and the revision; a model that is not public needs HF_TOKEN",
        ),
        HubError::Setting(_) => (Exit::Usage, "correct the variable, or unset it"),
        HubError::NoFile { .. } => (
            Exit::Usage,
            "save it again with transformers: model.save_pretrained and, with a fast tokenizer, tokenizer.save_pretrained",
        ),
        HubError::NoWeights { .. } => (
            Exit::Usage,
            "save it again with transformers, model.save_pretrained(…, safe_serialization=True), and serve that folder",
        ),
        HubError::Unusable { .. } => (
            Exit::Usage,
            "bakeoff runs models for extractive question answering; docs/serving.md has the kinds",
        ),
        HubError::Refused {
            with_token: false, ..
        } => (
            Exit::Environment,
            "look at the name; if the model is private or gated, set HF_TOKEN to a token that may read it, or run `hf auth login`",
        ),
        HubError::Refused { .. } => (
            Exit::Environment,
            "look at the name, and set HF_TOKEN to a valid token that may read the model; the one that is set may not",
        ),
        HubError::Offline { .. } => (Exit::Environment, "unset HF_HUB_OFFLINE and pull it once"),
        HubError::Hash { .. } => (
            Exit::Environment,
            "the file was removed; pull it again, and if that does not help, set HF_ENDPOINT to another mirror",
        ),
        HubError::Busy { .. } => (
            Exit::Environment,
            "wait until the other one is done, and pull it again",
        ),
        HubError::Cache { .. } => (
            Exit::Environment,
            "free disk space, make the folder writable, or set HF_HOME to another folder; bytes that have arrived are kept",
        ),
        HubError::Answer { .. } => (
            Exit::Environment,
            "check that HF_ENDPOINT is a hub and that no proxy changes its answers; bytes that have arrived are kept",
        ),
        _ => (
            Exit::Environment,
            "check the network, HTTPS_PROXY and HF_ENDPOINT, and pull it again; bytes that have arrived are kept",
        ),
    }
}
