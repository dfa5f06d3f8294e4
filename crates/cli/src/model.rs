//! Model that the command line names: a folder, a pulled model or the bundled one.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bakeoff_hub::{Hub, ModelName, Revision};
use bakeoff_qa::{ModelOptions, QuestionAnswering};

use crate::args::ModelArgs;
use crate::exit::{Exit, hinted};

/// Opens the model that `args` name, else the bundled one, for calls from up to `threads` threads.
pub(crate) fn open(args: &ModelArgs, threads: NonZeroUsize) -> anyhow::Result<QuestionAnswering> {
    let options = ModelOptions {
        weights: args.weights.map(Into::into),
        dtype: args.dtype,
        isa: args.isa,
        threads,
    };
    Ok(match args.model.as_deref() {
        Some(model) => QuestionAnswering::open_with(&folder_of(model)?, &options)?,
        #[cfg(feature = "bundled-model")]
        None => QuestionAnswering::embedded_with(&options)?,
        #[cfg(not(feature = "bundled-model"))]
        None => QuestionAnswering::open_with(Path::new("."), &options)?,
    })
}

/// Folder of `model`: the path itself, or the folder in the cache if `model` is the name of a pulled model.
fn folder_of(model: &Path) -> anyhow::Result<PathBuf> {
    let name = model
        .to_str()
        .and_then(|text| text.parse::<ModelName>().ok());
    let Some(name) = name.filter(|_| !model.exists()) else {
        return Ok(model.to_owned());
    };
    let hub = Hub::from_env();
    hub.find(&name, &Revision::main()).ok_or_else(|| {
        let cache = hub.cache().display();
        let what = anyhow::anyhow!(
            "cannot open the model {name}: it is neither a folder nor a pulled model in the cache {cache}"
        );
        hinted(
            Exit::Usage,
            what,
            format!("pull it with `bakeoff model pull {name}`"),
        )
    })
}
