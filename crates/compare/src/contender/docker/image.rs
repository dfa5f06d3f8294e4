//! Builds an image from a folder, the way `docker build` does.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use bakeoff_load::with_causes;
use bollard::query_parameters::BuildImageOptionsBuilder;
use futures_util::StreamExt;
use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use crate::contender::docker::engine::{Engine, EngineError};
use crate::contender::{OwnPathError, Preparation, fill};

/// Input of the build of an image.
pub(super) struct Recipe<'a> {
    pub(super) context: &'a Path,
    /// Path relative to the context.
    pub(super) dockerfile: &'a str,
    /// Files from elsewhere, by their name in the context.
    pub(super) copy: &'a BTreeMap<String, String>,
    pub(super) tag: &'a str,
}

/// Reason why an image cannot be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}", path.display())]
    Pattern {
        path: PathBuf,
        #[source]
        source: globset::Error,
    },
    #[error("cannot read the build context")]
    Walk(#[from] walkdir::Error),
    #[error("cannot pack the build context")]
    Pack(#[source] io::Error),
    #[error(transparent)]
    OwnPath(#[from] OwnPathError),
    #[error(transparent)]
    Engine(EngineError),
    #[error("{}; before that: {last_line}", with_causes(error))]
    Step {
        error: EngineError,
        last_line: String,
    },
}

/// Builds the image. The engine's cache decides which steps run again.
///
/// # Errors
/// [`BuildError`], with the last line that the engine printed.
pub(super) fn build(
    engine: &Engine,
    recipe: &Recipe<'_>,
    preparation: &mut Preparation<'_>,
) -> Result<(), BuildError> {
    let Preparation { stop, step } = preparation;
    step(&format!("packing {}", recipe.context.display()));
    let context = pack(recipe)?;
    let options = BuildImageOptionsBuilder::default()
        .dockerfile(recipe.dockerfile)
        .t(recipe.tag)
        .rm(true)
        .forcerm(true)
        .build();
    let mut last_line = String::new();
    let build = async {
        let body = bollard::body_full(context.into());
        let mut progress = engine.client.build_image(options, None, Some(body));
        while let Some(info) = progress.next().await {
            let info = info?;
            let line = info.stream.as_deref().map(str::trim);
            if let Some(line) = line.filter(|line| !line.is_empty()) {
                step(line);
                line.clone_into(&mut last_line);
            }
        }
        Ok(())
    };
    engine.wait_unless(stop, build).map_err(|error| {
        if last_line.is_empty() {
            BuildError::Engine(error)
        } else {
            BuildError::Step { error, last_line }
        }
    })
}

/// The build context as a tar archive, without the files that `.dockerignore` excludes.
fn pack(recipe: &Recipe<'_>) -> Result<Vec<u8>, BuildError> {
    let ignored = Ignored::read(recipe)?;
    let mut archive = tar::Builder::new(Vec::new());
    // The engine cannot read sparse entries.
    archive.sparse(false);
    // A link stays a link, wherever it points.
    archive.follow_symlinks(false);
    let walk = WalkDir::new(recipe.context)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            let inside = inside(entry.path(), recipe.context);
            if entry.file_type().is_dir() {
                ignored.may_hold_kept(inside)
            } else {
                !ignored.matches(inside)
            }
        });
    for entry in walk {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            append(
                &mut archive,
                entry.path(),
                inside(entry.path(), recipe.context),
            )?;
        }
    }
    for (name, source) in recipe.copy {
        append(&mut archive, Path::new(&fill(source, "")?), Path::new(name))?;
    }
    archive.into_inner().map_err(BuildError::Pack)
}

fn inside<'a>(path: &'a Path, context: &Path) -> &'a Path {
    path.strip_prefix(context).unwrap_or(path)
}

fn append(archive: &mut tar::Builder<Vec<u8>>, file: &Path, name: &Path) -> Result<(), BuildError> {
    archive
        .append_path_with_name(file, name)
        .map_err(|source| unreadable(file, source))
}

fn unreadable(path: &Path, source: io::Error) -> BuildError {
    BuildError::Read {
        path: path.to_owned(),
        source,
    }
}

/// Patterns of a `.dockerignore` file. The last pattern that matches a path, or a folder above it, decides.
/// <https://docs.docker.com/build/concepts/context/#dockerignore-files>
struct Ignored {
    patterns: Vec<Pattern>,
    dockerfile: PathBuf,
}

struct Pattern {
    glob: GlobMatcher,
    keeps: bool,
}

impl Ignored {
    fn read(recipe: &Recipe<'_>) -> Result<Self, BuildError> {
        let path = recipe.context.join(".dockerignore");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let mut patterns = Vec::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (keeps, glob) = line
                .strip_prefix('!')
                .map_or((false, line), |rest| (true, rest));
            let glob = GlobBuilder::new(glob.trim_matches('/'))
                .literal_separator(true)
                .build();
            let glob = glob.map_err(|source| BuildError::Pattern {
                path: path.clone(),
                source,
            })?;
            patterns.push(Pattern {
                glob: glob.compile_matcher(),
                keeps,
            });
        }
        // The engine needs the Dockerfile even where `.dockerignore` excludes it.
        Ok(Self {
            patterns,
            dockerfile: recipe.dockerfile.into(),
        })
    }

    fn matches(&self, path: &Path) -> bool {
        if path == self.dockerfile {
            return false;
        }
        let decides = |pattern: &&Pattern| path.ancestors().any(|part| pattern.glob.is_match(part));
        self.patterns
            .iter()
            .rev()
            .find(decides)
            .is_some_and(|pattern| !pattern.keeps)
    }

    /// `true` if the folder is kept, or if a later pattern may keep a file in it.
    fn may_hold_kept(&self, folder: &Path) -> bool {
        let kept_inside = |pattern: &Pattern| {
            pattern.keeps && may_match_inside(Path::new(pattern.glob.glob().glob()), folder)
        };
        folder.as_os_str().is_empty()
            || !self.matches(folder)
            || self.dockerfile.starts_with(folder)
            || self.patterns.iter().any(kept_inside)
    }
}

/// `true` if `pattern` may match a path below `folder`. A wrong `true` costs only time: the folder is walked in vain.
fn may_match_inside(pattern: &Path, folder: &Path) -> bool {
    let mut parts = pattern.iter();
    for name in folder {
        let Some(part) = parts.next().map(OsStr::to_string_lossy) else {
            return false;
        };
        if part == "**" {
            return true;
        }
        if !part.contains(['*', '?', '[', '{', '\\']) && *part != name.to_string_lossy() {
            return false;
        }
    }
    parts.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(ignore: &str, files: &[&str]) -> Vec<String> {
        let context = tempfile::tempdir().unwrap();
        for file in files.iter().chain(&["Dockerfile"]) {
            let path = context.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "content").unwrap();
        }
        std::fs::write(context.path().join(".dockerignore"), ignore).unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        let copy = BTreeMap::from([(
            "added".to_owned(),
            elsewhere.path().to_string_lossy().into_owned(),
        )]);
        let recipe = Recipe {
            context: context.path(),
            dockerfile: "Dockerfile",
            copy: &copy,
            tag: "unused",
        };
        let archive = pack(&recipe).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        archive
            .entries()
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }

    #[test]
    fn context_leaves_out_what_dockerignore_names() {
        let files = ["app.py", "target/debug/huge", "deep/__pycache__/a.pyc"];
        assert_eq!(
            packed("target\n**/__pycache__\n", &files),
            [".dockerignore", "Dockerfile", "app.py", "added"]
        );
    }

    #[test]
    fn later_pattern_brings_a_file_back() {
        let files = ["models/card.md", "models/model.onnx", "target/x"];
        assert_eq!(
            packed("# all but one\n*\n!models/model.onnx\n", &files),
            ["Dockerfile", "models/model.onnx", "added"]
        );
    }

    #[test]
    fn later_glob_brings_files_back_from_any_folder() {
        let files = ["app.py", "deep/er/app.py", "deep/er/data.bin", "pkg/a/b.py"];
        assert_eq!(
            packed("*\n!**/*.py\n", &files),
            [
                "Dockerfile",
                "app.py",
                "deep/er/app.py",
                "pkg/a/b.py",
                "added"
            ]
        );
        assert_eq!(
            packed("*\n!*/a/*.py\n", &files),
            ["Dockerfile", "pkg/a/b.py", "added"]
        );
    }
}
