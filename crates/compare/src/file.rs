//! The experiment file: who takes part, in what, and what would count as a difference.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bakeoff_report::PrimaryMetric;
use serde::Deserialize;
use toml::Spanned;

use crate::answers::AnswerRule;
use crate::error::CompareError;

/// No contender is waited for longer, whatever its file says.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// A parsed and validated experiment file, its paths resolved against its own folder.
#[derive(Debug, Clone)]
pub struct ExperimentFile {
    /// The scenario file that makes the load.
    pub scenario: PathBuf,
    /// Turns of every contender.
    pub blocks: NonZeroU32,
    /// The time before each measured period, after all users have started.
    pub warm_up: Duration,
    /// The measured period of each run.
    pub measure: Duration,
    /// The metric that the verdict is about.
    pub primary: PrimaryMetric,
    /// The relative difference that does not matter, 0.05 for 5 %.
    pub same_ratio: f64,
    /// The contender that the others are compared with.
    pub baseline: String,
    /// What has to be the same in two answers to one request; nothing is compared without rules.
    pub answer_rules: Vec<AnswerRule>,
    /// The share of sampled requests that may be answered otherwise than by the baseline.
    pub other_answers_ratio: f64,
    /// Whether the baseline takes a second turn in every block, which shows how well contenders are told apart.
    pub control: bool,
    /// Seed of every random choice.
    pub seed: u64,
    /// Users, where the experiment wants others than its scenario.
    pub users: Option<NonZeroU32>,
    /// Who takes part.
    pub contenders: Vec<ContenderConfig>,
}

/// One contender of an experiment file.
#[derive(Debug, Clone)]
pub struct ContenderConfig {
    /// Its name.
    pub name: String,
    /// How it is run.
    pub launch: Launch,
    /// Where its commands run.
    pub directory: PathBuf,
    /// Commands to run once before it can be started, and again when what they name has changed.
    pub setup: Vec<Vec<String>>,
    /// Environment variables beside Bakeoff's own.
    pub env: BTreeMap<String, String>,
    /// The path that answers 200 when it is ready; without one a first correct answer has to do.
    pub ready: Option<String>,
    /// How long it may take to become ready.
    pub ready_timeout: Duration,
}

/// How a contender is run.
#[derive(Debug, Clone)]
pub enum Launch {
    /// A command line; `{port}` and `{bakeoff}` are filled in.
    Process(Vec<String>),
    /// A container.
    Docker(DockerConfig),
    /// Something that runs already, at this address, such as `http://127.0.0.1:8000`.
    Url(String),
}

/// A contender's container.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// Where the image comes from.
    pub image: Image,
    /// The port it listens on inside.
    pub port: u16,
    /// How its port is reached.
    pub network: Network,
    /// Replaces the image's command; `{port}` is filled in.
    pub command: Vec<String>,
}

/// Where an image comes from.
#[derive(Debug, Clone)]
pub enum Image {
    /// One that the engine has or can pull.
    Named(String),
    /// One that is built.
    Build {
        /// The build context.
        context: PathBuf,
        /// The Dockerfile, relative to the context.
        dockerfile: String,
        /// Files from elsewhere, by their name in the context; `{bakeoff}` is filled in.
        copy: BTreeMap<String, String>,
    },
}

/// How a container's port is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Published on a free port of 127.0.0.1.
    Bridge,
    /// The container shares the host's network: its command decides where it listens. One that listens on 0.0.0.0,
    /// as images do, can be reached from other machines; a `command` with `--host 127.0.0.1` keeps it here.
    Host,
}

impl ExperimentFile {
    /// Reads and validates the file at `path`.
    ///
    /// # Errors
    /// [`CompareError::Read`], and [`CompareError::File`] with the line, the key and what would be right.
    pub fn open(path: &Path) -> Result<Self, CompareError> {
        let text = std::fs::read_to_string(path).map_err(|source| CompareError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Validates `text` as the content of `path`.
    ///
    /// # Errors
    /// [`CompareError::File`] with the line, the key and what would be right.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CompareError> {
        let source = Source { text, path };
        let raw: RawExperiment =
            toml::from_str(text).map_err(|error| source.error(error.span(), error.message()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut contenders: Vec<ContenderConfig> = Vec::new();
        for raw in raw.contender {
            let span = raw.span();
            let contender = raw
                .into_inner()
                .resolve(folder)
                .map_err(|message| source.error(Some(span.clone()), &message))?;
            if contenders.iter().any(|other| other.name == contender.name) {
                let message = format!(
                    "two contenders are named `{}`; give each its own name",
                    contender.name
                );
                return Err(source.error(Some(span), &message));
            }
            contenders.push(contender);
        }
        let Some(first) = contenders.first() else {
            return Err(source.error(None, "no `[[contender]]`; an experiment needs at least one"));
        };
        let baseline = match raw.baseline {
            Some(baseline) if contenders.iter().any(|c| c.name == *baseline.get_ref()) => {
                baseline.into_inner()
            }
            Some(baseline) => {
                let known: Vec<_> = contenders.iter().map(|c| c.name.as_str()).collect();
                let message = format!(
                    "`baseline` is `{}`, contenders are {}",
                    baseline.get_ref(),
                    known.join(", ")
                );
                return Err(source.error(Some(baseline.span()), &message));
            }
            None => first.name.clone(),
        };
        let mut answer_rules = Vec::new();
        for rule in raw.answers {
            let span = rule.span();
            let rule = rule.into_inner().resolve();
            answer_rules.push(rule.map_err(|message| source.error(Some(span), &message))?);
        }
        Ok(Self {
            scenario: folder.join(raw.scenario),
            blocks: raw.blocks,
            warm_up: raw.warm_up,
            measure: raw.measure.0,
            primary: raw.primary.into(),
            same_ratio: raw.same.0,
            baseline,
            answer_rules,
            other_answers_ratio: raw.other_answers.map_or(0.0, |share| share.0),
            control: raw.control,
            seed: raw.seed,
            users: raw.users,
            contenders,
        })
    }
}

impl ExperimentFile {
    /// Keeps only the contenders named; keeps all where no name is given. Without the baseline of the file
    /// the first of them takes its place.
    ///
    /// # Errors
    /// [`CompareError::UnknownContender`] for a name that no contender has.
    pub fn only(&mut self, names: &[String]) -> Result<(), CompareError> {
        if names.is_empty() {
            return Ok(());
        }
        if let Some(name) = names
            .iter()
            .find(|name| self.contenders.iter().all(|c| c.name != **name))
        {
            let known: Vec<_> = self.contenders.iter().map(|c| c.name.as_str()).collect();
            return Err(CompareError::UnknownContender {
                name: name.clone(),
                known: known.join(", "),
            });
        }
        self.contenders
            .retain(|contender| names.contains(&contender.name));
        if !names.contains(&self.baseline) {
            self.baseline.clone_from(&self.contenders[0].name);
        }
        Ok(())
    }
}

/// A file's text and name, to point at a place in it.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn error(&self, span: Option<std::ops::Range<usize>>, message: &str) -> CompareError {
        let start = span.map_or(0, |span| span.start.min(self.text.len()));
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let content = self.text.lines().nth(line - 1).unwrap_or_default().trim();
        let message = message.trim_end().replace('\n', ", ");
        CompareError::File {
            path: self.path.to_owned(),
            line,
            message: format!("`{content}`: {message}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExperiment {
    scenario: PathBuf,
    #[serde(default = "default_blocks")]
    blocks: NonZeroU32,
    #[serde(default = "default_warm_up", with = "humantime_serde")]
    warm_up: Duration,
    #[serde(default = "default_measure")]
    measure: PositiveDuration,
    #[serde(default)]
    primary: RawMetric,
    #[serde(default)]
    same: Percent,
    baseline: Option<Spanned<String>>,
    #[serde(default)]
    answers: Vec<Spanned<RawAnswerRule>>,
    other_answers: Option<Percent>,
    #[serde(default = "default_control")]
    control: bool,
    #[serde(default = "default_seed")]
    seed: u64,
    users: Option<NonZeroU32>,
    #[serde(default)]
    contender: Vec<Spanned<RawContender>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnswerRule {
    json: String,
    equal: Option<bool>,
    within: Option<f64>,
}

impl RawAnswerRule {
    fn resolve(self) -> Result<AnswerRule, String> {
        let pointer = self.json;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "`json` must be a JSON pointer such as \"/answer\", not {pointer:?}"
            ));
        }
        match (self.equal, self.within) {
            (Some(true), None) => Ok(AnswerRule::Equal { pointer }),
            (None, Some(most)) if most >= 0.0 => Ok(AnswerRule::Within { pointer, most }),
            _ => Err(
                "a rule is { json = \"/answer\", equal = true } or { json = \"/score\", within = 0.02 }"
                    .to_owned(),
            ),
        }
    }
}

fn default_blocks() -> NonZeroU32 {
    NonZeroU32::new(10).expect("ten is not zero")
}

fn default_control() -> bool {
    true
}

fn default_warm_up() -> Duration {
    Duration::from_secs(1)
}

fn default_measure() -> PositiveDuration {
    PositiveDuration(Duration::from_secs(5))
}

fn default_seed() -> u64 {
    1
}

#[derive(Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawMetric {
    #[default]
    RequestsPerSecond,
    #[serde(rename = "response_time.p50")]
    MedianResponseTime,
    #[serde(rename = "response_time.p95")]
    P95ResponseTime,
    #[serde(rename = "response_time.p99")]
    P99ResponseTime,
}

impl From<RawMetric> for PrimaryMetric {
    fn from(metric: RawMetric) -> Self {
        match metric {
            RawMetric::RequestsPerSecond => Self::RequestsPerSecond,
            RawMetric::MedianResponseTime => Self::MedianResponseTime,
            RawMetric::P95ResponseTime => Self::P95ResponseTime,
            RawMetric::P99ResponseTime => Self::P99ResponseTime,
        }
    }
}

/// A time that is not zero, written `"5s"`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct PositiveDuration(Duration);

impl TryFrom<String> for PositiveDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match humantime::parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => Ok(Self(duration)),
            Ok(_) => Err("a time above zero is needed, such as \"5s\"".into()),
            Err(error) => Err(format!(
                "not a time ({error}); write it like \"5s\" or \"1m 30s\""
            )),
        }
    }
}

/// A share of one, written `"5%"`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Percent(f64);

impl Default for Percent {
    fn default() -> Self {
        Self(0.05)
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok());
        match number {
            Some(percent) if (0.0..100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err("a percentage from 0 to below 100 is needed, such as \"5%\"".into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContender {
    name: String,
    process: Option<Vec<String>>,
    docker: Option<RawDocker>,
    url: Option<String>,
    #[serde(default)]
    directory: PathBuf,
    #[serde(default)]
    setup: Vec<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    ready: Option<String>,
    #[serde(default = "default_ready_timeout")]
    ready_timeout: PositiveDuration,
}

fn default_ready_timeout() -> PositiveDuration {
    PositiveDuration(Duration::from_mins(2))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocker {
    image: Option<String>,
    build: Option<PathBuf>,
    dockerfile: Option<String>,
    #[serde(default)]
    copy: BTreeMap<String, String>,
    port: std::num::NonZeroU16,
    #[serde(default = "default_network")]
    network: Network,
    #[serde(default)]
    command: Vec<String>,
}

fn default_network() -> Network {
    Network::Bridge
}

impl RawContender {
    fn resolve(self, folder: &Path) -> Result<ContenderConfig, String> {
        let name = self.name;
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err(format!(
                "`name` is `{name}`; use letters, digits, `-`, `_` and `.`"
            ));
        }
        let launch = match (self.process, self.docker, self.url) {
            (Some(command), None, None) if !command.is_empty() => Launch::Process(command),
            (Some(_), None, None) => {
                return Err(format!("`process` of `{name}` is empty; name a program"));
            }
            (None, Some(docker), None) => Launch::Docker(docker.resolve(&name, folder)?),
            (None, None, Some(url)) => {
                bakeoff_load::check_host(&url)
                    .map_err(|error| format!("`url` of `{name}`: {error}"))?;
                Launch::Url(url)
            }
            _ => {
                return Err(format!(
                    "contender `{name}` needs exactly one of `process`, `docker` and `url`"
                ));
            }
        };
        if self.setup.iter().any(Vec::is_empty) {
            return Err(format!(
                "`setup` of `{name}` has an empty command; name a program"
            ));
        }
        if let Some(ready) = self.ready.as_ref().filter(|ready| !ready.starts_with('/')) {
            return Err(format!(
                "`ready` of `{name}` is `{ready}`; it must begin with /"
            ));
        }
        if let (Launch::Url(url), Some(_)) = (&launch, &self.ready)
            && !url.starts_with("http://")
        {
            return Err(format!(
                "`ready` of `{name}` is asked over http:// alone; leave it out for {url}, since a first correct answer is waited for in any case"
            ));
        }
        Ok(ContenderConfig {
            launch,
            directory: folder.join(self.directory),
            setup: self.setup,
            env: self.env,
            ready: self.ready,
            ready_timeout: self.ready_timeout.0.min(LONGEST_WAIT),
            name,
        })
    }
}

impl RawDocker {
    fn resolve(self, name: &str, folder: &Path) -> Result<DockerConfig, String> {
        let image = match (self.image, self.build) {
            (Some(image), None) => Image::Named(image),
            (None, Some(context)) => Image::Build {
                context: folder.join(context),
                dockerfile: self.dockerfile.unwrap_or_else(|| "Dockerfile".into()),
                copy: self.copy,
            },
            _ => {
                return Err(format!(
                    "`docker` of `{name}` needs exactly one of `image` and `build`"
                ));
            }
        };
        Ok(DockerConfig {
            image,
            port: self.port.get(),
            network: self.network,
            command: self.command,
        })
    }
}
